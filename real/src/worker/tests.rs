//! A worker and a scheduler that says what the test wants, over real sockets.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test that hears something else has failed")]

use std::collections::VecDeque;
use std::sync::Mutex;

use raddle_core::client::Route;
use raddle_net::frame::FrameEncoder;
use raddle_net::hello::Welcome;
use raddle_net::messages::{
    ClientMessage, Compute, Failure, Input, Item, NewTask, SchedulerToClient, TaskSpec,
};
use raddle_net::names::{Key, RunId, SpecId, WorkerId};
use raddle_net::payload::Blob;

use super::*;
use crate::call::Call;
use crate::context::TaskContext;
use crate::credentials::{Credentials, Part};
use crate::error::TaskError;
use crate::hub::lock;
use crate::listener::Listener;
use crate::rt::mpsc;
use crate::transfer::Peers;
use crate::value::Value;

#[crate::task]
fn twice(number: u64) -> u64 {
    number * 2
}

#[crate::task]
fn nested(ctx: &TaskContext, number: u64) -> Result<u64, TaskError> {
    Ok(ctx.wait(ctx.submit(twice(number)))? + 1)
}

#[crate::task]
async fn nested_async(ctx: TaskContext, number: u64) -> Result<u64, TaskError> {
    Ok(ctx.submit(twice(number)).await? + 1)
}

/// Submits a task, so that it can be seen to have begun, and goes on until nobody wants it.
#[crate::task]
fn stubborn(ctx: &TaskContext) {
    let _child = ctx.submit(twice(1));
    while !ctx.cancelled() {
        std::thread::yield_now();
    }
    lock(&GAVE_UP).take().unwrap().send(ctx.run()).unwrap();
}

static GAVE_UP: Mutex<Option<std::sync::mpsc::Sender<RunId>>> = Mutex::new(None);

/// The scheduler's end of a worker's connection.
struct Scheduler {
    reader: FrameReader,
    writer: FrameWriter,
    encoder: FrameEncoder,
    inbox: VecDeque<WorkerMessage>,
    /// Where the worker serves values.
    address: String,
    next_run: u64,
    next_spec: u32,
}

impl Scheduler {
    /// Of a worker that has just come, and is registered.
    async fn over(connection: Connection) -> Self {
        let mut scheduler = Self::resumed(connection, 0);
        let WorkerMessage::Register(registration) = scheduler.hear().await else {
            panic!("the first words are not a registration")
        };
        assert_eq!((registration.nthreads, &registration.name), (1, &registration.address));
        assert_eq!(registration.functions, registry::functions());
        scheduler.address = registration.address;
        scheduler.say([SchedulerToWorker::Registered { worker: WorkerId(0) }]).await;
        scheduler
    }

    /// Of a worker that has heard so many frames.
    fn resumed(connection: Connection, frames: u64) -> Self {
        let Connection { reader, writer, options, .. } = connection;
        let mut encoder = FrameEncoder::new(options);
        for _ in 0..frames {
            encoder.acknowledge();
            drop(encoder.take());
        }
        Self {
            reader,
            writer,
            encoder,
            inbox: VecDeque::new(),
            address: String::new(),
            next_run: 0,
            next_spec: 0,
        }
    }

    /// Has the worker run `call`, and say so before; returns what was said, too.
    async fn compute_announced<T>(&mut self, call: Call<T>) -> (Item, [SchedulerToWorker; 2]) {
        let parts = call.into_parts();
        let (run, id) = (self.new_run(), SpecId(0));
        let item = Item { key: Key::hashed(u128::from(run.counter)), run };
        let (spec, args) = ((*parts.spec).clone(), Blob::from(parts.args));
        let compute =
            Compute { key: item.key, run, spec: id, args, announce: true, ..Compute::default() };
        let words = [SchedulerToWorker::Define { id, spec }, SchedulerToWorker::Compute(compute)];
        self.say(words.clone()).await;
        (item, words)
    }

    async fn hear(&mut self) -> WorkerMessage {
        while self.inbox.is_empty() {
            let frame = self.reader.next().await.unwrap().expect("the worker is connected");
            self.inbox.extend(frame.messages::<WorkerMessage>().unwrap());
        }
        self.inbox.pop_front().unwrap()
    }

    async fn say(&mut self, messages: impl IntoIterator<Item = SchedulerToWorker>) {
        for message in messages {
            self.encoder.push(&message).unwrap();
        }
        self.writer.write(&mut self.encoder).await.unwrap();
    }

    /// Has the worker run `call`, as a new run.
    async fn compute<T>(&mut self, call: Call<T>) -> Item {
        let parts = call.into_parts();
        self.compute_spec((*parts.spec).clone(), Blob::from(parts.args)).await
    }

