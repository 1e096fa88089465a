//! One round: clients come, do what a plan says, await all that they hold, and go; then nothing may be
//! left.
//!
//! It must not know what befalls the cluster.

use std::sync::Arc;
use std::time::Duration;

use raddle_core::scheduler::Policy;
use raddle_sim::{Case, History, Mix, Mode, Op, Plan, Step, Wish, difference, without_races};
use tokio::time::{Instant, sleep_until};

use super::cluster::Cluster;
use super::user::{Stage, User};
use super::{Outcome, calm};

/// What plans consist of: the same as those of `cargo sim -- --tier both`.
const MIX: Mix = Mix { tasks: 120, faults: true, bodies: true, swarm: true };

/// The case of a seed. A calm one has a definite outcome; in another, futures are called off, tasks that
/// have failed run again, and what is published is taken and taken back.
#[must_use]
pub fn case(seed: u64, calm: bool) -> Case {
    let plan = Plan::from_seed(seed, MIX);
    let whole = Case { story: String::new(), seed, policy: Policy::default(), plant: None, plan };
    let mut case = without_races(&whole);
    if !calm {
        let by_the_moment = |step: &&Step| {
            use Wish::{Force, Retry, Take, Unpublish};
            let Op::Wish(_, wish) = &step.op else { return matches!(step.op, Op::Cancel(..)) };
            matches!(wish, Force(_) | Retry(_) | Take(_) | Unpublish(_))
        };
        case.plan.ops.extend(whole.plan.ops.iter().filter(by_the_moment).cloned());
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
    let mut users = Users::come(case, cluster, round).await?;
    users.operate(&case.plan.ops).await?;
    users.end(cluster).await
}

/// Plays the case; in the middle of it the scheduler dies, and another takes its place. Each future
/// that clients have is then what it must be, or they hear that they are disconnected from it; and the
/// workers work for the new one.
///
/// # Errors
///
/// As [`play`].
pub async fn survive(case: &Case, cluster: &Cluster, round: u64) -> Outcome<History> {
    let mut users = Users::come(case, cluster, round).await?;
    let (before, after) = case.plan.ops.split_at(case.plan.ops.len() / 2);
    users.operate(before).await?;
    users.stage.bereave();
    cluster.replace_scheduler()?;
    users.operate(after).await?;
    let history = users.end(cluster).await?;
    calm::settle(cluster).await?;
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

/// Those who play a case.
struct Users {
    stage: Arc<Stage>,
    all: Vec<User>,
    start: Instant,
}

impl Users {
    async fn come(case: &Case, cluster: &Cluster, round: u64) -> Outcome<Self> {
        let stage = Arc::new(Stage::new(round));
        let mut all = Vec::new();
        for _ in 0..case.plan.clients {
            all.push(User::connect(cluster, &stage).await?);
        }
        Ok(Self { stage, all, start: Instant::now() })
    }

    /// Each step at its time.
    async fn operate(&mut self, steps: &[Step]) -> Outcome<()> {
        for step in steps {
            sleep_until(self.start + Duration::from_micros(step.at)).await;
            if let Some(client) = client(&step.op)
                && !self.all[client].is_gone()
            {
                self.all[client].operate(&step.op).await?;
            }
        }
        Ok(())
    }

    /// What they saw, once they have left.
    async fn end(self, cluster: &Cluster) -> Outcome<History> {
        let mut history = History::new();
        for user in &self.all {
            history.push(user.judge_all(cluster).await?);
        }
        for mut user in self.all {
            user.leave().await;
        }
        calm::nothing_is_left(cluster, &self.stage.names()).await?;
        Ok(history)
    }
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
        | Op::Disk(..)
        | Op::Join(_)
        | Op::Kill(_)
        | Op::Leave(_)
        | Op::Meddle(_)
        | Op::Pause(..) => None,
    }
}
