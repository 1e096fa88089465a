//! Which values move from workers that hold much to workers that hold little, because a client asked
//! for it.
//!
//! It weighs what it is given, and must not know tasks or who asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::IntoIter;

use raddle_net::names::WorkerId;
use smallvec::SmallVec;

use crate::memory::Limits;
use crate::scheduler::state::TaskId;

/// Moves that one request may bring about. The largest values come first, so the first request does
/// most of what there is to do.
const MAX_SHIFTS: usize = 1 << 13;
/// What is off by less than this part of its share is not far off.
const NEAR: u64 = 20;

/// A worker that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pan {
    /// Who it is.
    pub worker: WorkerId,
    /// Bytes of values that it holds, or is about to.
    pub nbytes: u64,
    /// Bytes of memory that it may use, if it knows.
    pub limit: Option<u64>,
    /// Whether it can be given values.
    pub receives: bool,
}

/// A value that may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Whose it is.
    pub task: TaskId,
    /// Its size.
    pub nbytes: u64,
    /// Who has it.
    pub holders: SmallVec<[WorkerId; 2]>,
}

/// A value is to go from one worker to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Whose it is.
    pub task: TaskId,
    /// Its size.
    pub nbytes: u64,
    /// Who has it.
    pub from: WorkerId,
    /// Who is to have it.
    pub to: WorkerId,
}

/// How far a worker is from its share.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Bytes beyond its share; below 0: bytes that it lacks.
    excess: i128,
    /// Bytes that do not matter.
    slack: i128,
    /// Bytes that it could take.
    room: u64,
}

/// The moves that bring the workers nearer to their shares: a part of all bytes, equal, or as large as
/// a worker's memory if that is known of all. Who has most beyond its share gives its largest value to
/// whoever lacks most, as long as it has no less of its own share left than the other has then. So each
/// move brings the two nearer to each other, and none is ever undone.
///
/// It costs as much as to sort the values, and, for each, a look at the workers that hold it already
/// or have no memory for it.
pub(super) fn level(pans: &[Pan], weights: &[Weight]) -> Vec<Shift> {
    let mut scale = Scale::new(pans, weights);
    let mut shifts = Vec::new();
    while shifts.len() < MAX_SHIFTS
        && let Some((excess, Reverse(from))) = scale.senders.pop_last()
    {
        if let Some((weight, to)) = scale.next_of(from, excess) {
            shifts.push(Shift { task: weight.task, nbytes: weight.nbytes, from, to });
            scale.shift(weight, from, to);
        }
    }
    shifts
}

/// What is weighed, and how it stands.
struct Scale<'a> {
    levels: BTreeMap<WorkerId, Level>,
    /// Who has more than its share, by how much; of equals, the first worker comes last.
    senders: BTreeSet<(i128, Reverse<WorkerId>)>,
    /// Who has less than its share and can be given values, by how much.
    receivers: BTreeSet<(i128, Reverse<WorkerId>)>,
    /// What each worker holds and has not been looked at, the largest first.
    held: BTreeMap<WorkerId, IntoIter<&'a Weight>>,
    taken: BTreeSet<TaskId>,
}

impl<'a> Scale<'a> {
    fn new(pans: &[Pan], weights: &'a [Weight]) -> Self {
        let levels = levels(pans);
        let (mut senders, mut receivers) = (BTreeSet::new(), BTreeSet::new());
        for &Pan { worker, receives, .. } in pans {
            let Level { excess, slack, .. } = levels[&worker];
            if excess > slack {
                senders.insert((excess, Reverse(worker)));
            } else if -excess > slack && receives {
                receivers.insert((-excess, Reverse(worker)));
            }
        }
        let held = held(pans, weights);
        Self { levels, senders, receivers, held, taken: BTreeSet::new() }
    }

    /// The next value that a worker gives away, and to whom. A value that cannot move now cannot move
    /// later, when nobody has more to give or lacks more: each is looked at once.
    fn next_of(&mut self, from: WorkerId, excess: i128) -> Option<(&'a Weight, WorkerId)> {
        let Self { levels, receivers, held, taken, .. } = self;
        held.get_mut(&from)?.filter(|weight| !taken.contains(&weight.task)).find_map(|weight| {
            let nbytes = i128::from(weight.nbytes);
            let lacking = receivers.iter().rev();
            let lacking = lacking.take_while(|(lacks, _)| nbytes * 2 <= excess + *lacks);
            let mut lacking = lacking.map(|(_, Reverse(worker))| *worker);
            let can = |worker: &WorkerId| {
                !weight.holders.contains(worker) && levels[worker].room >= weight.nbytes
            };
            Some((weight, lacking.find(can)?))
        })
    }

