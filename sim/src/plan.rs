//! What a plan is: a small network, and a list of timed operations on it.
//!
//! It must not know where a plan comes from (a seed, a file, a smaller copy) or how it is run.

use raddle_core::worker::{Effect, Event};
use raddle_net::names::Key;

use crate::body::Body;
use crate::fields::Fields;
use crate::limits::Limits;
use crate::wish::Wish;

/// What a run does from outside, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Threads of each worker that is there from the start.
    pub workers: Vec<u32>,
    /// How many clients there are.
    pub clients: usize,
    /// How long messages travel.
    pub latency: Latency,
    /// Bytes of values that a node sends in a microsecond; 0 if that takes no time.
    pub bandwidth: u64,
    /// How long the scheduler waits for a worker whose connection broke, in microseconds.
    pub grace: u64,
    /// Turns limits and pauses of workers and clients; 0: as usual.
    pub knobs: u64,
    /// Requests that a worker serves at a time; 0: as many as usual.
    pub serves: usize,
    /// How long work waits in a cluster without any worker before it fails, in microseconds; 0 for
    /// as long as by default.
    pub patience: u64,
    /// What workers have of a GPU, in units of 1/10,000, in turn by their numbers; none: nothing.
    pub gpus: Vec<u64>,
    /// Memory of workers in bytes, in turn by their numbers, 0 for any amount; none: no limits.
    pub memory: Vec<u64>,
    /// What the scheduler puts up with.
    pub limits: Limits,
    /// Operations.
    pub ops: Vec<Step>,
}

impl Plan {
    /// Tasks that clients submit.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.submitted().count() as u64
    }

    /// Whether somebody asks that workers rest or leave.
    #[must_use]
    pub(crate) fn holds_workers_back(&self) -> bool {
        let asks = |step: &Step| {
            matches!(step.op, Op::Query(_, Question::Rest(_, true) | Question::Retire(_)))
        };
        self.ops.iter().any(asks)
    }

    /// Every task of every submission.
    pub(crate) fn submitted(&self) -> impl Iterator<Item = &TaskDef> {
        let ops = self.ops.iter().filter(|step| matches!(step.op, Op::Submit(..)));
        ops.flat_map(|step| step.op.tasks())
    }

    /// Every task of every submission.
    pub(crate) fn submitted_mut(&mut self) -> impl Iterator<Item = &mut TaskDef> {
        let ops = self.ops.iter_mut().filter(|step| matches!(step.op, Op::Submit(..)));
        ops.flat_map(|step| step.op.tasks_mut())
    }

    /// Puts steps among those that are there, when it is their time; all are numbered anew.
    pub(crate) fn add(&mut self, steps: Vec<Step>) {
        self.ops.extend(steps);
        self.ops.sort_by_key(|step| step.at);
        for (step, id) in self.ops.iter_mut().zip(1..) {
            step.id = id;
        }
    }

    /// When the last operation happens, in microseconds from the start.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.ops.iter().map(|step| step.at).max().unwrap_or(0)
    }
}

/// An operation and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name in the plan, and in what is cut out of the plan.
    pub id: u32,
    /// When, in microseconds from the start.
    pub at: u64,
    /// What.
    pub op: Op,
}

/// How long a message travels on a link, in microseconds. None overtakes another on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Fast, and now and then slow.
    Bimodal {
        /// Most messages.
        fast: u64,
        /// The others.
        slow: u64,
        /// How many of a thousand are slow.
        per_mille: u64,
    },
    /// Always the same.
    Constant(u64),
    /// Anything from the first up to the second.
    Uniform(u64, u64),
}

impl Default for Latency {
    fn default() -> Self {
        Self::Uniform(20, 420)
    }
}

/// One operation. Workers are named by their number among those alive (modulo).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The worker to which this happens for the so-manieth time from now on dies of it: what it says
    /// at that moment is lost. Where connections break, it may be given up instead, and hear so at
    /// that moment, as soon as it has done all that follows from it.
    Ambush(Moment, u64),
    /// The client calls these futures off.
    Cancel(usize, Vec<Key>),
    /// What the first sends to the second stands still for so many microseconds.
    Clog(Place, Place, u64),
    /// The connection of a client or worker with the scheduler breaks. The scheduler notices after
    /// so many microseconds; the other side dials again after so many.
    Cut(Place, u64, u64),
    /// The disk of the worker fails.
    Disk(usize, DiskFault),
    /// The client closes: it says so, and drops everything.
    Goodbye(usize),
    /// A worker with so many threads joins.
    Join(u32),
    /// The worker dies, and is restarted somewhat later.
    Kill(usize),
    /// The worker dies, and is not restarted.
    Leave(usize),
    /// Somebody with no business here does odd things, chosen by this number; they must change
    /// nothing for anybody else.
    Meddle(u64),
    /// The worker's process stands still for so many microseconds.
    Pause(usize, u64),
    /// The client asks the scheduler.
    Query(usize, Question),
    /// The client drops these futures.
    Release(usize, Vec<Key>),
    /// The client puts data on a worker.
    Scatter(usize, TaskDef),
    /// The client submits these tasks in one call.
    Submit(usize, Vec<TaskDef>),
    /// The client's process dies.
    Vanish(usize),
    /// The client wishes something for tasks that are there.
    Wish(usize, Wish),
}

impl Op {
    /// The tasks that it submits, or the data that it scatters.
    pub(crate) fn tasks(&self) -> &[TaskDef] {
        if let Self::Submit(_, tasks) = self {
            tasks
        } else if let Self::Scatter(_, task) = self {
            std::slice::from_ref(task)
        } else {
            &[]
        }
    }

