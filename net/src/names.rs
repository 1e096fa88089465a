//! Names on the wire: dense numbers for the hot path, strings only at the edge.
//!
//! This module must not know messages, bytes or state machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The top bit of a key's first half: set for hashed keys, clear for numbered ones.
const HASHED: u64 = 1 << 63;

/// The client's name for a task and for its result: 16 bytes.
///
/// A *numbered* key is (63-bit session of its client, 64-bit number); tables find it by array
/// index. A *hashed* key is 127 bits of a hash, for pure and for named tasks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    high: u64,
    low: u64,
}

/// What a [`Key`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// 127 bits of a hash.
    Hashed(u128),
    /// The `number`-th key of `session`.
    Numbered {
        /// Who drew the number.
        session: Session,
        /// Unique within the session, drawn in ascending order.
        number: u64,
    },
}

impl Key {
    /// The `number`-th key of `session`.
    #[must_use]
    pub const fn numbered(session: Session, number: u64) -> Self {
        Self { high: session.0, low: number }
    }

    /// A key made of the lower 127 bits of `hash`.
    #[must_use]
    pub const fn hashed(hash: u128) -> Self {
        Self { high: (hash >> 64) as u64 | HASHED, low: hash as u64 }
    }

    /// What the key is made of.
    #[must_use]
    pub const fn kind(self) -> KeyKind {
        if self.high & HASHED == 0 {
            KeyKind::Numbered { session: Session(self.high), number: self.low }
        } else {
            KeyKind::Hashed((((self.high & !HASHED) as u128) << 64) | self.low as u128)
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            KeyKind::Hashed(hash) => write!(f, "h-{hash:032x}"),
            KeyKind::Numbered { session, number } => write!(f, "{session}-{number}"),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key: expected SESSION-NUMBER or h-HASH, as `Key` prints it")]
pub struct ParseKeyError(String);

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseKeyError(text.chars().take(80).collect());
        let (left, right) = text.split_once('-').ok_or_else(error)?;
        if left == "h" {
            let hash = u128::from_str_radix(right, 16).map_err(|_| error())?;
            return if hash >> 127 == 0 { Ok(Self::hashed(hash)) } else { Err(error()) };
        }
        let session = u64::from_str_radix(left, 16).map_err(|_| error())?;
        let number = right.parse().map_err(|_| error())?;
        Ok(Self::numbered(Session::new(session).ok_or_else(error)?, number))
    }
}

/// One life of a client or worker process: 63 random bits drawn by that process itself, so that it
/// survives a restart of the scheduler.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Session(u64);

impl Session {
    /// The session of `bits`, or `None` if the top bit is set (it tags hashed keys).
    #[must_use]
    pub const fn new(bits: u64) -> Option<Self> {
        if bits & HASHED == 0 { Some(Self(bits)) } else { None }
    }

    /// The session of the lower 63 bits of `bits`.
    #[must_use]
    pub const fn truncate(bits: u64) -> Self {
        Self(bits & !HASHED)
    }
}

/// A session has 63 bits; a peer sent 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:#x} is not a session: its top bit is set")]
pub struct SessionError(u64);

impl TryFrom<u64> for Session {
    type Error = SessionError;

    fn try_from(bits: u64) -> Result<Self, SessionError> {
        Self::new(bits).ok_or(SessionError(bits))
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One execution of a task, and so one version of its value. Never used twice: the epoch grows with
/// each life of the scheduler, the counter within one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RunId {
    /// Which life of the scheduler.
    pub epoch: u32,
    /// Which run of that life, from 1.
    pub counter: u64,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.counter)
    }
}

/// A registered worker. Given by the scheduler; a new incarnation gets a new one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

/// An interned [`TaskSpec`](crate::messages::TaskSpec): defined once per connection, then named by
/// this number. On a client's connection the client draws it, on a worker's the scheduler does.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SpecId(pub u32);

/// Who goes first: the smallest does.
///
/// Compared field by field, from the top: the user's priority (a higher one first), nesting (a child
/// before its parent's unstarted siblings), the order of submissions, and the graph's own order. That
/// is the order of the tasks of one client: between clients, it is who has had less.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Priority {
    /// The negated priority of the user.
    pub negated: i32,
    /// The negated depth of nesting.
    pub nesting: i16,
    /// Which submission, in order of arrival.
    pub submission: u64,
    /// Which task of the submission, in the order that the client computed.
    pub order: u32,
    /// The client for which it runs, by the scheduler's number: the process, if a run submitted it.
    pub client: u32,
}

#[cfg(test)]
mod tests {
    use serde::de::value::{self, U64Deserializer};

    use super::*;

    #[test]
    fn a_key_is_what_it_was_made_of() {
        let session = Session::new(77).unwrap();
        assert_eq!(Key::numbered(session, 5).kind(), KeyKind::Numbered { session, number: 5 });
        let hash = (1 << 127) - 3;
        assert_eq!(Key::hashed(hash).kind(), KeyKind::Hashed(hash));
        assert_eq!(Key::hashed(hash | 1 << 127), Key::hashed(hash));
    }

    #[test]
    fn a_key_reads_what_it_prints() {
        for key in [Key::hashed(12345), Key::numbered(Session::truncate(u64::MAX), u64::MAX)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for text in ["", "x", "h-", "h-zz", "1-", "-1", "ffffffffffffffff-1"] {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_session_never_carries_the_tag_of_hashed_keys() {
        assert_eq!(Session::new(HASHED), None);
        assert_eq!(Session::truncate(HASHED | 9), Session(9));
        for (bits, valid) in [(HASHED - 1, true), (HASHED, false), (u64::MAX, false)] {
            let read = Session::deserialize(U64Deserializer::<value::Error>::new(bits));
            assert_eq!(read.is_ok(), valid, "{bits:x}");
        }
    }
}
