//! What other programs know of the command line: completions of shells, and manual pages.

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use crate::error::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The page of this command; otherwise that of all
    command: Option<String>,
}

/// `raddle completions`.
pub(super) fn completions(args: &CompletionsArgs) -> Result<i32> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "raddle", &mut script);
    print(&script)
}

/// `raddle man`.
pub(super) fn man(args: ManArgs) -> Result<i32> {
    let mut all = Cli::command();
    all.build();
    let command = match args.command {
        None => all,
        Some(name) => {
            let found = all.find_subcommand(&name).cloned();
            let found = found.ok_or_else(|| Error::Unknown(format!("there is no `raddle {name}`")));
            found?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<i32> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(0)
}
