//! Our policy as it is deployed: the client machine puts the graph in order and submits it, the
//! scheduler machine decides; here words are carried between them and the simulation.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_core::client::{self, Client};
use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Scheduler};
use raddle_core::time::Instant;
use raddle_net::messages::{
    ClientMessage, Compute, Function, FunctionName, Registration, SchedulerToWorker, TaskOptions,
    TaskSpec, WorkerMessage,
};
use raddle_net::names::{Key, KeyKind, RunId, Session};

use crate::quality::cluster::Cluster;
use crate::quality::engine::Planner;
use crate::quality::graph::Graph;
use crate::quality::view::{Knowledge, News, Order, View};

const CLIENT: ConnectionId = ConnectionId(0);
/// Of the tasks of the graph; those that only teach durations have another.
const GRAPH: Session = Session::truncate(1);
const LESSON: Session = Session::truncate(2);
/// Lessons of what links bring; more than there are functions.
const LESSONS: u64 = 64;

/// The machines, and what is needed to speak with them.
pub(super) struct Ours {
    scheduler: Scheduler,
    client: Client,
    functions: usize,
    /// The last run of each task.
    runs: Vec<RunId>,
    /// Numbers of priorities, in the order of the submission.
    order: Vec<u64>,
    /// When the graph begins, by the clock of the machines.
    since: u64,
    knowledge: Knowledge,
}

impl Ours {
    pub(super) fn new(graph: &Graph, cluster: Cluster, knowledge: Knowledge) -> Self {
        let mut ours = Self {
            scheduler: Scheduler::new(Config::default()),
            client: Client::new(client::Config::default()),
            functions: graph.functions(),
            runs: vec![RunId::default(); graph.tasks.len()],
            order: order(graph, knowledge),
            knowledge,
            since: 0,
        };
        let session = GRAPH;
        let hello = Event::ClientConnected { connection: CLIENT, session, name: String::new() };
        ours.tell(0, hello, &mut Vec::new());
        for worker in 0..cluster.workers {
            ours.register(worker, cluster.slots);
        }
        if cluster.workers > 1 {
            ours.teach_bandwidth(cluster);
        }
        ours
    }

    fn register(&mut self, worker: usize, slots: usize) {
        let (connection, name) = (connection(worker), format!("w{worker}"));
        let session = Session::truncate(connection.0);
        self.tell(0, Event::WorkerConnected { connection, session }, &mut Vec::new());
        let registration = Registration {
            address: name.clone(),
            name,
            nthreads: slots as u32,
            memory_limit: None,
            functions: (0..=self.functions).map(function).collect(),
            resources: Vec::new(),
        };
        self.hear_worker(0, worker, WorkerMessage::Register(registration), &mut Vec::new());
    }

    /// Values have gone from one worker to another before, on a link of their own.
    fn teach_bandwidth(&mut self, cluster: Cluster) {
        let (nbytes, duration, value) = (32 << 20, 1, None);
        for lesson in 0..LESSONS {
            let numbers = [0, 1].map(|place| LESSONS + 2 * lesson + place);
            let [input, user] = numbers.map(|number| Key::numbered(LESSON, number));
            let mut tasks = [input, user].map(|key| task(key, self.functions, &[]));
            tasks[0].spec = only_on(self.functions, "w0");
            tasks[1].spec = only_on(self.functions, "w1");
            tasks[1].dependencies.push(input);
            let mut said = Vec::new();
            let mut now = lesson * 2 * cluster.nanos(nbytes);
            self.submit(now, tasks.to_vec(), &mut said);
            let mut made = RunId::default();
            while let Some((worker, message)) = said.pop() {
                let SchedulerToWorker::Compute(Compute { key, run, .. }) = message else {
                    continue;
                };
                if key == user {
                    now += cluster.nanos(nbytes);
                    let fetched = WorkerMessage::Fetched { key: input, run: made };
                    self.hear_worker(now, worker, fetched, &mut said);
                }
                made = run;
                let value = value.clone();
                let end = WorkerMessage::Finished { key, run, nbytes, duration, value };
                self.hear_worker(now, worker, end, &mut said);
            }
            for key in [input, user] {
                self.tell_client(now, client::Event::Release { key }, &mut Vec::new());
            }
            self.tell_client(now, client::Event::Flush, &mut Vec::new());
            self.since = now;
        }
    }

