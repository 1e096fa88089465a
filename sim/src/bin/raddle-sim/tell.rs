//! What is told: progress, what runs came to, and what is wrong with one.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use raddle_sim::{
    Case, Class, Coverage, Failure, Find, Mode, ParseError, Plant, Property, Report, diagram,
    minimise, policy_name, why_unseen, why_unvisited,
};

use crate::fleet::{Clock, Total};
use crate::options::Options;
use crate::outcome::{Found, Wrong};
use crate::{NOT_DETERMINISTIC, SIMULATOR_WRONG, USAGE_WRONG};

/// What may go into making one failure small.
const SHRINK_RUNS: u64 = 20_000;
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Records of a run that a diagram is drawn from.
const RECORDS: usize = 1_000;

/// Lines of a diagram that is shown at once.
const SHORT: usize = 60;

/// Where failures are saved.
const FAILURES: &str = "target/sim/fail";

/// Who tells of runs, in the order of their seeds.
pub(crate) struct Teller {
    json: bool,
    terminal: bool,
}

impl Teller {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, terminal: std::io::stderr().is_terminal() }
    }

    pub(crate) fn passed(&self, case: &Case, report: &Report) {
        if self.json {
            let Case { seed, policy, .. } = case;
            line(&format!(
                "{{\"seed\":{seed},\"policy\":\"{}\",\"passed\":true,{}}}",
                policy_name(*policy),
                figures(report)
            ));
        }
    }

    /// One line, written over the last one; only if somebody looks.
    pub(crate) fn progress(&self, total: &Total) {
        if self.terminal {
            let Total { report, novelty, seeds, since, .. } = total;
            let rate = *seeds as f64 / since.elapsed().as_secs_f64();
            let (simulated, cells) = (human(report.simulated), novelty.cells());
            eprint!("\r\x1b[K{seeds} seeds, {rate:.0}/s, {simulated} simulated, {cells} cells");
        }
    }

    pub(crate) fn summary(&self, total: &Total) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
        let Total { report, novelty, runs, seeds, since } = total;
        let seconds = since.elapsed().as_secs_f64();
        if self.json {
            line(&format!(
                "{{\"summary\":true,\"seeds\":{seeds},\"runs\":{runs},\"seconds\":{seconds:.3},\
                 \"cells\":{},\"residual_novelty\":{:e},{}}}",
                novelty.cells(),
                novelty.residual(),
                figures(report)
            ));
        }
        let events = report.coverage.machine_events();
        eprintln!(
            "{runs} runs passed: {events} events, {} executions, {} results judged, digest {:016x}",
            report.executions, report.judged, report.digest
        );
        eprintln!(
            "{seconds:.2} s: {:.0} runs/s, {:.0} events/s, {} simulated",
            *runs as f64 / seconds,
            events as f64 / seconds,
            human(report.simulated)
        );
        let (cells, residual) = (novelty.cells(), novelty.residual());
        eprintln!("{cells} cells seen, residual novelty {residual:.1e} after {runs} runs");
    }
}

fn figures(report: &Report) -> String {
    format!(
        "\"events\":{},\"executions\":{},\"judged\":{},\"simulated_seconds\":{:.6},\
         \"digest\":\"{:016x}\"",
        report.coverage.machine_events(),
        report.executions,
        report.judged,
        report.simulated.as_secs_f64(),
        report.digest
    )
}

fn human(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 100.0 => format!("{seconds:.1} s"),
        seconds if seconds < 100_000.0 => format!("{:.1} h", seconds / 3_600.0),
        seconds => format!("{:.1} d", seconds / 86_400.0),
    }
}

/// To standard output; that nobody reads it is no reason to stop.
fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

pub(crate) fn say(text: &str) -> u8 {
    line(text);
    0
}

pub(crate) fn plants() -> u8 {
    Plant::ALL.iter().for_each(|plant| line(plant.name()));
    0
}

/// Seeds with which a planted bug is hunted, and runs to make what was found small.
const HUNT: (u64, u64) = (10_000, 400);

