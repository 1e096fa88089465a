//! The user of a client: does what the plan says with the public face of the library, and has the
//! oracle judge what it sees.
//!
//! It must not know the scheduler's state, or what faults there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use raddle::{Call, Client, TaskFuture, simulated};
use raddle_net::names::{Key, KeyKind};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::body;
use super::nodes;
use super::stage::stage;
use crate::bytes::{pack, unpack};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::history::End;
use crate::oracle::Verdict;
use crate::plan::{Op, Question, TaskDef};
use crate::property::Property;
use crate::wish::{Wish, dataset};

/// How long, in simulated time, what is held may take to settle after all is healed.
const SETTLES: Duration = Duration::from_secs(120);
/// How long an answer may take.
const ANSWERS: Duration = Duration::from_secs(20);
/// Before a next try to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// What a user is asked to do.
pub(super) enum Ask {
    /// An operation of the plan.
    Do(Op),
    /// To await everything that is held; what it saw.
    Judge(oneshot::Sender<BTreeMap<Key, End>>),
    /// To release everything.
    Release(oneshot::Sender<()>),
    /// How many tasks the scheduler has, if it answers.
    Tasks(oneshot::Sender<Option<u64>>),
}

/// A client and what its user holds.
struct User {
    number: usize,
    client: Client,
    held: BTreeMap<Key, Held>,
}

/// The futures of one key.
#[derive(Default)]
struct Held {
    futures: Vec<TaskFuture<Vec<u8>>>,
    /// Those who await it already.
    waiters: Vec<AbortHandle>,
}

/// Lives on the node of a client, until nobody asks any more.
pub(super) async fn live(
    number: usize,
    mut asks: mpsc::UnboundedReceiver<Ask>,
    here: oneshot::Sender<()>,
) {
    let client = connect().await;
    // Nobody waits: the run is over.
    let _ = here.send(());
    let mut user = User { number, client, held: BTreeMap::new() };
    while let Some(ask) = asks.recv().await {
        if user.client.ready().await.is_err() {
            user.begin_again().await;
        }
        match ask {
            Ask::Do(Op::Goodbye(_)) => {
                user.drop_all();
                // An error means that its connection was gone before.
                let _ = user.client.close().await;
                return;
            }
            Ask::Do(Op::Wish(_, wish)) => user.wish(wish).await,
            Ask::Do(op) => user.operate(op),
            // As above.
            Ask::Judge(seen) => _ = seen.send(user.judge_all().await),
            Ask::Release(done) => {
                user.drop_all();
                let _ = done.send(());
            }
            Ask::Tasks(tasks) => _ = tasks.send(user.tasks().await),
        }
    }
}

async fn connect() -> Client {
    loop {
        match Client::connect(nodes::scheduler()).await {
            Ok(client) => return client,
            Err(_) => sleep(PAUSE).await,
        }
    }
}

impl User {
    /// The connection is gone, and with it all that was held: as a program that is started again.
    async fn begin_again(&mut self) {
        let keys: Vec<Key> = self.held.keys().copied().collect();
        for key in keys {
            self.judge(key).await;
        }
        self.drop_all();
        self.client = connect().await;
    }

    fn drop_all(&mut self) {
        for (key, held) in std::mem::take(&mut self.held) {
            stage(|stage| stage.oracle.let_go(key));
            held.waiters.iter().for_each(AbortHandle::abort);
        }
    }

    fn operate(&mut self, op: Op) {
        match op {
            Op::Cancel(_, keys) => {
                let held = keys.iter().filter_map(|key| Some((key, self.held.get(key)?)));
                let futures: Vec<_> = held
                    .map(|(key, held)| {
                        stage(|stage| stage.oracle.cancelled(*key));
                        held.futures[0].clone()
                    })
                    .collect();
                self.client.cancel(&futures);
            }
            Op::Query(_, question) => self.ask(question),
            Op::Release(_, keys) => keys.into_iter().for_each(|key| self.release(key)),
            Op::Scatter(_, task) => {
                stage(|stage| stage.oracle.submitted(&task));
                let value = pack(task.body.value([]), task.body.nbytes);
                let future = self.client.scatter(value);
                self.hold(task.key, future);
            }
            Op::Submit(_, tasks) => self.submit(tasks),
            Op::Ambush(..)
            | Op::Clog(..)
            | Op::Cut(..)
            | Op::Disk(..)
            | Op::Goodbye(_)
            | Op::Join(_)
            | Op::Kill(_)
            | Op::Leave(_)
            | Op::Meddle(_)
            | Op::Pause(..)
            | Op::Vanish(_)
            | Op::Wish(..) => unreachable!("no doing of a client that stays, or done elsewhere"),
        }
    }

    /// Those of the keys that are held: one future each.
    fn futures(&self, keys: &[Key]) -> Vec<TaskFuture<Vec<u8>>> {
        let held = keys.iter().filter_map(|key| self.held.get(key));
        held.map(|held| held.futures[0].clone()).collect()
    }

