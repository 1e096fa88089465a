//! Values that move, because a client asked for it, from workers that hold much to workers that hold
//! little. Which ones, and where to, is the policy's business.
//!
//! A move is a copy that is acquired, and the drop of the one that it was made from once it is there.
//! It is given up, and the value stays where it is by then, when that could do harm: when a task needs
//! the value, a number of copies is wished, or who gives or gets it is not to be relied on. So no move
//! lasts longer than its copy is on its way, and no value has fewer copies afterwards.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::messages::QueryAnswer;
use raddle_net::names::{Key, WorkerId};

use super::Scheduler;
use super::policy::{self, Pan, Shift, Weight};
use super::state::{ClientId, Presence, TaskId, TaskState, Worker};
use super::turn::Turn;

/// Values that are on their way from one worker to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moves {
    under_way: BTreeMap<TaskId, Move>,
    /// Requests of which moves are left, or that are to be answered before the event ends.
    requests: BTreeMap<u64, Request>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Move {
    from: WorkerId,
    to: WorkerId,
    nbytes: u64,
    request: u64,
}

/// What became of a request so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Request {
    /// Moves that are left.
    left: usize,
    /// Values that were moved.
    values: u64,
    /// Their bytes.
    nbytes: u64,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// What a request has come to, if no move of it is left.
    pub(super) fn answer(&self, request: u64) -> Option<QueryAnswer> {
        let Request { left, values, nbytes } = *self.requests.get(&request)?;
        (left == 0).then_some(QueryAnswer::Rebalanced { values, nbytes })
    }

    /// Requests of which no move is left have been answered, if anybody waited.
    pub(super) fn forget_answered(&mut self) {
        self.requests.retain(|_, request| request.left > 0);
    }

    /// Takes in the moves of a request; its number.
    fn begin(&mut self, shifts: &[Shift]) -> u64 {
        let request = self.requests.last_key_value().map_or(0, |(last, _)| last + 1);
        let left = shifts.len();
        self.requests.insert(request, Request { left, ..Request::default() });
        for &Shift { task, nbytes, from, to } in shifts {
            self.under_way.insert(task, Move { from, to, nbytes, request });
        }
        request
    }

    /// A move is over: the value was moved, or stays.
    fn end(&mut self, task: TaskId, is_moved: bool) {
        let Some(Move { nbytes, request, .. }) = self.under_way.remove(&task) else { return };
        let request = self.requests.get_mut(&request).expect("it has moves left");
        request.left -= 1;
        request.values += u64::from(is_moved);
        request.nbytes += if is_moved { nbytes } else { 0 };
    }

    /// Whether each request has the moves that it counts.
    fn are_counted(&self) -> bool {
        let mut left: BTreeMap<u64, usize> = BTreeMap::new();
        for Move { request, .. } in self.under_way.values() {
            *left.entry(*request).or_default() += 1;
        }
        self.requests.iter().map(|(number, request)| (*number, request.left)).eq(left)
    }
}

impl Scheduler {
    /// Values of a client are to move between these workers, or all. The number of the request, if
    /// anything moves.
    pub(super) fn rebalance(
        &mut self,
        client: ClientId,
        keys: Option<Vec<Key>>,
        workers: &[String],
        turn: &mut Turn<'_>,
    ) -> Result<u64, QueryAnswer> {
        let pans = self.pans(workers)?;
        let weights = self.weights(client, keys)?;
        let shifts = policy::rebalance(&self.config, &self.state, &pans, &weights);
        if shifts.is_empty() {
            return Err(QueryAnswer::Rebalanced { values: 0, nbytes: 0 });
        }
        let request = self.copies.moves.begin(&shifts);
        for Shift { task, from, to, .. } in shifts {
            self.acquire(task, to, from, turn);
        }
        Ok(request)
    }

