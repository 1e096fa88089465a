//! The command line's verbs: `submit`, `wait`, `logs`, `cancel`, `config`, `completions`, `man`, and the
//! ways in which a cluster finds itself.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

use raddle::prelude::*;
use raddle_tests::add;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{APP, Gate, Program, RADDLE, Scratch, test, threads, until, within_limit};

/// What came of `raddle` with these arguments and variables.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> raddle::Result<Output> {
    let mut command = Command::new(RADDLE);
    command.args(arguments).env("RADDLE_CONFIG", "/dev/null");
    Ok(command.envs(variables.iter().copied()).output()?)
}

/// As [`run`], of an end that must be good: what it said.
fn says(arguments: &[&str], variables: &[(&str, &str)]) -> raddle::Result<String> {
    let Output { status, stdout, stderr } = run(arguments, variables)?;
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8(stdout).expect("text"))
}

#[test]
fn submit_passes_output_and_exit_status_through() {
    test(async || {
        let (cluster, _client) = threads(1).await?;
        let at = [("RADDLE_ADDRESS", cluster.address())];
        let script = "echo out; echo err >&2; exit 7";
        let Output { status, stdout, stderr } = run(&["submit", "--", "sh", "-c", script], &at)?;
        assert_eq!(
            (status.code(), &stdout[..], &stderr[..]),
            (Some(7), &b"out\n"[..], &b"err\n"[..])
        );
        let killed = run(&["submit", "--", "sh", "-c", "kill -9 $$"], &at)?;
        assert_eq!(killed.status.code(), Some(137));

        let arguments = ["submit", "--json", "--env", "X=y", "--", "sh", "-c", "printf $X"];
        let mut json: Value = serde_json::from_str(&says(&arguments, &at)?).expect("JSON");
        assert!(json["key"].take().is_string());
        let expected = json!({
            "key": null, "status": 0, "signal": null, "stdout": "y", "stdout_dropped": 0,
            "stderr": "", "stderr_dropped": 0,
        });
        assert_eq!(json, expected);

        // An option that a task has, a command has too.
        let late = run(&["submit", "--timeout", "0.2", "--", "sleep", "1000"], &at)?;
        assert_eq!(late.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&late.stderr).contains("longer than it was allowed"));
        cluster.close().await
    });
}

#[test]
fn a_detached_command_is_waited_for_read_and_forgotten_by_its_key() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let at = [("RADDLE_ADDRESS", cluster.address())];
        let script = "echo hello; exit 3";
        let key = says(&["submit", "--detach", "--", "sh", "-c", script], &at)?;
        let key = key.trim();
        let waited = run(&["wait", key], &at)?;
        let said = String::from_utf8_lossy(&waited.stderr).into_owned();
        assert_eq!(
            (waited.status.code(), said),
            (Some(1), format!("raddle: {key} ended with status 3\n"))
        );
        // The address may also stand before the key.
        assert_eq!(says(&["logs", cluster.address(), key], &[])?, "hello\n");
        assert_eq!(client.datasets().await?, [key]);
        assert_eq!(says(&["cancel", key], &at)?, format!("{key}: was done already\n"));
        assert_eq!(client.datasets().await?, Vec::<String>::new());
        let gone = run(&["logs", key], &at)?;
        assert_eq!(gone.status.code(), Some(1), "{gone:?}");

        let key = says(&["submit", "--detach", "--", "sleep", "1000"], &at)?;
        let key = key.trim();
        assert_eq!(says(&["cancel", key], &at)?, format!("{key}: cancelled\n"));
        // Its slot is free.
        assert_eq!(says(&["submit", "--", "echo", "next"], &at)?, "next\n");
        let short = run(&["cancel", "no key"], &at)?;
        assert_eq!(short.status.code(), Some(2));
        cluster.close().await
    });
}

