//! How a connection begins, for the side that dials: TLS, hello, perhaps a challenge, welcome.
//!
//! This module must not know what is said afterwards.

use std::io;
use std::time::Duration;

use raddle_net::error::HelloError;
use raddle_net::hello::{self, Hello, PREFIX, RefusedReason, Reply, Welcome};

use super::Connection;
use crate::address::{self, AddressError};
use crate::credentials::{Challenge, Channel, Credentials, TlsError};
use crate::error::Error;
use crate::rt::{self, AsyncReadExt, AsyncWriteExt, TcpStream};

/// How long dialling and greeting may take together.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long an answer to a probe may take.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// A connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The address cannot be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody answers there.
    #[error("nobody answers at {address}: {source}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The peer does not want us.
    #[error("{address} refused the connection: {reason}")]
    Refused {
        /// Where.
        address: String,
        /// Why.
        reason: RefusedReason,
    },
    /// The peer speaks another version.
    #[error("{address} speaks version {theirs} of the protocol, this program version {ours}")]
    Version {
        /// Where.
        address: String,
        /// Our version.
        ours: u16,
        /// The peer's version.
        theirs: u16,
    },
    /// The peer took too long.
    #[error("{address} did not answer within {} s", CONNECT_LIMIT.as_secs())]
    TimedOut {
        /// Where.
        address: String,
    },
    /// The greetings failed.
    #[error("{address} was greeted in vain: {source}")]
    Hello {
        /// Where.
        address: String,
        /// What is wrong.
        source: HelloError,
    },
    /// TLS did not come about.
    #[error("{address}: {source}")]
    Tls {
        /// Where.
        address: String,
        /// What is wrong.
        source: TlsError,
    },
    /// One side has a token, and the other has not shown that it has the same.
    #[error("{address}: {reason}")]
    Token {
        /// Where.
        address: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What is wrong with a greeting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetingError {
    /// So many others came after it that it had to go.
    #[error("it said no hello while too many others came")]
    Crowded,
    /// The network failed, or the peer left.
    #[error("it left before it had said hello: {0}")]
    Io(#[from] io::Error),
    /// The peer said something else.
    #[error(transparent)]
    Hello(#[from] HelloError),
    /// The peer took too long.
    #[error("it said no hello in time")]
    Slow,
    /// TLS did not come about.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl GreetingError {
    /// What the peer is told, if it can understand it.
    pub(crate) fn answer(&self) -> Option<RefusedReason> {
        match self {
            Self::Crowded => Some(RefusedReason::Full),
            // Any reply will do: the peer reads the version in its prefix, and no further.
            Self::Hello(HelloError::Version { .. }) => Some(RefusedReason::WrongRole),
            Self::Hello(_) | Self::Io(_) | Self::Slow | Self::Tls(_) => None,
        }
    }

    /// The same, of a connection to `address`.
    fn at(self, address: &str) -> ConnectError {
        let address = address.to_owned();
        match self {
            Self::Hello(HelloError::Version { ours, theirs }) => {
                ConnectError::Version { address, ours, theirs }
            }
            Self::Hello(source) => ConnectError::Hello { address, source },
            // What the other side thinks of our certificate comes with the first words.
            Self::Io(error) => match TlsError::of(&error) {
                Some(source) => ConnectError::Tls { address, source },
                None => ConnectError::Unreachable { address, source: error },
            },
            // Nobody who dials is kept waiting for longer than this.
            Self::Crowded | Self::Slow => ConnectError::TimedOut { address },
            Self::Tls(source) => ConnectError::Tls { address, source },
        }
    }
}

/// Dials, says hello, waits for the welcome.
pub(crate) async fn connect(
    address: &str,
    hello: Hello,
    credentials: &Credentials,
) -> Result<(Welcome, Connection), ConnectError> {
    let (welcome, stream) = open(address, hello, credentials).await?;
    let connection = Connection::new(stream, None)
        .map_err(|source| ConnectError::Unreachable { address: address.to_owned(), source })?;
    Ok((welcome, connection))
}

/// As [`connect`], for those who do without frames.
pub(crate) async fn open(
    address: &str,
    hello: Hello,
    credentials: &Credentials,
) -> Result<(Welcome, Channel), ConnectError> {
    let dialled = rt::within(CONNECT_LIMIT, dial(address, &hello, credentials)).await;
    dialled.unwrap_or_else(|| Err(ConnectError::TimedOut { address: address.to_owned() }))
}

async fn dial(
    address: &str,
    hello: &Hello,
    credentials: &Credentials,
) -> Result<(Welcome, Channel), ConnectError> {
    let target = address::parse(address)?;
    let unreachable = |source| ConnectError::Unreachable { address: address.to_owned(), source };
    let stream = TcpStream::connect((target.host.as_str(), target.port));
    let stream = stream.await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let failed = |error: GreetingError| error.at(address);
    let shaken = credentials.dial(stream, target.scheme, hello.role).await;
    let mut stream = shaken.map_err(failed)?;
    let said = hello::encode_hello(hello).map_err(|error| failed(error.into()))?;
    let (welcome, permitted) = match ask(&mut stream, &said).await.map_err(failed)? {
        Reply::Challenge { nonce } => {
            let challenge = Challenge { nonce, hello: said };
            prove(&mut stream, &challenge, credentials, address).await?
        }
        Reply::Welcome(welcome) => (welcome, credentials.token().is_none()),
        Reply::Refused { reason } => {
            return Err(ConnectError::Refused { address: address.to_owned(), reason });
        }
    };
    if !permitted {
        let reason = "it has not shown that it has the token of this cluster: is the address right, \
                      and was it started with the same credentials?";
        return Err(ConnectError::Token { address: address.to_owned(), reason });
    }
    Ok((welcome, stream))
}

/// Says `words`, and hears the reply.
async fn ask(stream: &mut Channel, words: &[u8]) -> Result<Reply, GreetingError> {
    write_greeting(stream, words).await?;
    let (prefix, body) = read_greeting(stream).await?;
    Ok(hello::decode_reply(&prefix, &body)?)
}

/// Shows that we have the token. Returns the welcome, and whether the other side has shown the same.
async fn prove(
    stream: &mut Channel,
    challenge: &Challenge,
    credentials: &Credentials,
    address: &str,
) -> Result<(Welcome, bool), ConnectError> {
    let Some(token) = credentials.token() else {
        let reason = "it asks for the token of its cluster: name the folder that holds it with \
                      --credentials or RADDLE_CREDENTIALS";
        return Err(ConnectError::Token { address: address.to_owned(), reason });
    };
    let failed = |error: GreetingError| error.at(address);
    let answer = token.answer(challenge).map_err(|error| failed(error.into()))?;
    let said = hello::encode_proof(&answer).map_err(|error| failed(error.into()))?;
    match ask(stream, &said).await.map_err(failed)? {
        Reply::Welcome(welcome) => {
            let is_proven = |proof| token.is_proven(challenge, &answer, proof);
            let permitted = welcome.proof.as_ref().is_some_and(is_proven);
            Ok((welcome, permitted))
        }
        Reply::Refused { reason } => {
            Err(ConnectError::Refused { address: address.to_owned(), reason })
        }
        Reply::Challenge { .. } => {
            let source = HelloError::Unexpected { expected: "welcome", found: "challenge" };
            Err(ConnectError::Hello { address: address.to_owned(), source })
        }
    }
}

/// Whether it is certain that nobody listens at `address`: the machine is there, and says so.
pub(crate) async fn refuses(address: &str) -> bool {
    let Ok(target) = address::parse(address) else { return false };
    let dialled = TcpStream::connect((target.host.as_str(), target.port));
    match rt::within(PROBE_LIMIT, dialled).await {
        Some(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
        Some(Ok(_)) | None => false,
    }
}

/// Reads a hello or a reply: its prefix and its body.
pub(crate) async fn read_greeting(
    stream: &mut Channel,
) -> Result<([u8; PREFIX], Vec<u8>), GreetingError> {
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix).await?;
    let mut body = vec![0; hello::body_len(&prefix)?];
    stream.read_exact(&mut body).await?;
    Ok((prefix, body))
}

/// Writes an encoded hello or reply.
pub(crate) async fn write_greeting(stream: &mut Channel, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Address(error) => error.into(),
            ConnectError::Unreachable { address, source } => {
                Self::Connect { address, reason: source.to_string() }
            }
            ConnectError::Refused { address, reason } => {
                Self::Refused { peer: address, reason: reason.to_string() }
            }
            ConnectError::Version { address, ours, theirs } => {
                Self::VersionMismatch { address, ours: ours.into(), theirs: theirs.into() }
            }
            ConnectError::TimedOut { address } => {
                let reason = format!("no answer within {} s", CONNECT_LIMIT.as_secs());
                Self::Connect { address, reason }
            }
            ConnectError::Hello { address, source } => {
                Self::Protocol { peer: address, reason: source.to_string() }
            }
            error @ (ConnectError::Tls { .. } | ConnectError::Token { .. }) => {
                Self::Credentials { reason: error.to_string() }
            }
        }
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::InvalidAddress(error.to_string())
    }
}