/// Hunts every planted bug, and says how long it took.
pub(crate) fn hunt() -> u8 {
    let (mut sizes, mut missed) = (Vec::new(), 0);
    line("| bug | found by | seeds | operations | tasks |\n|---|---|---|---|---|");
    for &plant in Plant::ALL {
        let (name, property) = (plant.name(), plant.found_by().map_or("", Property::id));
        match (plant.found_by(), plant.hunt(HUNT.0, HUNT.1)) {
            (_, Some(Find { seeds, ops, tasks })) => {
                line(&format!("| `{name}` | `{property}` | {seeds} | {ops} | {tasks} |"));
                sizes.push(ops);
            }
            (None, None) => line(&format!("| `{name}` | borne | | | |")),
            (Some(_), None) => {
                line(&format!("| `{name}` | `{property}` | not found | | |"));
                missed += 1;
            }
        }
    }
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
    line(&format!("{} found, {missed} missed, median of {median} operations", sizes.len()));
    if missed > 0 { 129 } else { 0 }
}

pub(crate) fn coverage(coverage: &Coverage) {
    coverage.counts().for_each(|(group, kind, count)| eprintln!("{count:>12} {group}: {kind}"));
    let unseen =
        |&(group, kind, count): &(&str, &str, u64)| count == 0 && why_unseen(group, kind).is_none();
    let never = coverage.counts().filter(unseen);
    let never: Vec<String> = never.map(|(group, kind, _)| format!("{group}: {kind}")).collect();
    eprintln!("never seen, {} kinds: {}", never.len(), never.join(", "));
    let (mut visited, mut reasons, mut unvisited) = (0, 0, 0);
    for (machine, cell, class, visits) in coverage.visits().of_possible() {
        match (visits, why_unvisited(machine, &cell)) {
            (1.., _) => visited += 1,
            (0, Some(_)) => reasons += 1,
            (0, None) => {
                unvisited += 1;
                eprintln!("never visited, {class:?}: {machine}, {cell}");
            }
        }
    }
    eprintln!(
        "cells of state × event: {visited} visited, {unvisited} not, {reasons} out of reach by design"
    );
}

/// Makes the case small, saves it with its diagram, and says how to see it again.
pub(crate) fn failed(mut found: Found, options: &Options) -> u8 {
    let mut mode = Mode { log: false, ..options.mode };
    eprintln!("{}: {}", found.case.story, name(&found.wrong));
    if let Wrong::Fails(failure) = &found.wrong
        && options.shrink
    {
        let (failure, as_mode) = as_replayed(&found.case, failure, mode, options.relations);
        mode = as_mode;
        let (since, mut runs) = (Clock::now(), 0);
        let mut goes_on = || {
            runs += 1;
            runs <= SHRINK_RUNS && since.elapsed() < SHRINK_TIME
        };
        let mut run = |case: &Case| case.run_with_relations(mode, options.relations).err();
        let (small, failure) = minimise(&found.case, &failure, &mut run, &mut goes_on);
        let of = |case: &Case| (case.plan.ops.len(), case.plan.tasks());
        let (before, after) = (of(&found.case), of(&small));
        eprintln!(
            "{} operations and {} tasks became {} and {}, in {runs} runs",
            before.0, before.1, after.0, after.1
        );
        (found.case, found.wrong) = (small, Wrong::Fails(failure));
    }
    found.case.story = format!("{}: {}", found.case.story, why(&found.wrong));
    let path = place(&found.case, name(&found.wrong));
    let saved = save(&path, &found.case.to_string());
    let code = told(&found, mode, &path, options);
    if saved == 0 { code } else { SIMULATOR_WRONG }
}

/// The failure as a replay shows it, which checks everything, if it shows one; a plan that is too
/// large to be checked wholly after each event is replayed as it was run.
fn as_replayed(case: &Case, failure: &Failure, mode: Mode, relations: bool) -> (Failure, Mode) {
    let wholly = Mode { depth: raddle_sim::Depth::Paranoid, ..mode };
    if mode == wholly || case.plan.tasks() > 2_000 {
        return (failure.clone(), mode);
    }
    let again = case.run_with_relations(wholly, relations).err();
    again.map_or_else(|| (failure.clone(), mode), |failure| (failure, wholly))
}

