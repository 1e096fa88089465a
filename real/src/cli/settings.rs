//! What is configured, and where: flags go before `RADDLE_…` in the environment, and those before
//! the file.
//!
//! What is configured is put before a command's own flags, as if it had been typed; of two the later
//! one counts. This module must not know what the settings mean.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Subcommand};
use serde_json::{Map, json};
use toml::{Table, Value};

use super::table::align;
use super::{Cli, say};
use crate::error::Result;

/// The flag that may stand before the command.
const CREDENTIALS: &str = "--credentials";

/// A flag that can be configured.
struct Setting {
    /// Its command, and its table in the file; `None`: that of every command that has the flag.
    command: Option<&'static str>,
    flag: &'static str,
}

const fn all(flag: &'static str) -> Setting {
    Setting { command: None, flag }
}

const fn scheduler(flag: &'static str) -> Setting {
    Setting { command: Some("scheduler"), flag }
}

const fn worker(flag: &'static str) -> Setting {
    Setting { command: Some("worker"), flag }
}

const SETTINGS: &[Setting] = &[
    all("scheduler-file"),
    all("address"),
    all("json"),
    all("credentials"),
    scheduler("host"),
    scheduler("port"),
    scheduler("contact-address"),
    scheduler("worker-grace"),
    scheduler("client-grace"),
    scheduler("ttl"),
    scheduler("no-workers-timeout"),
    scheduler("unqualified-timeout"),
    scheduler("max-client-tasks"),
    scheduler("idle-timeout"),
    worker("host"),
    worker("port"),
    worker("contact-address"),
    worker("threads"),
    worker("name"),
    worker("resources"),
    worker("memory-limit"),
    worker("memory-target"),
    worker("memory-terminate"),
    worker("spill-directory"),
    worker("spill-limit"),
    worker("program"),
    worker("grace"),
    worker("death-timeout"),
];

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every setting and its value
    Show {
        /// Say where each value is from
        #[arg(long)]
        origin: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Environment(String),
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// What the environment and the file say.
pub(super) struct Settings {
    file: Option<(PathBuf, Table)>,
    variable: fn(&str) -> Option<String>,
}

impl Settings {
    /// Reads the file, if there is one: that of `RADDLE_CONFIG`, or `raddle/config.toml` where
    /// programs keep such things. The error says what is wrong with it.
    pub(super) fn load() -> std::result::Result<Self, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = variable("RADDLE_CONFIG").map(PathBuf::from);
        let (path, must_be) = match named {
            Some(path) => (path, true),
            None => match default_path(variable) {
                Some(path) => (path, false),
                None => return Ok(Self { file: None, variable }),
            },
        };
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let table = parse(&text).map_err(|why| format!("{}: {why}", path.display()))?;
                Some((path, table))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_be => None,
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        Ok(Self { file, variable })
    }

    /// What a file with this text says, and an empty environment.
    pub(super) fn of(text: &str) -> std::result::Result<Self, String> {
        Ok(Self { file: Some((PathBuf::new(), parse(text)?)), variable: |_| None })
    }

    /// `arguments`, the program's own name first, with what is configured for their command.
    pub(super) fn apply(&self, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
        let mut all: Vec<_> = arguments.into_iter().collect();
        let cli = Cli::command();
        let Some(place) = place(&all) else { return all };
        let Some(command) = cli.find_subcommand(&all[place]) else { return all };
        let mut configured = Vec::new();
        for setting in SETTINGS.iter().filter(|setting| setting.is_of(command)) {
            for (value, _) in self.values(setting) {
                match (setting.flag, value.as_str()) {
                    ("json", "true") => configured.push("--json".into()),
                    ("json", _) => {}
                    (flag, value) => configured.push(format!("--{flag}={value}").into()),
                }
            }
        }
        all.splice(place + 1..place + 1, configured);
        all
    }

    /// Its values, the one that counts last.
    fn values(&self, setting: &Setting) -> Vec<(String, Origin)> {
        let in_file = self.file.as_ref().and_then(|(path, table)| {
            let table = match setting.command {
                Some(command) => table.get(command)?.as_table()?,
                None => table,
            };
            Some((text(table.get(setting.flag)?)?, Origin::File(path.clone())))
        });
        let name = setting.variable();
        let in_environment =
            (self.variable)(&name).map(|value| (value, Origin::Environment(name.clone())));
        in_file.into_iter().chain(in_environment).collect()
    }
}

/// Where the command is: after the program's name, and the flag that all commands have.
fn place(arguments: &[OsString]) -> Option<usize> {
    let flag = arguments.get(1)?.to_str()?;
    match (flag == CREDENTIALS, flag.starts_with(CREDENTIALS)) {
        (true, _) => Some(3),
        (false, true) => Some(2),
        (false, false) => Some(1),
    }
    .filter(|place| *place < arguments.len())
}

impl Setting {
    /// Whether `command` has this flag.
    fn is_of(&self, command: &clap::Command) -> bool {
        let has = |flag: &str| command.get_arguments().any(|arg| arg.get_long() == Some(flag));
        match self.flag {
            // That of all; but who makes credentials has none yet.
            "credentials" => has("scheduler-file"),
            flag => self.command.is_none_or(|name| name == command.get_name()) && has(flag),
        }
    }

