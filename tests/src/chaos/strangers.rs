//! Strangers: what they send that is wrong, and to whom.
//!
//! It must not know how the others judge it: they close the connection, and that is all it waits for.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

use raddle_core::random::{below, hash};
use raddle_net::frame::{FrameEncoder, FrameOptions};
use raddle_net::hello::{self, Hello, Role};
use raddle_net::messages::{ClientMessage, PeerRequest, Query, Registration, WorkerMessage};
use raddle_net::names::Session;
use serde::Serialize;

use super::{LIMIT, Outcome};

/// The stream of chance that belongs to what is wrong.
const WRONG: u64 = 0x77_726f_6e67;

/// What one stranger attacks.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `host:port`.
    pub(super) address: String,
    pub(super) is_worker: bool,
}

/// The work that is left of a flood.
#[derive(Debug)]
pub(super) struct Work {
    seed: u64,
    /// The next one to send.
    next: AtomicU64,
    hellos: u64,
    all: u64,
    targets: [Target; 2],
}

impl Work {
    /// So many wrong frames and hellos for these, other ones in each part.
    pub(super) fn new(
        seed: u64,
        part: u64,
        [frames, hellos]: [u64; 2],
        targets: [Target; 2],
    ) -> Self {
        let seed = hash(seed, WRONG, part, 0);
        Self { seed, next: AtomicU64::new(0), hellos, all: frames + hellos, targets }
    }

    /// Sends one after another until none is left.
    ///
    /// # Errors
    ///
    /// If nobody listens any more, or a connection is not closed in time.
    pub(super) fn send_all(&self) -> Outcome<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.all {
                return Ok(());
            }
            let target = &self.targets[(number % 2) as usize];
            let chance = Chance { seed: self.seed, number };
            // Wrong hellos are spread among the frames.
            let is_hello = number * self.hellos / self.all < (number + 1) * self.hellos / self.all;
            let bytes = if is_hello { chance.hello(target) } else { chance.frame(target) };
            send(&target.address, &bytes).map_err(|error| format!("a stranger: {error}"))?;
        }
    }
}

/// Says it, and waits until the other side has closed the connection.
fn send(address: &str, bytes: &[u8]) -> std::io::Result<()> {
    let is_over = |error: &std::io::Error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::NotConnected
        )
    };
    let said = (|| {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = [0; 512];
        while stream.read(&mut answer)? > 0 {}
        Ok(())
    })();
    match said {
        Err(error) if is_over(&error) => Ok(()),
        said => said,
    }
}

/// What is wrong with one of them.
struct Chance {
    seed: u64,
    number: u64,
}

impl Chance {
    fn below(&self, bound: usize, what: u64) -> usize {
        below(hash(self.seed, WRONG, self.number, what), bound as u64) as usize
    }

    fn bytes(&self, count: usize) -> Vec<u8> {
        (0..count).map(|at| self.below(256, 1_000 + at as u64) as u8).collect()
    }

    fn flip(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = self.below(bytes.len(), 1);
        bytes[at] ^= 1 << self.below(8, 2);
        bytes
    }

    fn cut(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(self.below(bytes.len(), 3));
        bytes
    }

    /// A hello as it should be.
    fn good_hello(&self, target: &Target) -> Vec<u8> {
        let role = match (target.is_worker, self.number % 3) {
            (true, _) => Role::Data,
            (false, 0) => Role::Worker,
            (false, _) => Role::Client,
        };
        let session = Session::truncate(hash(self.seed, WRONG, self.number, 4));
        hello::encode_hello(&Hello::new(role, session)).expect("a short one")
    }

    fn hello(&self, target: &Target) -> Vec<u8> {
        let good = self.good_hello(target);
        match self.below(6, 5) {
            0 => self.bytes(self.below(200, 6) + 1),
            1 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            2 => self.cut(good),
            3 => {
                // A body of as many bytes as can be claimed.
                let mut claims = good;
                claims[10..12].copy_from_slice(&u16::MAX.to_le_bytes());
                claims
            }
            _ => self.flip(good),
        }
    }

    /// A good hello, and a frame that is none.
    fn frame(&self, target: &Target) -> Vec<u8> {
        let query = ClientMessage::Query { id: 1, query: Query::Info };
        let registration = WorkerMessage::Register(Registration::default());
        let request = PeerRequest::Get { items: Vec::new() };
        let good = match (target.is_worker, self.number % 3) {
            (true, _) => framed(&request),
            (false, 0) => framed(&registration),
            (false, _) => framed(&query),
        };
        let wrong = match self.below(6, 7) {
            0 => self.bytes(self.below(200, 8) + 1),
            1 => {
                let mut claims = good;
                claims[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
                claims
            }
            2 => self.cut(good),
            // Whole, and no message of anybody's.
            3 => framed(&self.bytes(self.below(100, 9) + 1)),
            _ => self.flip(good),
        };
        [self.good_hello(target), wrong].concat()
    }
}

/// The first frame of a connection, with this message.
fn framed<M: Serialize>(message: &M) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(FrameOptions { segment_checksums: false });
    encoder.push(message).expect("a small message");
    encoder.take().concat()
}