    fn shift(&mut self, weight: &Weight, from: WorkerId, to: WorkerId) {
        let nbytes = i128::from(weight.nbytes);
        self.taken.insert(weight.task);
        let sender = self.levels.get_mut(&from).expect("who sends is weighed");
        sender.excess -= nbytes;
        if sender.excess > sender.slack {
            self.senders.insert((sender.excess, Reverse(from)));
        }
        let receiver = self.levels.get_mut(&to).expect("who receives is weighed");
        self.receivers.remove(&(-receiver.excess, Reverse(to)));
        receiver.excess += nbytes;
        receiver.room -= weight.nbytes;
        if -receiver.excess > receiver.slack {
            self.receivers.insert((-receiver.excess, Reverse(to)));
        }
    }
}

/// How far each worker is from its share.
fn levels(pans: &[Pan]) -> BTreeMap<WorkerId, Level> {
    let total: u128 = pans.iter().map(|pan| u128::from(pan.nbytes)).sum();
    let limits: Option<u128> = pans.iter().map(|pan| pan.limit.map(u128::from)).sum();
    let share = |pan: &Pan| match (limits.filter(|sum| *sum > 0), pan.limit) {
        (Some(sum), Some(limit)) => part(total, u128::from(limit), sum),
        (_, _) => part(total, 1, pans.len() as u128),
    };
    let level = |pan: &Pan| {
        let share = share(pan);
        let fits = pan.limit.map_or(u64::MAX, |limit| Limits::of(limit, None, None).target);
        let level = Level {
            excess: i128::from(pan.nbytes) - i128::from(share),
            slack: i128::from(share / NEAR),
            room: fits.saturating_sub(pan.nbytes),
        };
        (pan.worker, level)
    };
    pans.iter().map(level).collect()
}

/// `total` × `part` / `whole`, and what fits.
fn part(total: u128, part: u128, whole: u128) -> u64 {
    u64::try_from(total.saturating_mul(part) / whole.max(1)).unwrap_or(u64::MAX)
}