    async fn wish(&mut self, wish: Wish) {
        let keys = wish.keys();
        let futures = self.futures(keys);
        match &wish {
            Wish::Detach(_) => {
                futures.into_iter().for_each(|future| self.client.fire_and_forget(future));
            }
            Wish::Force(_) => {
                keys.iter().for_each(|key| stage(|stage| stage.oracle.cancelled(*key)));
                self.client.force_cancel(&futures);
            }
            Wish::Publish(name, _) => {
                stage(|stage| stage.oracle.published(*name, keys));
                let client = self.client.clone();
                let name = dataset(*name);
                // Whether the name is taken depends on what happens meanwhile.
                drop(tokio::spawn(async move { drop(client.publish(&name, &futures).await) }));
            }
            Wish::Retry(_) => {
                keys.iter().for_each(|key| stage(|stage| stage.oracle.retried(*key)));
                self.client.retry(&futures);
            }
            Wish::Take(name) => self.take(*name).await,
            Wish::Unpublish(name) => {
                stage(|stage| stage.oracle.unpublished(*name));
                let (client, name) = (self.client.clone(), dataset(*name));
                drop(tokio::spawn(async move { drop(client.unpublish(&name).await) }));
            }
        }
    }

    /// Holds what is published, if it is.
    async fn take(&mut self, name: u64) {
        let name = dataset(name);
        let taken = tokio::select! {
            biased;
            taken = self.client.dataset(&name) => taken.unwrap_or_default(),
            () = sleep(ANSWERS) => Vec::new(),
        };
        for future in taken {
            let key = stage(|stage| stage.planned(future.key()));
            self.held.entry(key).or_default().futures.push(future);
        }
    }

    /// Asks the scheduler. The answer depends on what happens meanwhile: nobody judges it.
    fn ask(&self, question: Question) {
        let client = self.client.clone();
        match question {
            Question::Explain(key) => {
                let Some(held) = self.held.get(&key) else { return };
                let future = held.futures[0].clone();
                drop(tokio::spawn(async move { drop(client.explain(&future).await) }));
            }
            Question::Events => {
                let mut events = client.events("talk");
                drop(tokio::spawn(async move { drop(events.next().await) }));
            }
            Question::Say => {
                drop(tokio::spawn(async move { drop(client.log_event("talk", "said").await) }));
            }
            Question::Copies(key, copies) => {
                let Some(held) = self.held.get(&key) else { return };
                let future = held.futures[0].clone();
                let copies = copies as usize;
                drop(tokio::spawn(async move { drop(client.replicate(&future, copies).await) }));
            }
            Question::Rebalance => {
                drop(tokio::spawn(async move { drop(client.rebalance().await) }));
            }
            Question::Rest(worker, rests) => {
                let workers = nodes::names(worker as u64);
                drop(tokio::spawn(async move {
                    match rests {
                        true => drop(client.pause_workers(&workers).await),
                        false => drop(client.unpause_workers(&workers).await),
                    }
                }));
            }
            Question::Retire(worker) => {
                let workers = nodes::retire(worker as u64);
                drop(tokio::spawn(async move { drop(client.retire_workers(&workers).await) }));
            }
            Question::Info => drop(tokio::spawn(async move { drop(client.info().await) })),
            Question::Workers => {
                drop(tokio::spawn(async move { drop(client.wait_for_workers(1).await) }));
            }
        }
    }

    fn submit(&mut self, tasks: Vec<TaskDef>) {
        // What the user dropped, or lost with its connection, is no argument.
        let mut ours = BTreeSet::new();
        for task in tasks {
            let held = |key: &Key| self.held.contains_key(key);
            // A numbered key is never used again.
            let is_used = matches!(task.key.kind(), KeyKind::Numbered { .. })
                && stage(|stage| stage.oracle.knows(task.key))
                && !held(&task.key);
            if ours.contains(&task.key) || is_used || !task.dependencies.iter().all(held) {
                continue;
            }
            ours.insert(task.key);
            stage(|stage| stage.oracle.submitted(&task));
            let inputs = task.dependencies.iter().map(|key| self.held[key].futures[0].clone());
            let inputs: Vec<_> = inputs.collect();
            let future = self.client.submit(call(&task, inputs));
            self.hold(task.key, future);
        }
        for key in ours {
            if stage(|stage| stage.chance(4)) == 0 {
                self.await_now(key);
            }
        }
    }

    fn hold(&mut self, key: Key, future: TaskFuture<Vec<u8>>) {
        stage(|stage| stage.keys.insert(future.key(), key));
        self.held.entry(key).or_default().futures.push(future);
    }

    fn await_now(&mut self, key: Key) {
        let Some(held) = self.held.get_mut(&key) else { return };
        let (number, future) = (self.number, held.futures[0].clone());
        let waiter = tokio::spawn(async move { drop(judge(number, key, &future).await) });
        held.waiters.push(waiter.abort_handle());
    }

