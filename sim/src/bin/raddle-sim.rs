//! Runs seeds: `cargo sim -- --seed 0..1000`, or a saved case. A failure is minimised, saved, and
//! ends with one line that replays it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use raddle_core::scheduler::Policy;
use raddle_sim::{
    Case, Depth, Failure, Find, Mix, Mode, Plan, Plant, Property, Report, minimise, policy_name,
    policy_named,
};

const USAGE: &str = "\
usage: cargo sim -- [--seed N | A..B | --replay FILE] [--policy earliest-start|random|both]
                    [--plain] [--calm] [--tasks N] [--save FILE] [--no-shrink]
                    [--plant BUG] [--coverage] [--check-determinism] [--log]

  --seed               one seed, or a range without its end (default 0..100)
  --replay             run a saved case instead
  --policy             where tasks are placed (default both)
  --plain              the seed chooses operations, not how often what is done, nor the network
  --calm               no worker dies and no body fails
  --tasks              tasks of a plan, about (default 120)
  --save               write the first case to a file instead of running it
  --no-shrink          leave a failing case as it is
  --plant              with this bug in the links and drivers (docs/simulation.md lists them)
  --plants             hunt every planted bug, and print a table
  --coverage           print how often each kind of thing was seen, and which were never
  --log                print everything that happens
  --check-determinism  run each case twice and compare everything that happened

exit codes: 0 passed, 1 usage, 125 not deterministic, 127 panicked, 128 stuck or leaking, 129 wrong";

/// Seeds with which a planted bug is hunted.
const HUNT_SEEDS: u64 = 10_000;
/// Runs that may go into making what was hunted small.
const HUNT_SHRINK_RUNS: u64 = 400;
/// Runs that may go into making one failure small.
const SHRINK_RUNS: u64 = 5_000;

/// Where failures are saved.
const FAILURES: &str = "target/sim/fail";

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
    replay: Option<PathBuf>,
    save: Option<PathBuf>,
    policies: Vec<Policy>,
    mix: Mix,
    twice: bool,
    shrink: bool,
    coverage: bool,
    plant: Option<Plant>,
    plants: bool,
    mode: Mode,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            seeds: 0..100,
            replay: None,
            save: None,
            policies: vec![Policy::EarliestStart, Policy::Random],
            mix: Mix { tasks: 120, faults: true, bodies: true, swarm: true },
            twice: false,
            shrink: true,
            coverage: false,
            plant: None,
            plants: false,
            mode: Mode::default(),
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--" => {}
                "--calm" => (options.mix.faults, options.mix.bodies) = (false, false),
                "--check-determinism" => options.twice = true,
                "--coverage" => options.coverage = true,
                "--codec" => options.mode.codec = true,
                "--lite" => options.mode.depth = Depth::Touched,
                "--log" => options.mode.log = true,
                "--no-shrink" => options.shrink = false,
                "--plain" => options.mix.swarm = false,
                "--plant" => options.plant = Some(Plant::named(&arguments.next()?)?),
                "--plants" => options.plants = true,
                "--policy" => options.policies = policies(&arguments.next()?)?,
                "--replay" => options.replay = Some(arguments.next()?.into()),
                "--save" => options.save = Some(arguments.next()?.into()),
                "--seed" => options.seeds = seeds(&arguments.next()?)?,
                "--tasks" => options.mix.tasks = arguments.next()?.parse().ok()?,
                _ => return None,
            }
        }
        Some(options)
    }

    fn run(&self) -> ExitCode {
        if self.plants {
            return plants();
        }
        let (mut total, mut runs) = (Report::default(), 0_u64);
        let mut count = |case: &Case| {
            let report = self.run_one(case)?;
            runs += 1;
            total.add(&report);
            Ok(())
        };
        let outcome = match (&self.replay, &self.save) {
            (Some(path), _) => load(path).and_then(|case| count(&case)),
            (None, Some(path)) => {
                return self.cases().next().map_or_else(|| 1.into(), |case| save(path, &case));
            }
            (None, None) => self.cases().try_for_each(|case| count(&case)),
        };
        if let Err(code) = outcome {
            return code;
        }
        eprintln!(
            "{runs} runs passed: {} events, {} executions, {} results judged, digest {:016x}",
            total.events, total.executions, total.judged, total.digest
        );
        if self.coverage {
            let kinds = total.coverage.counts();
            kinds.for_each(|(group, kind, count)| eprintln!("{count:>12} {group}: {kind}"));
            let never = total.coverage.counts().filter(|&(_, _, count)| count == 0);
            let never: Vec<String> =
                never.map(|(group, kind, _)| format!("{group}: {kind}")).collect();
            eprintln!("never seen, {} kinds: {}", never.len(), never.join(", "));
        }
        ExitCode::SUCCESS
    }

    fn cases(&self) -> impl Iterator<Item = Case> {
        self.seeds.clone().flat_map(move |seed| {
            let plan = Plan::from_seed(seed, self.mix);
            let case = move |&policy| Case {
                story: format!("seed {seed}, {}", policy_name(policy)),
                seed,
                policy,
                plant: self.plant,
                plan: plan.clone(),
            };
            self.policies.iter().map(case)
        })
    }

    fn run_one(&self, case: &Case) -> Result<Report, ExitCode> {
        let first = case.run(self.mode).map_err(|failure| self.fail(case, failure))?;
        if self.twice && case.run(self.mode).as_ref() != Ok(&first) {
            eprintln!("{}: a second run differs", case.story);
            reproduce(case, "not-deterministic");
            return Err(ExitCode::from(125));
        }
        Ok(first)
    }

    /// Makes the case small, saves it, and says how to see it again.
    fn fail(&self, case: &Case, failure: Failure) -> ExitCode {
        eprintln!("{}: {failure}", case.story);
        let (mut small, failure) = if self.shrink && self.replay.is_none() {
            std::panic::set_hook(Box::new(|_| {})); // Every smaller run may panic too.
            minimise(case, &failure, SHRINK_RUNS)
        } else {
            (case.clone(), failure)
        };
        if self.replay.is_none() {
            small.story = format!("{}: {}: {failure}", small.story, failure.property());
        }
        let (ops, tasks) = (small.plan.ops.len(), small.plan.tasks());
        eprintln!("{}, with {ops} operations and {tasks} tasks", failure.property());
        eprintln!("{failure}");
        match &self.replay {
            Some(path) => eprintln!("REPRODUCE: cargo sim -- --replay {}", path.display()),
            None => reproduce(&small, failure.property()),
        }
        let broken = failure.breaks();
        if broken == Property::Panic {
            return ExitCode::from(127);
        }
        ExitCode::from(if broken.is_liveness() { 128 } else { 129 })
    }
}

