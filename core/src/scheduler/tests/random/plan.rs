//! What may happen, as values that proptest draws and shrinks. Who is meant is said by numbers that
//! fit whoever is there when it happens.
//!
//! This module must not know the scheduler.

use std::fmt;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::super::{Config, Policy};
use super::super::{DATA, FRAGILE, GREEDY, ONCE, ONLY_W2, PLAIN, RATHER_W2, RETRIED, UNHEARD};
use crate::time::Duration;
use raddle_net::names::SpecId;

/// Keys there are.
pub const KEYS: u8 = 12;

#[derive(Clone)]
pub struct Plan {
    pub config: Config,
    /// What each key stands for.
    pub recipes: Vec<Recipe>,
    pub steps: Vec<Step>,
}

/// One line a recipe and a step, so that a failure can be read.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.config)?;
        for (key, recipe) in self.recipes.iter().enumerate() {
            writeln!(f, "{key}: {recipe:?}")?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step:?}"))
    }
}

/// What a key stands for.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub spec: SpecId,
    pub priority: i32,
    /// Smaller keys, perhaps one of them twice.
    pub dependencies: Vec<u8>,
}

#[derive(Clone, Debug)]
pub enum Step {
    ClientBreaks { client: u8 },
    ClientJoins { session: u8 },
    ClientResumes { client: u8 },
    ClientSays { client: u8, says: Says },
    RunSays { worker: u8, run: u8, says: Says },
    SessionEnds { worker: u8 },
    Tick { millis: u64 },
    WorkerBreaks { worker: u8 },
    WorkerJoins { joins: Joins },
    WorkerLost { worker: u8 },
    WorkerReports { worker: u8, age: Age, report: Report },
    WorkerResumes { worker: u8 },
    WorkersFetch { copies: u8 },
    WorkersWork { runs: u8 },
}

#[derive(Clone, Copy, Debug)]
pub struct Joins {
    pub session: u8,
    pub name: u8,
    pub address: u8,
    pub nthreads: u32,
    pub registers: bool,
}

#[derive(Clone, Debug)]
pub enum Says {
    Cancel { keys: Vec<u8>, force: bool },
    Copies { key: u8, copies: u32 },
    Detach { keys: Vec<u8> },
    Explain { key: u8 },
    Goodbye,
    HasWhat { worker: u8 },
    Info,
    Locate { key: u8, failed: Option<u8> },
    Misdefine,
    Pause { worker: u8, paused: bool },
    Publish { name: u8, keys: Vec<u8> },
    Rebalance { key: Option<u8> },
    Release { keys: Vec<u8>, answer: bool },
    Retire { worker: u8 },
    Retry { keys: Vec<u8> },
    Submit(Submit),
    SubmitUndefined { key: u8 },
    Story { key: u8 },
    Tasks { after: u8 },
    Unpublish { name: u8 },
    Events { topic: u8, after: u64 },
    LogEvent { topic: u8 },
    WaitForWorkers { workers: u32 },
    Want { keys: Vec<u8> },
    WhoHas { key: u8 },
}

#[derive(Clone, Debug)]
pub struct Submit {
    pub keys: Vec<u8>,
    /// With everything that they depend on.
    pub whole: bool,
    /// With other arguments than everybody else's.
    pub other: bool,
    pub submission: u64,
}

/// Which run a report is about.
#[derive(Clone, Copy, Debug)]
pub enum Age {
    /// One that the worker has.
    Current(u8),
    /// One that another worker has.
    Foreign(u8),
    /// One that was not given out yet, said to be of this key.
    Future(u8),
    /// Any that was ever given out.
    Past(u8),
}

#[derive(Clone, Copy, Debug)]
pub enum Report {
    Failed {
        blame: Option<u8>,
    },
    Memory {
        is_full: bool,
        is_over: bool,
    },
    Fetched,
    Finished {
        nbytes: u64,
        duration: u64,
    },
    Locate,
    Recalled {
        returned: bool,
    },
    Register,
    /// The run says goodbye as a client, if it is not current.
    Speaks,
    Started,
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let recipes = (0..KEYS).map(recipe).collect::<Vec<_>>();
    let beginning = vec(beginning(), 2..6);
    (config(), recipes, beginning, vec(step(), 0..55)).prop_map(
        |(config, recipes, mut steps, rest)| {
            steps.extend(rest);
            Plan { config, recipes, steps }
        },
    )
}

fn config() -> impl Strategy<Value = Config> {
    let policy = prop_oneof![
        1 => Just((Policy::EarliestStart, 0)),
        2 => any::<u64>().prop_map(|seed| (Policy::Random, seed)),
    ];
    (policy, 0..3_u32, 0..2_u64, 0..2_u64).prop_map(
        |((policy, seed), allowed_failures, clients, workers)| Config {
            allowed_failures,
            policy,
            seed,
            track_touched: true,
            client_grace: Duration::from_secs(clients),
            worker_grace: Duration::from_secs(workers),
            ..Config::default()
        },
    )
}

fn recipe(key: u8) -> impl Strategy<Value = Recipe> {
    let spec = prop_oneof![
        8 => Just(PLAIN),
        2 => Just(RETRIED),
        2 => Just(DATA),
        2 => Just(ONLY_W2),
        1 => Just(UNHEARD),
        1 => Just(FRAGILE),
        2 => Just(GREEDY),
        1 => Just(ONCE),
        1 => Just(RATHER_W2),
    ];
    let dependencies = if key == 0 { vec(0..1_u8, 0).boxed() } else { vec(0..key, 0..4).boxed() };
    (spec, -1..2_i32, dependencies).prop_map(|(spec, priority, dependencies)| {
        // Data is not computed from anything.
        let dependencies = if spec == DATA { Vec::new() } else { dependencies };
        Recipe { spec, priority, dependencies }
    })
}

