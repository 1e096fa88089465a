//! One case on tier 2: a cluster is built, the plan followed under the weather, everything healed;
//! then what is held must settle, and when it was released, nothing may be left.
//!
//! It must not know where cases come from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use madsim::plugin;
use madsim::runtime::{Handle, Runtime};
use raddle::simulated::{self, network};
use raddle_core::random::hash;
use raddle_core::scheduler::Config;
use raddle_net::names::{Key, Session};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::nodes::{self, PORT};
use super::stage::{Machine, Stage, stage};
use super::user::{self, Ask};
use super::weather::{Fault, Place, Weather};
use crate::body::Body;
use crate::case::Case;
use crate::failure::{Failure, Report};
use crate::history::History;
use crate::plan::{Op, Plan, TaskDef};
use crate::wish::Wish;

/// A run that takes longer, in simulated time, never ends.
const ENDS: Duration = Duration::from_secs(6 * 3_600);
/// How long, in simulated time, it may take until nothing is left: longer than the scheduler waits
/// for a client whose connection broke.
const EMPTIES: Duration = Duration::from_secs(120);
/// The session of work that no plan has.
const FRESH: u64 = 1 << 40;
/// The run goes on so long after the last operation.
const TAIL: Duration = Duration::from_millis(500);

/// Runs a case on a thread of its own, as if in a process of its own. A panic is a failure too.
///
/// # Errors
///
/// The first property that does not hold.
pub(super) fn run(case: &Case, weather: &Weather) -> Result<Report, Failure> {
    let (case, weather) = (case.clone(), weather.clone());
    let run = move || {
        let run = AssertUnwindSafe(|| run_here(&case, &weather));
        catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(Failure::Panic(text.unwrap_or_default()))
        })
    };
    let thread = std::thread::Builder::new().name("raddle-run".to_owned()).spawn(run);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Failure::Panic("a run panicked at its very end".to_owned())),
        Err(error) => Err(Failure::Panic(format!("no thread for a run: {error}"))),
    }
}

fn run_here(case: &Case, weather: &Weather) -> Result<Report, Failure> {
    let mut runtime = Runtime::with_seed_and_config(case.seed, madsim::Config::default());
    runtime.set_time_limit(ENDS);
    runtime.block_on(play(case, weather));
    let (events, trace) = network::trace();
    drop(runtime);
    let stage = Stage::take().expect("it was set");
    match stage.failure {
        Some(failure) => Err(failure),
        None => {
            let digest = hash(stage.report.digest, 0, trace, 0);
            Ok(Report { events, digest, ..stage.report })
        }
    }
}

/// Leaves everything on the stage.
async fn play(case: &Case, weather: &Weather) {
    let plan = &case.plan;
    network::start(weather.climate(plan.latency));
    set_stage(case, weather).await;
    plan.workers.iter().for_each(|threads| nodes::join(*threads));
    let mut users = Vec::new();
    for number in 0..plan.clients {
        users.push(start_user(number).await);
    }
    follow(plan, weather, &users).await;
    if !failed() {
        let seen = judge(&users).await;
        stage(|stage| stage.report.history = seen);
    }
    // Somebody whom no fault has hit; and fresh work is done.
    let witness = start_user(users.len()).await;
    users.push(witness.clone());
    tell(&witness, Ask::Do(Op::Submit(users.len() - 1, vec![fresh()])));
    if !failed() {
        take_all(&witness);
        judge(&users[users.len() - 1..]).await;
    }
    if !failed() {
        empty(&users, &witness).await;
    }
}

/// Somebody takes what is published, whoever published it.
fn take_all(witness: &mpsc::UnboundedSender<Ask>) {
    for name in names() {
        tell(witness, Ask::Do(Op::Wish(0, Wish::Take(name))));
    }
}

/// Names under which something may be published.
fn names() -> Vec<u64> {
    stage(|stage| stage.oracle.names().collect())
}

/// A task that every cluster can run.
fn fresh() -> TaskDef {
    let key = Key::numbered(Session::truncate(FRESH), 1);
    let body = Body { salt: FRESH, nbytes: 65, micros: 10, children: 1, ..Body::default() };
    TaskDef { key, body, ..TaskDef::default() }
}

fn failed() -> bool {
    stage(|stage| stage.failure.is_some())
}

async fn set_stage(case: &Case, weather: &Weather) {
    let config = Config {
        policy: case.policy,
        seed: case.seed,
        worker_grace: Duration::from_micros(case.plan.grace),
        // All workers may leave before the plan ends, and the shell's times are long.
        no_workers_timeout: ENDS,
        ..Config::default()
    };
    let cluster = Handle::current();
    let director = cluster.create_node().name("director").build();
    let scheduler = cluster.create_node().name("scheduler");
    let scheduler = scheduler.init(move || serve(config.clone())).build();
    let machine = Machine { node: scheduler.id(), ip: network::address(scheduler.id()) };
    Stage::set(case.seed, weather.clone(), director, machine);
    let faults = case.plan.ops.iter().filter(|step| is_fault(&step.op)).count();
    stage(|stage| {
        stage.faulty = faults + weather.faults.len() > 0;
        stage.holds_back = case.plan.holds_workers_back();
    });
    // It listens before anybody comes: others would try again, later.
    sleep(Duration::from_millis(1)).await;
}

async fn serve(config: Config) {
    let host = network::address(plugin::node()).to_string();
    let ended = simulated::scheduler(host, PORT, config).await;
    stage(|stage| stage.fail(Failure::Protocol(format!("the scheduler ends: {ended:?}"))));
}

