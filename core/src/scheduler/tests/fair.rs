//! What clients get of a cluster that is busy all the time, over windows of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// How long one looks, in seconds.
const WINDOW: u64 = 60;
const CYD: ConnectionId = ConnectionId(3);
/// A run of a task.
type Work = (Key, RunId);
/// When it ends, on which worker.
type End = (u64, u32, Work);

/// A cluster of three workers of two threads each, and a clock.
struct Shop {
    cluster: Cluster,
    now: u64,
    /// When what is being done ends.
    ends: BinaryHeap<Reverse<End>>,
    /// What each worker was given and has not begun, in order.
    ready: BTreeMap<u32, Vec<(Priority, Work)>>,
    /// Seconds of workers' time that each client had, by the second in which they began.
    had: BTreeMap<u32, Vec<f64>>,
    /// How long a task of each client takes.
    durations: BTreeMap<u32, u64>,
    tasks: u64,
}

impl Shop {
    fn open() -> Self {
        let mut cluster = Cluster::of(&[2, 2, 2]);
        assert_eq!(cluster.connect(CYD), vec![]);
        for (id, spec) in (0..).map(SpecId).zip(specs()) {
            cluster.says(CYD, ClientMessage::Define { id, spec });
        }
        let (ends, ready) = (BinaryHeap::new(), BTreeMap::new());
        let (had, durations) = (BTreeMap::new(), BTreeMap::new());
        Self { cluster, now: 0, ends, ready, had, durations, tasks: 0 }
    }

    /// A client submits so many tasks of one spec, each of which takes so long.
    fn submit(&mut self, client: ConnectionId, count: u64, spec: SpecId, nanos: u64) {
        self.durations.insert(client.0 as u32, nanos);
        let numbers = self.tasks + 1..=self.tasks + count;
        self.tasks += count;
        let tasks: Vec<NewTask> = numbers.map(|number| task_of(spec, number, &[])).collect();
        for tasks in tasks.chunks(1_000) {
            let message = ClientMessage::Submit { submission: 1, tasks: tasks.to_vec() };
            self.hear(Event::FromClient { connection: client, message });
        }
    }

    /// Works until this moment, in seconds.
    fn work_until(&mut self, seconds: u64) {
        while let Some(Reverse((at, worker, (key, run)))) = self.ends.peek().copied()
            && at <= seconds * SECOND
        {
            self.ends.pop();
            self.now = at;
            let client = self.client_of(key);
            let duration = self.durations[&client];
            let (nbytes, value) = (8, None);
            let finished = WorkerMessage::Finished { key, run, nbytes, duration, value };
            self.hear(Event::FromWorker { connection: wire(worker), message: finished });
            self.begin(worker);
        }
        self.now = seconds * SECOND;
        assert_eq!(self.cluster.scheduler.check(), Ok(()));
    }

    /// Without the checks, which cost as much as there are tasks.
    fn hear(&mut self, event: Event) {
        let mut out = Vec::new();
        self.cluster.scheduler.handle(Instant::ZERO, event, &mut out);
        self.take(&out);
    }

    fn client_of(&self, key: Key) -> u32 {
        let state = &self.cluster.scheduler.state;
        state.task(state.find(key).unwrap()).priority.client
    }

    fn take(&mut self, out: &[Effect]) {
        for effect in out {
            if let Effect::ToWorker { connection, message: SchedulerToWorker::Compute(compute) } =
                effect
            {
                let worker = (connection.0 - wire(0).0) as u32;
                let ready = self.ready.entry(worker).or_default();
                ready.push((compute.priority, (compute.key, compute.run)));
                ready.sort();
            }
        }
        (1..=3).for_each(|worker| self.begin(worker));
    }

    /// Free threads of a worker begin what is ready there.
    fn begin(&mut self, worker: u32) {
        let Some(ready) = self.ready.get_mut(&worker) else { return };
        let busy = self.ends.iter().filter(|Reverse((_, at, _))| *at == worker).count();
        let next: Vec<_> = ready.drain(..ready.len().min(2_usize.saturating_sub(busy))).collect();
        for (priority, run) in next {
            let duration = self.durations[&priority.client];
            let had = self.had.entry(priority.client).or_default();
            let second = (self.now / SECOND) as usize;
            had.resize(had.len().max(second + 1), 0.0);
            had[second] += duration as f64 / SECOND as f64;
            self.ends.push(Reverse((self.now + duration, worker, run)));
        }
    }

    /// In each window between these moments, nobody gets twice as much as anybody else.
    fn is_fair(&self, clients: &[ConnectionId], from: u64, to: u64) {
        for start in from..=to - WINDOW {
            let had = clients.iter().map(|client| {
                let had = self.had[&(client.0 as u32)].iter();
                had.skip(start as usize).take(WINDOW as usize).sum::<f64>()
            });
            let had: Vec<f64> = had.collect();
            let least = had.iter().copied().fold(f64::INFINITY, f64::min);
            let most = had.iter().copied().fold(0.0, f64::max);
            assert!(most < 2.0 * least, "from {start} s on: {had:?}");
        }
    }
}

#[test]
fn clients_that_ask_for_the_same_get_the_same() {
    let mut shop = Shop::open();
    for client in [ANN, BOB, CYD] {
        shop.submit(client, 700, PLAIN, SECOND);
    }
    shop.work_until(180);
    shop.is_fair(&[ANN, BOB, CYD], 0, 180);
}

#[test]
fn it_is_time_that_is_shared_and_not_tasks() {
    let mut shop = Shop::open();
    shop.submit(ANN, 10_000, PLAIN, SECOND / 10);
    shop.submit(BOB, 400, RETRIED, 3 * SECOND);
    shop.submit(CYD, 700, FRAGILE, SECOND);
    shop.work_until(240);
    // At first nobody knows how long they take.
    shop.is_fair(&[ANN, BOB, CYD], 5, 240);
}

#[test]
fn a_client_that_comes_later_gets_as_much_from_then_on() {
    let mut shop = Shop::open();
    shop.submit(ANN, 4_000, PLAIN, SECOND / 4);
    shop.work_until(30);
    shop.submit(BOB, 1_500, RETRIED, SECOND / 2);
    shop.work_until(150);
    shop.is_fair(&[ANN, BOB], 31, 150);
    shop.submit(CYD, 1_000, FRAGILE, SECOND);
    shop.work_until(260);
    shop.is_fair(&[ANN, BOB, CYD], 152, 260);
}

#[test]
fn a_client_that_pauses_has_saved_nothing() {
    let mut shop = Shop::open();
    shop.submit(ANN, 2_000, PLAIN, SECOND);
    shop.submit(BOB, 60, PLAIN, SECOND);
    shop.work_until(100);
    shop.submit(BOB, 600, PLAIN, SECOND);
    shop.work_until(200);
    shop.is_fair(&[ANN, BOB], 101, 200);
}