/// Most plays begin with clients and workers.
fn beginning() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u8).prop_map(|session| Step::ClientJoins { session }),
        joins().prop_map(|joins| Step::WorkerJoins { joins }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let nobody = any::<u8>;
    prop_oneof![
        1 => nobody().prop_map(|client| Step::ClientBreaks { client }),
        1 => nobody().prop_map(|client| Step::ClientResumes { client }),
        2 => (0..4_u8).prop_map(|session| Step::ClientJoins { session }),
        16 => (nobody(), says()).prop_map(|(client, says)| Step::ClientSays { client, says }),
        6 => (nobody(), nobody(), says())
            .prop_map(|(worker, run, says)| Step::RunSays { worker, run, says }),
        1 => (0..40_000_u64).prop_map(|millis| Step::Tick { millis }),
        1 => nobody().prop_map(|worker| Step::SessionEnds { worker }),
        2 => nobody().prop_map(|worker| Step::WorkerBreaks { worker }),
        2 => nobody().prop_map(|worker| Step::WorkerResumes { worker }),
        4 => joins().prop_map(|joins| Step::WorkerJoins { joins }),
        1 => nobody().prop_map(|worker| Step::WorkerLost { worker }),
        24 => (nobody(), age(), report())
            .prop_map(|(worker, age, report)| Step::WorkerReports { worker, age, report }),
        3 => (1..5_u8).prop_map(|copies| Step::WorkersFetch { copies }),
        6 => (1..9_u8).prop_map(|runs| Step::WorkersWork { runs }),
    ]
}

fn joins() -> impl Strategy<Value = Joins> {
    (0..6_u8, 0..4_u8, 0..4_u8, prop_oneof![9 => 1..3_u32, 1 => Just(0)], prop::bool::weighted(0.9))
        .prop_map(|(session, name, address, nthreads, registers)| Joins {
            session,
            name,
            address,
            nthreads,
            registers,
        })
}

fn says() -> impl Strategy<Value = Says> {
    let keys = || vec(0..KEYS, 1..5);
    let key = || 0..KEYS;
    let submit = (keys(), prop::bool::weighted(0.8), prop::bool::weighted(0.05), 0..3_u64);
    prop_oneof![
        20 => submit.prop_map(|(keys, whole, other, submission)| {
            Says::Submit(Submit { keys, whole, other, submission })
        }),
        8 => (keys(), any::<bool>()).prop_map(|(keys, answer)| Says::Release { keys, answer }),
        3 => (key(), 1..4_u32).prop_map(|(key, copies)| Says::Copies { key, copies }),
        3 => option::weighted(0.2, key()).prop_map(|key| Says::Rebalance { key }),
        1 => (0..4_u8, any::<bool>()).prop_map(|(worker, paused)| Says::Pause { worker, paused }),
        2 => (0..4_u8).prop_map(|worker| Says::Retire { worker }),
        2 => (0..2_u8, keys()).prop_map(|(name, keys)| Says::Publish { name, keys }),
        1 => (0..2_u8).prop_map(|name| Says::Unpublish { name }),
        2 => keys().prop_map(|keys| Says::Want { keys }),
        3 => (keys(), any::<bool>()).prop_map(|(keys, force)| Says::Cancel { keys, force }),
        2 => keys().prop_map(|keys| Says::Detach { keys }),
        4 => keys().prop_map(|keys| Says::Retry { keys }),
        2 => (key(), option::of(any::<u8>()))
            .prop_map(|(key, failed)| Says::Locate { key, failed }),
        1 => key().prop_map(|key| Says::Explain { key }),
        1 => Just(Says::Info),
        1 => (0..8_u8).prop_map(|worker| Says::HasWhat { worker }),
        1 => key().prop_map(|key| Says::Story { key }),
        1 => key().prop_map(|after| Says::Tasks { after }),
        1 => (0..3_u8, 0..4_u64).prop_map(|(topic, after)| Says::Events { topic, after }),
        1 => (0..3_u8).prop_map(|topic| Says::LogEvent { topic }),
        1 => key().prop_map(|key| Says::WhoHas { key }),
        1 => (0..4_u32).prop_map(|workers| Says::WaitForWorkers { workers }),
        1 => Just(Says::Goodbye),
        1 => Just(Says::Misdefine),
        1 => key().prop_map(|key| Says::SubmitUndefined { key }),
    ]
}

fn age() -> impl Strategy<Value = Age> {
    prop_oneof![
        20 => any::<u8>().prop_map(Age::Current),
        1 => any::<u8>().prop_map(Age::Foreign),
        1 => (0..KEYS).prop_map(Age::Future),
        6 => any::<u8>().prop_map(Age::Past),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    let nbytes = prop_oneof![20 => Just(8), 5 => Just(4_000_000), 1 => Just(u64::MAX)];
    let duration = prop_oneof![20 => 0..1_000_000_000_u64, 1 => Just(u64::MAX)];
    prop_oneof![
        16 => (nbytes, duration)
            .prop_map(|(nbytes, duration)| Report::Finished { nbytes, duration }),
        4 => option::weighted(0.2, 0..KEYS).prop_map(|blame| Report::Failed { blame }),
        3 => Just(Report::Started),
        2 => Just(Report::Speaks),
        4 => Just(Report::Fetched),
        3 => Just(Report::Locate),
        6 => any::<bool>().prop_map(|returned| Report::Recalled { returned }),
        2 => (prop::bool::weighted(0.3), prop::bool::weighted(0.1))
            .prop_map(|(is_full, is_over)| Report::Memory { is_full, is_over }),
        1 => Just(Report::Register),
    ]
}
