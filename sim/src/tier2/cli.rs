//! Which cases are run, how many at a time, and what is said of them.
//!
//! It must not know how a case is run.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use raddle_core::scheduler::Policy;

use super::weather::Weather;
use super::{cross, run};
use crate::case::{Case, policy_name, policy_named};
use crate::failure::Class;
use crate::failure::{Failure, Report};
use crate::generate::Mix;
use crate::minimise::minimise;
use crate::plan::Plan;
use crate::world::Mode;

const USAGE: &str = "\
usage: cargo sim -- --tier madsim | both [--seed N | A..B | --replay FILE] [--jobs J]
                    [--policy earliest-start|random] [--plain] [--calm] [--tasks N]
                    [--check-determinism] [--no-shrink] [--log FILTER]

  --tier both          each plan without its faults, on both tiers: clients must see the same
  --seed               one seed, or a range without its end (default 0..20)
  --replay             run a saved case instead
  --jobs               cases at a time (default 1)
  --policy             where tasks are placed (default: as the seed says)
  --plain              the seed chooses operations, not how often what is done, nor the network
  --calm               no faults, and no body fails
  --tasks              tasks of a plan, about (default 120)
  --check-determinism  run each case in two fresh processes and compare what happened
  --no-shrink          leave a failing case as it is
  --log                write the log of the shell to standard error, such as raddle=debug

exit codes: 0 passed, 1 usage, 125 not deterministic, 126 nothing was judged, 127 panicked, 128 stuck or leaking, 129 wrong";

/// What may go into making one failure small.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Measures the simulator, not what is simulated.
#[expect(clippy::disallowed_types, reason = "it measures the simulator, not what is simulated")]
type Clock = std::time::Instant;

/// Where failures are saved.
const FAILURES: &str = "target/sim/fail";

/// Runs what the arguments ask for.
pub(super) fn main(arguments: &[String]) -> ExitCode {
    match Options::parse(arguments) {
        Some(options) => options.run(),
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(1)
        }
    }
}

