//! A door: accepts connections, has each say hello, and hands on those that may come in.
//!
//! Each greeting is a task of its own with a time limit, so that whoever says nothing holds up
//! nobody. This module must not know what happens behind the door.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use raddle_net::error::HelloError;
use raddle_net::hello::{self, Hello, RefusedReason, Reply, Role, Welcome};

use crate::address::Address;
use crate::conn::{self, Connection, GreetingError};
use crate::error::{Error, Result};
use crate::rt::{self, OwnedSemaphorePermit, Semaphore, TcpListener, TcpStream};

/// Connections of one listener at a time; further ones wait in the operating system.
const MAX_CONNECTIONS: usize = 1 << 16;
/// How long a peer may take to say hello.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: TcpListener,
    address: String,
}

impl Listener {
    /// Listens at `host`, a name or an IP address; port 0 is any free one.
    pub(crate) async fn bind(host: &str, port: u16) -> Result<Self> {
        let wanted = Address { host: host.to_owned(), port };
        let bound = TcpListener::bind((host, port)).await;
        let inner = bound.map_err(|error| match error.kind() == io::ErrorKind::AddrInUse {
            true => Error::AddressInUse { address: wanted.to_string() },
            false => {
                let text = format!("cannot listen at {wanted}: {error}");
                Error::Io(io::Error::new(error.kind(), text))
            }
        })?;
        let address = Address::from(inner.local_addr()?).to_string();
        Ok(Self { inner, address })
    }

    /// Where it listens, `tcp://host:port`.
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
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (stream, peer) = match self.inner.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(at = self.address, %error, "cannot accept a connection");
                    rt::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let arrived = arrived.clone();
            drop(rt::spawn(async move {
                match rt::within(GREETING_LIMIT, greet(stream, permit, roles)).await {
                    Some(Ok(Some((hello, visitor)))) => arrived(hello, visitor).await,
                    Some(Ok(None)) => {}
                    // Somebody looked whether anyone listens here.
                    Some(Err(GreetingError::Io(error))) => tracing::debug!(%peer, %error, "gone"),
                    Some(Err(GreetingError::Hello(error))) => {
                        tracing::warn!(%peer, %error, "a connection is refused");
                    }
                    None => tracing::warn!(%peer, "a connection is refused: it said no hello"),
                }
            }));
        }
    }
}

/// Somebody who has said hello and waits for an answer.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// Where it comes from, for people.
    pub(crate) peer: String,
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
}

impl Visitor {
    /// It may come in.
    pub(crate) async fn welcome(mut self, welcome: Welcome) -> Result<Connection, GreetingError> {
        let reply = hello::encode_reply(&Reply::Welcome(welcome))?;
        conn::write_greeting(&mut self.stream, &reply).await?;
        Ok(Connection::new(self.stream, Some(self.permit))?)
    }

    /// It may not come in.
    pub(crate) async fn refuse(mut self, reason: RefusedReason) -> Result<(), GreetingError> {
        refuse(&mut self.stream, reason).await
    }
}

/// Reads the hello. Nothing comes of a peer that has no business here.
async fn greet(
    mut stream: TcpStream,
    permit: OwnedSemaphorePermit,
    roles: &[Role],
) -> Result<Option<(Hello, Visitor)>, GreetingError> {
    stream.set_nodelay(true)?;
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
    if !roles.contains(&hello.role) {
        tracing::warn!(peer = hello.name, role = ?hello.role, "refused: the role is not served here");
        refuse(&mut stream, RefusedReason::WrongRole).await?;
        return Ok(None);
    }
    let peer = Address::from(stream.peer_addr()?).to_string();
    Ok(Some((hello, Visitor { peer, stream, permit })))
}

async fn read_hello(stream: &mut TcpStream) -> Result<Hello, GreetingError> {
    let (prefix, body) = conn::read_greeting(stream).await?;
    Ok(hello::decode_hello(&prefix, &body)?)
}

async fn refuse(stream: &mut TcpStream, reason: RefusedReason) -> Result<(), GreetingError> {
    let reply = hello::encode_reply(&Reply::Refused { reason })?;
    Ok(conn::write_greeting(stream, &reply).await?)
}
