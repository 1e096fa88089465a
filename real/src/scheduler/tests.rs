//! The scheduler's shell on real sockets, with peers that are wrong.

use std::io::{Read, Write};
use std::net::TcpStream;

use raddle_net::frame::FrameEncoder;
use raddle_net::hello::{Hello, PREFIX, RefusedReason, Role, body_len, encode_hello};
use raddle_net::messages::{
    ClientMessage, Query, QueryAnswer, Registration, SchedulerInfo, SchedulerToClient,
    SchedulerToWorker, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session};

use super::*;
use crate::conn::{self, ConnectError, Connection};
use crate::credentials::Credentials;

fn hello(role: Role, session: u64) -> Hello {
    Hello::new(role, Session::truncate(session))
}

async fn start() -> RunningScheduler {
    RunningScheduler::start(SchedulerOptions::default()).await.expect("a free port")
}

async fn limited(limits: Limits) -> RunningScheduler {
    let options = SchedulerOptions { limits, ..SchedulerOptions::default() };
    RunningScheduler::start(options).await.expect("a free port")
}

async fn client(scheduler: &RunningScheduler, session: u64) -> Connection {
    let connected =
        conn::connect(scheduler.address(), hello(Role::Client, session), &Credentials::none())
            .await;
    connected.expect("the scheduler is there").1
}

/// A bare socket to the scheduler, for those who do not keep to the protocol.
fn dial(scheduler: &RunningScheduler) -> TcpStream {
    TcpStream::connect(&scheduler.address()["tcp://".len()..]).expect("the scheduler is there")
}

/// Waits until the other side has closed the connection, in whatever way.
fn assert_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

/// The next that is heard is the end of the session.
async fn assert_ended(peer: &mut Connection) {
    let last = peer.reader.next().await.expect("the scheduler writes").expect("it says so");
    assert!(last.last && last.size() == 0, "{last:?}");
    assert!(matches!(peer.reader.next().await, Ok(None)));
}

async fn info(client: &mut Connection) -> SchedulerInfo {
    info_when(client, |_| true).await
}

