//! Planted bugs of moves: values are dropped where they were, too early or although they are needed.
//!
//! It must not know who finds the bug.

use raddle_core::scheduler::{ConnectionId, Effect};
use raddle_net::messages::SchedulerToWorker;
use raddle_net::names::{Key, RunId};

use super::Cause;
use crate::plant::Plant;
use crate::worker::SimWorker;
use crate::world::World;

impl World {
    /// Moves that begin, or the end of one.
    pub(super) fn spoil_moves(&mut self, plant: Plant, cause: &Cause, out: &mut Vec<Effect>) {
        match cause {
            Cause::Rebalanced => {
                let moves: Vec<_> =
                    out.iter().filter_map(|effect| self.copied_from(effect)).collect();
                for (key, run, connection) in moves {
                    if plant == Plant::DropEarly {
                        out.push(free(key, run, connection));
                    }
                    self.memory.moves.insert(run, (key, connection));
                }
            }
            Cause::Fetched(run) if plant == Plant::DropUsed => {
                let Some((key, connection)) = self.memory.moves.remove(run) else { return };
                if self.is_one_of_several(connection, *run) {
                    out.push(free(key, *run, connection));
                }
            }
            Cause::Fetched(_) | Cause::LetGo { .. } | Cause::Other | Cause::Retried => {}
        }
    }

    /// The value that a worker is to copy, and from whom.
    fn copied_from(&self, effect: &Effect) -> Option<(Key, RunId, ConnectionId)> {
        let Effect::ToWorker { message: SchedulerToWorker::Acquire(input), .. } = effect else {
            return None;
        };
        let source = self.workers.values().find(|node| input.holders.first() == node.id())?;
        Some((input.key, input.run, source.connection))
    }

    /// Whether the scheduler takes this worker to hold the value, and others too.
    fn is_one_of_several(&self, connection: ConnectionId, run: RunId) -> bool {
        let node = self.workers.values().find(|node| node.connection == connection);
        let replicas = self.scheduler.machine.replicas().filter(|(_, made, _)| *made == run);
        let holders: Vec<_> = replicas.map(|(.., holder)| holder).collect();
        let holds = node.and_then(SimWorker::id).is_some_and(|id| holders.contains(id));
        holds && holders.len() > 1
    }
}

fn free(key: Key, run: RunId, connection: ConnectionId) -> Effect {
    Effect::ToWorker { connection, message: SchedulerToWorker::Free { key, run } }
}
