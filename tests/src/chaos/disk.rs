//! Where the workers of a cluster put values that do not fit: a folder for each, which can be taken away.
//!
//! It must not know who writes there.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Disks of this process so far.
static DISKS: AtomicU32 = AtomicU32::new(0);

/// The folder of all workers. It goes with this value.
#[derive(Debug)]
pub(super) struct Disk(PathBuf);

impl Disk {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// If there is no place for temporary files.
    pub(super) fn new() -> io::Result<Self> {
        let number = DISKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("raddle-chaos-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// The folder of a worker, which makes it.
    pub(super) fn of(&self, worker: usize) -> PathBuf {
        self.0.join(worker.to_string())
    }

    /// A worker finds no folder at its place, and can make none, until it is given back.
    pub(super) fn take(&self, worker: usize) {
        // It may not be there yet, or be taken already.
        let _ = fs::remove_dir_all(self.of(worker));
        let _ = fs::write(self.of(worker), b"no folder");
    }

    /// A worker can make its folder again.
    pub(super) fn give_back(&self, worker: usize) {
        // It may have been given back already.
        let _ = fs::remove_file(self.of(worker));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What cannot be removed is left to the operating system.
        let _ = fs::remove_dir_all(&self.0);
    }
}
