//! A door: accepts connections, has each say hello, and hands on those that may come in.
//!
//! Each greeting is a task of its own with a time limit, and gives way to those who come after it if
//! there are too many, so that whoever says nothing holds up nobody. This module must not know what
//! happens behind the door.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use raddle_net::hello::{self, Hello, RefusedReason, Reply, Role, Secret, Welcome};

use crate::address::{Address, Scheme};
use crate::conn::{self, Connection, GreetingError};
use crate::credentials::{Channel, Credentials, Part, TlsError, Token};
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::ports::{Ports, bare};
use crate::rt::{self, OwnedSemaphorePermit, Semaphore, TcpListener, TcpStream, oneshot};
use crate::throttle::Throttle;

/// Connections of one listener at a time; further ones are refused.
const MAX_CONNECTIONS: usize = 1 << 16;
/// Those that have not been greeted yet; for a further one the first is refused.
const MAX_GREETINGS: usize = 1 << 10;
/// How long a peer may take to say hello.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: TcpListener,
    address: String,
    door: Door,
}

/// Who stands at a port, and what is asked of those who come.
#[derive(Clone, Debug)]
struct Door {
    part: Part,
    credentials: Credentials,
    /// Of words about those who were refused.
    log: Arc<Throttle>,
    /// What was wrong here.
    faults: Arc<Faults>,
    /// For those who are in.
    room: Arc<Semaphore>,
}

impl Listener {
    /// Listens at `host`, a name or an IP address, as this part of a cluster, at the first of `ports`
    /// that nobody has.
    pub(crate) async fn bind_within(
        host: &str,
        ports: Ports,
        part: Part,
        credentials: &Credentials,
    ) -> Result<Self> {
        let mut in_use = Error::AddressInUse { address: host.to_owned() };
        for port in ports.each() {
            match Self::bind(host, port, part, credentials).await {
                Err(error @ Error::AddressInUse { .. }) => in_use = error,
                done => return done,
            }
        }
        match ports.each().count() {
            1 => Err(in_use),
            _ => Err(Error::AddressInUse { address: format!("each of {host}:{ports}") }),
        }
    }

    /// Listens at `host`, a name or an IP address, as this part of a cluster; port 0 is any free one.
    pub(crate) async fn bind(
        host: &str,
        port: u16,
        part: Part,
        credentials: &Credentials,
    ) -> Result<Self> {
        credentials.can_be(part)?;
        let (scheme, host) = (credentials.scheme(), bare(host));
        let wanted = Address { scheme, host: host.to_owned(), port };
        let bound = TcpListener::bind((host, port)).await;
        let inner = bound.map_err(|error| match error.kind() == io::ErrorKind::AddrInUse {
            true => Error::AddressInUse { address: wanted.to_string() },
            false => {
                let text = format!("cannot listen at {wanted}: {error}");
                Error::Io(io::Error::new(error.kind(), text))
            }
        })?;
        let bound = inner.local_addr()?;
        let address = Address::new(scheme, bound).to_string();
        if !bound.ip().is_loopback() && scheme == Scheme::Tcp {
            warn_of_strangers(&address, credentials);
        }
        let door = Door {
            part,
            credentials: credentials.clone(),
            log: Arc::default(),
            faults: Arc::default(),
            room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        };
        Ok(Self { inner, address, door })
    }

    /// Where it listens, `tcp://host:port` or `tls://host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// To count what those who came in do wrong.
    pub(crate) fn faults(&self) -> Arc<Faults> {
        Arc::clone(&self.door.faults)
    }

    /// Accepts for ever; `arrived` gets everybody who comes in one of these roles, and answers.
    pub(crate) async fn serve<F, R>(self, roles: &'static [Role], arrived: F)
    where
        F: Fn(Hello, Visitor) -> R + Clone + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let mut hall = Hall::default();
        loop {
            while let Some(pause) = self.door.faults.pause(rt::Instant::now()) {
                rt::sleep(pause).await;
            }
            let (stream, peer) = match self.inner.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.door.log.log(|| {
                        tracing::warn!(at = self.address, %error, "cannot accept a connection");
                    });
                    // It may be for want of descriptors, which those have who say nothing.
                    hall.send_first_away();
                    rt::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (arrived, door, sent_away) = (arrived.clone(), self.door.clone(), hall.enter());
            drop(rt::spawn(async move {
                let greeted = door.greet(stream, roles, sent_away);
                let greeted = rt::within(GREETING_LIMIT, greeted).await;
                match greeted.unwrap_or(Err(GreetingError::Slow)) {
                    Ok(Some((hello, visitor))) => arrived(hello, visitor).await,
                    Ok(None) => {}
                    // Perhaps somebody looked whether anyone listens here; but not so often.
                    Err(GreetingError::Io(error)) if TlsError::of(&error).is_none() => {
                        door.faults.add(rt::Instant::now());
                        tracing::debug!(%peer, %error, "gone");
                    }
                    Err(error) => {
                        door.faults.add(rt::Instant::now());
                        door.log.log(|| tracing::warn!(%peer, %error, "a connection is refused"));
                    }
                }
            }));
        }
    }
}

