//! Commands about tasks by their keys: `wait`, `logs`, `cancel`.

use std::time::Duration;

use clap::Args;
use raddle_net::names::Key;
use serde_json::json;

use super::submit::{exit_code, interruptible, outcome_json, pass_on};
use super::target::{Target, split};
use super::{progress, say};
use crate::client::Client;
use crate::command::CommandOutput;
use crate::error::{Error, Result, TaskError};
use crate::future::TaskFuture;
use crate::init::{complain, exit, parse_seconds};
use crate::rt;

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    #[command(flatten)]
    target: Target,
    /// Keys of tasks, as `raddle submit --detach` prints them; before them, if wanted, the scheduler's
    /// address
    #[arg(value_name = "KEY", value_parser = key_or_address)]
    words: Vec<String>,
    /// Until there are this many workers; 1 if nothing else is said
    #[arg(long)]
    workers: Option<usize>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    /// Print JSON: an object for each key
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(flatten)]
    target: Target,
    /// Keys of tasks; before them, if wanted, the scheduler's address
    #[arg(value_name = "KEY", value_parser = key_or_address, required = true)]
    words: Vec<String>,
    /// Print JSON: an object for each key
    #[arg(long)]
    json: bool,
}

/// A word that is a key or an address; gives it as it was written.
pub(super) fn key_or_address(text: &str) -> std::result::Result<String, String> {
    match text.contains("://") {
        true => super::address(text).map_err(|error| error.to_string()),
        false => match text.parse::<Key>() {
            Ok(key) => Ok(key.to_string()),
            Err(error) => Err(error.to_string()),
        },
    }
}

/// The address, if there is one, and the keys.
pub(super) fn keys(words: Vec<String>) -> Result<(Option<String>, Vec<Key>)> {
    let (address, words) = split(words);
    let key =
        |word: &String| word.parse().map_err(|_| Error::Unknown(format!("`{word}` is not a key")));
    Ok((address, words.iter().map(key).collect::<Result<_>>()?))
}

/// `raddle wait`.
pub(super) async fn wait(args: WaitArgs) -> Result<i32> {
    let (address, keys) = keys(args.words)?;
    let client = args.target.connect(address.as_deref()).await?;
    let work = async {
        if keys.is_empty() || args.workers.is_some() {
            wait_for_workers(&client, args.workers.unwrap_or(1), args.timeout).await?;
        }
        let futures = client.adopt::<CommandOutput>(&keys);
        let waiting = wait_for_keys(&futures, args.json);
        match args.timeout {
            None => waiting.await,
            Some(limit) => match rt::within(limit, waiting).await {
                Some(code) => code,
                None => {
                    let left = futures.iter().filter(|future| !future.done()).count();
                    let after = limit.as_secs_f64();
                    Err(Error::Unknown(format!("after {after} s {left} tasks are not done")))
                }
            },
        }
    };
    let code = interruptible(work).await;
    client.close().await?;
    code
}

async fn wait_for_workers(client: &Client, count: usize, limit: Option<Duration>) -> Result<()> {
    let waiting = client.wait_for_workers(count);
    let Some(limit) = limit else { return waiting.await };
    match rt::within(limit, waiting).await {
        Some(result) => result,
        None => {
            let there = client.workers().await?.len();
            let after = limit.as_secs_f64();
            Err(Error::Unknown(format!("after {after} s there are {there} workers, not {count}")))
        }
    }
}

/// The exit code is 1 if any of them failed.
async fn wait_for_keys(futures: &[TaskFuture<CommandOutput>], json: bool) -> Result<i32> {
    let mut code = 0;
    for future in futures {
        let done = || futures.iter().filter(|future| future.done()).count();
        let outcome = progress::shown(futures.len(), done, future.into_future()).await;
        // What is no command has done what it could.
        let failed = !matches!(outcome, Err(TaskError::Decode { .. })) && exit_code(&outcome) != 0;
        if json {
            say(&json!({ "key": future.key().to_string(), "failed": failed }).to_string())?;
        } else if failed {
            match outcome {
                Ok(output) => {
                    let status = output.status.map_or(-1, |status| status);
                    complain(&format!("{} ended with status {status}", future.key()));
                }
                Err(error) => complain(&format!("{}: {error}", future.key())),
            }
        }
        if failed {
            code = exit::FAILURE;
        }
    }
    Ok(code)
}

/// `raddle logs`.
pub(super) async fn logs(args: KeysArgs) -> Result<i32> {
    let (address, keys) = keys(args.words)?;
    let client = args.target.connect(address.as_deref()).await?;
    let futures = client.adopt::<CommandOutput>(&keys);
    let code = interruptible(async {
        for future in &futures {
            let outcome = future.await;
            let said = client.logs(future).await?;
            let said: Vec<_> = said.into_iter().map(|line| line.text).collect();
            // What is no command has no output; what it said, it said in its context.
            let is_command = !matches!(outcome, Err(TaskError::Decode { .. }));
            match args.json {
                true if !is_command => {
                    say(&json!({ "key": future.key().to_string(), "log": said }).to_string())?;
                }
                false if !is_command => said.iter().try_for_each(|line| say(line))?,
                true => say(&outcome_json(future, &outcome).to_string())?,
                // That it failed is not our failure.
                false => _ = pass_on(outcome)?,
            }
        }
        Ok(0)
    });
    let code = code.await;
    client.close().await?;
    code
}

/// `raddle cancel`.
pub(super) async fn cancel(args: KeysArgs) -> Result<i32> {
    let (address, keys) = keys(args.words)?;
    let client = args.target.connect(address.as_deref()).await?;
    let futures = client.adopt::<CommandOutput>(&keys);
    client.force_cancel(&futures);
    let mut code = 0;
    for future in &futures {
        let key = future.key().to_string();
        let outcome = future.await;
        // What `submit --detach` has left is not kept any longer; the others were not published.
        let _ = client.unpublish(&key).await;
        let what = match &outcome {
            Err(TaskError::Cancelled) => "cancelled".to_owned(),
            Ok(_)
            | Err(TaskError::Decode { .. } | TaskError::Exited { .. } | TaskError::Failed { .. }) => {
                "was done already".to_owned()
            }
            Err(error) => {
                code = exit::FAILURE;
                error.to_string()
            }
        };
        say(&match args.json {
            true => json!({ "key": key, "outcome": what }).to_string(),
            false => format!("{key}: {what}"),
        })?;
    }
    client.close().await?;
    Ok(code)
}
