//! Disks fail in a plan whose workers have some.
//!
//! A pass with chance of its own: the rest of a plan is what it is without it.

use raddle_core::random::{below, hash};

use crate::knobs;
use crate::plan::{DiskFault, Op, Plan, Step};

/// The stream of chance that belongs to disks.
const DISKS: u64 = 0x6469_736b;
/// Of so many plans, one has disks that never fail.
const SOUND: u64 = 4;

/// Has disks fail, if there are any and the seed says so.
pub(super) fn spoil(plan: &mut Plan, seed: u64) {
    let mut drawn = 0;
    let mut draw = |bound: u64| {
        drawn += 1;
        below(hash(seed, DISKS, 0, drawn), bound)
    };
    if knobs::disk(plan).is_none() || draw(SOUND) == 0 {
        return;
    }
    let end = plan.end();
    let faults = (0..=draw(3)).map(|_| {
        let most = [3_000, 300_000][draw(2) as usize];
        let fault = match draw(2) {
            0 => DiskFault::Gone,
            1.. => DiskFault::Full(1 + draw(most)),
        };
        let (at, worker) = (draw(end + 1), draw(8) as usize);
        Step { id: 0, at, op: Op::Disk(worker, fault) }
    });
    plan.add(faults.collect());
}
