//! What a bug would do, on purpose: one entity is spoilt, and noted as touched. For tests of the
//! checks.
//!
//! This module must not know which check finds it.

use raddle_net::names::{RunId, WorkerId};

use super::datum::DatumState;
use super::run::RunState;
use super::{Peer, State};
use crate::time::{Duration, Instant};

/// What is spoilt of a run, or of a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Corruption {
    /// A datum in flight is not asked for.
    Asked,
    /// A search knows a stranger.
    Holder,
    /// A datum that is needed is gone.
    Lost,
    /// A run counts one missing input too many.
    Missing,
    /// A run that is ready is not queued.
    Queue,
    /// A datum that is looked for has another timer.
    Timer,
    /// A run is not known to use its first input.
    User,
    /// A datum counts one user too many.
    Users,
}

impl Corruption {
    pub const ALL: [Self; 8] = [
        Self::Asked,
        Self::Holder,
        Self::Lost,
        Self::Missing,
        Self::Queue,
        Self::Timer,
        Self::User,
        Self::Users,
    ];
}

impl State {
    /// Every run, and every datum.
    pub fn ids(&self) -> Vec<RunId> {
        self.runs.iter().map(|(id, _)| id).chain(self.data.iter().map(|(id, _)| id)).collect()
    }

    /// Spoils one run or datum, if it has what is to be spoilt.
    pub fn corrupt(&mut self, corruption: Corruption, id: RunId) -> Option<()> {
        self.touched.runs.note(id);
        self.touched.data.note(id);
        match corruption {
            Corruption::Asked => {
                let DatumState::Flight { peer, .. } = self.data.get(id)?.state else { return None };
                self.peers.insert(peer, Peer::Asked { data: Vec::new() });
            }
            Corruption::Holder => match &mut self.data.get_mut(id)?.state {
                DatumState::Fetch(search)
                | DatumState::Flight { search, .. }
                | DatumState::Missing(search) => {
                    search.add_holder(WorkerId(u32::MAX), Duration::ZERO);
                }
                DatumState::Memory { .. } | DatumState::Promised => return None,
            },
            Corruption::Lost => {
                let input = *self.runs.get(id)?.inputs().first()?;
                self.data.remove(input)?;
            }
            Corruption::Missing => match &mut self.runs.get_mut(id)?.state {
                RunState::Waiting { missing } => *missing += 1,
                RunState::Busy { .. }
                | RunState::Flushing
                | RunState::Ready
                | RunState::Receiving => return None,
            },
            Corruption::Queue => {
                let run = self.runs.get(id).filter(|run| run.state == RunState::Ready)?;
                self.index.leave_run(id, run);
            }
            Corruption::Timer => match &mut self.data.get_mut(id)?.state {
                DatumState::Missing(search) => search.locate_at = Instant::from_nanos(u64::MAX),
                DatumState::Fetch(_)
                | DatumState::Flight { .. }
                | DatumState::Memory { .. }
                | DatumState::Promised => return None,
            },
            Corruption::User => {
                let run = self.runs.get(id)?;
                self.index.users.remove(&(*run.inputs().first()?, run.priority, id));
            }
            Corruption::Users => self.data.get_mut(id)?.users += 1,
        }
        Some(())
    }
}
