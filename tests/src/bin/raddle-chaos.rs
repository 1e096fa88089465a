//! A soak of real processes under faults, or a flood of what is wrong: see `raddle_tests::chaos`.
//!
//! It is also the program of the scheduler and of the workers that it starts.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use raddle_tests::chaos::cluster::Programs;
use raddle_tests::chaos::flood::Flood;
use raddle_tests::chaos::soak::Soak;

const USAGE: &str = "usage: raddle-chaos [--time 20m] [--seed N]
       raddle-chaos --flood FRAMES [--hellos N] [--seed N]

A soak for this time (20m, 90s), or a flood of so many wrong frames and hellos.";

/// What is asked for.
#[derive(Default)]
struct Options {
    time: Option<Duration>,
    seed: u64,
    flood: Option<u64>,
    hellos: Option<u64>,
}

fn main() -> ExitCode {
    if env::args().nth(1).is_some_and(|first| first == "scheduler") {
        return raddle::cli::main();
    }
    chaos()
}

/// Ends here if it is to be a worker.
#[raddle::main]
async fn chaos() -> ExitCode {
    let options = match read(env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let seed = options.seed;
    match run(options).await {
        Ok(summary) => {
            eprintln!("{summary}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("with seed {seed}: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<String, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let programs = programs(this);
    let Options { time, seed, flood, hellos } = options;
    match flood {
        Some(frames) => {
            let hellos = hellos.unwrap_or(frames / 100);
            let flood = Flood { frames, hellos, calm: Duration::from_secs(10), seed, programs };
            Ok(flood.run().await?.to_string())
        }
        None => {
            let time = time.unwrap_or(Duration::from_secs(60));
            Ok(Soak { time, seed, programs }.run().await?.to_string())
        }
    }
}

fn programs(this: PathBuf) -> Programs {
    Programs { scheduler: this.clone(), worker: this }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = |text: &str| {
            text.parse::<u64>().map_err(|error| format!("`{value}` for {flag}: {error}"))
        };
        match &flag[..] {
            "--time" => {
                let (digits, seconds) = match value.strip_suffix('m') {
                    Some(digits) => (digits, 60),
                    None => (value.trim_end_matches('s'), 1),
                };
                options.time = Some(Duration::from_secs(number(digits)?.saturating_mul(seconds)));
            }
            "--seed" => options.seed = number(&value)?,
            "--flood" => options.flood = Some(number(&value)?),
            "--hellos" => options.hellos = Some(number(&value)?),
            _ => return Err(format!("there is no {flag}")),
        }
    }
    Ok(options)
}
