//! The protocol, spoken by hand: for peers that are wrong on purpose.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use bytes::BufMut as _;
use raddle::Result;
use raddle_net::frame::{Frame, FrameDecoder, FrameEncoder, FrameOptions};
use raddle_net::hello::{self, Hello, PREFIX, Reply, Role};
use raddle_net::names::Session;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One end of a connection.
pub struct Wire {
    pub stream: TcpStream,
    decoder: FrameDecoder,
    encoder: FrameEncoder,
}

impl Wire {
    /// A connection to `address`, `tcp://host:port`, on which nothing is said yet.
    pub fn dial(address: &str) -> Result<Self> {
        Ok(Self::new(TcpStream::connect(address.trim_start_matches("tcp://"))?))
    }

    /// The next connection at a listener, on which nothing is said yet.
    pub fn accept(listener: &TcpListener) -> Result<Self> {
        Ok(Self::new(listener.accept()?.0))
    }

    fn new(stream: TcpStream) -> Self {
        let options = FrameOptions { segment_checksums: false };
        let (decoder, encoder) = (FrameDecoder::new(options), FrameEncoder::new(options));
        Self { stream, decoder, encoder }
    }

    /// A connection to `address` in this role, welcome there.
    pub fn greet(address: &str, role: Role, session: u64) -> Result<Self> {
        let mut wire = Self::dial(address)?;
        let hello = Hello::new(role, Session::truncate(session));
        wire.write(&hello::encode_hello(&hello).expect("a short one"))?;
        match wire.reply()? {
            Reply::Welcome(_) => Ok(wire),
            Reply::Refused { reason } => panic!("it is not welcome: {reason}"),
            Reply::Challenge { .. } => panic!("it asks for a token"),
        }
    }

    /// Says hello; returns the answer. What follows continues after frame `hello.received`.
    pub fn hello(address: &str, hello: &Hello) -> Result<(Self, Reply)> {
        let mut wire = Self::dial(address)?;
        wire.decoder.set_expected(hello.received + 1);
        wire.write(&hello::encode_hello(hello).expect("a short one"))?;
        let reply = wire.reply()?;
        Ok((wire, reply))
    }

    /// Writes anything. A peer that has closed the connection already need not read it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write_all(bytes) {
            Err(error) if is_closed(error.kind()) => Ok(()),
            written => Ok(written?),
        }
    }

    /// The answer to a hello.
    pub fn reply(&mut self) -> Result<Reply> {
        let (prefix, body) = self.greeting()?;
        Ok(hello::decode_reply(&prefix, &body).expect("a reply"))
    }

    /// A greeting, prefix and body.
    pub fn greeting(&mut self) -> Result<([u8; PREFIX], Vec<u8>)> {
        let mut prefix = [0; PREFIX];
        self.stream.read_exact(&mut prefix)?;
        let mut body = vec![0; u16::from_le_bytes([prefix[10], prefix[11]]).into()];
        self.stream.read_exact(&mut body)?;
        Ok((prefix, body))
    }

    /// Says one thing, as the next frame.
    pub fn say<M: Serialize>(&mut self, message: &M) -> Result<()> {
        self.encoder.push(message).expect("a small message");
        let frame = self.encoder.take().concat();
        self.write(&frame)
    }

    /// The messages of the next frame; none when the peer has closed the connection.
    pub fn hear<M: DeserializeOwned>(&mut self) -> Result<Vec<M>> {
        let frame = self.frame()?;
        Ok(frame.map_or_else(Vec::new, |frame| frame.messages().expect("messages")))
    }

    /// The next frame; none when the peer has closed the connection.
    pub fn frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.decoder.next().expect("a frame") {
                return Ok(Some(frame));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(read) => self.decoder.buffer().put_slice(&bytes[..read]),
                Err(error) if is_closed(error.kind()) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until the peer has ended the session, without another word, and closed the connection.
    pub fn dismissed(mut self) -> Result<()> {
        let last = self.frame()?.expect("the end of the session");
        assert!(last.last && last.size() == 0, "{last:?}");
        assert_eq!(self.closed()?, b"");
        Ok(())
    }

    /// Waits until the peer has closed the connection; returns what it said before, raw.
    pub fn closed(mut self) -> Result<Vec<u8>> {
        let mut said = Vec::new();
        match self.stream.read_to_end(&mut said) {
            Err(error) if is_closed(error.kind()) => Ok(said),
            read => Ok(read.map(|_| said)?),
        }
    }
}

/// A first frame with one message, and perhaps a segment.
pub fn frame<M: Serialize>(message: &M, segment: Option<Vec<u8>>) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(FrameOptions { segment_checksums: false });
    encoder.push(message).expect("a small message");
    if let Some(segment) = segment {
        encoder.push_segment(segment.into()).expect("one segment");
    }
    encoder.take().concat()
}

/// A connection that is closed while something is still unread is reset.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}
