//! The end of a whole cluster: on request, or because there is nothing to do.

use raddle::Error;
use raddle::prelude::*;
use raddle_tests::add;

use crate::support::{APP, Gate, Program, RADDLE, test};

/// A scheduler of its own, and its address.
fn scheduler(arguments: &[&str]) -> raddle::Result<(Program, String)> {
    let mut program = Program::start(RADDLE, &[&["scheduler", "--port", "0"], arguments].concat())?;
    let line = program.line()?;
    let address = line.split_whitespace().last().unwrap_or_default().to_owned();
    Ok((program, address))
}

#[test]
fn a_client_ends_the_whole_cluster() {
    test(async || {
        let (scheduler, address) = scheduler(&[])?;
        let mut worker = Program::start(APP, &["--raddle-worker", &address])?;
        worker.line()?;
        let (ann, bob) = (Client::connect(&address).await?, Client::connect(&address).await?);
        let mut gate = Gate::new().await?;
        let inside = bob.submit(gate.call(1));
        gate.entered().await?;
        ann.shutdown().await?;
        let Err(error) = inside.await else { panic!("it was never let out") };
        assert!(matches!(error, TaskError::Disconnected { .. }), "{error}");
        assert_eq!((scheduler.end()?.0, worker.end()?.0), (Some(0), Some(0)));
        let gone = ann.info().await;
        assert!(matches!(gone, Err(Error::Disconnected { .. })), "{gone:?}");
        Ok(())
    });
}

#[test]
fn the_command_line_ends_a_cluster() {
    test(async || {
        let (scheduler, address) = scheduler(&[])?;
        let mut worker = Program::start(APP, &["--raddle-worker", &address])?;
        worker.line()?;
        let end = Program::start(RADDLE, &["shutdown", "--address", &address])?.end()?;
        assert_eq!(end, (Some(0), String::new()));
        assert_eq!((scheduler.end()?.0, worker.end()?.0), (Some(0), Some(0)));
        let again = Program::start(RADDLE, &["shutdown", "--address", &address])?.end()?;
        assert_eq!(again.0, Some(1), "{again:?}");
        Ok(())
    });
}

#[test]
fn a_cluster_that_has_nothing_to_do_ends() {
    test(async || {
        let (scheduler, address) = scheduler(&["--idle-timeout", "0.3"])?;
        let mut worker = Program::start(APP, &["--raddle-worker", &address])?;
        worker.line()?;
        let client = Client::connect(&address).await?;
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        assert_eq!((scheduler.end()?.0, worker.end()?.0), (Some(0), Some(0)));
        Ok(())
    });
}
