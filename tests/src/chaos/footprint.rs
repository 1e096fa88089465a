//! What a process takes of its machine.
//!
//! It must not know what the process does.

use std::fmt;
use std::fs;

/// Memory and descriptors of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of memory that are its own: pages of its program come and go as the system likes.
    pub memory: u64,
    /// Files and sockets that it has open.
    pub descriptors: usize,
}

impl Footprint {
    /// Of the process of this id; `None` where the operating system does not tell.
    #[must_use]
    pub fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
        Some(Self { memory: kilobytes << 10, descriptors })
    }

    /// The most that was taken of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        let descriptors = self.descriptors.max(other.descriptors);
        Self { memory: self.memory.max(other.memory), descriptors }
    }

    /// The least that was taken of each.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        let descriptors = self.descriptors.min(other.descriptors);
        Self { memory: self.memory.min(other.memory), descriptors }
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB, {} descriptors", self.memory >> 10, self.descriptors)
    }
}
