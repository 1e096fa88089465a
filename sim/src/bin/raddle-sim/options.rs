//! What the command line says.
//!
//! It must not know how seeds are run.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use raddle_core::random::hash;
use raddle_core::scheduler::Policy;
use raddle_sim::{Case, Depth, Mode, Plant, Profile, policy_name, policy_named};

pub(crate) const USAGE: &str = "\
usage: cargo sim -- [--seed N | A..B] [--commit HASH] [--profile NAME] [--time 10m] [--jobs N] …
       cargo sim -- --replay FILE
       cargo sim -- --tier madsim | both [--help]: the shell itself, in simulated clusters
       cargo sim -- quality [GRAPH [FOLDER]]: how good schedules are; writes docs/quality.*

which runs
  --seed N | A..B      one seed, or a range without its end (default 0..100)
  --commit HASH        other seeds, as many, chosen by the 40 digits of a commit
  --profile NAME       what the seeds become (default swarm):
                         swarm      plans of every style, both policies, everything checked always
                         lite       small plans, one policy; what an event touched is checked
                         calm       no worker dies and no body fails
                         perf       100,000 tasks without faults, for events per second
                         reference  an hour of 20 workers, 10 tasks a second, all faults
                         scale      1,000 workers, 1,000,000 tasks, all faults
  --time 90s | 10m | 2h  seeds from the first on, until the time is over
  --policy NAME        earliest-start, random, or both (default: the profile's)
  --tasks N            tasks of a plan, about (default: the profile's)
  --plain              the seed chooses operations, not how often what is done, nor the network
  --plant BUG          with this bug in the links and drivers; `list` names them, `all` hunts them
  --replay FILE        run a saved case instead
  --save FILE          write the first case to a file instead of running it

how
  --jobs N             seeds at a time (default: one a core); results are those of one after another
  --checks NAME        of the machines after each event: all, touched (what the event touched), or
                       sampled (all, now and then); the default is the profile's
  --codec              every message becomes bytes on its way
  --metamorphic        also run what must come to the same: copies of the world, bytes, without
                       faults, other workers, priorities and orders of submission; one worker more
  --check-determinism [PERCENT]
                       run so many of the cases twice and compare record by record
                       (default: 5 in runs of 1,000 seeds and more, all if no number is given)
  --no-shrink          leave a failing case as it is

what is told
  --coverage           how often each kind of thing was seen, and which were never
  --json               a line a run, and a summary, as JSON, on standard output
  --log                everything that happens, as it happens

exit codes: 0 passed; 1 usage; 125 not deterministic; 126 the simulator itself is wrong; 127 a
machine panicked; 128 stuck or leaking; 129 wrong. The last three lines of a failure: the property
and one sentence; the first bad event; REPRODUCE and the command that shows it again.";

/// Seeds of a run that is long: some cases are then run twice.
const LONG: u64 = 1_000;

/// The stream of chance that says which cases are run twice.
const TWICE: u64 = 0x7477_6963;

/// What is to be done.
pub(crate) enum Command {
    Help,
    /// Hunt every planted bug.
    Hunt,
    /// Name the planted bugs.
    Plants,
    Replay(PathBuf, Options),
    Run(Options),
    Save(PathBuf, Options),
}

/// What is run, and how.
pub(crate) struct Options {
    profile: Profile,
    seeds: Option<Range<u64>>,
    /// Where the seeds begin.
    base: u64,
    pub(crate) time: Option<Duration>,
    pub(crate) jobs: usize,
    policies: Option<Vec<Policy>>,
    tasks: Option<u64>,
    plain: bool,
    plant: Option<Plant>,
    /// How many of a hundred cases are run twice, if that was said.
    pub(crate) twice: Option<u64>,
    pub(crate) shrink: bool,
    pub(crate) coverage: bool,
    pub(crate) json: bool,
    /// Whether relations between runs are checked, too.
    pub(crate) relations: bool,
    pub(crate) mode: Mode,
}

impl Options {
    fn new() -> Self {
        Self {
            profile: Profile::Swarm,
            seeds: None,
            base: 0,
            time: None,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            policies: None,
            tasks: None,
            plain: false,
            plant: None,
            twice: None,
            shrink: true,
            coverage: false,
            json: false,
            relations: false,
            mode: Mode::default(),
        }
    }

    /// What these arguments say, or what is wrong with them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
        let mut options = Self::new();
        let (mut replay, mut save, mut checks) = (None, None, None);
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            let wrong = |text: &str| format!("{argument}: what is `{text}`?");
            let number = |text: &str| text.parse::<u64>().map_err(|_| wrong(text));
            match argument.as_str() {
                "--" => {}
                "--help" | "-h" => return Ok(Command::Help),
                "--check-determinism" => {
                    let share = arguments.next_if(|text| text.parse::<u64>().is_ok());
                    options.twice = Some(share.map_or(Ok(100), |text| number(&text))?);
                }
                "--checks" => {
                    let name = value()?;
                    checks = Some(depth(&name).ok_or_else(|| wrong(&name))?);
                }
                "--codec" => options.mode.codec = true,
                "--metamorphic" => options.relations = true,
                "--commit" => options.base = commit(&value()?)?,
                "--coverage" => (options.coverage, options.mode.cells) = (true, true),
                "--jobs" => options.jobs = number(&value()?)?.max(1) as usize,
                "--json" => options.json = true,
                "--log" => options.mode.log = true,
                "--no-shrink" => options.shrink = false,
                "--plain" => options.plain = true,
                "--plant" => match value()?.as_str() {
                    "all" => return Ok(Command::Hunt),
                    "list" => return Ok(Command::Plants),
                    name => options.plant = Some(Plant::named(name).ok_or_else(|| wrong(name))?),
                },
                "--policy" => {
                    let name = value()?;
                    options.policies = Some(policies(&name).ok_or_else(|| wrong(&name))?);
                }
                "--profile" => {
                    let name = value()?;
                    options.profile = Profile::named(&name).ok_or_else(|| wrong(&name))?;
                }
                "--replay" => replay = Some(PathBuf::from(value()?)),
                "--save" => save = Some(PathBuf::from(value()?)),
                "--seed" => {
                    let text = value()?;
                    options.seeds = Some(seeds(&text).ok_or_else(|| wrong(&text))?);
                }
                "--tasks" => options.tasks = Some(number(&value()?)?),
                "--time" => {
                    let text = value()?;
                    options.time = Some(duration(&text).ok_or_else(|| wrong(&text))?);
                }
                _ => return Err(format!("what is `{argument}`?")),
            }
        }
        options.mode.depth = checks.unwrap_or_else(|| options.profile.depth());
        if options.mode.log {
            options.jobs = 1; // So that it can be read.
        }
        Ok(match (replay, save) {
            (Some(path), _) => Command::Replay(path, options),
            (None, Some(path)) => Command::Save(path, options),
            (None, None) => Command::Run(options),
        })
    }

    /// The seeds, in order.
    pub(crate) fn seeds(&self) -> Range<u64> {
        let end = if self.time.is_some() { u64::MAX - self.base } else { 100 };
        let seeds = self.seeds.clone().unwrap_or(0..end);
        self.base.saturating_add(seeds.start)..self.base.saturating_add(seeds.end)
    }

    pub(crate) fn first(&self) -> u64 {
        self.seeds().start
    }

    /// What a seed becomes.
    pub(crate) fn cases(&self, seed: u64) -> Vec<Case> {
        let plan = self.profile.plan(seed, self.tasks, self.plain);
        let mut policies = self.policies.clone().unwrap_or_else(|| self.profile.policies(seed));
        let last = policies.pop();
        let case = |policy, plan| Case {
            story: format!("seed {seed}, {}, {}", self.profile.name(), policy_name(policy)),
            seed,
            policy,
            plant: self.plant,
            plan,
        };
        let mut cases: Vec<Case> =
            policies.into_iter().map(|policy| case(policy, plan.clone())).collect();
        cases.extend(last.map(|policy| case(policy, plan)));
        cases
    }

    /// Whether this case is run twice.
    pub(crate) fn is_run_twice(&self, case: &Case) -> bool {
        let seeds = self.seeds();
        let is_long = seeds.end - seeds.start >= LONG || self.time.is_some();
        let is_small = matches!(self.profile, Profile::Calm | Profile::Lite | Profile::Swarm);
        let share = self.twice.unwrap_or(if is_long && is_small { 5 } else { 0 });
        hash(case.seed, TWICE, 0, 0) % 100 < share
    }

    /// What a saved case needs to be run as it was.
    pub(crate) fn as_arguments(mode: Mode) -> String {
        let checks = match mode.depth {
            Depth::Paranoid => "",
            Depth::Sampled => " --checks sampled",
            Depth::Touched => " --checks touched",
        };
        let codec = if mode.codec { " --codec" } else { "" };
        format!("{checks}{codec}")
    }
}

/// Where the seeds of a commit begin.
fn commit(text: &str) -> Result<u64, String> {
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("--commit: `{text}` does not have the 40 digits of a commit"));
    }
    u64::from_str_radix(&text[..15], 16).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.len().checked_sub(1)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    digits.parse().ok().and_then(|n: u64| n.checked_mul(seconds)).map(Duration::from_secs)
}

fn seeds(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => text.parse().ok().map(|seed: u64| seed..seed.saturating_add(1)),
    }
}

fn depth(text: &str) -> Option<Depth> {
    match text {
        "all" => Some(Depth::Paranoid),
        "sampled" => Some(Depth::Sampled),
        "touched" => Some(Depth::Touched),
        _ => None,
    }
}

fn policies(text: &str) -> Option<Vec<Policy>> {
    match text {
        "both" => Some(vec![Policy::EarliestStart, Policy::Random]),
        name => policy_named(name).map(|policy| vec![policy]),
    }
}