/// A saved case failed.
pub(crate) fn failed_again(found: &Found, path: &Path, options: &Options) -> u8 {
    told(found, options.mode, path, options)
}

/// The diagram, and the last three lines, which always look the same.
fn told(found: &Found, mode: Mode, path: &Path, options: &Options) -> u8 {
    let records = found.case.record(Mode { log: false, ..mode }, RECORDS).1;
    let drawn = diagram(&records);
    let beside = path.with_extension("txt");
    let text = format!("{}\n{drawn}", why(&found.wrong));
    if save(&beside, &text) == 0 {
        eprintln!("what happened: {}", beside.display());
    }
    if drawn.lines().count() <= SHORT {
        eprint!("{drawn}");
    }
    if let Some(location) = &found.location {
        eprintln!("panicked at {location}");
    }
    let first_bad = match &found.wrong {
        Wrong::Differs(first, second) => {
            let text = |record: &Option<raddle_sim::Record>| {
                record.as_ref().map_or_else(|| "nothing".to_owned(), |r| one_line(&r.to_string()))
            };
            eprintln!("  once: {}\n again: {}", text(first), text(second));
            first.as_ref().or(second.as_ref())
        }
        Wrong::Fails(_) => records.last(),
    };
    let first_bad = first_bad.map(ToString::to_string);
    let first_bad = one_line(first_bad.as_deref().unwrap_or("none"));
    let reproduce = format!(
        "cargo sim -- --replay {}{}{}{}",
        path.display(),
        Options::as_arguments(mode),
        if options.relations { " --metamorphic" } else { "" },
        if matches!(found.wrong, Wrong::Differs(..)) { " --check-determinism" } else { "" }
    );
    if options.json {
        line(&format!(
            "{{\"seed\":{},\"policy\":\"{}\",\"passed\":false,\"property\":\"{}\",\"why\":{},\
             \"first_bad_event\":{},\"reproduce\":{}}}",
            found.case.seed,
            policy_name(found.case.policy),
            name(&found.wrong),
            quoted(&why(&found.wrong)),
            quoted(&first_bad),
            quoted(&reproduce)
        ));
    }
    eprintln!("{}", one_line(&why(&found.wrong)));
    eprintln!("FIRST BAD EVENT: {first_bad}");
    eprintln!("REPRODUCE: {reproduce}");
    code(found)
}

fn name(wrong: &Wrong) -> &'static str {
    match wrong {
        Wrong::Differs(..) => "not-deterministic",
        Wrong::Fails(failure) => failure.property(),
    }
}

/// The property, its sentence, and what happened to it.
fn why(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Differs(..) => "not-deterministic: a seed must be a run".to_owned(),
        Wrong::Fails(failure) => {
            format!("{}: {}: {failure}", failure.property(), failure.sentence())
        }
    }
}

fn code(found: &Found) -> u8 {
    let in_simulator = found.location.as_deref().is_some_and(|at| at.starts_with("sim/"));
    match &found.wrong {
        Wrong::Differs(..) => NOT_DETERMINISTIC,
        Wrong::Fails(failure) => match failure.class() {
            Class::Liveness => 128,
            Class::Panic if in_simulator => SIMULATOR_WRONG,
            Class::Panic => 127,
            Class::Safety => 129,
        },
    }
}

/// Where a case is saved: the same for the same case.
fn place(case: &Case, name: &str) -> PathBuf {
    let text = case.to_string();
    let digest = text.bytes().fold(case.seed, |n, byte| n.rotate_left(5) ^ u64::from(byte));
    Path::new(FAILURES).join(format!("{name}-{:06x}.plan", (digest ^ digest >> 32) & 0xff_ffff))
}

pub(crate) fn save(path: &Path, text: &str) -> u8 {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("cannot write {}: {error}", path.display());
            SIMULATOR_WRONG
        }
    }
}

pub(crate) fn load(path: &Path) -> Result<Case, u8> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let case = text.and_then(|text| text.parse().map_err(|error: ParseError| error.to_string()));
    case.map_err(|error| {
        eprintln!("cannot read {}: {error}", path.display());
        USAGE_WRONG
    })
}

/// Readable at a glance, however much was said.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