/// Asks until something is so: what a client says first on a connection.
async fn info_when(
    client: &mut Connection,
    is_so: impl Fn(&SchedulerInfo) -> bool,
) -> SchedulerInfo {
    let mut encoder = FrameEncoder::new(client.options);
    loop {
        encoder.push(&ClientMessage::Query { id: 9, query: Query::Info }).expect("it is small");
        client.writer.write(&mut encoder).await.expect("the scheduler reads");
        let frame = client.reader.next().await.expect("the scheduler writes").expect("it is there");
        match &frame.messages().expect("the scheduler's words")[..] {
            [SchedulerToClient::Answer { id: 9, answer: QueryAnswer::Info(info) }] => {
                if is_so(info) {
                    return info.clone();
                }
            }
            other => panic!("{other:?}"),
        }
        rt::yield_now().await;
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    rt::block_on(test).expect("a runtime")
}

#[test]
fn peers_that_are_wrong_lose_their_connection_and_nobody_else_anything() {
    run(async {
        let scheduler = start().await;
        let mut good = client(&scheduler, 1).await;

        let mut browser = dial(&scheduler);
        browser.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is accepted");
        assert_closed(browser);

        let mut stray = dial(&scheduler);
        stray
            .write_all(&encode_hello(&hello(Role::Client, 2)).expect("a hello"))
            .expect("it reads");
        let mut prefix = [0; PREFIX];
        stray.read_exact(&mut prefix).expect("a reply");
        let mut reply = vec![0; body_len(&prefix).expect("a prefix")];
        stray.read_exact(&mut reply).expect("a reply");
        stray.write_all(&[0xff; 200]).expect("it reads");
        assert_closed(stray);

        let data =
            conn::connect(scheduler.address(), hello(Role::Data, 3), &Credentials::none()).await;
        assert!(matches!(data, Err(ConnectError::Refused { .. })), "{data:?}");

        let nobody = Hello { name: "tcp://127.0.0.1:1".into(), ..hello(Role::Relay, 4) };
        let relay = conn::connect(scheduler.address(), nobody, &Credentials::none()).await;
        let Err(ConnectError::Refused { reason, .. }) = relay else { panic!("{relay:?}") };
        assert_eq!(reason, RefusedReason::NoSuchWorker, "it dials workers, and nobody else");

        let info = info(&mut good).await;
        assert_eq!((info.workers, info.clients), (vec![], 1));
        scheduler.close().await;
    });
}

/// The answer to a client that comes back to its session.
async fn back(scheduler: &RunningScheduler, session: u64) -> Result<Connection, ConnectError> {
    let hello = Hello { epoch: 1, ..hello(Role::Client, session) };
    let back = conn::connect(scheduler.address(), hello, &Credentials::none()).await;
    back.map(|(_, connection)| connection)
}

#[test]
fn of_those_who_went_before_they_had_said_anything_only_the_last_are_waited_for() {
    run(async {
        let scheduler = start().await;
        let mut good = client(&scheduler, 1).await;
        for session in 2..302 {
            drop(client(&scheduler, session).await);
        }
        info_when(&mut good, |info| info.clients == 1).await;
        let first = back(&scheduler, 2).await;
        assert!(matches!(
            first,
            Err(ConnectError::Refused { reason: RefusedReason::SessionUnknown, .. })
        ));
        assert!(back(&scheduler, 301).await.is_ok());
        scheduler.close().await;
    });
}

#[test]
fn beyond_the_limit_of_sessions_new_ones_are_refused_and_old_ones_go_on() {
    run(async {
        let limits = Limits { sessions: 2, ..Limits::default() };
        let scheduler = limited(limits).await;
        let mut good = client(&scheduler, 1).await;
        let breaks = client(&scheduler, 2).await;
        let none = &Credentials::none();
        let further = conn::connect(scheduler.address(), hello(Role::Client, 3), none).await;
        let Err(ConnectError::Refused { reason, .. }) = further else { panic!("{further:?}") };
        assert_eq!(reason, RefusedReason::Full);
        drop(breaks);
        let _back = back(&scheduler, 2).await.expect("it is one of the two");
        assert_eq!(info(&mut good).await.clients, 2);
        scheduler.close().await;
    });
}

#[test]
fn who_leaves_too_much_unread_loses_the_session_and_nobody_else_anything() {
    run(async {
        let scheduler = limited(Limits { kept: 32 << 10, ..Limits::default() }).await;
        let mut good = client(&scheduler, 1).await;
        let mut greedy = client(&scheduler, 2).await;
        let mut encoder = FrameEncoder::new(greedy.options);
        // It never says that it has heard an answer, even if it has.
        for id in 0..2_000 {
            encoder.push(&ClientMessage::Query { id, query: Query::Info }).expect("it is small");
        }
        greedy.writer.write(&mut encoder).await.expect("the scheduler reads");
        while let Ok(Some(_)) = greedy.reader.next().await {}
        assert_eq!(info(&mut good).await.clients, 1);
        let again = back(&scheduler, 2).await;
        let Err(ConnectError::Refused { reason, .. }) = again else { panic!("{again:?}") };
        assert_eq!(reason, RefusedReason::SessionUnknown);
        scheduler.close().await;
    });
}

/// A client asks, goes away, and is answered then: may it come back?
async fn back_after_answers(limits: Limits) -> Result<Connection, ConnectError> {
    let scheduler = limited(limits).await;
    let mut away = client(&scheduler, 2).await;
    let mut encoder = FrameEncoder::new(away.options);
    for id in 0..2_000 {
        let query = Query::WaitForWorkers(1);
        encoder.push(&ClientMessage::Query { id: 100 + id, query }).expect("it is small");
    }
    encoder.push(&ClientMessage::Query { id: 9, query: Query::Info }).expect("it is small");
    away.writer.write(&mut encoder).await.expect("the scheduler reads");
    away.reader.next().await.expect("the scheduler writes").expect("all was heard");
    drop(away);
    let mut others = 10..;
    // Whoever looks is the only one who is there.
    while let Some(other) = others.next()
        && info(&mut client(&scheduler, other).await).await.clients > 1
    {
        rt::yield_now().await;
    }
    let hello = hello(Role::Worker, 3);
    let connected = conn::connect(scheduler.address(), hello, &Credentials::none()).await;
    let (_, mut worker) = connected.expect("the scheduler is there");
    let mut encoder = FrameEncoder::new(worker.options);
    let address = "tcp://127.0.0.1:1".to_owned();
    let registration = Registration { address, nthreads: 1, ..Registration::default() };
    encoder.push(&WorkerMessage::Register(registration)).expect("it is small");
    worker.writer.write(&mut encoder).await.expect("the scheduler reads");
    worker.reader.next().await.expect("the scheduler writes").expect("it is registered");
    let back = back(&scheduler, 2).await;
    assert_eq!(info(&mut client(&scheduler, 1).await).await.workers.len(), 1);
    scheduler.close().await;
    back
}

#[test]
fn for_who_is_away_only_so_much_is_kept() {
    run(async {
        assert_eq!(Limits::default().kept_away, 256 << 20);
        assert!(back_after_answers(Limits::default()).await.is_ok());
        let little = Limits { kept_away: 32 << 10, ..Limits::default() };
        let again = back_after_answers(little).await;
        let Err(ConnectError::Refused { reason, .. }) = again else { panic!("{again:?}") };
        assert_eq!(reason, RefusedReason::SessionUnknown);
    });
}

#[test]
fn a_worker_that_reports_before_it_has_registered_is_closed() {
    run(async {
        let scheduler = start().await;
        let connected =
            conn::connect(scheduler.address(), hello(Role::Worker, 1), &Credentials::none()).await;
        let (_, mut worker) = connected.expect("the scheduler is there");
        let mut encoder = FrameEncoder::new(worker.options);
        let started = WorkerMessage::Started { key: Key::default(), run: RunId::default() };
        encoder.push(&started).expect("it is small");
        worker.writer.write(&mut encoder).await.expect("the scheduler reads");
        assert_ended(&mut worker).await;
        scheduler.close().await;
    });
}

#[test]
fn followers_hear_of_each_worker_that_registers_under_their_name() {
    run(async {
        let scheduler = start().await;
        let (sender, mut heard) = mpsc::unbounded_channel();
        scheduler.handle().follow("bob", move |worker, address| {
            sender.send((worker, address.to_owned())).expect("the test listens");
        });
        let connected =
            conn::connect(scheduler.address(), hello(Role::Worker, 1), &Credentials::none()).await;
        let (_, mut worker) = connected.expect("the scheduler is there");
        let mut encoder = FrameEncoder::new(worker.options);
        let registration = Registration {
            name: "bob".into(),
            address: "tcp://127.0.0.1:1".into(),
            nthreads: 1,
            memory_limit: None,
            functions: vec![],
            resources: Vec::new(),
        };
        encoder.push(&WorkerMessage::Register(registration)).expect("it is small");
        worker.writer.write(&mut encoder).await.expect("the scheduler reads");
        let frame = worker.reader.next().await.expect("it writes").expect("it is there");
        let told = heard.recv().await.expect("the follower was told");
        assert_eq!(frame.messages(), Ok(vec![SchedulerToWorker::Registered { worker: told.0 }]));
        assert_eq!(told.1, "tcp://127.0.0.1:1");
        scheduler.close().await;
    });
}

#[test]
fn a_port_in_use_is_said_to_be() {
    run(async {
        let scheduler = start().await;
        let port = scheduler.address().rsplit(':').next().and_then(|port| port.parse().ok());
        let options = SchedulerOptions {
            ports: Ports::one(port.expect("a port")),
            ..SchedulerOptions::default()
        };
        let second = RunningScheduler::start(options).await;
        let Err(Error::AddressInUse { address }) = second else { panic!("{second:?}") };
        assert_eq!(address, scheduler.address());
        scheduler.close().await;
    });
}

#[test]
fn an_ended_scheduler_closes_its_connections() {
    run(async {
        let scheduler = start().await;
        let mut client = client(&scheduler, 1).await;
        scheduler.close().await;
        assert_ended(&mut client).await;
    });
}
