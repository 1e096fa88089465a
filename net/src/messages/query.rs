//! Questions about the cluster, and their answers. Each answer is bounded; what may be longer is
//! asked for in pages.

use serde::{Deserialize, Serialize};

use crate::names::{Key, RunId, WorkerId};

/// A question about the cluster, or a wish that is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Query {
    /// Keep so many copies of a value, each on a worker of its own, or as many as there are workers.
    /// Answered once none is on its way.
    Copies {
        /// A key that the client wants.
        key: Key,
        /// How many; at least 1.
        copies: u32,
    },
    /// The keys that were published under a name.
    Dataset(String),
    /// The names under which something is published.
    Datasets,
    /// What was said on a topic after the event of this number. If nothing was yet, the answer comes
    /// once something is.
    Events {
        /// The topic.
        topic: String,
        /// The last number that is known to whoever asks; 0: none.
        after: u64,
    },
    /// Why a key is not done, in words.
    Explain(Key),
    /// Which values a worker holds, by its name or address.
    HasWhat(String),
    /// Who is there and how much there is to do.
    Info,
    /// Say something on a topic.
    LogEvent {
        /// The topic.
        topic: String,
        /// At most [`MAX_EVENT_TEXT`](crate::limits::MAX_EVENT_TEXT) bytes.
        text: String,
    },
    /// What runs of a task have said in their logs.
    Logs(Key),
    /// Give these workers nothing new, or give them something again. They keep what they have.
    Pause {
        /// Their names or addresses; at most [`MAX_KEYS`](crate::limits::MAX_KEYS).
        workers: Vec<String>,
        /// Whether they are given nothing new.
        paused: bool,
    },
    /// Keep keys under a name, whoever stops wanting them.
    Publish {
        /// The name; nothing else is published under it.
        name: String,
        /// Keys that the client wants; at most [`MAX_KEYS`](crate::limits::MAX_KEYS).
        keys: Vec<Key>,
    },
    /// Move values from workers that hold much to workers that hold little. Values that are in use, or
    /// of which a number of copies is wished, stay. Answered once no move is left of those that were
    /// decided on.
    Rebalance {
        /// Which values: keys that the client wants, at most [`MAX_KEYS`](crate::limits::MAX_KEYS);
        /// `None` is all that it wants.
        keys: Option<Vec<Key>>,
        /// Between which workers, by name or address; at most
        /// [`MAX_KEYS`](crate::limits::MAX_KEYS). None is all of them.
        workers: Vec<String>,
    },
    /// Have these workers end what they run, hand on what only they hold, and leave. Answered once
    /// they have.
    Retire(
        /// Their names or addresses; at most [`MAX_KEYS`](crate::limits::MAX_KEYS).
        Vec<String>,
    ),
    /// End the cluster: workers, clients, and the scheduler.
    Shutdown,
    /// What has happened to a task or to a worker.
    Story(StoryOf),
    /// What there is to know of one task.
    Task(Key),
    /// The tasks that there are, in the order of their keys.
    Tasks {
        /// Those in the state of this name; `None` is all.
        state: Option<String>,
        /// Those whose key comes after this one.
        after: Option<Key>,
    },
    /// Keep what was published under this name no longer.
    Unpublish(String),
    /// Answer once this many workers are there.
    WaitForWorkers(u32),
    /// Which workers hold the value of a key.
    WhoHas(Key),
}

