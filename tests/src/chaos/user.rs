//! The user of a client: does what the plan says with the public face of the library, and has the
//! oracle judge what it sees.
//!
//! It must not know what befalls the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raddle::{Call, Client, TaskError, TaskFuture};
use raddle_core::scheduler::Config;
use raddle_net::messages::Failure;
use raddle_net::names::{Key, KeyKind, Session};
use raddle_sim::{End, Op, Oracle, Question, TaskDef, Verdict, Wish, pack, unpack};
use tokio::time::timeout;

use super::act::{INJECTED, act};
use super::cluster::Cluster;
use super::{LIMIT, Outcome};

/// A task that no plan has: one that a body submitted.
const CHILD: Key = Key::numbered(Session::truncate(u64::MAX), u64::MAX);

/// What the users of one round share.
#[derive(Debug)]
pub(super) struct Stage {
    /// Makes keys of this round differ from those of others.
    pub(super) round: u64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    oracle: Oracle,
    /// Keys of the plan, by those that the library gave.
    keys: BTreeMap<Key, Key>,
    /// Names under which something was published.
    names: BTreeSet<String>,
    /// How often the oracle has heard that a worker may have been lost.
    harm: u32,
    /// Whether the scheduler has died: then a future may hear of nothing else.
    bereaved: bool,
}

/// A client and what its user holds.
pub(super) struct User {
    client: Client,
    stage: Arc<Stage>,
    held: BTreeMap<Key, Vec<TaskFuture<Vec<u8>>>>,
    gone: bool,
}

impl Known {
    /// Of most failures nobody tells which task was the first: then any may be.
    fn judge_failure(&self, key: Key, blame: Option<Key>, failure: &Failure) -> (End, Verdict) {
        let allowed = Config::default().allowed_failures;
        let judge = |blame| self.oracle.judge_failure(key, blame, failure, allowed);
        let suspects = blame.map_or_else(
            || self.keys.values().copied().chain([key, CHILD]).collect(),
            |blame| vec![blame],
        );
        let right = suspects.iter().copied().find(|suspect| judge(*suspect) == Verdict::Right);
        let blame = right.or(blame).unwrap_or(key);
        (End::error(blame, failure), judge(blame))
    }
}

impl Stage {
    /// Nothing was submitted yet.
    pub(super) fn new(round: u64) -> Self {
        Self { round, known: Mutex::default() }
    }

    /// The scheduler dies.
    pub(super) fn bereave(&self) {
        self.known().bereaved = true;
    }

    /// What the cluster knows a name of the plan as.
    fn dataset(&self, name: u64) -> String {
        let dataset = format!("{}/{name}", self.round);
        self.known().names.insert(dataset.clone());
        dataset
    }

