//! What the hub has said and the connection has not taken yet. Urgent words pass others.
//!
//! This module must not know connections.

use std::collections::VecDeque;

use raddle_net::messages::{ClientMessage, NewTask};
use raddle_net::names::KeyKind;

/// Words that wait, each with what it takes in memory.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    urgent: VecDeque<(ClientMessage, usize)>,
    plain: VecDeque<(ClientMessage, usize)>,
    bytes: usize,
}

impl Lanes {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.plain.is_empty()
    }

    /// What all that waits takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// These words wait from now on.
    pub(super) fn extend(&mut self, words: impl IntoIterator<Item = ClientMessage>) {
        for word in words {
            let bytes = bytes(&word);
            self.bytes += bytes;
            let lane = if may_pass(&word) { &mut self.urgent } else { &mut self.plain };
            lane.push_back((word, bytes));
        }
    }

    /// What leaves next.
    pub(super) fn next(&mut self) -> Option<ClientMessage> {
        let (word, bytes) = self.urgent.pop_front().or_else(|| self.plain.pop_front())?;
        self.bytes -= bytes;
        Some(word)
    }
}

/// Whether a word may pass all that do not: it is urgent, and names nothing that was named before.
/// Definitions are numbered in their order, and all pass, so that an urgent task finds its own.
fn may_pass(word: &ClientMessage) -> bool {
    match word {
        ClientMessage::Define { .. } => true,
        ClientMessage::Submit { tasks, .. } => tasks.iter().all(is_urgent),
        ClientMessage::Release { .. }
        | ClientMessage::Cancel { .. }
        | ClientMessage::Detach { .. }
        | ClientMessage::Retry { .. }
        | ClientMessage::Locate { .. }
        | ClientMessage::Query { .. }
        | ClientMessage::Want { .. }
        | ClientMessage::Goodbye => false,
    }
}

/// A numbered key is new: a client never gives a number twice.
fn is_urgent(task: &NewTask) -> bool {
    let is_new = matches!(task.key.kind(), KeyKind::Numbered { .. });
    task.priority > 0 && is_new && task.dependencies.is_empty()
}

fn bytes(word: &ClientMessage) -> usize {
    let ClientMessage::Submit { tasks, .. } = word else { return 0 };
    let args: usize = tasks.iter().map(|task| task.args.len()).sum();
    tasks.len() * size_of::<NewTask>() + args
}

#[cfg(test)]
mod tests {
    use raddle_net::messages::TaskSpec;
    use raddle_net::names::{Key, Session, SpecId};

    use super::*;

    fn submit(number: u64, priority: i32, dependencies: &[u64]) -> ClientMessage {
        let key = |number| Key::numbered(Session::truncate(1), number);
        let dependencies = dependencies.iter().copied().map(key).collect();
        let task = NewTask { key: key(number), priority, dependencies, ..NewTask::default() };
        ClientMessage::Submit { submission: number, tasks: vec![task] }
    }

    #[test]
    fn urgent_tasks_that_need_nothing_pass_with_all_definitions() {
        let define = |id| ClientMessage::Define { id: SpecId(id), spec: TaskSpec::default() };
        let words = [
            define(0),
            submit(0, 0, &[]),
            define(1),
            submit(1, 5, &[0]),
            submit(2, 5, &[]),
            submit(3, -1, &[]),
            ClientMessage::Goodbye,
        ];
        let mut lanes = Lanes::default();
        lanes.extend(words.clone());
        assert!(lanes.bytes() > 0 && !lanes.is_empty());
        let order = [0, 2, 4, 1, 3, 5, 6];
        let left: Vec<_> = std::iter::from_fn(|| lanes.next()).collect();
        assert_eq!(left, order.map(|place| words[place].clone()));
        assert_eq!((lanes.bytes(), lanes.is_empty()), (0, true));
    }
}
