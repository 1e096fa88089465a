//! Programs as tasks: what they are given, how they end, and that none is left behind.

use std::path::Path;
use std::time::Duration;

use raddle::Command;
use raddle::prelude::*;
use rustix::process::{Pid, test_kill_process};

use crate::support::{Program, RADDLE, Scratch, processes, test, threads};

fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

/// A command that writes its number, and that of a child of its, into `file`, and then both sleep.
fn sleeper(file: &Path) -> Command {
    let script = "sleep 1000 & echo $$ $! > $0.new && mv $0.new $0; wait";
    sh(script).arg(file)
}

/// The numbers in `file`, once it is there.
async fn pids(file: &Path) -> Vec<Pid> {
    let text = loop {
        match std::fs::read_to_string(file) {
            Ok(text) => break text,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let number = |word: &str| Pid::from_raw(word.parse().expect("a number")).expect("above 0");
    text.split_whitespace().map(number).collect()
}

/// Waits until none of these runs.
async fn until_gone(pids: &[Pid]) {
    while pids.iter().any(|&pid| runs(pid)) {
        tokio::task::yield_now().await;
    }
}

/// Whether it is there, and more than a dead process that nobody has waited for.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let is_dead = stat.is_ok_and(|stat| {
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
    });
    test_kill_process(pid).is_ok() && !is_dead
}

#[test]
fn a_command_has_arguments_environment_directory_and_input_and_gives_its_output() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let scratch = Scratch::new("command")?;
        let there = scratch.path("");
        let script = r#"printf '%s|%s|%s|' "$1" "$GREETING" "$(pwd -P)"; cat; echo oops >&2"#;
        let command = sh(script).args(["sh", "two words"]).env("GREETING", "hello");
        let command = command.current_dir(&there).stdin("from the client");
        let output = client.submit(command.call()).await?;
        let place = std::fs::canonicalize(&there)?.display().to_string();
        assert_eq!(output.text()?, format!("two words|hello|{place}|from the client"));
        assert_eq!((output.status, output.signal), (Some(0), None));
        assert_eq!((output.stderr.as_slice(), output.stderr_dropped), (&b"oops\n"[..], 0));

        let script = r#"echo "${GREETING-none} ${HOME-none}""#;
        let bare = Command::new("/bin/sh").args(["-c", script]).env("GREETING", "x").env_clear();
        assert_eq!(client.submit(bare.call()).await?.text()?, "none none\n");
        cluster.close().await
    });
}

#[test]
fn values_of_any_text_or_bytes_can_be_the_input_of_a_command() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let text = client.scatter("text".to_owned());
        let bytes = client.scatter(vec![b'x'; 300_000]);
        let output = client.submit(Command::new("printf").arg("output").call());
        let from_text = client.submit(Command::new("cat").stdin_from(&text).call());
        let from_bytes = client.submit(Command::new("cat").stdin_from(&bytes).call());
        let from_output = client.submit(Command::new("cat").stdin_from(&output).call());
        assert_eq!(from_text.await?.text()?, "text");
        assert_eq!(from_bytes.await?.stdout, vec![b'x'; 300_000]);
        assert_eq!(from_output.await?.text()?, "output");
        // Who does not read its input is not waited for.
        let deaf = client.submit(Command::new("true").stdin_from(&bytes).call());
        assert!(deaf.await?.success());
        cluster.close().await
    });
}