struct Options {
    /// Both tiers.
    both: bool,
    seeds: Range<u64>,
    replay: Option<PathBuf>,
    jobs: usize,
    policy: Option<Policy>,
    mix: Mix,
    twice: bool,
    /// Whether failures are made small.
    shrink: bool,
    log: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut options = Self {
            both: false,
            seeds: 0..20,
            replay: None,
            jobs: 1,
            policy: None,
            mix: Mix { tasks: 120, faults: true, bodies: true, swarm: true },
            twice: false,
            shrink: true,
            log: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--" => {}
                "--calm" => (options.mix.faults, options.mix.bodies) = (false, false),
                "--check-determinism" => options.twice = true,
                "--jobs" => {
                    options.jobs = arguments.next()?.parse().ok().filter(|jobs| *jobs > 0)?
                }
                "--log" => options.log = Some(arguments.next()?.clone()),
                "--no-shrink" => options.shrink = false,
                "--plain" => options.mix.swarm = false,
                "--policy" => options.policy = Some(policy_named(arguments.next()?)?),
                "--replay" => options.replay = Some(arguments.next()?.into()),
                "--seed" => options.seeds = seeds(arguments.next()?)?,
                "--tasks" => options.mix.tasks = arguments.next()?.parse().ok()?,
                "--tier" => match arguments.next()?.as_str() {
                    "both" => options.both = true,
                    "madsim" => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
        Some(options)
    }

    fn run(&self) -> ExitCode {
        if let Some(filter) = &self.log {
            raddle::simulated::log(filter);
        }
        if let Some(path) = &self.replay {
            return match load(path) {
                Ok(case) => self.run_one(&case).map_or_else(|code| code, |report| say(&[report])),
                Err(code) => code,
            };
        }
        let next = AtomicU64::new(self.seeds.start);
        let workers = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.jobs).map(|_| scope.spawn(|| self.work(&next))).collect();
            threads.into_iter().map(ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
        });
        let Ok(workers) = workers else { return ExitCode::from(127) };
        let (reports, codes): (Vec<_>, Vec<_>) = workers.into_iter().unzip();
        codes.into_iter().flatten().next().unwrap_or_else(|| say(&reports.concat()))
    }

    /// Runs the next seed, until there is none or one has failed.
    fn work(&self, next: &AtomicU64) -> (Vec<Report>, Option<ExitCode>) {
        let mut reports = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.end {
                return (reports, None);
            }
            match self.run_one(&self.case(seed)) {
                Ok(report) => reports.push(report),
                Err(code) => {
                    next.store(self.seeds.end, Ordering::Relaxed);
                    return (reports, Some(code));
                }
            }
        }
    }

    fn case(&self, seed: u64) -> Case {
        let policies = [Policy::EarliestStart, Policy::Random];
        let policy = self.policy.unwrap_or(policies[(seed % 2) as usize]);
        let plan = Plan::from_seed(seed, self.mix);
        let story = format!("seed {seed}, {}", policy_name(policy));
        Case { story, seed, policy, plant: None, plan }
    }

    fn weather(&self, case: &Case) -> Weather {
        if self.mix.faults { Weather::of(case.seed) } else { Weather::calm(case.seed) }
    }

    fn run_one(&self, case: &Case) -> Result<Report, ExitCode> {
        if self.twice { self.run_twice(case) } else { self.run_here(case) }
    }

    fn run_here(&self, case: &Case) -> Result<Report, ExitCode> {
        self.attempt(case).map_err(|failure| match self.shrink && self.replay.is_none() {
            true => self.fail_small(case, &failure),
            false => self.fail(case, &failure),
        })
    }

    fn attempt(&self, case: &Case) -> Result<Report, Failure> {
        match self.both {
            true => cross::run(case),
            false => run::run(case, &self.weather(case)),
        }
    }

    /// Says what failed, of the smallest case that is found soon and fails like this one. The weather
    /// is that of the seed; a case whose seed becomes another one has other weather.
    fn fail_small(&self, case: &Case, failure: &Failure) -> ExitCode {
        eprintln!("{}: {failure}", case.story);
        let (since, mut runs) = (Clock::now(), 0);
        let mut goes_on = || {
            runs += 1;
            since.elapsed() < SHRINK_TIME
        };
        let mut run = |case: &Case| self.attempt(case).err();
        let (mut small, failure) = minimise(case, failure, &mut run, &mut goes_on);
        let of = |case: &Case| (case.plan.ops.len(), case.plan.tasks());
        let (before, after) = (of(case), of(&small));
        eprintln!(
            "{} operations and {} tasks became {} and {}, in {runs} runs",
            before.0, before.1, after.0, after.1
        );
        small.story = format!("{}: {}", case.story, failure.property());
        self.fail(&small, &failure)
    }

    /// In two fresh processes, which must come to the same.
    fn run_twice(&self, case: &Case) -> Result<Report, ExitCode> {
        let path =
            Path::new(FAILURES).join(format!("twice-{}-{}.plan", std::process::id(), case.seed));
        save(&path, case)?;
        let runs = [(); 2].map(|()| self.run_apart(&path));
        // A file of our own: if it stays, it does no harm.
        let _ = std::fs::remove_file(&path);
        let [first, second] = runs;
        let ((code, first), (_, second)) = (first?, second?);
        if first != second {
            eprintln!("{}: two processes differ: {first:?} and {second:?}", case.story);
            self.reproduce(case, "not-deterministic");
            return Err(ExitCode::from(125));
        }
        if code != 0 {
            // Said again, by a run in this process.
            return self.run_here(case);
        }
        told(&first).ok_or_else(|| {
            eprintln!("{}: a process says only {first:?}", case.story);
            ExitCode::from(126)
        })
    }

    /// The exit code and the last line of a process that replays a case.
    fn run_apart(&self, path: &Path) -> Result<(i32, String), ExitCode> {
        let mut command = match std::env::current_exe() {
            Ok(program) => Command::new(program),
            Err(error) => return Err(cannot("find", Path::new("this program"), &error)),
        };
        command.args(["--tier", if self.both { "both" } else { "madsim" }, "--replay"]).arg(path);
        if !self.mix.faults {
            command.arg("--calm");
        }
        match command.output() {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr);
                let last = text.lines().last().unwrap_or_default().to_owned();
                Ok((output.status.code().unwrap_or(127), last))
            }
            Err(error) => Err(cannot("start", path, &error)),
        }
    }

    /// Says what failed, saves the case, and how to see it again.
    fn fail(&self, case: &Case, failure: &Failure) -> ExitCode {
        eprintln!("{}: {failure}", case.story);
        if !self.both {
            eprint!("{}", self.weather(case));
            let elsewhere = match case.run(Mode::default()) {
                Ok(_) => "passes there".to_owned(),
                Err(failure) => format!("fails there, too: {failure}"),
            };
            let calm = match run::run(case, &Weather::calm(case.seed)) {
                Ok(_) => "passes".to_owned(),
                Err(failure) => format!("fails, too: {failure}"),
            };
            eprintln!("on tier 1 the plan {elsewhere}; without the weather it {calm}");
        }
        self.reproduce(case, failure.property());
        ExitCode::from(match failure.class() {
            Class::Panic => 127,
            Class::Liveness => 128,
            Class::Safety => 129,
        })
    }

    /// Saves a case, unless it comes from a file, and says how to run it.
    fn reproduce(&self, case: &Case, name: &str) {
        let path = match &self.replay {
            Some(path) => path.clone(),
            None => Path::new(FAILURES).join(format!("madsim-{name}-{}.plan", case.seed)),
        };
        if self.replay.is_none() && save(&path, case).is_err() {
            return;
        }
        let tier = if self.both { "both" } else { "madsim" };
        let calm = if self.mix.faults { "" } else { " --calm" };
        eprintln!("REPRODUCE: cargo sim -- --tier {tier} --replay {}{calm}", path.display());
    }
}