    /// Its place in the file, with dots.
    fn name(&self) -> String {
        match self.command {
            Some(command) => format!("{command}.{}", self.flag),
            None => self.flag.to_owned(),
        }
    }

    /// Its variable in the environment.
    fn variable(&self) -> String {
        format!("raddle_{}", self.name()).replace(['.', '-'], "_").to_uppercase()
    }
}

/// `raddle config`.
pub(super) fn show(args: &ConfigArgs, settings: &Settings) -> Result<i32> {
    let What::Show { origin, json } = args.what;
    let rows = SETTINGS.iter().map(|setting| (setting, settings.values(setting).pop()));
    if json {
        let all: Map<_, _> = rows
            .map(|(setting, found)| {
                let (value, origin) = found.unzip();
                let origin = origin.map(|origin| origin.to_string());
                (setting.name(), json!({ "value": value, "origin": origin }))
            })
            .collect();
        say(&json!(all).to_string())?;
        return Ok(0);
    }
    let mut table =
        vec![["SETTING", "VALUE", if origin { "ORIGIN" } else { "" }].map(str::to_owned)];
    for (setting, found) in rows {
        let (value, from) = match found {
            Some((value, from)) => (value, from.to_string()),
            None => ("-".to_owned(), "default".to_owned()),
        };
        table.push([setting.name(), value, if origin { from } else { String::new() }]);
    }
    say(&align(&table, 3).join("\n"))?;
    Ok(0)
}

fn default_path(variable: fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
    Some(folder?.join("raddle").join("config.toml"))
}

/// The file's content; everything in it must be a setting.
fn parse(text: &str) -> std::result::Result<Table, String> {
    let file: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    for (name, value) in &file {
        match value {
            Value::Table(table) => {
                for (flag, value) in table {
                    check(Some(name), flag, value)?;
                }
            }
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => check(None, name, value)?,
        }
    }
    Ok(file)
}

fn check(command: Option<&str>, flag: &str, value: &Value) -> std::result::Result<(), String> {
    let full = command.map_or_else(|| flag.to_owned(), |command| format!("{command}.{flag}"));
    if !SETTINGS.iter().any(|setting| setting.name() == full) {
        return Err(format!("there is no setting `{full}`; `raddle config show` lists them"));
    }
    match text(value) {
        Some(_) => Ok(()),
        None => Err(format!("`{full}` must be a text, a number or a truth value")),
    }
}

/// A value as it would be typed.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &str, variable: fn(&str) -> Option<String>) -> Settings {
        let table = parse(file).expect("a file as it should be");
        Settings { file: Some((PathBuf::from("c.toml"), table)), variable }
    }

    fn apply(settings: &Settings, arguments: &[&str]) -> Vec<String> {
        let arguments = arguments.iter().map(OsString::from);
        let applied = settings.apply(arguments);
        applied.into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    const FILE: &str = "address = 'tcp://file:1'\njson = true\n\
                        [worker]\nthreads = 3\nresources = 'gpu=1'\n[scheduler]\nport = 1";

    #[test]
    fn what_is_configured_stands_before_what_is_typed_and_the_file_first() {
        let settings =
            settings(FILE, |name| (name == "RADDLE_WORKER_THREADS").then(|| "4".to_owned()));
        let expected = [
            "raddle",
            "worker",
            "--address=tcp://file:1",
            "--json",
            "--threads=3",
            "--threads=4",
            "--resources=gpu=1",
            "--threads",
            "5",
        ];
        assert_eq!(apply(&settings, &["raddle", "worker", "--threads", "5"]), expected);
        let expected = ["raddle", "status", "--address=tcp://file:1", "--json"];
        assert_eq!(apply(&settings, &["raddle", "status"]), expected);
        let expected =
            ["raddle", "--credentials", "c", "status", "--address=tcp://file:1", "--json", "x"];
        let arguments = ["raddle", "--credentials", "c", "status", "x"];
        assert_eq!(apply(&settings, &arguments), expected);
        assert_eq!(apply(&settings, &["raddle", "man", "x"]), ["raddle", "man", "x"]);
        assert_eq!(apply(&settings, &["raddle"]), ["raddle"]);
    }

    #[test]
    fn every_setting_is_a_flag_of_some_command() {
        let cli = Cli::command();
        for setting in SETTINGS {
            let is_there = cli.get_subcommands().any(|command| setting.is_of(command));
            assert!(is_there, "{}", setting.name());
        }
    }

    #[test]
    fn a_file_with_anything_else_is_an_error() {
        for (file, why) in [
            ("adress = 'x'", "there is no setting `adress`"),
            ("[worker]\nport = [1]", "`worker.port` must be a text"),
            ("[client]\nport = 1", "there is no setting `client.port`"),
            ("=", "TOML parse error"),
        ] {
            let error = parse(file).expect_err(file);
            assert!(error.contains(why), "{error}");
        }
    }
}