/// Hunts every planted bug, and says how long it took.
fn plants() -> ExitCode {
    let (mut sizes, mut missed) = (Vec::new(), 0);
    eprintln!("| bug | found by | seeds | operations | tasks |\n|---|---|---|---|---|");
    std::panic::set_hook(Box::new(|_| {})); // Some are found by a panic of a machine.
    for &plant in Plant::ALL {
        let property = plant.found_by().map_or("nothing: it is borne", Property::id);
        match (plant.found_by(), plant.hunt(HUNT_SEEDS, HUNT_SHRINK_RUNS)) {
            (_, Some(find)) => {
                let Find { seeds, ops, tasks } = find;
                eprintln!("| `{}` | `{property}` | {seeds} | {ops} | {tasks} |", plant.name());
                sizes.push(ops);
            }
            (None, None) => eprintln!("| `{}` | {property} | | | |", plant.name()),
            (Some(_), None) => {
                eprintln!("| `{}` | `{property}` | not found | | |", plant.name());
                missed += 1;
            }
        }
    }
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
    eprintln!("{} bugs found, {missed} missed, median of {median} operations", sizes.len());
    ExitCode::from(if missed > 0 { 129 } else { 0 })
}

/// Saves a case among the failures.
fn reproduce(case: &Case, name: &str) {
    let digest = case.story.bytes().fold(0_u64, |n, byte| n.rotate_left(5) ^ u64::from(byte));
    let path = Path::new(FAILURES).join(format!("{name}-{:06x}.plan", digest & 0xff_ffff));
    if save(&path, case) == ExitCode::SUCCESS {
        eprintln!("REPRODUCE: cargo sim -- --replay {}", path.display());
    }
}

fn save(path: &Path, case: &Case) -> ExitCode {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let written = std::fs::create_dir_all(folder);
    match written.and_then(|()| std::fs::write(path, case.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {}: {error}", path.display());
            ExitCode::from(1)
        }
    }
}

fn load(path: &Path) -> Result<Case, ExitCode> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let case =
        text.and_then(|text| text.parse().map_err(|e: raddle_sim::ParseError| e.to_string()));
    case.map_err(|error| {
        eprintln!("cannot read {}: {error}", path.display());
        ExitCode::from(1)
    })
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
        name => policy_named(name).map(|policy| vec![policy]),
    }
}
