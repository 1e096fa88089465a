//! What is to be said to the scheduler at the next flush.
//!
//! Everything leaves in the order in which it was said, except releases: these gather on the side
//! and leave last, so that a loop which submits and drops still makes large messages. Saying them
//! late harms nobody, as long as the same key is not submitted again in between: before that
//! happens the client [seals](Outbox::seal) them, which gives them their place among the rest.
//! This module must not know futures.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use raddle_net::limits;
use raddle_net::messages::{ClientMessage, NewTask, SchedulerToClient};
use raddle_net::names::{Key, KeyKind};

use super::specs::Specs;

/// Bytes of arguments and dependencies of one submit message, unless a single task has more: far
/// below what a frame may carry.
const SUBMIT_BYTES: usize = limits::MAX_FRAME_MESSAGES / 16;
/// Bytes of an encoded key, at most.
const KEY_BYTES: usize = 18;
/// Bytes of an encoded task without arguments and dependencies, at most, and some more.
const TASK_BYTES: usize = 64;

/// What is to be said to the scheduler.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// Numbers of specs.
    pub(super) specs: Specs,
    messages: Vec<ClientMessage>,
    /// Bytes of the last message, if it is a submission.
    last_bytes: usize,
    releases: Vec<Key>,
    /// Numbered keys that may be held again after they were released: others know them, too.
    shared: BTreeSet<Key>,
    /// Keys of which a release was said and not answered yet, with how many.
    unanswered: BTreeMap<Key, u32>,
    /// The number of the next submission.
    submission: u64,
    /// The next place in the submission that single tasks share.
    single: Option<u32>,
}

impl Outbox {
    /// A number for a submission of several tasks.
    pub(super) fn next_submission(&mut self) -> u64 {
        self.end_singles();
        self.submission += 1;
        self.submission - 1
    }

    /// Submission and place for a task that was submitted alone. Such tasks share a submission, and
    /// so messages, until one of several tasks comes or a flush: those that come later shall not
    /// have the rank of the first for ever, compared with other clients'.
    pub(super) fn next_single(&mut self) -> (u64, u32) {
        let order = self.single.unwrap_or(0);
        self.single = Some(order + 1);
        let submission = self.submission;
        if order + 1 == u32::MAX {
            self.end_singles();
        }
        (submission, order)
    }

    fn end_singles(&mut self) {
        self.submission += u64::from(self.single.take().is_some());
    }

    /// Adds a task of a submission.
    pub(super) fn submit(&mut self, submission: u64, task: NewTask) {
        let bytes = task_bytes(task.dependencies.len(), task.args.len());
        if let Some(ClientMessage::Submit { submission: last, tasks }) = self.messages.last_mut()
            && *last == submission
            && tasks.len() < limits::MAX_SUBMIT
            && self.last_bytes + bytes <= SUBMIT_BYTES
        {
            self.last_bytes += bytes;
            tasks.push(task);
        } else {
            self.last_bytes = bytes;
            self.messages.push(ClientMessage::Submit { submission, tasks: vec![task] });
        }
    }

    /// Adds messages about keys, each of as many as it may name.
    pub(super) fn push_each(&mut self, keys: &[Key], message: impl Fn(Vec<Key>) -> ClientMessage) {
        self.messages.extend(keys.chunks(limits::MAX_KEYS).map(|keys| message(keys.to_vec())));
    }

    /// Adds a message that stands alone.
    pub(super) fn push(&mut self, message: ClientMessage) {
        self.messages.push(message);
    }

    /// Adds a key that is not wanted any more.
    pub(super) fn release(&mut self, key: Key) {
        self.releases.push(key);
    }

    /// Keys of which the release has no place yet.
    pub(super) fn releases(&self) -> &[Key] {
        &self.releases
    }

    /// The releases get their place after all that was said so far. Returns their keys.
    pub(super) fn seal(&mut self) -> Vec<Key> {
        let releases = mem::take(&mut self.releases);
        let is_final = |key: &&Key| {
            matches!(key.kind(), KeyKind::Numbered { .. }) && !self.shared.contains(key)
        };
        let (last, again): (Vec<Key>, Vec<Key>) = releases.iter().partition(is_final);
        for &key in &again {
            *self.unanswered.entry(key).or_default() += 1;
            self.shared.remove(&key);
        }
        self.push_each(&last, |keys| ClientMessage::Release { keys, answer: false });
        self.push_each(&again, |keys| ClientMessage::Release { keys, answer: true });
        releases
    }

    /// These keys may be held again after they were released.
    pub(super) fn share(&mut self, keys: &[Key]) {
        let numbered = |key: &&Key| matches!(key.kind(), KeyKind::Numbered { .. });
        self.shared.extend(keys.iter().filter(numbered));
    }

    /// Whether this was said of a key before its release was heard: should the key be held again, it
    /// is not meant.
    pub fn is_of_a_former_life(&self, message: &SchedulerToClient) -> bool {
        if self.unanswered.is_empty() {
            return false;
        }
        match message {
            SchedulerToClient::Erred { key, .. }
            | SchedulerToClient::InMemory { key, .. }
            | SchedulerToClient::Recomputing { key }
            | SchedulerToClient::Send { key, .. } => self.unanswered.contains_key(key),
            SchedulerToClient::Answer { .. }
            | SchedulerToClient::Peer { .. }
            | SchedulerToClient::Released { .. } => false,
        }
    }

    /// The scheduler has heard a release of these keys.
    pub fn released(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(count) = self.unanswered.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.unanswered.remove(key);
                }
            }
        }
    }

    /// How many keys wait for the answer to a release.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// Whether there is anything to say.
    pub fn has_unsent(&self) -> bool {
        !self.messages.is_empty() || !self.releases.is_empty()
    }

    /// Everything that has its place, in order. The releases must be sealed.
    pub(super) fn flush(&mut self) -> impl Iterator<Item = ClientMessage> + '_ {
        assert!(self.releases.is_empty(), "releases are sealed before a flush");
        self.end_singles();
        self.messages.drain(..)
    }

    /// Forgets everything; nobody listens any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What has its place.
    pub(super) fn messages(&self) -> &[ClientMessage] {
        &self.messages
    }
}

/// Why a task can never be submitted, in words.
pub(super) fn refusal(dependencies: usize, args: usize) -> Option<String> {
    if dependencies > limits::MAX_DEPENDENCIES {
        return Some(format!(
            "the task has {dependencies} dependencies, and {} are allowed: combine them in steps",
            limits::MAX_DEPENDENCIES
        ));
    }
    if args > limits::MAX_ARGS {
        return Some(format!(
            "the task's arguments are {args} bytes, and {} are allowed: scatter the large ones",
            limits::MAX_ARGS
        ));
    }
    None
}

/// A task within the limits fits a frame.
const _: () = assert!(
    task_bytes(limits::MAX_DEPENDENCIES, limits::MAX_ARGS) <= limits::MAX_FRAME_MESSAGES / 2
);

/// Bytes that a task takes in a frame, at most.
const fn task_bytes(dependencies: usize, args: usize) -> usize {
    TASK_BYTES + KEY_BYTES * dependencies + args
}