/// Those who are being greeted, first come first.
#[derive(Debug, Default)]
struct Hall(VecDeque<oneshot::Sender<()>>);

impl Hall {
    /// One more; if there are too many, the first is sent away. The receiver hears if it is this one.
    fn enter(&mut self) -> oneshot::Receiver<()> {
        if self.0.len() >= MAX_GREETINGS {
            self.0.retain(|greeting| !greeting.is_closed());
        }
        if self.0.len() >= MAX_GREETINGS {
            self.send_first_away();
        }
        let (send_away, sent_away) = oneshot::channel();
        self.0.push_back(send_away);
        sent_away
    }

    fn send_first_away(&mut self) {
        while let Some(greeting) = self.0.pop_front() {
            if greeting.send(()).is_ok() {
                return;
            }
        }
    }
}

fn warn_of_strangers(address: &str, credentials: &Credentials) {
    match credentials.are_none() {
        true => tracing::warn!(
            "{address} is open: whoever can connect to it can run programs here and read all \
             values; make credentials by `raddle cert init DIR`, and use --credentials DIR"
        ),
        false => tracing::warn!(
            "{address} asks for a token, but does without TLS: whoever can listen on the network \
             can read all values, and take connections over"
        ),
    }
}

/// What proves to a peer that we have the token, if there is one; or why the peer may not come in.
type Judged = Result<Option<Secret>, RefusedReason>;

/// Somebody who has said hello and waits for an answer.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// Where it comes from, for people.
    pub(crate) peer: String,
    stream: Channel,
    permit: OwnedSemaphorePermit,
    /// What proves to it that we have the token.
    proof: Option<Box<Secret>>,
}

impl Visitor {
    /// It may come in.
    pub(crate) async fn welcome(self, welcome: Welcome) -> Result<Connection, GreetingError> {
        let (stream, permit) = self.open(welcome).await?;
        Ok(Connection::new(stream, Some(permit))?)
    }

    /// It may come in, and does without frames. The permit counts it among those who are here.
    pub(crate) async fn open(
        mut self,
        mut welcome: Welcome,
    ) -> Result<(Channel, OwnedSemaphorePermit), GreetingError> {
        welcome.proof = self.proof.map(|proof| *proof);
        let reply = hello::encode_reply(&Reply::Welcome(welcome))?;
        conn::write_greeting(&mut self.stream, &reply).await?;
        Ok((self.stream, self.permit))
    }

    /// It may not come in.
    pub(crate) async fn refuse(mut self, reason: RefusedReason) -> Result<(), GreetingError> {
        refuse(&mut self.stream, reason).await
    }
}

impl Door {
    /// Greets who comes, unless it is sent away meanwhile. Nothing comes of a peer that has no business
    /// here.
    async fn greet(
        &self,
        stream: TcpStream,
        roles: &[Role],
        mut sent_away: oneshot::Receiver<()>,
    ) -> Result<Option<(Hello, Visitor)>, GreetingError> {
        stream.set_nodelay(true)?;
        let mut stream = rt::select! {
            biased;
            accepted = self.credentials.accept(stream, self.part) => accepted?,
            Ok(()) = &mut sent_away => return Err(GreetingError::Crowded),
        };
        let asked = rt::select! {
            biased;
            asked = self.ask(&mut stream, roles) => asked,
            Ok(()) = &mut sent_away => Err(GreetingError::Crowded),
        };
        let (hello, judged) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                if let Some(reason) = error.answer() {
                    refuse(&mut stream, reason).await?;
                }
                return Err(error);
            }
        };
        let may_come = judged.and_then(|proof| {
            let permit = Arc::clone(&self.room).try_acquire_owned();
            permit.map(|permit| (proof, permit)).map_err(|_| RefusedReason::Full)
        });
        let (proof, permit) = match may_come {
            Ok(proof_and_permit) => proof_and_permit,
            Err(reason) => {
                self.faults.add(rt::Instant::now());
                self.log.log(|| {
                    tracing::warn!(peer = hello.name, role = ?hello.role, %reason, "refused");
                });
                refuse(&mut stream, reason).await?;
                return Ok(None);
            }
        };
        let scheme = self.credentials.scheme();
        let peer = Address::new(scheme, stream.peer_addr()?).to_string();
        Ok(Some((hello, Visitor { peer, stream, permit, proof: proof.map(Box::new) })))
    }

    /// Reads the hello, and asks for what credentials there must be.
    async fn ask(
        &self,
        stream: &mut Channel,
        roles: &[Role],
    ) -> Result<(Hello, Judged), GreetingError> {
        let (prefix, body) = conn::read_greeting(stream).await?;
        let hello = hello::decode_hello(&prefix, &body)?;
        let judged = self.judge(stream, &hello, roles).await?;
        Ok((hello, judged))
    }

    /// Whether the peer may come in.
    async fn judge(
        &self,
        stream: &mut Channel,
        hello: &Hello,
        roles: &[Role],
    ) -> Result<Judged, GreetingError> {
        if !roles.contains(&hello.role) {
            return Ok(Err(RefusedReason::WrongRole));
        }
        if !stream.may_come(hello.role) {
            return Ok(Err(RefusedReason::WrongCertificate));
        }
        let Some(token) = self.credentials.token() else { return Ok(Ok(None)) };
        let challenge = Token::challenge(hello::encode_hello(hello)?)?;
        let reply = hello::encode_reply(&Reply::Challenge { nonce: challenge.nonce })?;
        conn::write_greeting(stream, &reply).await?;
        let (prefix, body) = conn::read_greeting(stream).await?;
        let answer = hello::decode_proof(&prefix, &body)?;
        Ok(token.judge(&challenge, &answer).map(Some).ok_or(RefusedReason::WrongToken))
    }
}

