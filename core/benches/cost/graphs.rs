//! Four fixed graphs, each as the submissions of a program.
//!
//! This module must not know who runs them.

use std::sync::Arc;

use raddle_core::client::Task;
use raddle_core::random;
use raddle_net::messages::TaskSpec;
use raddle_net::names::{Key, Session};
use raddle_net::payload::Blob;

/// The graphs.
#[derive(Clone, Copy, Debug)]
pub enum Graph {
    /// Each link, submitted alone, needs the one before.
    Chain,
    /// Tasks that need nothing, by one submission.
    Map,
    /// By one submission, one task that needs all others, which need nothing.
    Merge,
    /// By one submission, each task needs three of those before.
    Random,
    /// Sums of two, a submission a level.
    Tree,
}

impl Graph {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Map, Self::Merge, Self::Chain, Self::Tree, Self::Random];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Map => "map",
            Self::Merge => "merge",
            Self::Random => "random",
            Self::Tree => "tree",
        }
    }

    /// The submissions, of about so many tasks together.
    pub fn submissions(self, tasks: u64) -> Vec<Vec<Task>> {
        let spec = Arc::new(TaskSpec::default());
        let task = |number: u64, dependencies: &[u64]| Task {
            key: key(number),
            spec: Arc::clone(&spec),
            priority: 0,
            dependencies: dependencies.iter().copied().map(key).collect(),
            args: Blob::from(&number.to_le_bytes()[..]),
        };
        match self {
            Self::Chain => {
                let link = |n: u64| vec![task(n, n.checked_sub(1).as_slice())];
                (0..tasks).map(link).collect()
            }
            Self::Map => vec![(0..tasks).map(|n| task(n, &[])).collect()],
            Self::Merge => {
                let all: Vec<u64> = (0..tasks).collect();
                let leaves = all.iter().map(|&n| task(n, &[]));
                vec![leaves.chain([task(tasks, &all)]).collect()]
            }
            Self::Random => {
                let before = |n| [1, 2, 3].map(|at| random::below(random::hash(7, n, at, 0), n));
                let node = |n| match n {
                    0 => task(n, &[]),
                    _ => task(n, &before(n)),
                };
                vec![(0..tasks).map(node).collect()]
            }
            Self::Tree => {
                let mut numbers = 0..;
                let mut level: Vec<u64> = numbers.by_ref().take((tasks / 2) as usize).collect();
                let mut submissions = vec![level.iter().map(|&n| task(n, &[])).collect()];
                while level.len() > 1 {
                    let pairs = level.chunks(2).zip(&mut numbers);
                    let sums: Vec<_> = pairs.map(|(pair, n)| (n, task(n, pair))).collect();
                    level = sums.iter().map(|(n, _)| *n).collect();
                    submissions.push(sums.into_iter().map(|(_, task)| task).collect());
                }
                submissions
            }
        }
    }
}

fn key(number: u64) -> Key {
    Key::numbered(Session::truncate(1), number)
}