    fn release(&mut self, key: Key) {
        let Some(held) = self.held.get_mut(&key) else { return };
        stage(|stage| stage.oracle.let_go(key));
        held.futures.pop();
        if held.futures.is_empty() {
            held.waiters.iter().for_each(AbortHandle::abort);
            self.held.remove(&key);
        }
    }

    async fn judge_all(&mut self) -> BTreeMap<Key, End> {
        let keys: Vec<Key> = self.held.keys().copied().collect();
        let mut ends = BTreeMap::new();
        for key in keys {
            if stage(|stage| stage.failure.is_some()) {
                break;
            }
            ends.extend(self.judge(key).await.map(|end| (key, end)));
        }
        ends
    }

    /// Awaits one future; what it saw.
    async fn judge(&self, key: Key) -> Option<End> {
        let future = &self.held[&key].futures[0];
        tokio::select! {
            biased;
            end = judge(self.number, key, future) => end,
            () = sleep(SETTLES) => {
                let why = self.explain(future).await;
                let text = format!(
                    "{key} of client {} is {future:?} {SETTLES:?} after all was healed: {why}",
                    self.number,
                );
                stage(|stage| stage.fail(Failure::Broken(Property::Settles, text)));
                None
            }
        }
    }

    async fn explain(&self, future: &TaskFuture<Vec<u8>>) -> String {
        tokio::select! {
            biased;
            text = self.client.explain(future) => text.unwrap_or_else(|error| error.to_string()),
            () = sleep(ANSWERS) => "the scheduler does not answer".to_owned(),
        }
    }

    async fn tasks(&self) -> Option<u64> {
        tokio::select! {
            biased;
            info = self.client.info() => Some(info.ok()?.tasks.iter().map(|(_, count)| count).sum()),
            () = sleep(ANSWERS) => None,
        }
    }
}

fn call(task: &TaskDef, inputs: Vec<TaskFuture<Vec<u8>>>) -> Call<Vec<u8>> {
    let call = body::act(task.body.encode().to_vec(), inputs);
    let call = call.retries(task.retries).priority(task.priority);
    let call = with_fields(call, &task.fields);
    match task.key.kind() {
        KeyKind::Hashed(_) => call.key(&task.key.to_string()),
        KeyKind::Numbered { .. } => call,
    }
}

/// Workers come back under other names, and have no GPU here: who may run a task is a preference, and
/// what it takes of a GPU is nothing.
fn with_fields<T>(mut call: Call<T>, fields: &Fields) -> Call<T> {
    let workers: Vec<String> = fields.workers.iter().filter_map(|t| nodes::named(*t)).collect();
    if !workers.is_empty() {
        call = call.workers(workers).allow_other_workers();
    }
    if fields.limit > 0 {
        call = call.timeout(Duration::from_micros(fields.limit));
    }
    if fields.once { call.at_most_once() } else { call }
}

/// Awaits a future and has the oracle judge what comes; nothing of one that was cut off by a fault.
async fn judge(number: usize, key: Key, future: &TaskFuture<Vec<u8>>) -> Option<End> {
    let bytes = match future.await {
        Ok(bytes) => bytes,
        Err(error) => return judge_failure(number, key, future, &error),
    };
    match unpack(&bytes) {
        Ok(value) => stage(|stage| {
            let verdict = stage.oracle.judge_value(key, value);
            stage.judged(&format!("{number} {key} {value:x}"), verdict, Failure::WrongValue);
            Some(End::Value(value))
        }),
        Err(why) => {
            let wrong = Failure::WrongValue(format!("{key} of client {number}: {why}"));
            stage(|stage| stage.fail(wrong));
            None
        }
    }
}

fn judge_failure(
    number: usize,
    key: Key,
    future: &TaskFuture<Vec<u8>>,
    error: &raddle::TaskError,
) -> Option<End> {
    let Some((blame, failure)) = simulated::failure(future) else {
        if stage(|stage| stage.oracle.may_run_again(key)) {
            return None;
        }
        let text = format!("{key} of client {number} had failed ({error}), and now has not");
        stage(|stage| stage.fail(Failure::Changed(text)));
        return None;
    };
    stage(|stage| {
        let blame = stage.planned(blame);
        let seen = format!("{number} {key} {blame} {failure:?}");
        if matches!(error, raddle::TaskError::Disconnected { .. }) && stage.cut_off {
            stage.judged(&seen, Verdict::Right, Failure::WrongFailure);
            return None;
        }
        let allowed = raddle_core::scheduler::Config::default().allowed_failures;
        let verdict = stage.oracle.judge_failure(key, blame, &failure, allowed);
        stage.judged(&seen, verdict, Failure::WrongFailure);
        Some(End::error(blame, &failure))
    })
}