async fn start_user(number: usize) -> mpsc::UnboundedSender<Ask> {
    let (ask, asks) = mpsc::unbounded_channel();
    let (tell, connected) = oneshot::channel();
    let node = Handle::current().create_node().name(format!("client {number}")).build();
    let machine = Machine { node: node.id(), ip: network::address(node.id()) };
    stage(|stage| stage.clients.push(machine));
    drop(node.spawn(user::live(number, asks, tell)));
    // It tells, or the run has failed.
    let _ = connected.await;
    ask
}

/// What happens at a time.
enum Happens<'a> {
    Fault(Fault, Duration),
    Op(&'a Op),
}

/// Operations and faults, in their order, and until the last fault is undone.
async fn follow(plan: &Plan, weather: &Weather, users: &[mpsc::UnboundedSender<Ask>]) {
    let start = simulated::now();
    let time = |micros: u64| Duration::from_micros(micros * weather.stretch);
    let length = time(plan.ops.last().map_or(0, |step| step.at)) + TAIL;
    let ops = plan.ops.iter().map(|step| (time(step.at), Happens::Op(&step.op)));
    let storms = weather
        .faults
        .iter()
        .map(|storm| (length * storm.at as u32 / 1_000, Happens::Fault(storm.fault, storm.lasts)));
    let mut agenda: Vec<_> = ops.chain(storms).collect();
    agenda.sort_by_key(|(at, _)| *at);
    for (at, happens) in agenda {
        simulated::pause(start + at - simulated::now()).await;
        if failed() {
            return;
        }
        match happens {
            Happens::Fault(fault, lasts) => nodes::suffer(fault, lasts),
            Happens::Op(op) => operate(op, weather, users),
        }
    }
    simulated::pause(start + length - simulated::now()).await;
    while stage(|stage| stage.open) > 0 {
        sleep(TAIL).await;
    }
    // Workers that lost their connection at the end may still be about to find out.
    sleep(TAIL).await;
    nodes::heal();
}

fn operate(op: &Op, weather: &Weather, users: &[mpsc::UnboundedSender<Ask>]) {
    let time = |micros: u64| Duration::from_micros(micros * weather.stretch);
    match op {
        // Whatever the moment: the shell has no place where it could be known.
        Op::Ambush(_, nth) => stage(|stage| stage.ambushes.push(1 + *nth)),
        Op::Cancel(client, _)
        | Op::Goodbye(client)
        | Op::Query(client, _)
        | Op::Release(client, _)
        | Op::Scatter(client, _)
        | Op::Submit(client, _)
        | Op::Wish(client, _) => tell(&users[*client], Ask::Do(op.clone())),
        Op::Clog(from, to, micros) => {
            let fault = Fault::Cut(Place::from(*from), Place::from(*to), false);
            nodes::suffer(fault, time(*micros));
        }
        // Both sides notice at once, and dial as soon as the shell does.
        Op::Cut(place, ..) => {
            nodes::suffer(Fault::Reset(Place::from(*place), Place::Scheduler), Duration::ZERO);
        }
        // In a simulated process nothing may wait for a disk: it has none.
        Op::Disk(..) => {}
        Op::Join(threads) => nodes::join(*threads),
        Op::Kill(worker) => nodes::kill(*worker as u64),
        Op::Leave(worker) => nodes::leave(*worker as u64),
        // A shell says nothing odd; strangers are for the first tier.
        Op::Meddle(_) => {}
        Op::Pause(worker, micros) => {
            nodes::suffer(Fault::Pause(Place::Worker(*worker as u64)), time(*micros));
        }
        Op::Vanish(client) => nodes::vanish(*client),
    }
}

/// Whether a worker may lose its connection by it.
fn is_fault(op: &Op) -> bool {
    matches!(op, Op::Ambush(..) | Op::Clog(..) | Op::Cut(..) | Op::Kill(_) | Op::Pause(..))
}

fn tell(user: &mpsc::UnboundedSender<Ask>, ask: Ask) {
    // A user ends with its node, which ends with the run.
    let _ = user.send(ask);
}

/// Everything that is held must settle, and be what it must.
async fn judge(users: &[mpsc::UnboundedSender<Ask>]) -> History {
    let mut answers = Vec::new();
    for user in users {
        let (seen, sees) = oneshot::channel();
        tell(user, Ask::Judge(seen));
        answers.push(sees);
    }
    let mut history = History::new();
    for sees in answers {
        // Who has left sees nothing.
        history.push(sees.await.unwrap_or_default());
    }
    history
}

/// Everything is released, and then nothing may be left anywhere.
async fn empty(users: &[mpsc::UnboundedSender<Ask>], witness: &mpsc::UnboundedSender<Ask>) {
    for user in users {
        let (done, is_done) = oneshot::channel();
        tell(user, Ask::Release(done));
        // It tells, or the run has failed.
        let _ = is_done.await;
    }
    for name in names() {
        tell(witness, Ask::Do(Op::Wish(0, Wish::Unpublish(name))));
    }
    let start = simulated::now();
    loop {
        let (tell_tasks, told) = oneshot::channel();
        tell(witness, Ask::Tasks(tell_tasks));
        let tasks = told.await.ok().flatten();
        let left = simulated::left();
        if tasks == Some(0) && left.is_empty() {
            return;
        }
        if simulated::now() - start > EMPTIES {
            let text = format!("{tasks:?} tasks in the scheduler; workers: {}", left.join("; "));
            return stage(|stage| stage.fail(Failure::Leak(text)));
        }
        sleep(Duration::from_millis(20)).await;
    }
}
