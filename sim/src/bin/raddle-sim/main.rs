//! Runs seeds: `cargo sim -- --seed 0..1000`, or a saved case. A failure is minimised, saved and
//! drawn, and ends with one line that replays it.

mod fleet;
mod options;
mod outcome;
mod tell;

use std::process::ExitCode;

use fleet::{Fleet, Total};
use options::{Command, Options};
use outcome::Outcome;
use tell::Teller;

/// Exit codes, as `options::USAGE` lists them; `Failure::class` has some of its own.
pub(crate) const USAGE_WRONG: u8 = 1;
pub(crate) const NOT_DETERMINISTIC: u8 = 125;
pub(crate) const SIMULATOR_WRONG: u8 = 126;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = raddle_sim::tier2::main(&arguments) {
        return code;
    }
    if let Some(("quality", rest)) = arguments.split_first().map(|(first, rest)| (&first[..], rest))
    {
        return ExitCode::from(quality(rest));
    }
    outcome::keep_panics_quiet();
    let code = match Options::parse(arguments.into_iter()) {
        Ok(Command::Help) => tell::say(options::USAGE),
        Ok(Command::Hunt) => tell::hunt(),
        Ok(Command::Plants) => tell::plants(),
        Ok(Command::Replay(path, options)) => replay(&path, &options),
        Ok(Command::Run(options)) => run(&options),
        Ok(Command::Save(path, options)) => {
            let case = options.cases(options.first()).into_iter().next();
            case.map_or(USAGE_WRONG, |case| tell::save(&path, &case.to_string()))
        }
        Err(why) => {
            eprintln!("{why}\n\n{}", options::USAGE);
            USAGE_WRONG
        }
    };
    ExitCode::from(code)
}

/// Compares policies on graphs whose names contain the first argument, all if there is none.
fn quality(arguments: &[String]) -> u8 {
    let filter = arguments.first().map_or("", |filter| filter);
    let folder = arguments.get(1).map_or("docs", |folder| folder);
    match raddle_sim::quality(filter, std::path::Path::new(folder)) {
        Ok(figures) => tell::say(&figures),
        Err(error) => {
            eprintln!("{folder}: {error}: say where to write, as second argument");
            USAGE_WRONG
        }
    }
}

fn run(options: &Options) -> u8 {
    let teller = Teller::new(options.json);
    let (total, first) = Fleet::new(options).run(&teller);
    match first {
        Some(found) => tell::failed(*found, options),
        None => {
            teller.summary(&total);
            if options.coverage {
                tell::coverage(&total.report.coverage);
            }
            0
        }
    }
}

fn replay(path: &std::path::Path, options: &Options) -> u8 {
    let case = match tell::load(path) {
        Ok(case) => case,
        Err(code) => return code,
    };
    match Outcome::of(case, options.mode, options.twice.is_some(), options.relations) {
        Outcome::Passed(passed) => {
            let (case, report) = *passed;
            let mut total = Total::default();
            total.add(&report);
            let teller = Teller::new(options.json);
            teller.passed(&case, &report);
            teller.summary(&total);
            0
        }
        Outcome::Found(found) => tell::failed_again(&found, path, options),
    }
}
