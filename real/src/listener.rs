//! A door: accepts connections, has each say hello, and hands on those that may come in.
//!
//! Each greeting is a task of its own with a time limit, so that whoever says nothing holds up
//! nobody. This module must not know what happens behind the door.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use raddle_net::error::HelloError;
use raddle_net::hello::{self, Hello, RefusedReason, Reply, Role, Secret, Welcome};

use crate::address::{Address, Scheme};
use crate::conn::{self, Connection, GreetingError};
use crate::credentials::{Channel, Credentials, Part, TlsError, Token};
use crate::error::{Error, Result};
use crate::ports::{Ports, bare};
use crate::rt::{self, OwnedSemaphorePermit, Semaphore, TcpListener, TcpStream};
use crate::throttle::Throttle;

/// Connections of one listener at a time; further ones wait in the operating system.
const MAX_CONNECTIONS: usize = 1 << 16;
/// Of these, those that have not been greeted yet.
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
        let log = Arc::new(Throttle::default());
        let door = Door { part, credentials: credentials.clone(), log };
        Ok(Self { inner, address, door })
    }

    /// Where it listens, `tcp://host:port` or `tls://host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Accepts for ever; `arrived` gets everybody who comes in one of these roles, and answers.
    pub(crate) async fn serve<F, R>(self, roles: &'static [Role], arrived: F)
    where
        F: Fn(Hello, Visitor) -> R + Clone + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let hall = Arc::new(Semaphore::new(MAX_GREETINGS));
        loop {
            let Ok(greets) = Arc::clone(&hall).acquire_owned().await else { return };
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (stream, peer) = match self.inner.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(at = self.address, %error, "cannot accept a connection");
                    rt::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (arrived, door) = (arrived.clone(), self.door.clone());
            drop(rt::spawn(async move {
                let greeted = rt::within(GREETING_LIMIT, door.greet(stream, permit, roles)).await;
                drop(greets);
                match greeted {
                    Some(Ok(Some((hello, visitor)))) => arrived(hello, visitor).await,
                    Some(Ok(None)) => {}
                    // Somebody looked whether anyone listens here.
                    Some(Err(GreetingError::Io(error))) if TlsError::of(&error).is_none() => {
                        tracing::debug!(%peer, %error, "gone");
                    }
                    Some(Err(error)) => door.complain(|| {
                        tracing::warn!(%peer, %error, "a connection is refused");
                    }),
                    None => door.complain(|| {
                        tracing::warn!(%peer, "a connection is refused: it said no hello");
                    }),
                }
            }));
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
    /// Reads the hello, and asks for what credentials there must be. Nothing comes of a peer that has
    /// no business here.
    async fn greet(
        &self,
        stream: TcpStream,
        permit: OwnedSemaphorePermit,
        roles: &[Role],
    ) -> Result<Option<(Hello, Visitor)>, GreetingError> {
        stream.set_nodelay(true)?;
        let mut stream = self.credentials.accept(stream, self.part).await?;
        let hello = match read_hello(&mut stream).await {
            Ok(hello) => hello,
            Err(error) => {
                if matches!(error, GreetingError::Hello(HelloError::Version { .. })) {
                    // Any reply will do: the peer reads the version in its prefix, and no further.
                    refuse(&mut stream, RefusedReason::WrongRole).await?;
                }
                return Err(error);
            }
        };
        let (judged, proof) = self.judge(&mut stream, &hello, roles).await?;
        if let Some(reason) = judged {
            self.complain(|| {
                tracing::warn!(peer = hello.name, role = ?hello.role, %reason, "refused");
            });
            refuse(&mut stream, reason).await?;
            return Ok(None);
        }
        let scheme = self.credentials.scheme();
        let peer = Address::new(scheme, stream.peer_addr()?).to_string();
        Ok(Some((hello, Visitor { peer, stream, permit, proof: proof.map(Box::new) })))
    }

    /// Why the peer may not come in, or what proves to it that we have the token.
    async fn judge(
        &self,
        stream: &mut Channel,
        hello: &Hello,
        roles: &[Role],
    ) -> Result<(Option<RefusedReason>, Option<Secret>), GreetingError> {
        if !roles.contains(&hello.role) {
            return Ok((Some(RefusedReason::WrongRole), None));
        }
        if !stream.may_come(hello.role) {
            return Ok((Some(RefusedReason::WrongCertificate), None));
        }
        let Some(token) = self.credentials.token() else { return Ok((None, None)) };
        let challenge = Token::challenge(hello::encode_hello(hello)?)?;
        let reply = hello::encode_reply(&Reply::Challenge { nonce: challenge.nonce })?;
        conn::write_greeting(stream, &reply).await?;
        let (prefix, body) = conn::read_greeting(stream).await?;
        let answer = hello::decode_proof(&prefix, &body)?;
        Ok(match token.judge(&challenge, &answer) {
            Some(proof) => (None, Some(proof)),
            None => (Some(RefusedReason::WrongToken), None),
        })
    }

    /// Writes to the log, but not more often than anybody could read.
    fn complain(&self, write: impl FnOnce()) {
        match self.log.pass(rt::Instant::now()) {
            Some(0) => write(),
            Some(more) => {
                write();
                tracing::warn!(more, "others were refused meanwhile");
            }
            None => {}
        }
    }
}

async fn read_hello(stream: &mut Channel) -> Result<Hello, GreetingError> {
    let (prefix, body) = conn::read_greeting(stream).await?;
    Ok(hello::decode_hello(&prefix, &body)?)
}

async fn refuse(stream: &mut Channel, reason: RefusedReason) -> Result<(), GreetingError> {
    let reply = hello::encode_reply(&Reply::Refused { reason })?;
    Ok(conn::write_greeting(stream, &reply).await?)
}