#[test]
fn a_submission_that_is_interrupted_leaves_no_process() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let scratch = Scratch::new("interrupted")?;
        let file = scratch.path("begun");
        let script = "echo > \"$0\"; exec sleep 1000";
        let name = file.to_str().expect("text");
        let arguments = ["submit", "--address", cluster.address(), "--", "sh", "-c", script, name];
        let program = Program::start(RADDLE, &arguments)?;
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        program.signal(Signal::INT)?;
        assert_eq!(program.end()?, (Some(130), String::new()));
        // The only slot is free again.
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn each_line_is_a_task_and_failures_are_listed() {
    test(async || {
        let (cluster, _client) = threads(2).await?;
        let at = [("RADDLE_ADDRESS", cluster.address())];
        let scratch = Scratch::new("lines")?;
        let file = scratch.path("lines");
        let lines: Vec<_> = (0..100).map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, lines.concat())?;
        let file = file.to_str().expect("text");
        let script = r#"case $1 in *9) echo "no $1" >&2; exit 2;; esac; echo "<$1>""#;
        let command = ["--", "sh", "-c", script, "sh", "{}"];
        let Output { status, stdout, stderr } =
            run(&[&["submit", "--each-line", file][..], &command].concat(), &at)?;
        assert_eq!(status.code(), Some(1));
        let expected: String =
            (0..100).filter(|line| line % 10 != 9).map(|line| format!("<{line}>\n")).collect();
        assert_eq!(String::from_utf8_lossy(&stdout), expected);
        let said = String::from_utf8_lossy(&stderr);
        assert!(said.contains("raddle: line 20: 19: status 2: no 19\n"), "{said}");
        assert!(said.ends_with("raddle: 90 of 100 commands done, 10 failed\n"), "{said}");

        let arguments = [&["submit", "--json", "--each-line", file][..], &command].concat();
        let Output { status, stdout, .. } = run(&arguments, &at)?;
        assert_eq!(status.code(), Some(1));
        let json = String::from_utf8_lossy(&stdout);
        let json: Vec<Value> =
            json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(json.len(), 100);
        assert_eq!((&json[9]["line"], &json[9]["input"]), (&json!(10), &json!("9")));
        assert_eq!((&json[9]["status"], &json[8]["stdout"]), (&json!(2), &json!("<8>\n")));
        cluster.close().await
    });
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    within_limit(|| {
        let scratch = Scratch::new("config")?;
        let file = scratch.path("config.toml");
        let text = "address = 'tcp://file:1'\n[worker]\nthreads = 3\nname = 'from-file'\n";
        std::fs::write(&file, text)?;
        let path = file.to_str().expect("text").to_owned();
        let variables = [("RADDLE_CONFIG", &path[..]), ("RADDLE_WORKER_THREADS", "4")];
        let shown = says(&["config", "show", "--origin"], &variables)?;
        let line = |name: &str| {
            let found = shown.lines().find(|line| line.split(' ').next() == Some(name));
            let words: Vec<_> = found.expect("a line").split_whitespace().collect();
            words[1..].join(" ")
        };
        assert_eq!(line("address"), format!("tcp://file:1 file {path}"));
        assert_eq!(line("worker.threads"), "4 environment RADDLE_WORKER_THREADS");
        assert_eq!(line("worker.name"), format!("from-file file {path}"));
        assert_eq!(line("scheduler.port"), "- default");
        let json: Value =
            serde_json::from_str(&says(&["config", "show", "--json"], &variables)?).expect("JSON");
        assert_eq!(json["worker.threads"]["value"], "4");

        // What is configured counts, unless a flag says otherwise.
        let said = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
        let bad = [("RADDLE_CONFIG", &path[..]), ("RADDLE_WORKER_THREADS", "none")];
        let wrong = run(&["worker"], &bad)?;
        assert_eq!(wrong.status.code(), Some(2));
        assert!(said(wrong).contains("`none` is not a number of threads"));
        let nobody = format!("tcp://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
        let there = run(&["status", "--address", &nobody], &variables)?;
        assert!(said(there).contains(&format!("the scheduler at {nobody} cannot be reached")));
        let variables = [("RADDLE_CONFIG", &path[..]), ("RADDLE_ADDRESS", &nobody)];
        assert!(said(run(&["status"], &variables)?).contains(&nobody));

        std::fs::write(&file, "adress = 'tcp://file:1'\n")?;
        let misspelt = run(&["status"], &[("RADDLE_CONFIG", &path[..])])?;
        assert_eq!(misspelt.status.code(), Some(2));
        assert!(said(misspelt).contains("there is no setting `adress`"));
        Ok(())
    });
}