/// One line, which says all that two runs can be compared by.
fn say(reports: &[Report]) -> ExitCode {
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    // In no order: cases that are run at a time end in any.
    let digest = reports.iter().fold(0, |sum: u64, report| sum.wrapping_add(report.digest));
    eprintln!(
        "{} cases passed: {} writes, {} bodies, {} futures judged, hash {digest:016x}",
        reports.len(),
        sum(|report| report.events),
        sum(|report| report.executions),
        sum(|report| report.judged),
    );
    if sum(|report| report.judged) == 0 && !reports.is_empty() {
        eprintln!("of so many cases none has judged anything: the simulator is wrong");
        return ExitCode::from(126);
    }
    ExitCode::SUCCESS
}

/// What another process has said of the one case that it has run, by [`say`].
fn told(line: &str) -> Option<Report> {
    let (counts, hash) = line.split_once(", hash ")?;
    let counts: Vec<u64> = counts.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [1, events, executions, judged] = counts[..] else { return None };
    let digest = u64::from_str_radix(hash, 16).ok()?;
    Some(Report { events, executions, judged, digest, ..Report::default() })
}

fn save(path: &Path, case: &Case) -> Result<(), ExitCode> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let written = std::fs::create_dir_all(folder);
    let written = written.and_then(|()| std::fs::write(path, case.to_string()));
    written.map_err(|error| cannot("write", path, &error))
}

fn load(path: &Path) -> Result<Case, ExitCode> {
    let text = std::fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
    text.parse().map_err(|error: crate::text::ParseError| {
        eprintln!("{}: {error}", path.display());
        ExitCode::from(1)
    })
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> ExitCode {
    eprintln!("cannot {what} {}: {error}", path.display());
    ExitCode::from(1)
}

fn seeds(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed + 1),
    }
}
