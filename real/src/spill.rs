//! Values on disk: one file, of which each value has a piece. When none is left, the next one goes to
//! a new file.
//!
//! The file has no name once it is open, so nothing is left of it however the process ends. This
//! module must not know which values are written, or when.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::hub::lock;
use crate::rt;

/// Where values are written: the folder, and the file in it once there is one.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    /// Bytes that may be there at a time.
    most: u64,
    file: Mutex<Option<Arc<SpillFile>>>,
}

/// The file.
#[derive(Debug)]
struct SpillFile {
    file: File,
    extent: Mutex<Extent>,
}

/// How far the file is in use.
#[derive(Debug, Default)]
struct Extent {
    end: u64,
    /// Pieces that are in use.
    pieces: u64,
    /// Their bytes.
    used: u64,
}

/// The piece of one value.
#[derive(Debug)]
pub(crate) struct Piece {
    file: Arc<SpillFile>,
    offset: u64,
    len: usize,
    checksum: u32,
}

impl Spill {
    /// Nothing is written yet, and nothing made.
    pub(crate) fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most, file: Mutex::new(None) }
    }

    /// Writes a value's bytes. One thread at a time does so.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be made or written: the disk is full, perhaps, or would hold more
    /// than it may. Nothing is kept of what was written.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<Piece> {
        let file = self.file()?;
        let (offset, used) = {
            let extent = lock(&file.extent);
            (extent.end, extent.used)
        };
        if used.saturating_add(bytes.len() as u64) > self.most {
            let most = format!("no more than {} bytes may be there", self.most);
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, most));
        }
        if let Err(error) = file.file.write_all_at(bytes, offset) {
            file.punch(offset, bytes.len());
            return Err(error);
        }
        let mut extent = lock(&file.extent);
        extent.end = offset + bytes.len() as u64;
        extent.pieces += 1;
        extent.used += bytes.len() as u64;
        drop(extent);
        Ok(Piece { file, offset, len: bytes.len(), checksum: crc32c::crc32c(bytes) })
    }

    fn file(&self) -> io::Result<Arc<SpillFile>> {
        let mut file = lock(&self.file);
        // One of which nothing is left may lie on a disk that is not there any more.
        if let Some(file) = file.as_ref().filter(|file| lock(&file.extent).pieces > 0) {
            return Ok(Arc::clone(file));
        }
        let made = Arc::new(SpillFile { file: open(&self.folder)?, extent: Mutex::default() });
        Ok(Arc::clone(file.insert(made)))
    }
}

/// A new file in `folder`, without a name.
fn open(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("raddle-{}-{:016x}.spill", std::process::id(), rt::random()));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

impl SpillFile {
    /// Gives the disk back what lies there, where the system can.
    fn punch(&self, offset: u64, len: usize) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::FallocateFlags;
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            if let Err(error) = rustix::fs::fallocate(&self.file, hole, offset, len as u64) {
                tracing::debug!(%error, "a part of the spill file cannot be given back yet");
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, len);
    }
}

impl Piece {
    /// The bytes that were written.
    ///
    /// # Errors
    ///
    /// They cannot be read, or are not those.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len];
        self.file.file.read_exact_at(&mut bytes, self.offset)?;
        if crc32c::crc32c(&bytes) != self.checksum {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
        }
        Ok(bytes.into())
    }

    /// Gives the place back.
    pub(crate) fn free(self) {
        let Self { file, offset, len, .. } = self;
        file.punch(offset, len);
        let mut extent = lock(&file.extent);
        extent.pieces -= 1;
        extent.used -= len as u64;
        if extent.pieces == 0 {
            extent.end = 0;
            if let Err(error) = file.file.set_len(0) {
                tracing::debug!(%error, "the spill file cannot be cut");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn spill(name: &str) -> (Spill, PathBuf) {
        let folder =
            std::env::temp_dir().join(format!("raddle-test-{name}-{}", std::process::id()));
        (Spill::new(folder.clone(), u64::MAX), folder)
    }

    #[test]
    fn what_was_written_is_read_and_leaves_nothing_behind() {
        let (spill, folder) = spill("pieces");
        let values: Vec<Vec<u8>> = (1..5_u8).map(|n| vec![n; 100_000 * usize::from(n)]).collect();
        let pieces: Vec<_> = values.iter().map(|bytes| spill.write(bytes).unwrap()).collect();
        for (piece, bytes) in pieces.iter().zip(&values) {
            assert_eq!(piece.read().unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        let file = Arc::clone(&pieces[0].file);
        let used = || file.file.metadata().map(|file| (file.len(), file.blocks())).unwrap();
        let (_, before) = used();
        let mut pieces = pieces.into_iter();
        pieces.next_back().unwrap().free();
        assert!(used().1 < before);
        pieces.for_each(Piece::free);
        assert_eq!(used(), (0, 0));
        assert_eq!(spill.write(b"more").unwrap().offset, 0);
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_gone_is_made_again_and_one_that_cannot_be_is_an_error() {
        let (spill, folder) = spill("moved");
        spill.write(b"some bytes").unwrap().free();
        fs::remove_dir(&folder).unwrap();
        fs::write(&folder, b"no folder").unwrap();
        spill.write(b"more bytes").unwrap_err();
        fs::remove_file(&folder).unwrap();
        assert_eq!(spill.write(b"more bytes").unwrap().read().unwrap(), &b"more bytes"[..]);
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn bytes_that_were_spoiled_are_not_given_out() {
        let (spill, folder) = spill("spoiled");
        let piece = spill.write(b"some bytes").unwrap();
        piece.file.file.write_all_at(b"x", 1).unwrap();
        assert!(piece.read().unwrap_err().to_string().contains("checksum"));
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn a_disk_that_is_full_is_an_error_and_nothing_is_counted() {
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let extent = Mutex::new(Extent { pieces: 1, ..Extent::default() });
        let file = Arc::new(SpillFile { file: full, extent });
        let spill = Spill {
            folder: PathBuf::new(),
            most: u64::MAX,
            file: Mutex::new(Some(Arc::clone(&file))),
        };
        assert_eq!(spill.write(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        let extent = lock(&file.extent);
        assert_eq!((extent.end, extent.pieces, extent.used), (0, 1, 0));
    }

    #[test]
    fn no_more_is_there_than_may_be_until_something_is_given_back() {
        let (mut spill, folder) = spill("limited");
        spill.most = 10;
        let (first, second) = (spill.write(b"four").unwrap(), spill.write(b"sixsix").unwrap());
        assert_eq!(spill.write(b"x").unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        first.free();
        let third = spill.write(b"4444").unwrap();
        assert_eq!(spill.write(b"x").unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        assert_eq!(second.read().unwrap(), &b"sixsix"[..]);
        assert_eq!(third.read().unwrap(), &b"4444"[..]);
        fs::remove_dir(folder).unwrap();
    }
}
