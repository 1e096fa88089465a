//! What part of the suite is to be run, and where its figures go.
//!
//! It must not know what is measured.

use std::path::PathBuf;

use crate::group::Group;

const HELP: &str = "\
usage: cargo bench -p raddle --bench suite -- [OPTION]…
  --rounds N        how often everything is measured (default 7)
  --quick           a tenth of the tasks
  --tenfold         ten times the tasks, whatever their figures are called
  --only A,B,…      these groups alone; see below
  --no-peers        without other schedulers
  --write FOLDER    also write suite.md, suite.json and suite.svg there
groups:";

/// How the suite is run.
pub(crate) struct Options {
    /// How often everything is measured.
    pub(crate) rounds: usize,
    /// What is measured, in this order.
    pub(crate) groups: Vec<Group>,
    /// What numbers of tasks are multiplied with.
    pub(crate) scale: f64,
    /// Whether other schedulers are measured, too.
    pub(crate) peers: bool,
    /// Where the figures go, beside the terminal.
    pub(crate) write: Option<PathBuf>,
}

impl Options {
    /// The arguments of this process. An error is what to tell the user.
    pub(crate) fn of_process() -> Result<Self, String> {
        let mut options =
            Self { rounds: 7, groups: Group::ALL.to_vec(), scale: 1.0, peers: true, write: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                // Said by cargo.
                "--bench" => {}
                "--rounds" => {
                    let text = value()?;
                    let rounds = text.parse().map_err(|_| format!("{text} is not a number"))?;
                    options.rounds = rounds;
                }
                "--quick" => options.scale = 0.1,
                "--tenfold" => options.scale = 10.0,
                "--only" => {
                    options.groups = value()?.split(',').map(group).collect::<Result<_, _>>()?;
                }
                "--no-peers" => options.peers = false,
                "--write" => options.write = Some(PathBuf::from(value()?)),
                "--help" => return Err(help()),
                other => return Err(format!("what is {other}?\n{}", help())),
            }
        }
        Ok(options)
    }
}

fn group(name: &str) -> Result<Group, String> {
    let found = Group::ALL.into_iter().find(|group| group.name() == name);
    found.ok_or_else(|| format!("there is no group {name}\n{}", help()))
}

fn help() -> String {
    let groups = Group::ALL.iter().map(|group| format!("\n  {}", group.name()));
    HELP.to_owned() + &groups.collect::<String>()
}
