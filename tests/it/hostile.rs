//! Peers that are wrong, at the scheduler and at a worker. Each loses its connection; an honest
//! client goes on.

use raddle::prelude::*;
use raddle_net::hello::{self, Hello, RefusedReason, Reply, Role};
use raddle_net::limits::PROTOCOL_VERSION;
use raddle_net::messages::{
    ClientMessage, Item, ItemReply, NewTask, PeerReply, PeerRequest, Query, Registration,
    SchedulerToWorker, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, SpecId};
use raddle_net::payload::ValueType;
use raddle_tests::{add, blob};

use crate::support::{test, threads};
use crate::wire::{Wire, frame};

const QUESTION: ClientMessage = ClientMessage::Query { id: 1, query: Query::Info };

/// Has `attack` done to the scheduler of a cluster, whose honest client then goes on.
fn attacked(attack: impl FnOnce(&str) -> raddle::Result<()> + Send + 'static) {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let kept = client.submit(add(1, 2));
        (&kept).await?;
        attack(cluster.address())?;
        assert_eq!(client.submit(add(&kept, 10)).await?, 13);
        let info = client.info().await?;
        assert_eq!((info.clients, info.workers.len()), (1, 1));
        cluster.close().await
    });
}

#[test]
fn another_version_is_told_ours() {
    attacked(|address| {
        let mut wire = Wire::dial(address)?;
        let theirs = Hello { version: 999, ..Hello::new(Role::Client, Session::truncate(1)) };
        wire.write(&hello::encode_hello(&theirs).expect("a short one"))?;
        let (prefix, _) = wire.greeting()?;
        assert_eq!(prefix[8..10], PROTOCOL_VERSION.to_le_bytes());
        assert_eq!(wire.closed()?, b"");
        Ok(())
    });
}

#[test]
fn a_browser_is_sent_away() {
    attacked(|address| {
        let mut wire = Wire::dial(address)?;
        wire.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n")?;
        assert_eq!(wire.closed()?, b"");
        Ok(())
    });
}

#[test]
fn who_comes_for_data_is_told_that_there_is_none() {
    attacked(|address| {
        let mut wire = Wire::dial(address)?;
        let hello = Hello::new(Role::Data, Session::truncate(1));
        wire.write(&hello::encode_hello(&hello).expect("a short one"))?;
        assert_eq!(wire.reply()?, Reply::Refused { reason: RefusedReason::WrongRole });
        assert_eq!(wire.closed()?, b"");
        Ok(())
    });
}

#[test]
fn a_frame_with_a_flipped_bit_is_not_heard() {
    attacked(|address| {
        let good = frame(&QUESTION, None);
        let mut wire = Wire::greet(address, Role::Client, 1)?;
        wire.write(&good)?;
        assert_eq!(wire.hear::<raddle_net::messages::SchedulerToClient>()?.len(), 1);
        for byte in 0..good.len() {
            let mut bad = good.clone();
            bad[byte] ^= 0x10;
            // Lengths that are larger now are waited for: more than enough follows.
            bad.extend([0; 1 << 10]);
            let mut wire = Wire::greet(address, Role::Client, 2 + byte as u64)?;
            wire.write(&bad)?;
            wire.stream.shutdown(std::net::Shutdown::Write)?;
            assert_eq!(wire.closed()?, b"", "byte {byte}");
        }
        Ok(())
    });
}

