//! One round: clients come, do what a plan says, await all that they hold, and go; then nothing may be
//! left.
//!
//! It must not know what befalls the cluster.

use std::sync::Arc;
use std::time::Duration;

use raddle::Client;
use raddle_core::scheduler::Policy;
use raddle_sim::{Case, History, Mix, Mode, Op, Plan, Step, difference, without_races};
use tokio::time::{Instant, sleep_until};

use super::cluster::Cluster;
use super::user::{Stage, User, tasks};
use super::{LIMIT, Outcome};

/// What plans consist of: the same as those of `cargo sim -- --tier both`.
const MIX: Mix = Mix { tasks: 120, faults: true, bodies: true, swarm: true };

/// The case of a seed. A calm one has a definite outcome; in another, futures are called off.
#[must_use]
pub fn case(seed: u64, calm: bool) -> Case {
    let plan = Plan::from_seed(seed, MIX);
    let whole = Case { story: String::new(), seed, policy: Policy::default(), plant: None, plan };
    let mut case = without_races(&whole);
    // Nobody publishes or detaches: what is left of that is for others to look at.
    case.plan.ops.retain(|step| !matches!(step.op, Op::Wish(..)));
    if !calm {
        let called_off = |step: &&Step| matches!(step.op, Op::Cancel(..));
        case.plan.ops.extend(whole.plan.ops.iter().filter(called_off).cloned());
        case.plan.ops.sort_by_key(|step| (step.at, step.id));
    }
    for step in &mut case.plan.ops {
        if let Op::Submit(_, tasks) = &mut step.op {
            for task in tasks {
                task.fields = raddle_sim::Fields::default();
                // Of runs that are lost with their worker a body does not know whether they failed.
                if u32::from(task.body.failures) > task.retries {
                    task.body.failures = u8::MAX;
                }
            }
        }
    }
    case
}

/// Plays the case; what its clients saw.
///
/// # Errors
///
/// What they must not see, or do not see in time; or that something is left.
pub async fn play(case: &Case, cluster: &Cluster, round: u64) -> Outcome<History> {
    let stage = Arc::new(Stage::new(round));
    let mut users = Vec::new();
    for _ in 0..case.plan.clients {
        users.push(User::connect(cluster, &stage).await?);
    }
    let start = Instant::now();
    for step in &case.plan.ops {
        sleep_until(start + Duration::from_micros(step.at)).await;
        if let Some(client) = client(&step.op)
            && !users[client].is_gone()
        {
            users[client].operate(&step.op).await;
        }
    }
    let mut history = History::new();
    for user in &users {
        history.push(user.judge_all(cluster).await?);
    }
    for mut user in users {
        user.leave().await;
    }
    nothing_is_left(cluster).await?;
    Ok(history)
}

/// Plays the case of a seed on tier 1 of the simulation and here; clients must see the same.
///
/// # Errors
///
/// As [`play`], or what they saw otherwise.
pub async fn agree(seed: u64, cluster: &Cluster) -> Outcome<()> {
    let case = case(seed, true);
    let simulated = case.run(Mode::default()).map_err(|failure| failure.to_string())?;
    let real = play(&case, cluster, seed).await?;
    difference(&case, &simulated.history, &real).map_or(Ok(()), Err)
}

async fn nothing_is_left(cluster: &Cluster) -> Outcome<()> {
    let witness = Client::connect(cluster.address()).await.map_err(super::text)?;
    let start = Instant::now();
    loop {
        let left = tasks(&witness).await?;
        if left == 0 {
            break;
        }
        if start.elapsed() > LIMIT {
            return Err(format!("{left} tasks are left, and nobody holds any"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    witness.close().await.map_err(super::text)
}

/// Whose doing it is, if it is a client's.
fn client(op: &Op) -> Option<usize> {
    match op {
        Op::Cancel(client, _)
        | Op::Goodbye(client)
        | Op::Query(client, _)
        | Op::Release(client, _)
        | Op::Scatter(client, _)
        | Op::Submit(client, _)
        | Op::Vanish(client)
        | Op::Wish(client, _) => Some(*client),
        Op::Ambush(..)
        | Op::Clog(..)
        | Op::Cut(..)
        | Op::Join(_)
        | Op::Kill(_)
        | Op::Leave(_)
        | Op::Meddle(_)
        | Op::Pause(..) => None,
    }
}