    async fn compute_spec(&mut self, spec: TaskSpec, args: Blob) -> Item {
        let (run, id) = (self.new_run(), SpecId(self.next_spec));
        self.next_spec += 1;
        let item = Item { key: Key::hashed(u128::from(run.counter)), run };
        let compute = Compute { key: item.key, run, spec: id, args, ..Compute::default() };
        self.say([SchedulerToWorker::Define { id, spec }, SchedulerToWorker::Compute(compute)])
            .await;
        item
    }

    fn new_run(&mut self) -> RunId {
        self.next_run += 1;
        RunId { epoch: 1, counter: self.next_run }
    }

    /// The value with which the worker finishes `item`, which is what it says next.
    async fn finished(&mut self, item: Item) -> u64 {
        match self.hear().await {
            WorkerMessage::Finished { key, run, value: Some(value), .. } => {
                assert_eq!(Item { key, run }, item);
                Arc::new(Value::from_small(&value)).take().unwrap()
            }
            other => panic!("not finished: {other:?}"),
        }
    }

    /// The tasks that `parent` submits next, with their specs.
    async fn submitted(&mut self, parent: Item) -> Vec<(TaskSpec, NewTask)> {
        let mut specs = Vec::new();
        loop {
            let WorkerMessage::FromRun { key, run, message } = self.hear().await else {
                panic!("not from a run")
            };
            assert_eq!(Item { key, run }, parent);
            match message {
                ClientMessage::Define { spec, .. } => specs.push(spec),
                ClientMessage::Submit { tasks, .. } => {
                    let spec = |task: &NewTask| specs[task.spec.0 as usize].clone();
                    return tasks.into_iter().map(|task| (spec(&task), task)).collect();
                }
                other => panic!("not a submission: {other:?}"),
            }
        }
    }
}

/// Runs `test` with the scheduler of a worker of one thread. The worker is dropped after it.
fn with_worker<R>(test: impl AsyncFnOnce(&mut Scheduler) -> R) -> R {
    rt::block_on(async {
        let listener =
            Listener::bind("127.0.0.1", 0, Part::Scheduler, &Credentials::none()).await.unwrap();
        let options = WorkerOptions::new(listener.address().to_owned());
        let (sender, mut arrived) = mpsc::unbounded_channel();
        let door = listener.serve(&[Role::Worker], move |_, visitor| {
            let sender = sender.clone();
            async move { sender.send(visitor.welcome(Welcome::new(1)).await.unwrap()).unwrap() }
        });
        let greeted = async {
            let mut scheduler = Scheduler::over(arrived.recv().await.unwrap()).await;
            test(&mut scheduler).await
        };
        rt::select! {
            biased;
            result = greeted => result,
            end = run_worker(options) => panic!("the worker ended: {end:?}"),
            () = door => unreachable!("a listener does not end"),
        }
    })
    .unwrap()
}

#[test]
fn a_worker_that_is_cut_off_says_again_what_was_not_heard() {
    rt::block_on(async {
        let listener =
            Listener::bind("127.0.0.1", 0, Part::Scheduler, &Credentials::none()).await.unwrap();
        let options = WorkerOptions::new(listener.address().to_owned());
        let (sender, mut arrived) = mpsc::unbounded_channel();
        let door = listener.serve(&[Role::Worker], move |hello, visitor| {
            let sender = sender.clone();
            async move { sender.send((hello, visitor)).unwrap() }
        });
        let cut_off = async {
            let (hello, visitor) = arrived.recv().await.unwrap();
            assert_eq!((hello.epoch, hello.received), (0, 0));
            let welcome = Welcome { grace: 60_000, ..Welcome::new(1) };
            let connection = visitor.welcome(welcome.clone()).await.unwrap();
            let mut scheduler = Scheduler::over(connection).await;
            let compute = scheduler.compute_announced(twice(21)).await;
            // Nothing more is read: the connection breaks.
            drop(scheduler);
            let (again, visitor) = arrived.recv().await.unwrap();
            assert_eq!((again.session, again.epoch), (hello.session, 1));
            assert!([1, 2].contains(&again.received), "{again:?}");
            let welcome = Welcome { received: 1, ..welcome };
            let mut connection = visitor.welcome(welcome).await.unwrap();
            connection.reader.expect_frame(2);
            let mut scheduler = Scheduler::resumed(connection, again.received);
            if again.received == 1 {
                scheduler.say(compute.1).await;
            }
            let Item { key, run } = compute.0;
            assert_eq!(scheduler.hear().await, WorkerMessage::Started { key, run });
            assert_eq!(scheduler.finished(compute.0).await, 42);
        };
        rt::select! {
            biased;
            () = cut_off => {}
            end = run_worker(options) => panic!("the worker ended: {end:?}"),
            () = door => unreachable!("a listener does not end"),
        }
    })
    .unwrap();
}