#[test]
fn a_header_that_claims_ten_gigabytes_is_refused_before_they_come() {
    attacked(|address| {
        // As many bytes of messages as fit the field, and a segment of 10 GiB.
        let mut messages = frame(&QUESTION, None);
        messages[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut segment = frame(&QUESTION, Some(vec![0]));
        let table = segment.len() - 9;
        segment[table..table + 8].copy_from_slice(&(10_u64 << 30).to_le_bytes());
        let checked = crc32c::crc32c(&segment[..32]);
        let crc = crc32c::crc32c_append(checked, &segment[36..segment.len() - 1]);
        segment[32..36].copy_from_slice(&crc.to_le_bytes());
        for (session, claim) in (1..).zip([messages, segment]) {
            let mut wire = Wire::greet(address, Role::Client, session)?;
            // The rest never comes, and the connection stays open from here.
            wire.write(&claim)?;
            assert_eq!(wire.closed()?, b"");
        }
        Ok(())
    });
}

#[test]
fn a_client_that_uses_what_it_never_defined_is_closed() {
    attacked(|address| {
        let mut wire = Wire::greet(address, Role::Client, 1)?;
        let task = NewTask { key: Key::hashed(1), spec: SpecId(3), ..NewTask::default() };
        wire.say(&ClientMessage::Submit { submission: 0, tasks: vec![task] })?;
        wire.dismissed()?;
        Ok(())
    });
}

#[test]
fn a_client_that_speaks_like_a_worker_is_closed() {
    attacked(|address| {
        let mut wire = Wire::greet(address, Role::Client, 1)?;
        wire.say(&WorkerMessage::Register(registration("liar")))?;
        assert_eq!(wire.closed()?, b"");
        Ok(())
    });
}

fn registration(name: &str) -> Registration {
    let address = format!("tcp://{name}:1");
    Registration { name: name.to_owned(), address, nthreads: 1, functions: Vec::new() }
}

#[test]
fn a_worker_that_reports_what_it_was_never_given_is_closed() {
    attacked(|address| {
        let (key, run) = (Key::hashed(1), RunId { epoch: 1, counter: 1_000_000 });
        let other = RunId { epoch: 9, counter: 1 };
        let failure = raddle_net::messages::Failure::Cancelled.into();
        let finished =
            |run| WorkerMessage::Finished { key, run, nbytes: 1, duration: 1, value: None };
        let lies = [
            finished(run),
            finished(other),
            WorkerMessage::Failed { key, run, blame: None, failure },
            WorkerMessage::Started { key, run },
            WorkerMessage::Fetched { key, run },
            WorkerMessage::FromRun { key, run, message: QUESTION },
            WorkerMessage::Register(registration("again")),
        ];
        for (session, lie) in (1..).zip(lies) {
            let mut wire = Wire::greet(address, Role::Worker, session)?;
            wire.say(&WorkerMessage::Register(registration("liar")))?;
            let welcome = wire.hear::<SchedulerToWorker>()?;
            assert!(matches!(welcome[..], [SchedulerToWorker::Registered { .. }]), "{welcome:?}");
            wire.say(&lie)?;
            wire.dismissed()?;
        }
        Ok(())
    });
}

#[test]
fn a_worker_that_reports_another_ones_run_changes_nothing() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut gate = crate::support::Gate::new().await?;
        let held = client.submit(gate.call(5));
        gate.entered().await?;
        let mut wire = Wire::greet(cluster.address(), Role::Worker, 1)?;
        wire.say(&WorkerMessage::Register(registration("liar")))?;
        wire.hear::<SchedulerToWorker>()?;
        let (key, run) = (held.key(), RunId { epoch: 1, counter: 1 });
        wire.say(&WorkerMessage::Finished { key, run, nbytes: 8, duration: 1, value: None })?;
        wire.dismissed()?;
        gate.open();
        assert_eq!(held.await?, 5);
        cluster.close().await
    });
}

#[test]
fn a_second_worker_of_the_same_name_or_address_is_refused() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let same_name = registration("worker-0");
        let same_address =
            Registration { address: cluster.workers().remove(0), ..registration("other") };
        for (session, registration) in (1..).zip([same_name, same_address]) {
            let mut wire = Wire::greet(cluster.address(), Role::Worker, session)?;
            wire.say(&WorkerMessage::Register(registration))?;
            wire.dismissed()?;
        }
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn a_worker_gives_values_to_those_who_ask_well_and_closes_on_others() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let value = client.submit(blob(1000));
        wait(std::slice::from_ref(&value), WaitFor::All).await;
        let address = cluster.workers().remove(0);

        let mut browser = Wire::dial(&address)?;
        browser.write(b"GET /metrics HTTP/1.1\r\n\r\n")?;
        assert_eq!(browser.closed()?, b"");

        let item = Item { key: value.key(), run: RunId { epoch: 1, counter: 1 } };
        let stale = Item { run: RunId { epoch: 1, counter: 2 }, ..item };
        let value_type = ValueType::default();
        let mut honest = Wire::greet(&address, Role::Data, 1)?;
        honest.say(&PeerRequest::Get { items: vec![stale] })?;
        let missing = PeerReply::Items { replies: vec![ItemReply::Missing] };
        assert_eq!(honest.hear::<PeerReply>()?, [missing]);
        // A value that nobody scattered is not taken.
        let mut giver = Wire::greet(&address, Role::Data, 2)?;
        giver.write(&frame(&PeerRequest::Put { item, value_type }, Some(vec![1])))?;
        assert_eq!(giver.hear::<PeerReply>()?, [PeerReply::Unexpected]);
        // A request without its segment, and one that no request may have.
        for (session, bad) in [
            (3, frame(&PeerRequest::Put { item, value_type }, None)),
            (4, frame(&PeerRequest::Get { items: vec![item] }, Some(vec![1]))),
            (5, frame(&QUESTION, None)),
        ] {
            let mut wire = Wire::greet(&address, Role::Data, session)?;
            wire.write(&bad)?;
            assert_eq!(wire.closed()?, b"");
        }
        assert_eq!(value.await?, blob::run(1000));
        cluster.close().await
    });
}
