//! Those who listen where a scheduler should: a client is told what is wrong.

use std::net::TcpListener;

use raddle::Error;
use raddle::prelude::*;
use raddle_net::frame::{FrameEncoder, FrameOptions};
use raddle_net::hello::{self, RefusedReason, Reply, Welcome};
use raddle_net::limits::PROTOCOL_VERSION;
use raddle_tests::add;

use crate::support::within_limit;
use crate::wire::Wire;

/// Connects a client to somebody who reads its hello and answers with these bytes; `then` decides
/// how it goes on.
fn answered(
    answer: Vec<u8>,
    then: impl FnOnce(Wire) -> raddle::Result<()> + Send + 'static,
    connected: impl FnOnce(raddle::Result<Client>, &str) + Send + 'static,
) {
    within_limit(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("tcp://{}", listener.local_addr()?);
        let impostor = std::thread::spawn(move || {
            let mut wire = Wire::accept(&listener)?;
            wire.greeting()?;
            wire.write(&answer)?;
            then(wire)
        });
        connected(Client::connect_blocking(&address), &address);
        impostor.join().expect("the impostor does not panic")
    });
}

fn reply(reply: &Reply) -> Vec<u8> {
    hello::encode_reply(reply).expect("a short one")
}

#[test]
fn another_version_is_named_with_ours() {
    let other = Reply::Welcome(Welcome { version: 999, ..Welcome::new(1) });
    answered(
        reply(&other),
        |_| Ok(()),
        |client, at| {
            let Err(error @ Error::VersionMismatch { .. }) = client else { panic!("{client:?}") };
            let expected = format!(
                "{at} speaks version 999 of the protocol, this program version \
                 {PROTOCOL_VERSION}: build both with the same version of raddle"
            );
            assert_eq!(error.to_string(), expected);
        },
    );
}

#[test]
fn a_refusal_is_passed_on_in_words() {
    let refused = Reply::Refused { reason: RefusedReason::Full };
    answered(
        reply(&refused),
        |_| Ok(()),
        |client, at| {
            let Err(Error::Refused { peer, reason }) = client else { panic!("{client:?}") };
            let expected = (at, "it has too many connections; try again later");
            assert_eq!((&peer[..], &reason[..]), expected);
        },
    );
}

#[test]
fn a_web_server_is_no_scheduler() {
    answered(
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(),
        |_| Ok(()),
        |client, at| {
            let Err(Error::Protocol { peer, .. }) = client else { panic!("{client:?}") };
            assert_eq!(peer, at);
        },
    );
}

#[test]
fn a_scheduler_that_talks_nonsense_is_left() {
    answered(
        reply(&Reply::Welcome(Welcome::new(1))),
        |mut wire| {
            wire.write(&[0xff; 100])?;
            wire.closed().map(drop)
        },
        |client, _| {
            let client = client.expect("it was welcome");
            assert!(matches!(client.submit(add(1, 2)).wait(), Err(TaskError::Disconnected { .. })));
        },
    );
}

#[test]
fn a_scheduler_that_claims_too_much_is_left() {
    let mut claim = FrameEncoder::new(FrameOptions::default());
    claim.push(&0_u8).expect("a small message");
    let mut claim = claim.take().concat();
    claim[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    answered(
        reply(&Reply::Welcome(Welcome::new(1))),
        move |mut wire| {
            wire.write(&claim)?;
            wire.closed().map(drop)
        },
        |client, _| {
            let client = client.expect("it was welcome");
            assert!(matches!(client.submit(add(1, 2)).wait(), Err(TaskError::Disconnected { .. })));
        },
    );
}
