//! What must be the same, however a plan is run: what clients see of one without faults.
//!
//! It must not know who runs it.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::names::Key;

use crate::case::Case;
use crate::fields::Fields;
use crate::history::{End, History};
use crate::limits::Limits;
use crate::plan::{Op, Question, TaskDef};
use crate::wish::Wish;

/// The case without what may end either way: faults, and futures that are called off.
#[must_use]
pub fn without_races(case: &Case) -> Case {
    let mut case = case.clone();
    // Only the first tier has limits.
    case.plan.memory.clear();
    case.plan.limits = Limits::default();
    case.plan.ops.retain(|step| match step.op {
        // Without workers, work may fail for lack of them.
        Op::Query(_, Question::Rest(..) | Question::Retire(_)) => false,
        Op::Goodbye(_) | Op::Query(..) | Op::Release(..) | Op::Scatter(..) | Op::Submit(..) => true,
        Op::Wish(_, Wish::Detach(_) | Wish::Publish(..)) => true,
        // Who comes too late takes nothing, or retries what has failed, or not yet.
        Op::Wish(_, Wish::Force(_) | Wish::Retry(_) | Wish::Take(_) | Wish::Unpublish(_)) => false,
        Op::Ambush(..)
        | Op::Cancel(..)
        | Op::Clog(..)
        | Op::Cut(..)
        | Op::Disk(..)
        | Op::Join(_)
        | Op::Kill(_)
        | Op::Leave(_)
        | Op::Meddle(_)
        | Op::Pause(..)
        | Op::Vanish(_) => false,
    });
    for step in &mut case.plan.ops {
        if let Op::Submit(_, tasks) = &mut step.op {
            for task in tasks {
                task.body.poison = false;
                // What ends by the moment, and what only the first tier has.
                let Fields { gpu, limit, once, .. } = &mut task.fields;
                (*gpu, *limit, *once) = (0, 0, false);
            }
        }
    }
    case
}

fn tasks(case: &Case) -> BTreeMap<Key, TaskDef> {
    let mut tasks = BTreeMap::new();
    for step in &case.plan.ops {
        if let Op::Submit(_, submitted) = &step.op {
            // Of several recipes for one key, the first counts.
            submitted.iter().for_each(|task| {
                tasks.entry(task.key).or_insert_with(|| task.clone());
            });
        }
    }
    tasks
}

/// Where clients of this case, which is [`without_races`], saw different things on tier 1 and
/// elsewhere.
#[must_use]
pub fn difference(case: &Case, des: &History, other: &History) -> Option<String> {
    if des.len() != other.len() {
        return Some(format!("{} clients on tier 1, {} elsewhere", des.len(), other.len()));
    }
    let tasks = tasks(case);
    for (client, (des, other)) in des.iter().zip(other).enumerate() {
        let keys: BTreeSet<&Key> = des.keys().chain(other.keys()).collect();
        for key in keys {
            let (des, other) = (des.get(key), other.get(key));
            if !is_same(&tasks, *key, des, other) {
                return Some(format!(
                    "{key} of client {client} is {des:?} on tier 1 and {other:?} elsewhere"
                ));
            }
        }
    }
    None
}

/// Of several tasks upstream that fail, any may be the first.
fn is_same(
    tasks: &BTreeMap<Key, TaskDef>,
    key: Key,
    des: Option<&End>,
    other: Option<&End>,
) -> bool {
    if des == other {
        return true;
    }
    match (des, other) {
        (Some(End::Error { kind: a, .. }), Some(End::Error { kind: b, .. })) => {
            a == b && roots(tasks, key) > 1
        }
        (_, _) => false,
    }
}

/// How many tasks fail that a key depends on.
fn roots(tasks: &BTreeMap<Key, TaskDef>, key: Key) -> usize {
    let (mut seen, mut next, mut roots) = (BTreeSet::new(), vec![key], 0);
    while let Some(key) = next.pop() {
        if let Some(task) = tasks.get(&key)
            && seen.insert(key)
        {
            roots += usize::from(u32::from(task.body.failures) > task.retries);
            next.extend(&task.dependencies);
        }
    }
    roots
}