/// Whose story.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StoryOf {
    /// That of a task.
    Key(Key),
    /// That of a worker, by its name or address.
    Worker(String),
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QueryAnswer {
    /// It cannot be done: why, in words.
    Declined(String),
    /// To what is not asked but wished: it is done.
    Done,
    /// To [`Query::Events`] and [`Query::Logs`]: some events, the oldest first.
    Events(Vec<EventLine>),
    /// To [`Query::Explain`].
    Explanation(String),
    /// To [`Query::Info`] and [`Query::WaitForWorkers`].
    Info(SchedulerInfo),
    /// To [`Query::Dataset`] and [`Query::HasWhat`]: at most [`MAX_KEYS`](crate::limits::MAX_KEYS).
    Keys(Vec<Key>),
    /// To [`Query::Datasets`].
    Names(Vec<String>),
    /// To [`Query::Rebalance`]: what was moved.
    Rebalanced {
        /// How many values.
        values: u64,
        /// Their bytes together.
        nbytes: u64,
    },
    /// To [`Query::Story`]: the last lines, the oldest first.
    Story(Vec<StoryLine>),
    /// To [`Query::Task`], which has none or one, and to [`Query::Tasks`].
    Tasks {
        /// A page of them.
        tasks: Vec<TaskInfo>,
        /// After which key the next page begins, if there is one.
        next: Option<Key>,
    },
    /// There is no such worker, state or name: which one, in words.
    Unknown(String),
    /// To [`Query::WhoHas`]: addresses.
    Workers(Vec<String>),
}

/// The scheduler's view of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchedulerInfo {
    /// The workers, by id.
    pub workers: Vec<WorkerInfo>,
    /// Connected clients.
    pub clients: u32,
    /// How many tasks are in which state, by the state's name.
    pub tasks: Vec<(String, u64)>,
}

/// The scheduler's view of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Its id.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// Where it serves values.
    pub address: String,
    /// Tasks it runs at a time.
    pub nthreads: u32,
    /// Bytes of memory that it may use, if it knows.
    pub memory_limit: Option<u64>,
    /// Tasks assigned to it.
    pub processing: u64,
    /// Values it holds.
    pub values: u64,
    /// Their size in bytes.
    pub nbytes: u64,
    /// `running`, `away`, `paused`, `retiring` or `leaving`.
    pub status: String,
    /// Why it is paused, or still there although it is to leave, in words; else empty.
    pub note: String,
    /// Bytes of its process that are in memory; 0 if that is not known.
    pub process_bytes: u64,
    /// Bytes of values that it holds on disk and not in memory.
    pub spilled_bytes: u64,
}

/// The scheduler's view of one task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Its name.
    pub key: Key,
    /// The name of its state.
    pub state: String,
    /// What it runs.
    pub function: String,
    /// The user's priority.
    pub priority: i32,
    /// How often it was assigned to a worker.
    pub attempts: u32,
    /// Deaths of its worker that were charged to it.
    pub deaths: u32,
    /// How many clients want it.
    pub clients: u32,
    /// Some of the tasks whose values it needs.
    pub dependencies: Vec<Key>,
    /// How many they are.
    pub ndependencies: u32,
    /// How many tasks need its value.
    pub dependents: u32,
    /// Addresses of the worker that it is assigned to, or of some that hold its value.
    pub workers: Vec<String>,
    /// The run that it is assigned as, or that made its value.
    pub run: Option<RunId>,
    /// How far its run says it is, in units of 1/10,000.
    pub progress: u16,
    /// Size of its value in bytes.
    pub nbytes: u64,
    /// Why it has none, in short.
    pub failure: Option<String>,
}

/// Something that happened to a task or to a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoryLine {
    /// How long before the answer, in nanoseconds.
    pub ago: u64,
    /// Which task, if it happened to one.
    pub key: Option<Key>,
    /// What it was: the name of a state, or empty if it was not known.
    pub from: String,
    /// What it became: the name of a state, or `forgotten`. Of a worker, what became of it.
    pub to: String,
    /// The run, if there was one.
    pub run: Option<RunId>,
    /// Address of the worker, if one had to do with it.
    pub worker: Option<String>,
    /// What gave rise to it.
    pub cause: String,
}

/// Something that was said on a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventLine {
    /// Its number on its topic, from 1. Where some are missing, the scheduler did not remember them.
    pub number: u64,
    /// How long before the answer, in nanoseconds.
    pub ago: u64,
    /// Which task said it, if a run did.
    pub key: Option<Key>,
    /// Which run of it.
    pub run: Option<RunId>,
    /// Address of its worker.
    pub worker: Option<String>,
    /// What was said.
    pub text: String,
}
