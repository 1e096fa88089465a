//! A datum: the value of one run, held or wanted here. This module must not know how its state
//! changes.

use raddle_net::limits::MAX_VALUE;
use raddle_net::names::{Key, WorkerId};
use smallvec::SmallVec;

use crate::time::{Duration, Instant};

/// What is assumed of a value whose size is not known.
const UNKNOWN_NBYTES: u64 = 1 << 10;

/// The value of one run, held or wanted here.
#[derive(Clone, Debug)]
pub struct Datum {
    /// The task.
    pub key: Key,
    /// Where it is in its life.
    pub state: DatumState,
    /// How many runs that are not entered have it as an input; and one more if it is acquired.
    pub users: usize,
    /// Whether a copy is to be here for its own sake, and is not yet.
    pub acquired: bool,
}

/// The life of one datum. All but `Memory` and `Flight` end with the last run that needs it.
#[derive(Clone, Debug)]
pub enum DatumState {
    /// Needed; a holder is to be asked. Invariant: a holder is not aside.
    Fetch(Box<Search>),
    /// A holder is being asked. If no run needs it any more, it is dropped when it comes.
    Flight {
        /// The holder.
        peer: WorkerId,
        /// What is known if it does not come.
        search: Box<Search>,
    },
    /// In the store, until the scheduler frees it.
    Memory {
        /// Its size in bytes.
        nbytes: u64,
    },
    /// Needed; no holder can be asked now. Invariant: every holder is aside.
    Missing(Box<Search>),
    /// Needed; a run on this worker will make it.
    Promised,
}

/// The name of a state, and a row of the transition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatumKind {
    /// [`DatumState::Fetch`].
    Fetch,
    /// [`DatumState::Flight`].
    Flight,
    /// There is no such datum here.
    Gone,
    /// [`DatumState::Memory`].
    Memory,
    /// [`DatumState::Missing`].
    Missing,
    /// [`DatumState::Promised`].
    Promised,
}

/// What is known about a value that is not here.
#[derive(Clone, Debug)]
pub struct Search {
    /// Its size in bytes, as far as it is known; never 0.
    pub nbytes: u64,
    /// Who holds it: never this worker, nobody twice.
    pub holders: SmallVec<[Holder; 2]>,
    /// Before this the scheduler is not asked who holds it.
    pub locate_at: Instant,
    /// How long to wait after the next question.
    pub locate_pause: Duration,
}

/// A peer that holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The peer.
    pub peer: WorkerId,
    /// It failed, and is not asked for this value before then.
    pub aside: Option<Instant>,
    /// How long it is put aside if it fails.
    pub pause: Duration,
}

impl Datum {
    /// One that nobody uses yet.
    pub fn new(key: Key, state: DatumState) -> Self {
        Self { key, state, users: 0, acquired: false }
    }
}

impl DatumState {
    /// Its name.
    pub fn kind(&self) -> DatumKind {
        match self {
            Self::Fetch(_) => DatumKind::Fetch,
            Self::Flight { .. } => DatumKind::Flight,
            Self::Memory { .. } => DatumKind::Memory,
            Self::Missing(_) => DatumKind::Missing,
            Self::Promised => DatumKind::Promised,
        }
    }

    /// Its size in bytes, as far as it is known; else 0.
    pub fn nbytes(&self) -> u64 {
        match self {
            Self::Fetch(search) | Self::Flight { search, .. } | Self::Missing(search) => {
                search.nbytes
            }
            Self::Memory { nbytes } => *nbytes,
            Self::Promised => 0,
        }
    }

    /// What is known about it, if it is not here and not promised.
    pub fn search(&self) -> Option<&Search> {
        match self {
            Self::Fetch(search) | Self::Flight { search, .. } | Self::Missing(search) => {
                Some(search)
            }
            Self::Memory { .. } | Self::Promised => None,
        }
    }

    /// The same, by value.
    pub fn into_search(self) -> Option<Box<Search>> {
        match self {
            Self::Fetch(search) | Self::Flight { search, .. } | Self::Missing(search) => {
                Some(search)
            }
            Self::Memory { .. } | Self::Promised => None,
        }
    }
}

impl Search {
    /// A search for a value of about `nbytes` bytes (0: unknown), without holders. The scheduler is
    /// not asked before `locate_at`.
    pub fn new(nbytes: u64, locate_at: Instant, locate_pause: Duration) -> Box<Self> {
        let nbytes = if nbytes == 0 { UNKNOWN_NBYTES } else { nbytes.min(MAX_VALUE) };
        Box::new(Self { nbytes, holders: SmallVec::new(), locate_at, locate_pause })
    }

    /// Holders that may be asked.
    pub fn askable(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.holders.iter().filter(|holder| holder.aside.is_none()).map(|holder| holder.peer)
    }

    /// Holders that may not, each with the time at which it may again.
    pub fn aside(&self) -> impl Iterator<Item = (Instant, WorkerId)> + '_ {
        self.holders.iter().filter_map(|holder| Some((holder.aside?, holder.peer)))
    }

    /// What is known of one holder.
    pub fn holder_mut(&mut self, peer: WorkerId) -> Option<&mut Holder> {
        self.holders.iter_mut().find(|holder| holder.peer == peer)
    }

    /// One more holder, unless it is known. The first pause after a failure is `pause`.
    pub fn add_holder(&mut self, peer: WorkerId, pause: Duration) {
        if self.holder_mut(peer).is_none() {
            self.holders.push(Holder { peer, aside: None, pause });
        }
    }
}