/// What each worker holds of the values, the largest first.
fn held<'a>(pans: &[Pan], weights: &'a [Weight]) -> BTreeMap<WorkerId, IntoIter<&'a Weight>> {
    let mut held: BTreeMap<WorkerId, Vec<&Weight>> =
        pans.iter().map(|pan| (pan.worker, Vec::new())).collect();
    for weight in weights.iter().filter(|weight| weight.nbytes > 0) {
        for holder in &weight.holders {
            if let Some(own) = held.get_mut(holder) {
                own.push(weight);
            }
        }
    }
    let sorted = held.into_iter().map(|(worker, mut own)| {
        own.sort_by_key(|weight| (Reverse(weight.nbytes), weight.task));
        (worker, own.into_iter())
    });
    sorted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{below, hash};
    use smallvec::smallvec;

    const GIB: u64 = 1 << 30;

    /// Workers 1, 2, … that hold values of these sizes and may use so much memory, 0 for unknown.
    fn scale(held: &[&[u64]], limits: &[u64]) -> (Vec<Pan>, Vec<Weight>) {
        let mut tasks = slotmap::SlotMap::<TaskId, ()>::with_key();
        let (mut pans, mut weights) = (Vec::new(), Vec::new());
        for ((number, held), limit) in (1..).zip(held).zip(limits.iter().cycle()) {
            let (worker, nbytes) = (WorkerId(number), held.iter().sum());
            pans.push(Pan {
                worker,
                nbytes,
                limit: Some(*limit).filter(|l| *l > 0),
                receives: true,
            });
            weights.extend(held.iter().map(|nbytes| Weight {
                task: tasks.insert(()),
                nbytes: *nbytes,
                holders: smallvec![worker],
            }));
        }
        (pans, weights)
    }

    /// What moves, as bytes, from whom and to whom.
    fn moves(pans: &[Pan], weights: &[Weight]) -> Vec<(u64, u32, u32)> {
        let of = |shift: Shift| (shift.nbytes, shift.from.0, shift.to.0);
        level(pans, weights).into_iter().map(of).collect()
    }

    fn level_of(held: &[&[u64]], limits: &[u64]) -> Vec<(u64, u32, u32)> {
        let (pans, weights) = scale(held, limits);
        moves(&pans, &weights)
    }

    #[test]
    fn the_largest_values_go_first_from_the_fullest_to_the_emptiest() {
        let held: &[&[u64]] = &[&[10, 40, 30, 20], &[], &[20]];
        assert_eq!(level_of(held, &[0]), [(40, 1, 2), (20, 1, 3)]);
    }

    #[test]
    fn nothing_moves_that_would_only_turn_things_round() {
        assert_eq!(level_of(&[&[100], &[]], &[0]), []);
        assert_eq!(level_of(&[&[100, 100, 100], &[]], &[0]), [(100, 1, 2)]);
        // A value is larger than what the receiver lacks, and the sender has another one.
        assert_eq!(level_of(&[&[100, 100], &[], &[], &[]], &[0]), [(100, 1, 2)]);
    }

    #[test]
    fn what_is_nearly_level_stays() {
        assert_eq!(level_of(&[&[100, 5], &[100]], &[0]), []);
        assert_eq!(level_of(&[&[100, 15, 5], &[100]], &[0]), [(5, 1, 2)]);
    }

    #[test]
    fn who_has_more_memory_gets_more() {
        let held: &[&[u64]] = &[&[10; 8], &[]];
        assert_eq!(level_of(held, &[3 * GIB, GIB]).len(), 2);
        assert_eq!(level_of(held, &[GIB, 3 * GIB]).len(), 6);
        // Whose memory is not known counts like everybody else.
        assert_eq!(level_of(held, &[3 * GIB, 0]).len(), 4);
    }

    #[test]
    fn nobody_is_given_what_its_memory_does_not_hold() {
        // Of 100 bytes, values may fill 60.
        let held: &[&[u64]] = &[&[50, 40, 40, 40], &[25]];
        assert_eq!(level_of(held, &[100]), []);
        assert_eq!(level_of(&[&[50, 40, 35, 20], &[25]], &[100]), [(35, 1, 2)]);
    }

    #[test]
    fn who_has_it_or_cannot_be_given_it_is_passed_over() {
        let (mut pans, mut weights) = scale(&[&[10, 10], &[], &[], &[]], &[0]);
        pans[1].receives = false;
        for weight in &mut weights {
            weight.holders.push(WorkerId(3));
        }
        assert_eq!(moves(&pans, &weights), [(10, 1, 4)]);
    }

    #[test]
    fn what_two_hold_moves_once() {
        let (pans, mut weights) = scale(&[&[10, 10], &[10, 10], &[], &[]], &[0]);
        weights[0].holders.push(WorkerId(2));
        weights[1].holders.push(WorkerId(2));
        let shifts = level(&pans, &weights);
        let tasks: BTreeSet<TaskId> = shifts.iter().map(|shift| shift.task).collect();
        assert_eq!((shifts.len(), tasks.len()), (2, 2));
    }

    #[test]
    fn one_request_moves_so_many_values_and_the_largest() {
        let sizes: Vec<u64> = (1..=40_000).map(|n| 1_000_000 + n).collect();
        let (pans, weights) = scale(&[&sizes, &[]], &[0]);
        let shifts = level(&pans, &weights);
        let largest = weights.iter().rev().take(MAX_SHIFTS).map(|weight| weight.task);
        assert!(shifts.iter().map(|shift| shift.task).eq(largest));
    }

    #[test]
    fn values_without_bytes_stay() {
        assert_eq!(level_of(&[&[0, 0, 0], &[]], &[0]), []);
    }

    #[test]
    fn each_move_brings_two_workers_nearer_to_each_other() {
        for seed in 0..200 {
            let draw = |n, bound| below(hash(seed, 0, 0, n), bound);
            let sizes = |worker| (0..draw(worker, 20)).map(move |n| 1 + draw(100 * worker + n, 99));
            let held: Vec<Vec<u64>> = (1..=5).map(|worker| sizes(worker).collect()).collect();
            let held: Vec<&[u64]> = held.iter().map(Vec::as_slice).collect();
            let (pans, weights) = scale(&held, &[0]);
            let mut left: Vec<u64> = pans.iter().map(|pan| pan.nbytes).collect();
            for (nbytes, from, to) in moves(&pans, &weights) {
                let (from, to) = (from as usize - 1, to as usize - 1);
                let apart = left[from] - left[to];
                left[from] -= nbytes;
                left[to] += nbytes;
                assert!(left[from] >= left[to] && left[from] - left[to] < apart, "seed {seed}");
            }
            let (most, least) = (left.iter().max().unwrap(), left.iter().min().unwrap());
            let all: u64 = left.iter().sum();
            assert!(most - least <= 99 + all / 5 / 10, "seed {seed}: {left:?}");
        }
    }
}