    /// The whole graph; the client keeps nothing but what nobody else uses.
    fn begin(&mut self, now: u64, graph: &Graph, said: &mut Vec<(usize, SchedulerToWorker)>) {
        self.submit(now, tasks(graph, self.knowledge), said);
        for (number, users) in (0..).zip(&graph.users) {
            if !users.is_empty() {
                let key = Key::numbered(GRAPH, number);
                self.tell_client(now, client::Event::Release { key }, said);
            }
        }
        self.tell_client(now, client::Event::Flush, said);
    }

    fn submit(
        &mut self,
        now: u64,
        tasks: Vec<client::Task>,
        said: &mut Vec<(usize, SchedulerToWorker)>,
    ) {
        self.tell_client(now, client::Event::Submit { tasks }, said);
        self.tell_client(now, client::Event::Flush, said);
    }

    fn tell_client(
        &mut self,
        now: u64,
        event: client::Event,
        said: &mut Vec<(usize, SchedulerToWorker)>,
    ) {
        let mut effects = Vec::new();
        self.client.handle(Instant::from_nanos(now), event, &mut effects);
        for effect in effects {
            if let client::Effect::ToScheduler(message) = effect {
                let event = Event::FromClient { connection: CLIENT, message };
                self.tell(now, event, said);
            }
        }
    }

    fn hear_worker(
        &mut self,
        now: u64,
        worker: usize,
        message: WorkerMessage,
        said: &mut Vec<(usize, SchedulerToWorker)>,
    ) {
        let event = Event::FromWorker { connection: connection(worker), message };
        self.tell(now, event, said);
    }

    /// What the scheduler says to workers. The client is not asked about what it hears: it holds futures
    /// and no values.
    fn tell(&mut self, now: u64, event: Event, said: &mut Vec<(usize, SchedulerToWorker)>) {
        let mut effects = Vec::new();
        self.scheduler.handle(Instant::from_nanos(now), event, &mut effects);
        for effect in effects {
            match effect {
                Effect::ToWorker { connection, message } => {
                    said.push((connection.0 as usize - 1, message));
                }
                Effect::ToClient { message, .. } => {
                    let event = client::Event::FromScheduler(message);
                    self.client.handle(Instant::from_nanos(now), event, &mut Vec::new());
                }
                Effect::Close { .. } | Effect::End | Effect::Warn { .. } => {
                    panic!("nobody did anything wrong: {effect:?}")
                }
            }
        }
    }

    /// What a word to a worker comes to.
    fn order(&mut self, worker: usize, message: SchedulerToWorker, done: &[bool]) -> Option<Order> {
        match message {
            SchedulerToWorker::Compute(compute) => {
                let task = number(compute.key)?;
                self.runs[task] = compute.run;
                Some(Order::Assign { task, worker, rank: self.order[task] })
            }
            SchedulerToWorker::Recall { key, .. } => Some(Order::Recall { task: number(key)? }),
            SchedulerToWorker::Free { key, run } => {
                let task = number(key).filter(|&task| self.runs[task] == run && !done[task])?;
                Some(Order::Withdraw { task, worker })
            }
            SchedulerToWorker::Acquire(_)
            | SchedulerToWorker::Define { .. }
            | SchedulerToWorker::Holders { .. }
            | SchedulerToWorker::Leave
            | SchedulerToWorker::Peer { .. }
            | SchedulerToWorker::Registered { .. }
            | SchedulerToWorker::ToRun { .. } => None,
        }
    }
}