#[test]
fn completions_and_manual_pages_know_every_verb() {
    within_limit(|| {
        let help = says(&["--help"], &[])?;
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let commands = commands.take_while(|line| !line.is_empty());
        let verbs: Vec<_> = commands
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|verb| *verb != "help")
            .collect();
        assert!(verbs.len() >= 15 && verbs.contains(&"submit"), "{verbs:?}");
        for shell in ["bash", "zsh", "fish"] {
            let script = says(&["completions", shell], &[])?;
            for verb in &verbs {
                assert!(script.contains(verb), "{shell}: {verb}");
            }
        }
        let page = says(&["man"], &[])?;
        for verb in verbs {
            assert!(page.contains(verb), "{verb}");
            let own = says(&["man", verb], &[])?;
            assert!(own.contains(&format!("raddle\\-{verb}")), "{own}");
        }
        Ok(())
    });
}

/// A scheduler with these arguments besides, and what it says.
fn scheduler(arguments: &[&str]) -> raddle::Result<(Program, String)> {
    let mut scheduler = Program::start(RADDLE, &[&["scheduler"], arguments].concat())?;
    let line = scheduler.line()?;
    let address = line.strip_prefix("scheduler at ").unwrap_or_else(|| panic!("it says `{line}`"));
    Ok((scheduler, address.to_owned()))
}

#[test]
fn a_cluster_finds_itself_by_a_file() {
    test(async || {
        let scratch = Scratch::new("file")?;
        let file = scratch.path("scheduler.json");
        let path = file.to_str().expect("text").to_owned();
        // Who comes first waits for the file.
        let early = Program::start(RADDLE, &["wait", "--scheduler-file", &path])?;
        let (scheduler, address) = scheduler(&["--port", "0", "--scheduler-file", &path])?;
        let arguments = ["worker", "--scheduler-file", &path, "--program", APP, "--threads", "1"];
        let arguments = [&arguments[..], &["--grace", "0"]].concat();
        let mut worker = Program::start(RADDLE, &arguments)?;
        assert!(worker.line()?.starts_with("worker at tcp://"));
        assert_eq!(early.end()?, (Some(0), String::new()));
        let client = Client::connect_file(&file).await?;
        assert_eq!(client.address(), address);
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        assert_eq!(says(&["submit", "--scheduler-file", &path, "--", "echo", "x"], &[])?, "x\n");
        // SIGTERM ends each of them well.
        for program in [worker, scheduler] {
            program.signal(Signal::TERM)?;
            let (code, said) = program.end()?;
            assert_eq!(code, Some(0), "{said}");
        }
        assert!(!file.exists());
        Ok(())
    });
}

#[test]
fn a_worker_listens_in_its_range_and_is_reached_where_it_says() {
    test(async || {
        let (_scheduler, address) = scheduler(&["--host", "localhost", "--port", "0"])?;
        // Of a range, a port that is taken is passed over.
        let taken = TcpListener::bind("127.0.0.1:0")?;
        let first = taken.local_addr()?.port();
        let range = format!("{first}:{}", first.saturating_add(99));
        let arguments = ["worker", &address, "--threads", "1", "--host", "127.0.0.1"];
        let arguments =
            [&arguments[..], &["--port", &range, "--contact-address", "localhost"]].concat();
        let mut worker = Program::start(RADDLE, &arguments)?;
        let line = worker.line()?;
        let port =
            line.strip_prefix("worker at tcp://localhost:").and_then(|port| port.parse().ok());
        let range = first + 1..=first.saturating_add(99);
        assert!(port.is_some_and(|port: u16| range.contains(&port)), "{line}");
        let client = Client::connect(&address).await?;
        // Large enough to be fetched from the worker itself, by that name.
        let many = raddle::Command::new("seq").arg("100000").call();
        assert!(client.submit(many).await?.text()?.ends_with("100000\n"));
        Ok(())
    });
}

