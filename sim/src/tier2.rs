//! Tier 2: the shell itself, of `real/`, in simulated clusters: its scheduler, workers and clients
//! are nodes of madsim, with frames, greetings and timers, over a network that does to connections
//! what networks do.
//!
//! Plans and oracle are those of tier 1. All but the way here needs `cfg(madsim)`, and so is another
//! program: [`main`] starts it.
//!
//! | file | story |
//! |---|---|
//! | `start.rs` | from the ordinary program to the one with `cfg(madsim)` |
//! | `cli.rs` | which seeds, how many at a time, what is said of them |
//! | `run.rs` | one case: build a cluster, follow the plan, heal, judge, look for leaks |
//! | `weather.rs` | a seed becomes a climate and faults |
//! | `stage.rs`, `nodes.rs` | what all nodes of a run share; workers that begin and end |
//! | `body.rs`, `user.rs` | what a simulated task does; what the user of a client does |
//! | `cross.rs` | the same plan on both tiers |

#[cfg(madsim)]
mod body;
#[cfg(madsim)]
mod cli;
#[cfg(madsim)]
mod cross;
#[cfg(madsim)]
mod nodes;
#[cfg(madsim)]
mod run;
#[cfg(madsim)]
mod stage;
#[cfg(not(madsim))]
mod start;
#[cfg(madsim)]
mod user;
#[cfg(madsim)]
mod weather;

use std::process::ExitCode;

/// Runs what these arguments of `cargo sim` ask for, if they ask for this tier: `--tier madsim`, or
/// `--tier both`.
#[must_use]
pub fn main(arguments: &[String]) -> Option<ExitCode> {
    let tier = arguments.iter().position(|argument| argument == "--tier")?;
    if arguments.get(tier + 1).is_some_and(|tier| tier == "des") {
        return None;
    }
    #[cfg(madsim)]
    let code = cli::main(arguments);
    #[cfg(not(madsim))]
    let code = start::main(arguments);
    Some(code)
}
