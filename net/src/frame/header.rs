//! The fixed part of a frame, and its segment table. This module must not know messages.

use crate::error::FrameError;
use crate::limits::{FRAME_MAGIC, FRAME_VERSION, MAX_FRAME_MESSAGES, MAX_MESSAGES, MAX_SEGMENTS};

/// Bytes of a header.
pub(super) const HEADER: usize = 36;

/// Where the checksum is; what it covers comes before it and after.
const CRC: usize = 32;
/// The segment table has checksums.
const CHECKSUMS: u16 = 1;
/// The session ends with this frame.
const LAST: u16 = 2;

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The segment table has checksums.
    pub(super) checksums: bool,
    /// The session ends with this frame.
    pub(super) last: bool,
    /// Bytes of the messages.
    pub(super) length: u32,
    /// How many messages.
    pub(super) messages: u32,
    /// How many segments.
    pub(super) segments: u32,
    /// The frame's number.
    pub(super) seq: u64,
    /// The last frame received from the other side.
    pub(super) ack: u64,
}

impl Header {
    /// The header that `bytes` begin with, once there are enough of them.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        // What is no frame is told at once, however little of it there is.
        match bytes.first() {
            Some(&found) if found != FRAME_MAGIC => return Err(FrameError::BadMagic { found }),
            Some(_) | None => {}
        }
        match bytes.get(1) {
            Some(&found) if found != FRAME_VERSION => return Err(FrameError::BadVersion { found }),
            Some(_) | None => {}
        }
        let Some(mut bytes) = bytes.get(2..HEADER) else { return Ok(None) };
        let flags = u16::from_le_bytes(take(&mut bytes));
        let header = Self {
            checksums: flags & CHECKSUMS != 0,
            last: flags & LAST != 0,
            length: u32::from_le_bytes(take(&mut bytes)),
            messages: u32::from_le_bytes(take(&mut bytes)),
            segments: u32::from_le_bytes(take(&mut bytes)),
            seq: u64::from_le_bytes(take(&mut bytes)),
            ack: u64::from_le_bytes(take(&mut bytes)),
        };
        if flags & !(CHECKSUMS | LAST) != 0 {
            return Err(FrameError::UnknownFlags { flags });
        }
        header.check().map(|()| Some(header))
    }

    fn check(&self) -> Result<(), FrameError> {
        let Self { length, messages, segments, .. } = *self;
        if length as usize > MAX_FRAME_MESSAGES {
            let limit = MAX_FRAME_MESSAGES as u64;
            return Err(FrameError::TooLarge { claimed: length.into(), limit });
        }
        if messages as usize > MAX_MESSAGES {
            return Err(FrameError::TooManyMessages { claimed: messages });
        }
        if segments as usize > MAX_SEGMENTS {
            return Err(FrameError::TooManySegments { claimed: segments });
        }
        // Every message is an enum, so it has at least one byte.
        if messages > length {
            return Err(FrameError::BadCount { messages, length });
        }
        Ok(())
    }

    /// Writes the header into the first bytes of `frame`, whose messages and segment table are
    /// in place.
    pub(super) fn write(&self, frame: &mut [u8]) {
        let (header, rest) = frame.split_at_mut(HEADER);
        header[0] = FRAME_MAGIC;
        header[1] = FRAME_VERSION;
        let checksums = if self.checksums { CHECKSUMS } else { 0 };
        let last = if self.last { LAST } else { 0 };
        header[2..4].copy_from_slice(&(checksums | last).to_le_bytes());
        header[4..8].copy_from_slice(&self.length.to_le_bytes());
        header[8..12].copy_from_slice(&self.messages.to_le_bytes());
        header[12..16].copy_from_slice(&self.segments.to_le_bytes());
        header[16..24].copy_from_slice(&self.seq.to_le_bytes());
        header[24..CRC].copy_from_slice(&self.ack.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..CRC]), rest);
        header[CRC..].copy_from_slice(&crc.to_le_bytes());
    }

    /// Bytes of header, messages and segment table together.
    pub(super) fn checked_len(&self) -> usize {
        HEADER + self.length as usize + self.segments as usize * entry_len(self.checksums)
    }

    /// Whether `frame`, header, messages and segment table, is what was sent.
    pub(super) fn verify(frame: &[u8]) -> Result<(), FrameError> {
        let (header, rest) = frame.split_at(HEADER);
        let found = crc32c::crc32c_append(crc32c::crc32c(&header[..CRC]), rest);
        let expected = u32::from_le_bytes(take(&mut &header[CRC..]));
        if found == expected { Ok(()) } else { Err(FrameError::BadCrc { expected, found }) }
    }
}

/// One line of the segment table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The segment's size in bytes.
    pub(super) length: u64,
    /// Its checksum, if there is one.
    pub(super) crc: Option<u32>,
}

impl Entry {
    /// Appends the line to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.length.to_le_bytes());
        if let Some(crc) = self.crc {
            out.extend_from_slice(&crc.to_le_bytes());
        }
    }

    /// Whether `segment`, which is the frame's number `index`, is what was sent.
    pub(super) fn verify(&self, index: usize, segment: &[u8]) -> Result<(), FrameError> {
        let Some(expected) = self.crc else { return Ok(()) };
        let found = crc32c::crc32c(segment);
        if found == expected {
            Ok(())
        } else {
            Err(FrameError::BadSegmentCrc { index, expected, found })
        }
    }

    /// The lines of `table`, which is as long as the header says.
    pub(super) fn read_all(mut table: &[u8], checksums: bool) -> Vec<Self> {
        let mut entries = Vec::with_capacity(table.len() / entry_len(checksums));
        while !table.is_empty() {
            let length = u64::from_le_bytes(take(&mut table));
            let crc = checksums.then(|| u32::from_le_bytes(take(&mut table)));
            entries.push(Self { length, crc });
        }
        entries
    }
}

/// Bytes of one line of the segment table.
pub(super) fn entry_len(checksums: bool) -> usize {
    if checksums { 12 } else { 8 }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (taken, left) = bytes.split_first_chunk().expect("the caller has checked the length");
    *bytes = left;
    *taken
}
