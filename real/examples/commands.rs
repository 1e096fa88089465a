//! Programs over a parameter file: one command for each line, each output the input of another
//! command, and an account of those that failed.
//!
//! `cargo run --release --example commands -- [FILE]`; of a file of its own it makes up some lines.

use raddle::prelude::*;
use raddle::{Command, CommandOutput};

/// The lines that are used if no file is named; one of them is no number.
const LINES: &str = "12\n18\nseven\n97\n360\n";

/// The prime factors of a number, by the program of that name.
fn factors(number: &str) -> Call<CommandOutput> {
    Command::new("factor").arg(number).env("LC_ALL", "C").call()
}

/// How many words there are in what another command wrote.
fn count(output: &TaskFuture<CommandOutput>) -> Call<CommandOutput> {
    Command::new("wc").arg("-w").stdin_from(output).call()
}

#[raddle::main]
#[allow(clippy::print_stdout)] // it is what the program is for
async fn main() -> raddle::Result<()> {
    let text = match std::env::args().nth(1) {
        Some(file) => std::fs::read_to_string(file)?,
        None => LINES.to_owned(),
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();

    // Any worker runs commands; these are threads of this program.
    let client = Client::local().await?;
    let factored = client.map(|line| factors(line), &lines);
    let counted = client.submit_all(factored.iter().map(count));

    let mut failed = 0;
    for ((line, factored), counted) in lines.iter().zip(&factored).zip(&counted) {
        match (factored.await, counted.await) {
            (Ok(factors), Ok(words)) => {
                let words: usize = words.text()?.trim().parse().unwrap_or_default();
                // The first word is the number itself.
                println!("{} ({} factors)", factors.text()?.trim(), words.saturating_sub(1));
            }
            (Err(TaskError::Exited { status, stderr, .. }), _) => {
                failed += 1;
                println!("{line}: status {status:?}: {stderr}");
            }
            (Err(error), _) | (_, Err(error)) => return Err(error.into()),
        }
    }
    println!("{} lines, {failed} failed", lines.len());
    client.close().await
}
