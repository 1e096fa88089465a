//! How much of a peer's words waits here.

use raddle_core::scheduler::ConnectionId;
use raddle_net::frame::FrameEncoder;
use raddle_net::hello::Role;
use raddle_net::messages::Query;

use super::*;
use crate::credentials::{Credentials, Part};
use crate::listener::Listener;

/// Turns of a runtime of one thread in which everything is done that can be done.
const TURNS: usize = 100;

#[test]
fn two_frames_wait_and_further_ones_do_when_they_are_heard() {
    let test = async {
        let none = Credentials::none();
        let listener = Listener::bind("127.0.0.1", 0, Part::Scheduler, &none).await;
        let listener = listener.expect("a port");
        let address = listener.address().to_owned();
        let (mailbox, mut mail) = mpsc::channel(16);
        rt::spawn(listener.serve(&[Role::Client], move |_, visitor| {
            let mailbox = mailbox.clone();
            async move {
                let Connection { reader, .. } =
                    visitor.welcome(Welcome::new(1)).await.expect("it waits");
                let link = Link(ConnectionId(1), 1);
                read(link, Kind::Client, reader, &mailbox).await.expect("frames");
            }
        }));
        let hello = Hello::new(Role::Client, Session::truncate(1));
        let (_, mut peer) = conn::connect(&address, hello, &none).await.expect("it is let in");
        let mut encoder = FrameEncoder::new(peer.options);
        for id in 0..5 {
            encoder.push(&ClientMessage::Query { id, query: Query::Info }).expect("a small one");
            peer.writer.write(&mut encoder).await.expect("it reads");
        }
        let first = mail.recv().await.expect("the first");
        let second = mail.recv().await.expect("the second");
        for _ in 0..TURNS {
            rt::yield_now().await;
            assert!(mail.try_recv().is_err(), "two have not been heard");
        }
        drop((first, second));
        let _waiting = (mail.recv().await.expect("the third"), mail.recv().await);
        for _ in 0..TURNS {
            rt::yield_now().await;
            assert!(mail.try_recv().is_err(), "two have not been heard");
        }
    };
    rt::block_on_here(test).expect("a runtime");
}
