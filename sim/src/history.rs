//! What each client saw of each future that it held at the end: what must be the same, however the
//! same plan is run without faults.
//!
//! It must not know which simulation saw it.

use std::collections::BTreeMap;

use raddle_net::messages::Failure;
use raddle_net::names::Key;

/// What each client saw, by key.
pub type History = Vec<BTreeMap<Key, End>>;

/// How a future ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It has no value.
    Error {
        /// The task that failed first.
        blame: Key,
        /// The kind of failure.
        kind: String,
    },
    /// It has this value.
    Value(u64),
}

impl End {
    /// The end of a future that failed because `blame` did.
    #[must_use]
    pub fn error(blame: Key, failure: &Failure) -> Self {
        let text = format!("{failure:?}");
        let kind = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        Self::Error { blame, kind: kind.to_owned() }
    }
}