#[test]
fn an_exit_status_is_an_error_or_data() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let worker = cluster.workers().remove(0);
        let failing = || sh("echo said; echo why >&2; exit 3");
        let failed = client.submit(failing().call());
        let expected = TaskError::Exited {
            status: Some(3),
            signal: None,
            stderr: "why".to_owned(),
            worker,
            blame: failed.key(),
        };
        // Who needs its value fails as it did.
        let after = client.submit(Command::new("cat").stdin_from(&failed).call());
        assert_eq!((failed.await, after.await), (Err(expected.clone()), Err(expected)));

        let output = client.submit(failing().any_status().call()).await?;
        assert_eq!((output.status, output.text()?), (Some(3), "said\n"));
        let output = client.submit(sh("kill -9 $$").any_status().call()).await?;
        assert_eq!((output.status, output.signal), (None, Some(9)));
        let error = client.submit(sh("kill -9 $$").call()).await.unwrap_err();
        assert!(matches!(error, TaskError::Exited { status: None, signal: Some(9), .. }));

        let unheard = client.submit(Command::new("raddle-no-such-program").call());
        let Err(TaskError::Exited { status: Some(127), stderr, .. }) = unheard.await else {
            panic!("there is no such program");
        };
        assert!(stderr.contains("raddle-no-such-program"), "{stderr}");
        let nowhere = client.submit(Command::new("true").current_dir("/nonexistent").call());
        let why = nowhere.await.unwrap_err().to_string();
        assert!(why.contains("could not be started in `/nonexistent`"), "{why}");
        cluster.close().await
    });
}

#[test]
fn output_is_bounded_or_goes_into_a_file() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let script = "printf 0123456789; printf 0123456789 >&2";
        let output = client.submit(sh(script).max_output(4).call()).await?;
        assert_eq!((&output.stdout[..], output.stdout_dropped), (&b"0123"[..], 6));
        assert_eq!((&output.stderr[..], output.stderr_dropped), (&b"6789"[..], 6));

        let scratch = Scratch::new("command-file")?;
        let command = sh(script).current_dir(scratch.path("")).stdout_to("out");
        let output = client.submit(command.stderr_to(scratch.path("err")).call()).await?;
        assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
        for name in ["out", "err"] {
            assert_eq!(std::fs::read_to_string(scratch.path(name))?, "0123456789");
        }
        cluster.close().await
    });
}

#[test]
fn a_command_that_is_cancelled_or_out_of_time_leaves_no_process() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let scratch = Scratch::new("command-cancel")?;
        let file = scratch.path("cancelled");
        let cancelled = client.submit(sleeper(&file).call());
        let cancelled_pids = pids(&file).await;
        cancelled.cancel();
        assert_eq!(cancelled.await, Err(TaskError::Cancelled));
        until_gone(&cancelled_pids).await;

        let file = scratch.path("late");
        let late = client.submit(sleeper(&file).call().timeout(Duration::from_millis(300)));
        assert_eq!(late.await, Err(TaskError::TimedOut));
        // It may not even have begun.
        if file.exists() {
            until_gone(&pids(&file).await).await;
        }
        // The slot is free again.
        assert_eq!(client.submit(Command::new("echo").arg("next").call()).await?.text()?, "next\n");
        cluster.close().await
    });
}

#[test]
fn what_a_command_leaves_in_its_group_ends_with_it() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let output = client.submit(sh("sleep 1000 & echo $!").call()).await?;
        let pid = output.text()?.trim().parse().expect("a number");
        until_gone(&[Pid::from_raw(pid).expect("above 0")]).await;
        cluster.close().await
    });
}

#[test]
fn a_worker_that_is_killed_leaves_no_command() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let scratch = Scratch::new("command-kill")?;
        let file = scratch.path("pids");
        // Deaf to everything that can be ignored.
        let script = "trap '' TERM HUP INT; sleep 1000 & echo $$ $! > $0.new && mv $0.new $0; wait";
        let command = sh(script).arg(&file).call().at_most_once();
        let orphan = client.submit(command);
        let left = pids(&file).await;
        cluster.kill_worker(0).await?;
        until_gone(&left).await;
        assert!(orphan.await.is_err());
        cluster.close().await
    });
}

#[test]
fn a_worker_without_a_program_runs_commands() {
    test(async || {
        let cluster = LocalCluster::builder().workers(1).threads_per_worker(1).start().await?;
        let client = cluster.client().await?;
        let arguments = ["worker", cluster.address(), "--threads", "1", "--name", "bare"];
        let mut worker = Program::start(RADDLE, &arguments)?;
        assert!(worker.line()?.starts_with("worker at tcp://"));
        let call = Command::new("echo").arg("hello").call().workers(["bare"]);
        assert_eq!(client.submit(call).await?.text()?, "hello\n");
        cluster.close().await
    });
}