    /// Names under which something was published.
    pub(super) fn names(&self) -> Vec<String> {
        self.known().names.iter().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl User {
    /// A new client, by way of the door.
    pub(super) async fn connect(cluster: &Cluster, stage: &Arc<Stage>) -> Outcome<Self> {
        let tries = async {
            loop {
                // Nobody gets through for a while: as a user would, it tries again.
                if let Ok(client) = Client::connect(cluster.door().address()).await {
                    return client;
                }
                cluster.door().until_up().await;
            }
        };
        let client = timeout(LIMIT, tries).await.map_err(|_| "nobody can connect")?;
        Ok(Self { client, stage: Arc::clone(stage), held: BTreeMap::new(), gone: false })
    }

    /// Does what is the doing of a client; everything else is left out.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub(super) async fn operate(&mut self, op: &Op) -> Outcome<()> {
        match op {
            Op::Cancel(_, keys) => {
                keys.iter().for_each(|key| self.stage.known().oracle.cancelled(*key));
                let futures: Vec<_> = keys.iter().filter_map(|key| self.future(*key)).collect();
                self.client.cancel(&futures);
            }
            Op::Goodbye(_) => self.leave().await,
            Op::Query(_, question) => self.ask(*question),
            Op::Release(_, keys) => keys.iter().for_each(|key| self.release(*key)),
            Op::Scatter(_, task) => {
                self.stage.known().oracle.submitted(task);
                let value = pack(task.body.value([]), task.body.nbytes);
                let future = self.client.scatter(value);
                self.hold(task.key, future);
            }
            Op::Submit(_, tasks) => self.submit(tasks),
            Op::Wish(_, wish) => self.wish(wish).await?,
            Op::Ambush(..)
            | Op::Clog(..)
            | Op::Cut(..)
            | Op::Disk(..)
            | Op::Join(_)
            | Op::Kill(_)
            | Op::Leave(_)
            | Op::Meddle(_)
            | Op::Pause(..)
            | Op::Vanish(_) => {}
        }
        Ok(())
    }

    fn future(&self, key: Key) -> Option<TaskFuture<Vec<u8>>> {
        self.held.get(&key).map(|futures| futures[0].clone())
    }

    async fn wish(&mut self, wish: &Wish) -> Outcome<()> {
        let held = |keys: &[Key]| -> Vec<Key> {
            keys.iter().copied().filter(|key| self.held.contains_key(key)).collect()
        };
        let futures =
            |keys: &[Key]| -> Vec<_> { keys.iter().filter_map(|key| self.future(*key)).collect() };
        match wish {
            Wish::Detach(keys) => {
                futures(keys).into_iter().for_each(|future| self.client.fire_and_forget(future));
            }
            Wish::Force(keys) => {
                held(keys).into_iter().for_each(|key| self.stage.known().oracle.cancelled(key));
                self.client.force_cancel(&futures(keys));
            }
            Wish::Publish(name, keys) => {
                let dataset = self.stage.dataset(*name);
                self.stage.known().oracle.published(*name, &held(keys));
                answer(self.client.publish(&dataset, &futures(keys))).await?;
            }
            Wish::Retry(keys) => {
                held(keys).into_iter().for_each(|key| self.stage.known().oracle.retried(key));
                self.client.retry(&futures(keys));
            }
            Wish::Take(name) => {
                let dataset = self.stage.dataset(*name);
                for future in answer(self.client.dataset(&dataset)).await?.unwrap_or_default() {
                    let key = self.stage.known().keys.get(&future.key()).copied();
                    self.held.entry(key.unwrap_or(CHILD)).or_default().push(future);
                }
            }
            Wish::Unpublish(name) => {
                self.stage.known().oracle.unpublished(*name);
                let dataset = self.stage.dataset(*name);
                answer(self.client.unpublish(&dataset)).await?;
            }
        }
        Ok(())
    }

    /// The answer depends on what happens meanwhile: nobody judges it.
    fn ask(&self, question: Question) {
        let client = self.client.clone();
        match question {
            Question::Explain(key) => {
                let Some(future) = self.future(key) else { return };
                drop(tokio::spawn(async move { drop(client.explain(&future).await) }));
            }
            Question::Info => drop(tokio::spawn(async move { drop(client.info().await) })),
            Question::Rebalance => {
                drop(tokio::spawn(async move { drop(client.rebalance().await) }));
            }
            Question::Copies(..)
            | Question::Events
            | Question::Rest(..)
            | Question::Retire(_)
            | Question::Say
            | Question::Workers => {}
        }
    }

    fn submit(&mut self, tasks: &[TaskDef]) {
        let mut ours = BTreeSet::new();
        for task in tasks {
            // What the user dropped is no argument.
            let inputs = task.dependencies.iter().map(|key| self.future(*key));
            let Some(inputs) = inputs.collect::<Option<Vec<_>>>() else { continue };
            // A numbered key is never used again.
            let is_used = matches!(task.key.kind(), KeyKind::Numbered { .. })
                && self.stage.known().oracle.task(task.key).is_some()
                && !self.held.contains_key(&task.key);
            if !is_used && ours.insert(task.key) {
                self.stage.known().oracle.submitted(task);
                let future = self.client.submit(self.call(task, inputs));
                self.hold(task.key, future);
            }
        }
    }

    fn call(&self, task: &TaskDef, inputs: Vec<TaskFuture<Vec<u8>>>) -> Call<Vec<u8>> {
        let call = act(task.body.encode().to_vec(), inputs);
        let call = call.retries(task.retries).priority(task.priority);
        match task.key.kind() {
            KeyKind::Hashed(_) => call.key(&format!("{}/{}", self.stage.round, task.key)),
            KeyKind::Numbered { .. } => call,
        }
    }

    fn hold(&mut self, key: Key, future: TaskFuture<Vec<u8>>) {
        self.stage.known().keys.insert(future.key(), key);
        self.held.entry(key).or_default().push(future);
    }

    fn release(&mut self, key: Key) {
        if let Some(futures) = self.held.get_mut(&key) {
            self.stage.known().oracle.let_go(key);
            futures.pop();
        }
        self.held.retain(|_, futures| !futures.is_empty());
    }

    /// Awaits everything that is held: what it saw.
    pub(super) async fn judge_all(&self, cluster: &Cluster) -> Outcome<BTreeMap<Key, End>> {
        let mut ends = BTreeMap::new();
        for (key, futures) in &self.held {
            let Ok(result) = timeout(LIMIT, &futures[0]).await else {
                let why = timeout(LIMIT, self.client.explain(&futures[0])).await;
                return Err(format!("{key} hangs: {:?}, {why:?}", futures[0]));
            };
            ends.insert(*key, self.judge(*key, result, cluster)?);
        }
        Ok(ends)
    }

    fn judge(&self, key: Key, result: Result<Vec<u8>, TaskError>, on: &Cluster) -> Outcome<End> {
        let mut known = self.stage.known();
        while known.harm < on.harm() {
            known.harm += 1;
            known.oracle.killed();
        }
        let (end, verdict) = match result {
            Ok(bytes) => {
                let value = unpack(&bytes).map_err(|why| format!("{key}: {why}"))?;
                (End::Value(value), known.oracle.judge_value(key, value))
            }
            Err(TaskError::Disconnected { reason }) if known.bereaved => {
                return Ok(End::error(key, &Failure::Disconnected { reason }));
            }
            Err(error) => {
                let (blame, failure) = failure(&error).ok_or_else(|| format!("{key}: {error}"))?;
                let blame = blame.map(|blame| known.keys.get(&blame).copied().unwrap_or(CHILD));
                known.judge_failure(key, blame, &failure)
            }
        };
        match verdict {
            Verdict::Right => Ok(end),
            Verdict::Wrong(why) => Err(why),
        }
    }

    /// Lets go of everything, and says goodbye.
    pub(super) async fn leave(&mut self) {
        let held = std::mem::take(&mut self.held);
        held.keys().for_each(|key| self.stage.known().oracle.let_go(*key));
        self.gone = true;
        // An error means that the scheduler is gone: others see that.
        let _ = self.client.close().await;
    }

    /// Whether it has said goodbye: it sees nothing any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }
}

/// Whether a name is taken, or anything published by it, depends on what happens meanwhile: an error is
/// nobody's fault. But there is an answer.
async fn answer<T>(asked: impl Future<Output = raddle::Result<T>>) -> Outcome<Option<T>> {
    let answer = timeout(LIMIT, asked).await;
    Ok(answer.map_err(|_| "a wish is not answered")?.ok())
}

/// What the machines call this error, and the task that failed first if it is known; nothing of what no
/// task of a plan may end with.
fn failure(error: &TaskError) -> Option<(Option<Key>, Failure)> {
    match error.clone() {
        TaskError::Cancelled => Some((None, Failure::Cancelled)),
        TaskError::Failed { message, chain, panic, location, worker, attempts, blame }
            if message == INJECTED =>
        {
            let failure = Failure::Failed { message, chain, panic, location, worker, attempts };
            Some((Some(blame), failure))
        }
        TaskError::Lost { reason } => Some((None, Failure::Lost { reason })),
        TaskError::WorkerDied { deaths, last_worker, reason } => {
            Some((None, Failure::WorkerDied { deaths, last_worker, reason }))
        }
        TaskError::Decode { .. }
        | TaskError::Disconnected { .. }
        | TaskError::Exited { .. }
        | TaskError::Failed { .. }
        | TaskError::NoWorker { .. }
        | TaskError::Rejected { .. }
        | TaskError::TimedOut
        | _ => None,
    }
}
