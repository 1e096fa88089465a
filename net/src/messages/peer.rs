//! Bulk data: a worker or client pulls values from a worker, or a client sends one to it. One
//! request at a time on a connection of its own; the bytes follow as raw segments of the frame.

use serde::{Deserialize, Serialize};

use crate::names::{Key, RunId};
use crate::payload::ValueType;

/// A value, by the run that made it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Item {
    /// The task.
    pub key: Key,
    /// The run that made it; the value of another run is not an answer.
    pub run: RunId,
}

/// What is asked of a worker that holds values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerRequest {
    /// Send these values.
    Get {
        /// Which.
        items: Vec<Item>,
    },
    /// Here is a scattered value, in the frame's only segment.
    Put {
        /// Which.
        item: Item,
        /// What it is.
        value_type: ValueType,
    },
}

/// The answer of the worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerReply {
    /// Serving as many as it may; ask again later.
    Busy,
    /// One reply per item, in the order asked. Values are the frame's segments, in the same order.
    Items {
        /// What became of each.
        replies: Vec<ItemReply>,
    },
    /// The scattered value was taken.
    Stored,
    /// The scattered value was not expected here.
    Unexpected,
}

/// What became of one item that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ItemReply {
    /// It is the next segment.
    Found {
        /// What it is.
        value_type: ValueType,
        /// Its size in bytes: that of the segment.
        nbytes: u64,
    },
    /// Not held here.
    Missing,
}
