//! What a process writes, read as it comes: so much of it is kept.
//!
//! This module must not know who writes.

use std::io::{self, Read};
use std::mem;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::hub::lock;

/// How long an output may stay open once its process has ended: somebody who has left the group may
/// hold it for ever.
const LINGER: Duration = Duration::from_secs(1);

/// Which part of too long an output is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
}

/// What was written so far.
#[derive(Debug)]
pub(super) struct Kept {
    keep: Keep,
    limit: usize,
    bytes: Vec<u8>,
    dropped: u64,
}

impl Kept {
    pub(super) fn new(keep: Keep, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { keep, limit, bytes: Vec::new(), dropped: 0 }
    }

    pub(super) fn push(&mut self, more: &[u8]) {
        match self.keep {
            Keep::First => {
                let fits = more.len().min(self.limit - self.bytes.len());
                self.bytes.extend_from_slice(&more[..fits]);
                self.dropped += (more.len() - fits) as u64;
            }
            Keep::Last => {
                self.bytes.extend_from_slice(more);
                // Not with every push: what is moved is as much as was pushed since.
                if self.bytes.len() >= self.limit.saturating_mul(2) {
                    self.cut();
                }
            }
        }
    }

    /// What is kept, and how many bytes were dropped.
    pub(super) fn finish(mut self) -> (Vec<u8>, u64) {
        self.cut();
        (self.bytes, self.dropped)
    }

    fn cut(&mut self) {
        let excess = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..excess);
        self.dropped += excess as u64;
    }
}

/// An output that a thread reads.
pub(super) struct Capture {
    kept: Arc<Mutex<Kept>>,
    /// Ends when the output does.
    ended: Receiver<()>,
}

impl Capture {
    /// Reads `pipe` on a thread of its own; of nothing, reads nothing.
    pub(super) fn start(pipe: Option<impl Read + Send + 'static>, kept: Kept) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new(kept));
        let (open, ended) = mpsc::channel();
        if let Some(pipe) = pipe {
            let filled = Arc::clone(&kept);
            let read = move || {
                read_all(pipe, &filled);
                drop(open);
            };
            std::thread::Builder::new().name("raddle-output".to_owned()).spawn(read)?;
        }
        Ok(Self { kept, ended })
    }

    /// What was kept, once the output has ended.
    pub(super) fn finish(self) -> (Vec<u8>, u64) {
        // Either it has ended, or nobody waits any longer.
        let _ = self.ended.recv_timeout(LINGER);
        let mut kept = lock(&self.kept);
        let nothing = Kept::new(Keep::First, 0);
        mem::replace(&mut *kept, nothing).finish()
    }
}

fn read_all(mut pipe: impl Read, kept: &Mutex<Kept>) {
    let mut buffer = vec![0; 32 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => lock(kept).push(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
