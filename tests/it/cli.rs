//! The command line: a cluster by hand, its status, its exit codes and errors.

use std::net::TcpListener;

use raddle::prelude::*;
use raddle_net::hello::{self, Reply, Welcome};
use raddle_tests::{add, parse};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{APP, Program, RADDLE, test, threads, within_limit};
use crate::wire::Wire;

/// A scheduler process, and where it listens.
fn scheduler() -> raddle::Result<(Program, String)> {
    let arguments = ["scheduler", "--port", "0", "--worker-grace", "0.5"];
    let mut scheduler = Program::start(RADDLE, &arguments)?;
    let line = scheduler.line()?;
    let address = line.strip_prefix("scheduler at ");
    let address = address.unwrap_or_else(|| panic!("it says `{line}`")).to_owned();
    assert!(address.starts_with("tcp://127.0.0.1:"), "{address}");
    Ok((scheduler, address))
}

/// A worker process that has joined, and where it serves values.
fn worker(arguments: &[&str]) -> raddle::Result<(Program, String)> {
    let mut worker = Program::start(RADDLE, &[&["worker"], arguments].concat())?;
    let line = worker.line()?;
    let address = line.strip_prefix("worker at ");
    Ok((worker, address.unwrap_or_else(|| panic!("it says `{line}`")).to_owned()))
}

/// Exit code and last words of `raddle` with these arguments.
fn fails(arguments: &[&str]) -> raddle::Result<(Option<i32>, String)> {
    Program::start(RADDLE, arguments)?.end()
}

#[test]
fn a_cluster_by_hand_runs_tasks_and_shows_its_status() {
    test(async || {
        let (scheduler, address) = scheduler()?;
        let arguments = [&address[..], "--program", APP, "--threads", "2", "--name", "by-hand"];
        let arguments = [&arguments[..], &["--grace", "0", "--memory-limit", "1GiB"]].concat();
        let (worker, at) = worker(&arguments)?;
        let client = Client::connect(&address).await?;
        let three = client.submit(add(1, 2));
        assert_eq!((&three).await?, 3);

        let mut status = Program::start(RADDLE, &["status", &address, "--json"])?;
        let mut shown: Value = serde_json::from_str(&status.line()?).expect("JSON");
        assert_eq!(status.end()?, (Some(0), String::new()));
        // It is told now and then.
        let process = shown["workers"][0].as_object_mut().and_then(|it| it.remove("process_bytes"));
        assert!(process.is_some_and(|process| process.is_u64()));
        let expected = json!([{
            "id": "w1", "name": "by-hand", "address": at, "threads": 2, "memory_limit": 1 << 30,
            "processing": 0, "values": 1, "bytes": 8, "status": "running", "note": "",
            "spilled_bytes": 0,
        }]);
        assert_eq!(shown["workers"], expected);
        assert_eq!((&shown["clients"], &shown["scheduler"]), (&json!(1), &json!(address)));
        assert_eq!(shown["tasks"]["memory"], 1);

        let mut status = Program::start(RADDLE, &["status", &address])?;
        let expected = format!("scheduler {address}: workers 1, threads 2, clients 1");
        assert_eq!((status.line()?, status.line()?), (expected, "tasks: memory 1".to_owned()));
        drop(status);

        // An interrupt ends each of them well.
        for program in [worker, scheduler] {
            program.signal(Signal::INT)?;
            let (code, said) = program.end()?;
            assert_eq!(code, Some(0), "{said}");
        }
        Ok(())
    });
}

#[test]
fn a_worker_without_a_program_offers_nothing_and_one_with_it_helps() {
    test(async || {
        let (scheduler, address) = scheduler()?;
        let (_empty, _) = worker(&[&address])?;
        let client = Client::connect(&address).await?;
        let future = client.submit(add(1, 2));
        let why = client.explain(&future).await?;
        for part in ["no worker offers `raddle_tests::add`", "0 functions", "--raddle-worker"] {
            assert!(why.contains(part), "{part}: {why}");
        }
        assert!(!future.done());
        let mut app = Program::start(APP, &["--raddle-worker", &address, "--raddle-threads", "1"])?;
        assert!(app.line()?.starts_with("worker at tcp://"));
        assert_eq!(future.await?, 3);
        // Without a scheduler there is nothing to do: its end is an ordinary end of a worker.
        drop(scheduler);
        let (code, said) = app.end()?;
        assert_eq!(code, Some(0), "{said}");
        Ok(())
    });
}

