//! Connections over real loopback sockets.

use raddle_net::error::HelloError;
use raddle_net::hello::{self, Hello, PREFIX, RefusedReason, Reply, Role, Welcome};
use raddle_net::limits::PROTOCOL_VERSION;
use raddle_net::messages::{ClientMessage, SchedulerToClient};
use raddle_net::names::{Key, Session};

use super::*;
use crate::credentials::{Credentials, Part};
use crate::listener::Listener;
use crate::rt::{AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream, mpsc};

fn hello(role: Role) -> Hello {
    Hello::new(role, Session::truncate(7))
}

/// An address where clients, and only they, are let in, with those who came.
async fn door() -> (String, mpsc::UnboundedReceiver<(Hello, Connection)>) {
    let listener = Listener::bind("127.0.0.1", 0, Part::Scheduler, &Credentials::none())
        .await
        .expect("a loopback port");
    let address = listener.address().to_owned();
    let (sender, arrivals) = mpsc::unbounded_channel();
    rt::spawn(listener.serve(&[Role::Client], move |hello, visitor| {
        let sender = sender.clone();
        async move {
            let connection = visitor.welcome(Welcome::new(3)).await.expect("it waits");
            drop(sender.send((hello, connection)));
        }
    }));
    (address, arrivals)
}

/// An address where the first to come is read a hello from and written `answer`.
async fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let address =
        Address::new(Scheme::Tcp, listener.local_addr().expect("it is bound")).to_string();
    rt::spawn(async move {
        let (stream, _) = listener.accept().await.expect("somebody comes");
        let mut stream = Channel::Plain(stream);
        read_greeting(&mut stream).await.expect("it says hello");
        stream.write_all(&answer).await.expect("it listens");
        // Until it has gone.
        let _ = stream.read(&mut [0; 1]).await;
    });
    address
}

fn run<T>(test: impl Future<Output = T>) -> T {
    rt::block_on(test).expect("a runtime")
}

#[test]
fn messages_and_segments_arrive_in_order_and_whole() {
    run(async {
        let (address, mut arrivals) = door().await;
        let (welcome, mut here) =
            connect(&address, hello(Role::Client), &Credentials::none()).await.unwrap();
        assert_eq!(welcome, Welcome::new(3));
        let (who, mut there) = arrivals.recv().await.unwrap();
        assert_eq!(who, hello(Role::Client));

        let keys = |n| ClientMessage::Release { keys: vec![Key::hashed(n)], answer: true };
        let large = Bytes::from(vec![5; 3 << 20]);
        let mut encoder = FrameEncoder::new(here.options);
        encoder.push(&keys(1)).unwrap();
        encoder.push(&keys(2)).unwrap();
        encoder.push_segment(large.clone()).unwrap();
        encoder.push_segment(Bytes::from_static(b"small")).unwrap();
        there.reader.expect_segments(4 << 20);
        let (sent, frame) = futures::join!(here.writer.write(&mut encoder), there.reader.next());
        sent.unwrap();
        let frame = frame.unwrap().unwrap();
        assert_eq!(frame.messages::<ClientMessage>(), Ok(vec![keys(1), keys(2)]));
        assert_eq!(frame.segments, [large, Bytes::from_static(b"small")]);

        let answer = SchedulerToClient::Recomputing { key: Key::hashed(1) };
        let mut encoder = FrameEncoder::new(there.options);
        encoder.push(&answer).unwrap();
        there.writer.write(&mut encoder).await.unwrap();
        let frame = here.reader.next().await.unwrap().unwrap();
        assert_eq!(frame.messages::<SchedulerToClient>(), Ok(vec![answer]));
    });
}

#[test]
fn a_stream_may_end_between_frames_but_not_within_one() {
    run(async {
        let (address, mut arrivals) = door().await;
        let (_, clean) =
            connect(&address, hello(Role::Client), &Credentials::none()).await.unwrap();
        let (_, mut there) = arrivals.recv().await.unwrap();
        drop(clean);
        assert!(matches!(there.reader.next().await, Ok(None)));

        let (_, mut broken) =
            connect(&address, hello(Role::Client), &Credentials::none()).await.unwrap();
        let (_, mut there) = arrivals.recv().await.unwrap();
        let mut encoder = FrameEncoder::new(broken.options);
        encoder.push(&ClientMessage::Goodbye).unwrap();
        let mut chunks = encoder.take();
        let whole = chunks[0].len();
        chunks[0].truncate(whole - 1);
        broken.writer.write_chunks(chunks).await.unwrap();
        drop(broken);
        assert!(matches!(there.reader.next().await, Err(ConnError::Unfinished)));
    });
}

#[test]
fn a_role_that_is_not_served_is_refused() {
    run(async {
        let (address, _arrivals) = door().await;
        let refused = connect(&address, hello(Role::Worker), &Credentials::none()).await;
        let Err(ConnectError::Refused { reason, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(reason, RefusedReason::WrongRole);
    });
}

#[test]
fn where_nobody_listens_nobody_is_reached() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::new(Scheme::Tcp, listener.local_addr().unwrap()).to_string();
        drop(listener);
        let error = connect(&address, hello(Role::Client), &Credentials::none()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    });
}

#[test]
fn both_sides_of_different_versions_are_told_both_versions() {
    run(async {
        let theirs = PROTOCOL_VERSION + 1;
        let newer = Welcome { version: theirs, ..Welcome::new(0) };
        let address = answering(hello::encode_reply(&Reply::Welcome(newer)).unwrap()).await;
        let error = connect(&address, hello(Role::Client), &Credentials::none()).await.unwrap_err();
        let expected = (PROTOCOL_VERSION, theirs);
        assert!(
            matches!(error, ConnectError::Version { ours, theirs, .. } if (ours, theirs) == expected),
            "{error:?}"
        );

        let (address, _arrivals) = door().await;
        let stream = TcpStream::connect(&address["tcp://".len()..]).await.unwrap();
        let mut stream = Channel::Plain(stream);
        let newer = Hello { version: theirs, ..hello(Role::Client) };
        write_greeting(&mut stream, &hello::encode_hello(&newer).unwrap()).await.unwrap();
        let mut prefix = [0; PREFIX];
        stream.read_exact(&mut prefix).await.unwrap();
        assert!(hello::body_len(&prefix).is_ok(), "a reply of the listener's own version");
    });
}

#[test]
fn what_is_not_raddle_is_named_as_such() {
    run(async {
        let address = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
        let error = connect(&address, hello(Role::Client), &Credentials::none()).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::Hello { source: HelloError::NotRaddle { .. }, .. }),
            "{error:?}"
        );
    });
}
