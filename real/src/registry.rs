//! The tasks of this program, collected when it is linked.
//!
//! A crate that is never named in code is not linked, and its tasks are not here: hence the hint
//! `use your_crate as _;`. This module must not know how tasks are run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, OnceLock};

use raddle_net::messages::{Function, FunctionName, Runtime, TaskOptions, TaskSpec};

use crate::task::Body;

/// Every task of this program.
#[linkme::distributed_slice]
pub static TASKS: [&'static TaskEntry];

/// What `#[raddle::task]` says of one task.
pub struct TaskEntry {
    pub(crate) body: Body,
    pub(crate) defaults: Defaults,
    name: fn() -> &'static str,
    signature: fn() -> u64,
    spec: OnceLock<Arc<TaskSpec>>,
}

/// What the attribute says of every call of its task.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// As [`Call::priority`](crate::Call::priority).
    pub priority: i32,
    /// As [`Call::retries`](crate::Call::retries).
    pub retries: u32,
    /// As [`Call::pure`](crate::Call::pure).
    pub pure: bool,
}

impl TaskEntry {
    /// A task. `name` gives its name on the wire, `signature` the fingerprint of its types.
    #[must_use]
    pub const fn new(
        name: fn() -> &'static str,
        signature: fn() -> u64,
        defaults: Defaults,
        body: Body,
    ) -> Self {
        Self { name, body, defaults, signature, spec: OnceLock::new() }
    }

    /// Its name on the wire.
    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }

    /// The fingerprint of its types.
    pub(crate) fn signature(&self) -> u64 {
        self.spec().function.signature
    }

    /// What is said of it on the wire, one for all calls without options of their own.
    pub(crate) fn spec(&self) -> &Arc<TaskSpec> {
        self.spec.get_or_init(|| {
            let function = Function {
                runtime: Runtime::Native,
                code: 0,
                name: self.name().to_owned(),
                signature: (self.signature)(),
            };
            let options = TaskOptions { retries: self.defaults.retries, ..TaskOptions::default() };
            Arc::new(TaskSpec { function, options })
        })
    }
}

/// Every function that this program offers, in order.
pub(crate) fn functions() -> Vec<FunctionName> {
    let names = table().keys();
    names.map(|&(name, signature)| FunctionName { name: name.to_owned(), signature }).collect()
}

/// The task of this name and signature.
pub(crate) fn find(name: &str, signature: u64) -> Option<&'static TaskEntry> {
    table().get(&(name, signature)).copied()
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| tabulate(&TASKS))
}

type Table = BTreeMap<(&'static str, u64), &'static TaskEntry>;

/// Of two tasks of one name and signature, the first one wins.
fn tabulate(entries: &[&'static TaskEntry]) -> Table {
    let mut table = Table::new();
    for &entry in entries {
        match table.entry((entry.name(), entry.signature())) {
            Entry::Vacant(place) => _ = place.insert(entry),
            Entry::Occupied(_) => tracing::warn!(
                "two tasks are called `{}` and have the same types; only one of them can be run: \
                 give the other one a name with `#[raddle::task(name = \"...\")]`",
                entry.name(),
            ),
        }
    }
    table
}

/// The names of this program's tasks that are most like `name`, the nearest first, at most `count`.
pub(crate) fn nearest(name: &str, count: usize) -> Vec<&'static str> {
    nearest_of(table().keys().map(|&(name, _)| name), name, count)
}

fn nearest_of<'a>(names: impl Iterator<Item = &'a str>, name: &str, count: usize) -> Vec<&'a str> {
    let mut ranked: Vec<_> = names.map(|other| (distance(other, name), other)).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().map(|(_, other)| other).take(count).collect()
}

/// How many letters must be changed, added or left out to get from `a` to `b`; an equal last
/// component of the paths counts as near.
fn distance(a: &str, b: &str) -> usize {
    let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_owned();
    letters(&last(a), &last(b)) * 4 + usize::from(a != b)
}

fn letters(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: crate::task::Invocation) -> Result<crate::value::Value, crate::task::BodyError> {
        crate::task::finish(())
    }

    static ONE: TaskEntry = TaskEntry::new(|| "a", || 1, DEFAULTS, Body::Blocking(nothing));
    static SAME: TaskEntry = TaskEntry::new(|| "a", || 1, DEFAULTS, Body::Blocking(nothing));
    static OTHER: TaskEntry = TaskEntry::new(|| "a", || 2, DEFAULTS, Body::Blocking(nothing));

    const DEFAULTS: Defaults = Defaults { priority: 0, retries: 0, pure: false };

    #[test]
    fn of_two_tasks_of_one_name_and_signature_the_first_one_wins() {
        let table = tabulate(&[&OTHER, &ONE, &SAME]);
        let keys: Vec<_> = table.keys().copied().collect();
        assert_eq!(keys, [("a", 1), ("a", 2)]);
        assert!(std::ptr::eq(table[&("a", 1)], &ONE) && std::ptr::eq(table[&("a", 2)], &OTHER));
    }

    #[test]
    fn the_nearest_names_are_those_a_misspelling_may_have_meant() {
        let names = ["app::add", "app::math::add", "app::mul", "measure", "measure"];
        let nearest = |name, count| nearest_of(names.into_iter(), name, count);
        assert_eq!(nearest("app::ad", 1), ["app::add"]);
        assert_eq!(nearest("other::add", 2), ["app::add", "app::math::add"]);
        assert_eq!(nearest("mesure", 1), ["measure"]);
        assert_eq!(nearest("app::mul", 9), ["app::mul", "app::add", "app::math::add", "measure"]);
        assert_eq!(nearest_of([].into_iter(), "x", 3), Vec::<&str>::new());
    }
}