/// What `raddle` says with these arguments, all of it.
fn says(arguments: &[&str]) -> raddle::Result<String> {
    let mut program = Program::start(RADDLE, arguments)?;
    let mut said = String::new();
    loop {
        let line = program.line()?;
        if line.is_empty() {
            break;
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert_eq!(program.end()?, (Some(0), String::new()));
    Ok(said)
}

#[test]
fn a_cluster_answers_questions() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let address = cluster.address();
        let three = client.submit(add(1, 2));
        let failed = client.submit(parse("x"));
        assert_eq!((&three).await?, 3);
        assert!((&failed).await.is_err());
        let key = three.key().to_string();
        let worker = cluster.workers().remove(0);

        assert_eq!(says(&["wait", address, "--workers", "1"])?, "");
        assert!(says(&["workers", address])?.contains(&worker));
        let workers: Value =
            serde_json::from_str(&says(&["workers", address, "--json"])?).expect("JSON");
        assert_eq!(workers[0]["address"], worker.as_str());
        let all = says(&["tasks", address])?;
        assert_eq!(all.lines().count(), 3, "{all}");
        let erred = says(&["tasks", address, "--state", "erred"])?;
        assert!(erred.contains("raddle_tests::parse") && !erred.contains("::add"), "{erred}");
        let why = says(&["explain", address, &key])?;
        assert_eq!(why, format!("{key} is done: 8 bytes on 1 worker(s)\n"));
        let story = says(&["story", address, &key])?;
        assert!(story.lines().last().expect("a line").contains("a run finished"), "{story}");
        assert!(says(&["story", address, &worker])?.contains("registered"));
        let dump: Value = serde_json::from_str(&says(&["dump", address])?).expect("JSON");
        assert_eq!(dump["tasks"].as_array().map(Vec::len), Some(2));

        let (code, said) = fails(&["wait", address, "--workers", "5", "--timeout", "0"])?;
        assert_eq!(
            (code, said.as_str()),
            (Some(1), "raddle: after 0 s there are 1 workers, not 5\n")
        );
        let (code, said) = fails(&["tasks", address, "--state", "done"])?;
        assert_eq!(code, Some(1));
        assert!(said.contains("there is no state `done`: erred, memory"), "{said}");
        let (code, said) = fails(&["explain", address, "three"])?;
        assert_eq!(code, Some(2));
        assert!(said.contains("`three` is not a key"), "{said}");
        cluster.close().await
    });
}

#[test]
fn a_port_in_use_is_named() {
    within_limit(|| {
        let taken = TcpListener::bind("127.0.0.1:0")?;
        let port = taken.local_addr()?.port().to_string();
        let (code, said) = fails(&["scheduler", "--port", &port])?;
        let expected = format!(
            "raddle: tcp://127.0.0.1:{port} is in use by another program; choose another port, or \
             0 for any\n"
        );
        assert_eq!((code, said), (Some(1), expected));
        Ok(())
    });
}

#[test]
fn a_scheduler_that_is_not_there_is_said_to_be() {
    within_limit(|| {
        // Bound and closed again: nobody listens there.
        let address = format!("tcp://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
        for arguments in [&["status", &address][..], &["worker", &address]] {
            let (code, said) = fails(arguments)?;
            let expected = format!("the scheduler at {address} cannot be reached: ");
            assert!(said.contains(&expected), "{said}");
            assert_eq!(code, Some(1));
        }
        Ok(())
    });
}

#[test]
fn a_second_worker_of_the_same_name_ends_and_says_why() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let address = cluster.address().to_owned();
        let (code, said) = fails(&["worker", &address, "--name", "worker-0"])?;
        assert!(said.contains("is another worker of the same name connected?"), "{said}");
        assert_eq!(code, Some(1));
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn another_version_has_an_exit_code_of_its_own() {
    within_limit(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("tcp://{}", listener.local_addr()?);
        for arguments in [&["status", &address][..], &["worker", &address]] {
            let program = Program::start(RADDLE, arguments)?;
            let mut wire = Wire::accept(&listener)?;
            wire.greeting()?;
            let other = Reply::Welcome(Welcome { version: 999, ..Welcome::new(1) });
            wire.write(&hello::encode_reply(&other).expect("a short one"))?;
            let (code, said) = program.end()?;
            assert!(said.contains("speaks version 999 of the protocol"), "{said}");
            assert_eq!(code, Some(3));
        }
        Ok(())
    });
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    within_limit(|| {
        for arguments in [
            &["status", "nonsense"][..],
            &["worker", "tcp://127.0.0.1:1", "--threads", "0"],
            &["scheduler", "--port", "70000"],
            &["unknown"],
        ] {
            let (code, said) = fails(arguments)?;
            assert_eq!(code, Some(2), "{arguments:?}: {said}");
            assert!(!said.is_empty());
        }
        let wrong = Program::start(APP, &["--raddle-worker", "nonsense"])?;
        assert_eq!(wrong.end()?.0, Some(2));
        Ok(())
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    within_limit(|| {
        let (code, said) = fails(&["worker", "tcp://127.0.0.1:1", "--program", "nowhere/app"])?;
        assert!(said.contains("nowhere/app could not be started"), "{said}");
        assert_eq!(code, Some(1));
        Ok(())
    });
}

#[test]
fn a_cluster_by_hand_tells_programs_what_it_is() {
    within_limit(|| {
        let json = |line: String| serde_json::from_str::<Value>(&line).expect("JSON");
        let mut scheduler = Program::start(RADDLE, &["scheduler", "--port", "0", "--json"])?;
        let address = json(scheduler.line()?)["scheduler"].as_str().expect("text").to_owned();
        let mut worker = Program::start(RADDLE, &["worker", &address, "--json"])?;
        let reached = json(worker.line()?)["worker"].clone();
        assert_eq!(json(says(&["workers", &address, "--json"])?)[0]["address"], reached);
        assert!(json(says(&["dump", &address, "--json"])?)["tasks"].is_array());
        let ended = json(says(&["shutdown", "--address", &address, "--json"])?);
        assert_eq!(ended["ended"], address.as_str());
        assert_eq!((scheduler.end()?.0, worker.end()?.0), (Some(0), Some(0)));
        Ok(())
    });
}
