//! The way from the ordinary program to the one with `cfg(madsim)`: cargo builds and runs it.
//!
//! It must not know what the arguments mean.

use std::process::{Command, ExitCode};

/// Runs the other program with these arguments; its exit code.
pub(super) fn main(arguments: &[String]) -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    match Command::new(cargo).arg("sim-madsim").args(arguments).status() {
        // Without a code it was killed by a signal: as a panic would be.
        Ok(status) => {
            let code = status.code().map_or(127, |code| u8::try_from(code).unwrap_or(u8::MAX));
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!(
                "tier 2 is a program of its own, which cargo builds and starts; and cargo cannot be \
                 started: {error}. Run `cargo sim-madsim -- {}` in the project.",
                arguments.join(" "),
            );
            ExitCode::from(1)
        }
    }
}