#[test]
fn a_value_is_served_until_it_is_freed() {
    with_worker(async |scheduler| {
        let first = scheduler.compute(twice(21)).await;
        assert_eq!(scheduler.finished(first).await, 42);
        let peers = Peers::new(Session::truncate(9), Credentials::none());
        let pulled =
            peers.pull_values((&scheduler.address, Route::Direct), &[first], 8).await.unwrap();
        let [Some(value)] = <[_; 1]>::try_from(pulled).unwrap() else { panic!("missing") };
        assert_eq!(value.take::<u64>().unwrap(), 42);

        scheduler.say([SchedulerToWorker::Free { key: first.key, run: first.run }]).await;
        let second = scheduler.compute(twice(1)).await;
        assert_eq!(scheduler.finished(second).await, 2);
        let pulled = peers
            .pull_values((&scheduler.address, Route::Direct), &[first, second], 16)
            .await
            .unwrap();
        let there: Vec<_> = pulled.iter().map(Option::is_some).collect();
        assert_eq!(there, [false, true]);
    });
}

#[test]
fn a_value_made_here_is_an_input_without_a_transfer() {
    with_worker(async |scheduler| {
        let first = scheduler.compute(twice(1)).await;
        assert_eq!(scheduler.finished(first).await, 2);
        let run = scheduler.new_run();
        let input = Input { key: first.key, run: first.run, nbytes: 8, ..Input::default() };
        let compute = Compute {
            key: Key::hashed(99),
            run,
            spec: SpecId(0),
            inputs: [input].into_iter().collect(),
            args: Blob::from(twice(5).into_parts().args),
            ..Compute::default()
        };
        scheduler.say([SchedulerToWorker::Compute(compute)]).await;
        assert_eq!(scheduler.finished(Item { key: Key::hashed(99), run }).await, 10);
    });
}

#[test]
fn an_unknown_function_fails_with_the_nearest_names() {
    with_worker(async |scheduler| {
        let mut spec = (*twice(1).into_parts().spec).clone();
        spec.function.name.push_str("_over");
        let item = scheduler.compute_spec(spec.clone(), Blob::new()).await;
        let WorkerMessage::Failed { key, run, blame, failure } = scheduler.hear().await else {
            panic!("not failed")
        };
        assert_eq!((Item { key, run }, blame), (item, None));
        let Failure::NoWorker { reason } = &*failure else { panic!("{failure:?}") };
        for part in [&spec.function.name, "::twice`", &scheduler.address] {
            assert!(reason.contains(part), "{reason}");
        }
    });
}

#[test]
fn a_body_that_waits_for_its_own_task_gives_its_slot_to_it() {
    async fn give_way(scheduler: &mut Scheduler, parent: Item) {
        let [(spec, task)] = <[_; 1]>::try_from(scheduler.submitted(parent).await).unwrap();
        let child = scheduler.compute_spec(spec, task.args.clone()).await;
        let WorkerMessage::Finished { nbytes, value, .. } = scheduler.hear().await else {
            panic!("the child has not finished")
        };
        let (key, run, worker) = (task.key, child.run, WorkerId(0));
        let address = scheduler.address.clone();
        let news = [
            SchedulerToClient::Peer { id: worker, address },
            SchedulerToClient::InMemory { key, run, nbytes, worker, value },
        ];
        let message = |message| SchedulerToWorker::ToRun { run: parent.run, message };
        scheduler.say(news.map(message)).await;
        // The future is dropped when its value is taken.
        loop {
            match scheduler.hear().await {
                WorkerMessage::FromRun { message: ClientMessage::Release { keys, .. }, .. } => {
                    assert_eq!(keys, [key]);
                }
                WorkerMessage::Finished { key, value, .. } => {
                    assert_eq!(key, parent.key);
                    let value = Arc::new(Value::from_small(&value.unwrap()));
                    assert_eq!(value.take::<u64>().unwrap(), 43);
                    return;
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
    with_worker(async |scheduler| {
        let parent = scheduler.compute(nested(21)).await;
        give_way(scheduler, parent).await;
        let parent = scheduler.compute(nested_async(21)).await;
        give_way(scheduler, parent).await;
    });
}

#[test]
fn a_dropped_worker_leaves_its_scheduler_and_tells_the_bodies_that_run() {
    let (sender, gave_up) = std::sync::mpsc::channel();
    *lock(&GAVE_UP) = Some(sender);
    let (address, item) = with_worker(async |scheduler| {
        let item = scheduler.compute(stubborn()).await;
        assert_eq!(scheduler.submitted(item).await.len(), 1);
        (scheduler.address.clone(), item)
    });
    assert_eq!(gave_up.recv_timeout(Duration::from_secs(60)), Ok(item.run));
    let peers = Peers::new(Session::truncate(9), Credentials::none());
    let pulled = rt::block_on(peers.pull_values((&address, Route::Direct), &[item], 8)).unwrap();
    assert!(pulled.is_err(), "{pulled:?}");
}
