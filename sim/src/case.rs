//! A case: a plan with all that decides how it runs, as a file. What a failure leaves behind, and
//! what a regression test replays.
//!
//! ```text
//! # Comment lines before the first other line tell its story.
//! seed 84
//! policy random
//! … and the plan, as `text.rs` says.
//! ```

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::Arc;

use raddle_core::scheduler::Policy;

use crate::failure::{Failure, Report};
use crate::journal::Journal;
use crate::plan::Plan;
use crate::plant::Plant;
use crate::record::{Record, Recorder};
use crate::text::ParseError;
use crate::world::{Mode, Settings, World};

/// A plan and how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What happened, in lines without `#`.
    pub story: String,
    /// Seed of delays and of the random policy.
    pub seed: u64,
    /// Where tasks are placed.
    pub policy: Policy,
    /// A bug in the links and drivers; `plant NAME` in the file.
    pub plant: Option<Plant>,
    /// What happens from outside.
    pub plan: Plan,
}

impl Case {
    /// Runs it; a panic of a machine is a failure too.
    ///
    /// # Errors
    ///
    /// The first property that does not hold.
    pub fn run(&self, mode: Mode) -> Result<Report, Failure> {
        self.record(mode, 0).0
    }

    /// Runs it and keeps about so many records of what happened, of its beginning and of its end.
    pub fn record(&self, mode: Mode, keeps: usize) -> (Result<Report, Failure>, Vec<Record>) {
        let recorder = Recorder { keeps, ..Recorder::default() };
        let (played, world) = self.play(mode, recorder, Journal::default());
        (played, world.recorder.records)
    }

    /// Runs it; what happened, and what became of it, is kept as these say.
    pub(crate) fn play(
        &self,
        mode: Mode,
        recorder: Recorder,
        journal: Journal,
    ) -> (Result<Report, Failure>, World) {
        let Self { seed, policy, plant, .. } = *self;
        let settings = Settings { seed, policy, plant, mode };
        let mut world = World::new(settings, Arc::new(self.plan.clone()));
        (world.recorder, world.journal) = (recorder, journal);
        let played = catch_unwind(AssertUnwindSafe(|| world.play())).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(Failure::Panic(text.unwrap_or_default()))
        });
        (played.map(|()| std::mem::take(&mut world.report)), world)
    }
}

/// The name of a policy, in files and on the command line.
#[must_use]
pub fn policy_name(policy: Policy) -> &'static str {
    match policy {
        Policy::EarliestStart => "earliest-start",
        Policy::Random => "random",
    }
}

/// The policy of this name.
#[must_use]
pub fn policy_named(name: &str) -> Option<Policy> {
    [Policy::EarliestStart, Policy::Random].into_iter().find(|&policy| policy_name(policy) == name)
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.story.lines().try_for_each(|line| writeln!(f, "# {line}"))?;
        writeln!(f, "seed {}\npolicy {}", self.seed, policy_name(self.policy))?;
        self.plant.iter().try_for_each(|plant| writeln!(f, "plant {}", plant.name()))?;
        self.plan.fmt(f)
    }
}

impl FromStr for Case {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let comments = text.lines().map_while(|line| line.strip_prefix('#'));
        let story = comments.map(str::trim).collect::<Vec<_>>().join("\n").trim_end().to_owned();
        let (mut seed, mut policy, mut plant) = (None, None, None);
        let mut plan = String::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |word: &str, expected| ParseError::Word {
                line: number + 1,
                word: word.to_owned(),
                expected,
            };
            match line.trim_end().split_once(' ') {
                Some(("seed", value)) => {
                    seed = Some(value.parse().map_err(|_| wrong(value, "a number"))?);
                }
                Some(("policy", name)) => {
                    let known = policy_named(name);
                    policy = Some(known.ok_or_else(|| wrong(name, "a policy"))?);
                }
                Some(("plant", name)) => {
                    let known = Plant::named(name);
                    plant = Some(known.ok_or_else(|| wrong(name, "a planted bug"))?);
                }
                // The plan keeps its line numbers.
                Some(_) | None => plan.push_str(line),
            }
            plan.push('\n');
        }
        let missing = |expected| ParseError::Missing { line: text.lines().count(), expected };
        Ok(Self {
            story,
            seed: seed.ok_or_else(|| missing("a seed"))?,
            policy: policy.ok_or_else(|| missing("a policy"))?,
            plant,
            plan: plan.parse()?,
        })
    }
}