    /// The same, to be changed.
    pub(crate) fn tasks_mut(&mut self) -> &mut [TaskDef] {
        if let Self::Submit(_, tasks) = self {
            tasks
        } else if let Self::Scatter(_, task) = self {
            std::slice::from_mut(task)
        } else {
            &mut []
        }
    }

    /// Whose doing it is, if it is a client's.
    pub(crate) fn client(&self) -> Option<usize> {
        match self {
            Self::Cancel(client, _)
            | Self::Goodbye(client)
            | Self::Query(client, _)
            | Self::Release(client, _)
            | Self::Scatter(client, _)
            | Self::Submit(client, _)
            | Self::Vanish(client)
            | Self::Wish(client, _) => Some(*client),
            Self::Ambush(..)
            | Self::Clog(..)
            | Self::Cut(..)
            | Self::Disk(..)
            | Self::Join(_)
            | Self::Kill(_)
            | Self::Leave(_)
            | Self::Meddle(_)
            | Self::Pause(..) => None,
        }
    }
}

/// What befalls a disk on which a worker has values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Nothing more fits for so many microseconds.
    Full(u64),
    /// What is there can never be read again, and nothing can be written.
    Gone,
}

/// A moment in the life of a worker at which its death, or the end of its session, is worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A body starts to wait for tasks of its own.
    Blocked,
    /// A body starts.
    Execute,
    /// A body has ended.
    Executed,
    /// A run that may be deadly is announced.
    Flush,
    /// Values are asked for from a peer.
    Gather,
    /// They have come, or not.
    Gathered,
    /// A client's data has come.
    Received,
    /// The scheduler says something.
    Told,
    /// Values are served to a peer.
    Serve,
    /// A body is not wanted any more.
    Stop,
    /// A body that has waited wants a slot again.
    Unblocked,
}

impl Moment {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Blocked,
        Self::Execute,
        Self::Executed,
        Self::Flush,
        Self::Gather,
        Self::Gathered,
        Self::Received,
        Self::Told,
        Self::Serve,
        Self::Stop,
        Self::Unblocked,
    ];

    /// Whether it comes only a few times in a run, if at all.
    #[must_use]
    pub fn is_rare(self) -> bool {
        matches!(self, Self::Blocked | Self::Flush | Self::Stop | Self::Unblocked)
    }

    /// The moment that this is, if it is one.
    pub(crate) fn of_event(event: &Event) -> Option<Self> {
        match event {
            Event::Blocked { .. } => Some(Self::Blocked),
            Event::Executed { .. } => Some(Self::Executed),
            Event::Gathered { .. } => Some(Self::Gathered),
            Event::Received { .. } => Some(Self::Received),
            Event::FromScheduler(_) => Some(Self::Told),
            Event::Unblocked { .. } => Some(Self::Unblocked),
            Event::Asked { .. }
            | Event::Disconnected
            | Event::Flushed { .. }
            | Event::FromRun { .. }
            | Event::Noted { .. }
            | Event::Served { .. }
            | Event::Tick => None,
        }
    }

    /// The moment that this is, if it is one.
    pub(crate) fn of_effect(effect: &Effect) -> Option<Self> {
        match effect {
            Effect::Execute(_) => Some(Self::Execute),
            Effect::Flush { .. } => Some(Self::Flush),
            Effect::Gather { .. } => Some(Self::Gather),
            Effect::Serve { .. } => Some(Self::Serve),
            Effect::Stop { .. } => Some(Self::Stop),
            Effect::Accept { .. }
            | Effect::Close { .. }
            | Effect::Forget { .. }
            | Effect::Leave
            | Effect::Reject { .. }
            | Effect::Resume { .. }
            | Effect::ServeBusy { .. }
            | Effect::ToRun { .. }
            | Effect::ToScheduler(_) => None,
        }
    }
}

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The client of this number.
    Client(usize),
    /// The scheduler.
    Scheduler,
    /// The worker of this number among those alive (modulo).
    Worker(usize),
}

/// What a client asks, or asks for. Workers are named by their number among those alive (modulo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// That so many copies of this key's value are kept.
    Copies(Key, u32),
    /// Why this key is not done.
    Explain(Key),
    /// What was said on a topic, once something was.
    Events,
    /// What the cluster is.
    Info,
    /// That values that the client holds move from workers that hold much to those that hold little.
    Rebalance,
    /// That this worker is given nothing new, or something again.
    Rest(usize, bool),
    /// That this worker leaves.
    Retire(usize),
    /// To have something said on that topic.
    Say,
    /// To be told when there is a worker.
    Workers,
}

/// A task of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskDef {
    /// Its key.
    pub key: Key,
    /// Tasks whose values it needs.
    pub dependencies: Vec<Key>,
    /// What it does.
    pub body: Body,
    /// Failures that it may have.
    pub retries: u32,
    /// The user's priority.
    pub priority: i32,
    /// Whether it is data that the client sends.
    pub scattered: bool,
    /// Where, with what, for how long and how often it may run.
    pub fields: Fields,
}

impl TaskDef {
    /// Whether it is data that a client sends.
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        self.scattered
    }

    /// Its value, given those of its inputs.
    #[must_use]
    pub fn evaluate(&self, inputs: Vec<u64>) -> u64 {
        let children = (0..self.body.children).map(|n| self.body.child(n).value([]));
        self.body.value(inputs.into_iter().chain(children))
    }
}