impl Planner for Ours {
    fn hear(&mut self, now: u64, news: News, _: bool, view: &View<'_>, out: &mut Vec<Order>) {
        let (now, mut said) = (self.since + now, Vec::new());
        match news {
            News::Begin => self.begin(now, view.graph, &mut said),
            News::Finished { task, worker } => {
                let (key, run) = (Key::numbered(GRAPH, task as u64), self.runs[task]);
                let (nbytes, duration) =
                    (view.graph.tasks[task].bytes, view.graph.tasks[task].nanos);
                let end = WorkerMessage::Finished { key, run, nbytes, duration, value: None };
                self.hear_worker(now, worker, end, &mut said);
            }
            News::Fetched { task, worker } => {
                let (key, run) = (Key::numbered(GRAPH, task as u64), self.runs[task]);
                self.hear_worker(now, worker, WorkerMessage::Fetched { key, run }, &mut said);
            }
            News::Answered { task, worker, returned } => {
                let (key, run) = (Key::numbered(GRAPH, task as u64), self.runs[task]);
                let answer = WorkerMessage::Recalled { key, run, returned };
                self.hear_worker(now, worker, answer, &mut said);
            }
            News::Woken => {}
        }
        for (worker, message) in said {
            out.extend(self.order(worker, message, &view.done));
        }
    }
}

/// The place of each task in the order that our client computes for the graph.
pub(in crate::quality) fn static_order(graph: &Graph) -> Vec<u64> {
    order(graph, Knowledge::Learned)
}

/// The same, where durations are known: then by the way to the end.
fn order(graph: &Graph, knowledge: Knowledge) -> Vec<u64> {
    let mut client = Client::new(client::Config::default());
    let (mut effects, mut places) = (Vec::new(), BTreeMap::new());
    for event in [client::Event::Submit { tasks: tasks(graph, knowledge) }, client::Event::Flush] {
        client.handle(Instant::ZERO, event, &mut effects);
    }
    for effect in effects {
        if let client::Effect::ToScheduler(ClientMessage::Submit { submission, tasks }) = effect {
            for task in tasks {
                places.insert((submission, task.order, task.key), number(task.key));
            }
        }
    }
    let mut order = vec![0; graph.tasks.len()];
    for (place, task) in (0..).zip(places.into_values()) {
        order[task.expect("the graph's keys are numbered")] = place;
    }
    order
}

fn tasks(graph: &Graph, knowledge: Knowledge) -> Vec<client::Task> {
    let tasks = (0..).zip(&graph.tasks);
    tasks
        .map(|(n, t)| {
            let mut task = task(Key::numbered(GRAPH, n), t.function, &t.inputs);
            if knowledge == Knowledge::Exact {
                let options = TaskOptions { expected: Some(t.nanos), ..TaskOptions::default() };
                let function = task.spec.function.clone();
                task.spec = Arc::new(TaskSpec { function, options });
            }
            task
        })
        .collect()
}

fn task(key: Key, name: usize, inputs: &[usize]) -> client::Task {
    let function = Function { name: function(name).name, ..Function::default() };
    client::Task {
        key,
        spec: Arc::new(TaskSpec { function, ..TaskSpec::default() }),
        priority: 0,
        dependencies: inputs.iter().map(|&n| Key::numbered(GRAPH, n as u64)).collect(),
        args: Default::default(),
    }
}

/// A function, on one worker.
fn only_on(number: usize, worker: &str) -> Arc<TaskSpec> {
    let function = Function { name: function(number).name, ..Function::default() };
    let options = TaskOptions { workers: vec![worker.to_owned()], ..TaskOptions::default() };
    Arc::new(TaskSpec { function, options })
}

fn function(number: usize) -> FunctionName {
    FunctionName { name: format!("f{number}"), signature: 0 }
}

/// Which task of the graph a key names, if one.
fn number(key: Key) -> Option<usize> {
    match key.kind() {
        KeyKind::Numbered { session: GRAPH, number } => Some(number as usize),
        KeyKind::Numbered { .. } | KeyKind::Hashed(_) => None,
    }
}

const fn connection(worker: usize) -> ConnectionId {
    ConnectionId(worker as u64 + 1)
}
