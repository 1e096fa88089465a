//! Runs seeds: `cargo sim -- --seed 0..1000`. A failure ends with one line that replays it.

use std::process::ExitCode;

use raddle_core::scheduler::Policy;
use raddle_sim::{Failure, Mix, Plan, Report, Settings, World};

const USAGE: &str = "\
usage: cargo sim -- [--seed N | A..B] [--policy earliest-start|random|both] [--calm]
                    [--tasks N] [--check-determinism] [--log]

  --seed               one seed, or a range without its end (default 0..100)
  --policy             where tasks are placed (default both)
  --calm               no worker dies and no body fails
  --tasks              tasks of a plan, about (default 120)
  --log                print everything that happens
  --check-determinism  run each seed twice and compare everything that happened

exit codes: 0 passed, 1 usage, 125 not deterministic, 128 stuck or leaking, 129 wrong";

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Some(options) => options.run(),
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(1)
        }
    }
}

struct Options {
    seeds: std::ops::Range<u64>,
    policies: Vec<Policy>,
    mix: Mix,
    twice: bool,
    log: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            seeds: 0..100,
            policies: vec![Policy::EarliestStart, Policy::Random],
            mix: Mix { tasks: 120, faults: true, bodies: true },
            twice: false,
            log: false,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seed" => options.seeds = seeds(&arguments.next()?)?,
                "--policy" => options.policies = policies(&arguments.next()?)?,
                "--" => {}
                "--calm" => (options.mix.faults, options.mix.bodies) = (false, false),
                "--tasks" => options.mix.tasks = arguments.next()?.parse().ok()?,
                "--log" => options.log = true,
                "--check-determinism" => options.twice = true,
                _ => return None,
            }
        }
        Some(options)
    }

    fn run(&self) -> ExitCode {
        let (mut total, mut runs) = (Report::default(), 0_u64);
        for seed in self.seeds.clone() {
            for &policy in &self.policies {
                let report = match self.run_one(seed, policy) {
                    Ok(report) => report,
                    Err(code) => return code,
                };
                runs += 1;
                total.events += report.events;
                total.executions += report.executions;
                total.judged += report.judged;
                total.digest = total.digest.rotate_left(1) ^ report.digest;
            }
        }
        eprintln!(
            "{runs} runs passed: {} events, {} executions, {} results judged, digest {:016x}",
            total.events, total.executions, total.judged, total.digest
        );
        ExitCode::SUCCESS
    }

    fn run_one(&self, seed: u64, policy: Policy) -> Result<Report, ExitCode> {
        let plan = Plan::from_seed(seed, self.mix);
        let run = || {
            World::new(Settings { seed, policy, log: self.log, ..Settings::default() }).run(&plan)
        };
        let first = run().map_err(|failure| self.report(seed, policy, &failure))?;
        if self.twice && run().as_ref() != Ok(&first) {
            eprintln!("seed {seed}, {policy:?}: a second run differs");
            self.replay(seed, policy);
            return Err(ExitCode::from(125));
        }
        Ok(first)
    }

    fn report(&self, seed: u64, policy: Policy, failure: &Failure) -> ExitCode {
        eprintln!("seed {seed}, {policy:?}: {failure}");
        self.replay(seed, policy);
        match failure {
            Failure::Leak(_) | Failure::Stuck(_) => ExitCode::from(128),
            Failure::Client(_)
            | Failure::Protocol(_)
            | Failure::Scheduler(_)
            | Failure::Worker(_)
            | Failure::WrongResult(_) => ExitCode::from(129),
        }
    }

    fn replay(&self, seed: u64, policy: Policy) {
        let policy = match policy {
            Policy::EarliestStart => "earliest-start",
            Policy::Random => "random",
        };
        let calm = if self.mix.faults { "" } else { " --calm" };
        let tasks = self.mix.tasks;
        eprintln!("REPRODUCE: cargo sim -- --seed {seed} --policy {policy} --tasks {tasks}{calm}");
    }
}

fn seeds(text: &str) -> Option<std::ops::Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed + 1),
    }
}

fn policies(text: &str) -> Option<Vec<Policy>> {
    match text {
        "both" => Some(vec![Policy::EarliestStart, Policy::Random]),
        "earliest-start" => Some(vec![Policy::EarliestStart]),
        "random" => Some(vec![Policy::Random]),
        _ => None,
    }
}
