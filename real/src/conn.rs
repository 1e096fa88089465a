//! A framed connection: dialled, greeted, then whole checked frames each way.
//!
//! This module must not know what is said in the frames.

#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::time::Duration;

use bytes::{Buf, Bytes};
use raddle_net::error::{FrameError, HelloError, SessionError};
use raddle_net::frame::{Frame, FrameDecoder, FrameEncoder, FrameOptions};
use raddle_net::hello::{self, Hello, PREFIX, RefusedReason, Reply, Welcome};

use crate::address::{self, Address, AddressError};
use crate::error::Error;
use crate::rt::{
    self, AsyncReadExt, AsyncWriteExt, OwnedSemaphorePermit, ReadHalf, TcpStream, WriteHalf,
};

/// How long dialling and greeting may take together.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long an answer to a probe may take.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// Chunks of one vectored write.
const MAX_SLICES: usize = 64;

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
}

/// A connection broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnError {
    /// The peer closed it, and did not say that this is the end.
    #[error("the peer closed the connection")]
    Closed,
    /// The network failed.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The peer sent something that is not a frame.
    #[error("the peer sent a bad frame: {0}")]
    Frame(#[from] FrameError),
    /// The numbers of frames do not fit.
    #[error("the session cannot go on: {0}")]
    Session(#[from] SessionError),
    /// The stream ended within a frame.
    #[error("the connection ended in the middle of a frame")]
    Unfinished,
}

impl ConnError {
    /// Whether the session is over with the connection. It is if the peer says what it must not; what
    /// was merely damaged on the way is said again on the next connection.
    pub(crate) fn ends_session(&self) -> bool {
        match self {
            Self::Frame(FrameError::BadCrc { .. } | FrameError::BadSegmentCrc { .. }) => false,
            Self::Closed | Self::Io(_) | Self::Unfinished => false,
            Self::Frame(_) | Self::Session(_) => true,
        }
    }
}

/// What is wrong with a greeting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GreetingError {
    /// The network failed, or the peer left.
    #[error("it left before it had said hello: {0}")]
    Io(#[from] io::Error),
    /// The peer said something else.
    #[error(transparent)]
    Hello(#[from] HelloError),
}

/// A connection that both sides have greeted.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What the peer says.
    pub(crate) reader: FrameReader,
    /// What we say.
    pub(crate) writer: FrameWriter,
    /// The peer's address on the network, for people.
    pub(crate) peer: String,
    /// Our own address on this connection: others on the peer's side of the network reach us there.
    pub(crate) local: IpAddr,
    /// How frames are made: for encoders of what is written here.
    pub(crate) options: FrameOptions,
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: ReadHalf<TcpStream>,
    decoder: FrameDecoder,
    /// Counts the connection among those of its listener.
    _permit: Option<OwnedSemaphorePermit>,
}

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    stream: WriteHalf<TcpStream>,
}

/// Dials, says hello, waits for the welcome.
pub(crate) async fn connect(
    address: &str,
    hello: Hello,
) -> Result<(Welcome, Connection), ConnectError> {
    let dialled = rt::within(CONNECT_LIMIT, dial(address, &hello)).await;
    dialled.unwrap_or_else(|| Err(ConnectError::TimedOut { address: address.to_owned() }))
}

async fn dial(address: &str, hello: &Hello) -> Result<(Welcome, Connection), ConnectError> {
    let target = address::parse(address)?;
    let unreachable = |source| ConnectError::Unreachable { address: address.to_owned(), source };
    let stream = TcpStream::connect((target.host.as_str(), target.port));
    let mut stream = stream.await.map_err(unreachable)?;
    let reply = async {
        stream.set_nodelay(true)?;
        write_greeting(&mut stream, &hello::encode_hello(hello)?).await?;
        let (prefix, body) = read_greeting(&mut stream).await?;
        Ok(hello::decode_reply(&prefix, &body)?)
    };
    let address = || address.to_owned();
    match reply.await {
        Ok(Reply::Welcome(welcome)) => {
            let connection = Connection::new(stream, None).map_err(unreachable)?;
            Ok((welcome, connection))
        }
        Ok(Reply::Refused { reason }) => Err(ConnectError::Refused { address: address(), reason }),
        Err(GreetingError::Hello(HelloError::Version { ours, theirs })) => {
            Err(ConnectError::Version { address: address(), ours, theirs })
        }
        Err(GreetingError::Hello(source)) => {
            Err(ConnectError::Hello { address: address(), source })
        }
        Err(GreetingError::Io(source)) => Err(unreachable(source)),
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
    stream: &mut TcpStream,
) -> Result<([u8; PREFIX], Vec<u8>), GreetingError> {
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix).await?;
    let mut body = vec![0; hello::body_len(&prefix)?];
    stream.read_exact(&mut body).await?;
    Ok((prefix, body))
}

/// Writes an encoded hello or reply.
pub(crate) async fn write_greeting(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

impl Connection {
    /// A connection over `stream`, on which the greetings are done.
    pub(crate) fn new(stream: TcpStream, permit: Option<OwnedSemaphorePermit>) -> io::Result<Self> {
        let (peer, local) = (stream.peer_addr()?, stream.local_addr()?.ip());
        // Within one machine no wire can flip a bit, and checksums cost more than the way.
        let options = FrameOptions { segment_checksums: peer.ip() != local };
        let (read, write) = rt::split(stream);
        Ok(Self {
            reader: FrameReader {
                stream: read,
                decoder: FrameDecoder::new(options),
                _permit: permit,
            },
            writer: FrameWriter { stream: write },
            peer: Address::from(peer).to_string(),
            local,
            options,
        })
    }
}

impl FrameReader {
    /// The next frame, whole and checked; `None` at a clean end. Nothing is lost if it is dropped
    /// while it waits.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, ConnError> {
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Ok(Some(frame));
            }
            if self.stream.read_buf(&mut self.decoder.buffer()).await? == 0 {
                return match self.decoder.is_idle() {
                    true => Ok(None),
                    false => Err(ConnError::Unfinished),
                };
            }
        }
    }

    /// The next frame has number `seq`: the session goes on.
    pub(crate) fn expect_frame(&mut self, seq: u64) {
        self.decoder.set_expected(seq);
    }

    /// Accepts up to so many bytes of segments in the next frame: a reply that carries values.
    pub(crate) fn expect_segments(&mut self, bytes: u64) {
        self.decoder.expect_segments(bytes);
    }
}

impl FrameWriter {
    /// Writes and flushes all that `encoder` holds.
    pub(crate) async fn write(&mut self, encoder: &mut FrameEncoder) -> Result<(), ConnError> {
        self.write_chunks(encoder.take()).await
    }

    /// Writes and flushes `chunks`, which an encoder gave.
    pub(crate) async fn write_chunks(&mut self, mut chunks: Vec<Bytes>) -> Result<(), ConnError> {
        let mut first = 0;
        while first < chunks.len() {
            let last = chunks.len().min(first + MAX_SLICES);
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            for (slice, chunk) in slices.iter_mut().zip(&chunks[first..last]) {
                *slice = IoSlice::new(chunk);
            }
            let mut written = self.stream.write_vectored(&slices[..last - first]).await?;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            while first < last && written >= chunks[first].len() {
                written -= chunks[first].len();
                // What is written need not be held while the rest is.
                chunks[first] = Bytes::new();
                first += 1;
            }
            if written > 0 {
                chunks[first].advance(written);
            }
        }
        Ok(self.stream.flush().await?)
    }
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
        }
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::InvalidAddress(error.to_string())
    }
}