async fn refuse(stream: &mut Channel, reason: RefusedReason) -> Result<(), GreetingError> {
    let reply = hello::encode_reply(&Reply::Refused { reason })?;
    Ok(conn::write_greeting(stream, &reply).await?)
}

#[cfg(test)]
mod tests {
    use raddle_net::names::Session;

    use super::*;
    use crate::conn::ConnectError;

    #[test]
    fn where_there_is_no_room_one_is_told_so_and_those_inside_stay() {
        let test = async {
            let none = Credentials::none();
            let mut listener =
                Listener::bind("127.0.0.1", 0, Part::Scheduler, &none).await.expect("a port");
            listener.door.room = Arc::new(Semaphore::new(1));
            let address = listener.address().to_owned();
            rt::spawn(listener.serve(&[Role::Client], |_, visitor| async move {
                let mut inside = visitor.welcome(Welcome::new(1)).await.expect("it waits");
                assert!(matches!(inside.reader.next().await, Ok(None)), "it leaves by itself");
            }));
            let come = async |session| {
                let hello = Hello::new(Role::Client, Session::truncate(session));
                conn::connect(&address, hello, &none).await
            };
            let first = come(1).await.expect("there is room");
            let second = come(2).await.map(drop);
            assert!(matches!(
                second,
                Err(ConnectError::Refused { reason: RefusedReason::Full, .. })
            ));
            drop(first);
            // The place is free as soon as the other side has seen that it is.
            while come(3).await.is_err() {
                rt::yield_now().await;
            }
        };
        rt::block_on(test).expect("a runtime");
    }

    #[cfg(not(madsim))]
    #[test]
    fn who_does_not_end_its_hello_in_ten_seconds_is_sent_away() {
        use crate::rt::{AsyncReadExt as _, AsyncWriteExt as _, TcpStream};
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // Time passes only where everybody waits for it.
        let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let none = Credentials::none();
            let listener = Listener::bind("127.0.0.1", 0, Part::Scheduler, &none).await;
            let listener = listener.expect("a port");
            let address = listener.address()["tcp://".len()..].to_owned();
            rt::spawn(listener.serve(&[Role::Client], |_, _| async { panic!("it said nothing") }));
            let mut stream = TcpStream::connect(&address).await.expect("it listens");
            stream.write_all(&hello::MAGIC).await.expect("it reads");
            let began = rt::Instant::now();
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.expect("it closes");
            // To the millisecond, which is what timers are exact to.
            let took = began.elapsed().as_millis();
            assert!((10_000..=10_001).contains(&took) && said.is_empty(), "{took} ms, {said:?}");
        });
    }

    #[test]
    fn who_says_nothing_gives_way_to_those_who_come_after_it() {
        let mut hall = Hall::default();
        let mut slow: Vec<_> = (0..MAX_GREETINGS).map(|_| hall.enter()).collect();
        // Who has been greeted is in nobody's way.
        drop(slow.remove(5));
        drop(hall.enter());
        assert!(slow.iter_mut().all(|greeting| greeting.try_recv().is_err()));
        let after = [hall.enter(), hall.enter()];
        assert_eq!(slow[0].try_recv(), Ok(()));
        let mut rest = slow.split_off(1).into_iter().chain(after);
        assert!(rest.all(|mut greeting| greeting.try_recv().is_err()));
    }
}