#[test]
fn a_cluster_lives_on_ipv6() {
    test(async || {
        if TcpListener::bind("[::1]:0").is_err() {
            // This machine has none.
            return Ok(());
        }
        let (_scheduler, address) = scheduler(&["--host", "::1", "--port", "0"])?;
        assert!(address.starts_with("tcp://[::1]:"), "{address}");
        assert!(TcpStream::connect(address.trim_start_matches("tcp://")).is_ok());
        let arguments = ["worker", &address, "--program", APP, "--threads", "1"];
        let mut worker = Program::start(RADDLE, &arguments)?;
        assert!(worker.line()?.starts_with("worker at tcp://[::1]:"));
        let client = Client::connect(&address).await?;
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        let many = raddle::Command::new("seq").arg("100000").call();
        assert!(client.submit(many).await?.text()?.ends_with("100000\n"));
        Ok(())
    });
}

#[test]
fn workers_retire_by_name() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let at = [("RADDLE_ADDRESS", cluster.address())];
        let three = client.submit(add(1, 2));
        assert_eq!((&three).await?, 3);
        assert_eq!(says(&["retire", "worker-0"], &at)?, "");
        let names: Vec<_> = client.workers().await?.into_iter().map(|w| w.name).collect();
        assert_eq!(names, ["worker-1"]);
        assert_eq!(client.who_has(&three).await?, [cluster.workers().remove(1)]);
        let unknown = run(&["retire", "nobody"], &at)?;
        assert_eq!(unknown.status.code(), Some(1));
        cluster.close().await
    });
}

#[test]
fn a_worker_that_is_told_to_end_ends_its_bodies_and_hands_over_what_it_holds() {
    test(async || {
        let (_scheduler, address) = scheduler(&["--port", "0"])?;
        let arguments = ["worker", &address, "--program", APP, "--threads", "1", "--grace", "100"];
        let mut first = Program::start(RADDLE, &arguments)?;
        assert!(first.line()?.starts_with("worker at tcp://"));
        let client = Client::connect(&address).await?;
        let three = client.submit(add(1, 2));
        assert_eq!((&three).await?, 3);
        let mut gate = Gate::new().await?;
        let gated = client.submit(gate.call(4));
        gate.entered().await?;
        let mut second = Program::start(RADDLE, &arguments)?;
        let there = second.line()?;
        first.signal(Signal::TERM)?;
        until(&client, |info| info.workers.iter().any(|worker| worker.status == "retiring"))
            .await?;
        gate.open();
        let (code, said) = first.end()?;
        assert_eq!(code, Some(0), "{said}");
        assert_eq!((&gated).await?, 4);
        let there = [there.trim_start_matches("worker at ").to_owned()];
        assert_eq!(client.who_has(&three).await?, there);
        assert_eq!(client.who_has(&gated).await?, there);
        let attempts: Vec<_> = client.tasks(None).await?.iter().map(|t| t.attempts).collect();
        assert_eq!(attempts, [1, 1]);
        Ok(())
    });
}

#[test]
fn a_worker_waits_for_a_scheduler_that_comes_later_but_not_for_ever() {
    test(async || {
        // At an address of this machine where nobody else listens.
        let port = TcpListener::bind("127.0.0.4:0")?.local_addr()?.port().to_string();
        let address = format!("tcp://127.0.0.4:{port}");
        let arguments = ["worker", &address, "--threads", "1", "--death-timeout"];
        let (code, said) = Program::start(RADDLE, &[&arguments[..], &["0.1"]].concat())?.end()?;
        assert_eq!(code, Some(1));
        assert!(said.contains("not reached"), "{said}");
        let mut early = Program::start(RADDLE, &[&arguments[..], &["100"]].concat())?;
        let (_scheduler, _) = scheduler(&["--host", "127.0.0.4", "--port", &port])?;
        assert!(early.line()?.starts_with("worker at tcp://127.0.0."));
        Ok(())
    });
}
