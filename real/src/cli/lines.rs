//! `raddle submit --each-line`: a command for each line of a file.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;

use super::progress;
use super::say;
use super::submit::{SubmitArgs, exit_code, outcome_json, pass_on};
use crate::command::CommandOutput;
use crate::error::{Result, TaskError};
use crate::future::TaskFuture;
use crate::init::{complain, exit};

/// What stands for the line.
const PLACE: &str = "{}";
/// Failures that are listed.
const LISTED: usize = 20;
/// Characters of standard error that are shown of each of them.
const SHOWN: usize = 200;

/// The lines of `file`, or of standard input.
pub(super) fn read(file: &Path) -> Result<Vec<String>> {
    let mut text = String::new();
    match file.as_os_str() == "-" {
        true => _ = std::io::stdin().read_to_string(&mut text)?,
        false => text = std::fs::read_to_string(file)?,
    }
    Ok(text.lines().map(str::to_owned).collect())
}

/// The words of the command for one line.
pub(super) fn fill(words: &[OsString], line: &str) -> Vec<OsString> {
    let has_place = |word: &OsString| word.to_str().is_some_and(|word| word.contains(PLACE));
    if !words.iter().any(has_place) {
        return words.iter().cloned().chain([line.into()]).collect();
    }
    let filled = words.iter().map(|word| match word.to_str() {
        Some(text) => text.replace(PLACE, line).into(),
        None => word.clone(),
    });
    filled.collect()
}

/// Waits for all commands, and writes what they wrote in the order of the lines.
pub(super) async fn wait(
    args: &SubmitArgs,
    lines: &[String],
    futures: Vec<TaskFuture<CommandOutput>>,
) -> Result<i32> {
    let mut failures = Vec::new();
    for (index, (line, future)) in lines.iter().zip(&futures).enumerate() {
        let done = || futures.iter().filter(|future| future.done()).count();
        let outcome = progress::shown(lines.len(), done, future.into_future()).await;
        let code = exit_code(&outcome);
        if code != 0 {
            failures.push(format!("line {}: {line}: {}", index + 1, why(&outcome)));
        }
        if args.json {
            let mut json = outcome_json(future, &outcome);
            json["line"] = json!(index + 1);
            json["input"] = json!(line);
            say(&json.to_string())?;
        } else if outcome.is_ok() {
            pass_on(outcome)?;
        }
    }
    summarise(lines.len(), &failures);
    Ok(if failures.is_empty() { 0 } else { exit::FAILURE })
}

fn summarise(total: usize, failures: &[String]) {
    for failure in failures.iter().take(LISTED) {
        complain(failure);
    }
    if failures.len() > LISTED {
        complain(&format!("and {} more failures", failures.len() - LISTED));
    }
    complain(&format!(
        "{} of {total} commands done, {} failed",
        total - failures.len(),
        failures.len()
    ));
}

fn why(outcome: &Result<CommandOutput, TaskError>) -> String {
    let (status, signal, stderr) = match outcome {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            (output.status, output.signal, stderr)
        }
        Err(TaskError::Exited { status, signal, stderr, .. }) => (*status, *signal, stderr.clone()),
        Err(error) => return error.to_string(),
    };
    let end = match (status, signal) {
        (Some(status), _) => format!("status {status}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let last: Vec<char> = stderr.lines().next_back().unwrap_or_default().chars().collect();
    let shown: String = last[last.len().saturating_sub(SHOWN)..].iter().collect();
    match shown.is_empty() {
        true => end,
        false => format!("{end}: {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_stands_in_its_place_or_at_the_end() {
        let fill = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            fill(&words, "a b")
        };
        assert_eq!(fill(&["cp", "{}", "x/{}.{}"]), ["cp", "a b", "x/a b.a b"]);
        assert_eq!(fill(&["echo", "-n"]), ["echo", "-n", "a b"]);
    }
}
