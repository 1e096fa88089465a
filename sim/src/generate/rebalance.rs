//! Values are rebalanced where that matters: when workers hold unequal amounts, or one has just come.
//!
//! A pass with chance of its own: the rest of a plan is what it is without it.

use raddle_core::random::{below, hash};

use crate::plan::{Op, Plan, Question, Step};

/// The stream of chance that belongs to it.
const REBALANCES: u64 = 0x6c65_7665_6c73;
/// Of so many plans, one has some.
const ONE_OF: u64 = 3;

/// Has clients of the plan of a seed rebalance what they hold.
pub(super) fn add(plan: &mut Plan, seed: u64) {
    let mut drawn = 0;
    let mut draw = |bound| {
        drawn += 1;
        below(hash(seed, REBALANCES, 0, drawn), bound)
    };
    if draw(ONE_OF) > 0 {
        return;
    }
    let mut steps = Vec::new();
    for Step { at, op, .. } in &plan.ops {
        let client = match op {
            Op::Scatter(client, _) | Op::Submit(client, _) => *client,
            Op::Join(_) => draw(plan.clients as u64) as usize,
            Op::Ambush(..)
            | Op::Cancel(..)
            | Op::Clog(..)
            | Op::Cut(..)
            | Op::Disk(..)
            | Op::Goodbye(_)
            | Op::Kill(_)
            | Op::Leave(_)
            | Op::Meddle(_)
            | Op::Pause(..)
            | Op::Query(..)
            | Op::Release(..)
            | Op::Vanish(_)
            | Op::Wish(..) => continue,
        };
        if draw(3) == 0 {
            let later = [400, 4_000, 40_000, 200_000][draw(4) as usize];
            let at = at + draw(later);
            steps.push(Step { id: 0, at, op: Op::Query(client, Question::Rebalance) });
        }
    }
    plan.add(steps);
}
