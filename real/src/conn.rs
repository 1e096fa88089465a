//! A framed connection: dialled, greeted, then whole checked frames each way.
//!
//! This module must not know what is said in the frames.

mod dial;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::{Buf, Bytes};
use raddle_net::error::{FrameError, SessionError};
use raddle_net::frame::{Frame, FrameDecoder, FrameEncoder, FrameOptions};

pub(crate) use self::dial::{
    CONNECT_LIMIT, ConnectError, GreetingError, connect, open, read_greeting, refuses,
    write_greeting,
};
use crate::address::{Address, Scheme};
use crate::credentials::Channel;
use crate::pulse::Pulse;
use crate::rt::{self, AsyncReadExt, AsyncWriteExt, OwnedSemaphorePermit, ReadHalf, WriteHalf};

/// Chunks of one vectored write.
const MAX_SLICES: usize = 64;

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
    /// Nothing was heard for longer than the time to live.
    #[error("nothing was heard from the peer for too long")]
    Silent,
    /// The numbers of frames do not fit.
    #[error("the session cannot go on: {0}")]
    Session(#[from] SessionError),
    /// The stream ended within a frame.
    #[error("the connection ended in the middle of a frame")]
    Unfinished,
}

impl ConnError {
    /// Whether the peer may have been wrong, rather than the network.
    pub(crate) fn is_fault(&self) -> bool {
        match self {
            Self::Frame(_) | Self::Session(_) | Self::Unfinished => true,
            Self::Closed | Self::Io(_) | Self::Silent => false,
        }
    }

    /// Whether the session is over with the connection. It is if the peer says what it must not; what
    /// was merely damaged on the way is said again on the next connection.
    pub(crate) fn ends_session(&self) -> bool {
        match self {
            Self::Frame(FrameError::BadCrc { .. } | FrameError::BadSegmentCrc { .. }) => false,
            Self::Closed | Self::Io(_) | Self::Silent | Self::Unfinished => false,
            Self::Frame(_) | Self::Session(_) => true,
        }
    }
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
    stream: ReadHalf<Channel>,
    decoder: FrameDecoder,
    /// Counts what comes.
    pub(crate) pulse: Pulse,
    /// Counts the connection among those of its listener.
    _permit: Option<OwnedSemaphorePermit>,
}

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    stream: WriteHalf<Channel>,
}

impl Connection {
    /// A connection over `stream`, on which the greetings are done.
    pub(crate) fn new(stream: Channel, permit: Option<OwnedSemaphorePermit>) -> io::Result<Self> {
        let (peer, local) = (stream.peer_addr()?, stream.local_addr()?.ip());
        let scheme = if stream.is_sealed() { Scheme::Tls } else { Scheme::Tcp };
        // Within one machine no wire can flip a bit, and TLS has checksums of its own.
        let options = FrameOptions { segment_checksums: peer.ip() != local && !stream.is_sealed() };
        let (read, write) = rt::split(stream);
        Ok(Self {
            reader: FrameReader {
                stream: read,
                decoder: FrameDecoder::new(options),
                pulse: Pulse::default(),
                _permit: permit,
            },
            writer: FrameWriter { stream: write },
            peer: Address::new(scheme, peer).to_string(),
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
            self.pulse.beat();
        }
    }

    /// Whether the peer says nothing, and has not closed the connection: looked at, not waited for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        pin!(self.next()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
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