    /// The workers between which values may move, of those that were named: those that are there and
    /// stay. What is on its way counts as moved.
    fn pans(&self, names: &[String]) -> Result<Vec<Pan>, QueryAnswer> {
        let named = self.named(names)?;
        let (mut leaving, mut coming) = (BTreeMap::new(), BTreeMap::new());
        for Move { from, to, nbytes, .. } in self.copies.moves.under_way.values() {
            for (sums, worker) in [(&mut leaving, from), (&mut coming, to)] {
                let sum: &mut u64 = sums.entry(*worker).or_default();
                *sum = sum.saturating_add(*nbytes);
            }
        }
        let takes_part = |worker: &&Worker| {
            is_reliable(worker) && (names.is_empty() || named.contains(&worker.id))
        };
        let pan = |worker: &Worker| {
            let held = self.state.index().load(worker.id).map_or(0, |load| load.nbytes);
            let of = |moves: &BTreeMap<WorkerId, u64>| moves.get(&worker.id).copied().unwrap_or(0);
            Pan {
                worker: worker.id,
                nbytes: held.saturating_add(of(&coming)).saturating_sub(of(&leaving)),
                limit: worker.memory_limit,
                receives: worker.is_open(),
            }
        };
        Ok(self.state.workers().filter(takes_part).map(pan).collect())
    }

    /// The values that may move, of those that were named or of all that the client wants.
    fn weights(
        &self,
        client: ClientId,
        keys: Option<Vec<Key>>,
    ) -> Result<Vec<Weight>, QueryAnswer> {
        let Some(keys) = keys else {
            let wants = self.state.client(client).into_iter().flat_map(|client| &client.wants);
            return Ok(wants.filter_map(|task| self.weight(*task)).collect());
        };
        let wanted = |key: Key| self.wanted(client, key).ok_or_else(|| not_wanted(key));
        let tasks = keys.into_iter().map(wanted).collect::<Result<BTreeSet<TaskId>, _>>()?;
        Ok(tasks.into_iter().filter_map(|task| self.weight(task)).collect())
    }

    /// A value, if nothing speaks against it that it moves.
    fn weight(&self, task: TaskId) -> Option<Weight> {
        let TaskState::Memory { nbytes, holders, .. } = self.state.task(task).state() else {
            return None;
        };
        let holders = holders.clone();
        self.may_move(task).then_some(Weight { task, nbytes: *nbytes, holders })
    }

    /// Whether nobody needs, or is to get, a copy of the value.
    fn may_move(&self, task: TaskId) -> bool {
        !self.state.task(task).is_waited_for()
            && !self.copies.wished.contains_key(&task)
            && self.copies.acquirers(task).next().is_none()
    }

    /// If the value is to move, and its copy is there or will not come, the move ends.
    pub(super) fn review_move(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        let Some(&Move { from, to, .. }) = self.copies.moves.under_way.get(&task) else { return };
        if self.is_coming(task, from, to) {
            return;
        }
        let is_moved = self.is_superfluous(task, from, to);
        if is_moved {
            self.drop_copy(task, from, turn);
        }
        self.copies.moves.end(task, is_moved);
    }

    /// Whether a value that is to move is on its way from one of these workers to the other.
    fn is_coming(&self, task: TaskId, from: WorkerId, to: WorkerId) -> bool {
        self.copies.acquiring.contains_key(&(task, to)) && self.holds(task, from)
    }

    /// Whether the copy that a value was to move from can go: the other one is there, on a worker that
    /// is there and stays, and nobody is to get the value from it.
    fn is_superfluous(&self, task: TaskId, from: WorkerId, to: WorkerId) -> bool {
        let is_sound = |worker: WorkerId| {
            self.holds(task, worker) && self.state.worker(worker).is_some_and(is_reliable)
        };
        is_sound(from) && is_sound(to) && self.may_move(task)
    }

    fn holds(&self, task: TaskId, worker: WorkerId) -> bool {
        self.state.is_known(task)
            && matches!(
                self.state.task(task).state(),
                TaskState::Memory { holders, .. } if holders.contains(&worker)
            )
    }

    /// Whether each move is under way, and belongs to a request that counts it.
    pub(super) fn are_moves_sound(&self) -> bool {
        let moves = &self.copies.moves;
        let mut under_way = moves.under_way.iter();
        let sound = |(task, m): (&TaskId, &Move)| self.is_coming(*task, m.from, m.to);
        under_way.all(sound) && moves.are_counted()
    }
}

/// Whether what the worker holds can be counted on.
fn is_reliable(worker: &Worker) -> bool {
    worker.stays() && worker.presence == Presence::Here
}

/// The answer to whom asks for what it does not want.
pub(super) fn not_wanted(key: Key) -> QueryAnswer {
    QueryAnswer::Declined(format!("{key} is not known, or not to be wanted"))
}
