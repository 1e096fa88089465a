//! What a body says about itself, until its worker passes it on: at most a few times a second, so that
//! a body may say something as often as it likes.
//!
//! This module must not know how it is passed on.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use raddle_core::time::{Duration, Instant};
use raddle_net::limits::MAX_EVENT_TEXT;
use raddle_net::messages::Note;

use crate::hub::lock;

/// How long what a body says is gathered once something was passed on.
const PAUSE: Duration = Duration::from_millis(100);
/// Lines that may wait; more are dropped, the oldest first.
const MAX_LINES: usize = 1 << 8;

/// What a body has said.
#[derive(Default)]
pub(super) struct Notes {
    /// Somebody knows that there is something, and comes for it.
    awaited: AtomicBool,
    /// Something was said, ever: a body that says nothing costs nothing.
    used: AtomicBool,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    lines: VecDeque<String>,
    dropped: u64,
    progress: Option<u16>,
    /// When something was last passed on.
    passed: Option<Instant>,
}

/// What is to be passed on now.
pub(crate) struct Due {
    /// What was said.
    pub(crate) notes: Vec<Note>,
    /// When to come again.
    pub(crate) again: Option<Instant>,
}

impl Notes {
    /// A line of the log. `true`: somebody must come for it.
    pub(super) fn log(&self, mut text: String) -> bool {
        let mut end = text.len().min(MAX_EVENT_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let mut said = lock(&self.said);
        if said.lines.len() == MAX_LINES {
            said.lines.pop_front();
            said.dropped += 1;
        }
        said.lines.push_back(text);
        self.stir()
    }

    /// How far the body is, in units of 1/10,000. `true`: somebody must come for it.
    pub(super) fn progress(&self, done: u16) -> bool {
        lock(&self.said).progress = Some(done);
        self.stir()
    }

    fn stir(&self) -> bool {
        self.used.store(true, Ordering::Release);
        !self.awaited.swap(true, Ordering::AcqRel)
    }

    /// What was said, unless something was passed on just before.
    pub(super) fn due(&self, now: Instant) -> Due {
        if !self.used.load(Ordering::Acquire) {
            return Due { notes: Vec::new(), again: None };
        }
        let mut said = lock(&self.said);
        if said.is_empty() {
            self.awaited.store(false, Ordering::Release);
            return Due { notes: Vec::new(), again: None };
        }
        if let Some(passed) = said.passed
            && now < passed + PAUSE
        {
            return Due { notes: Vec::new(), again: Some(passed + PAUSE) };
        }
        said.passed = Some(now);
        self.awaited.store(false, Ordering::Release);
        Due { notes: said.take(), again: None }
    }

    /// The lines that were not passed on, when the body has ended.
    pub(super) fn rest(&self) -> Vec<Note> {
        if !self.used.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut said = lock(&self.said);
        said.progress = None;
        said.take()
    }
}

impl Said {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.progress.is_none()
    }

    fn take(&mut self) -> Vec<Note> {
        let dropped = std::mem::take(&mut self.dropped);
        let gap = (dropped > 0).then(|| format!("… {dropped} lines were said too fast"));
        let lines = gap.into_iter().chain(self.lines.drain(..)).map(Note::Log);
        lines.chain(self.progress.take().map(Note::Progress)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Note {
        Note::Log(text.to_owned())
    }

    #[test]
    fn what_is_said_fast_is_passed_on_together() {
        let notes = Notes::default();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        assert!(notes.log("one".to_owned()), "somebody must come");
        assert!(!notes.progress(10), "who comes takes both");
        let due = notes.due(at(0));
        assert_eq!((due.notes, due.again), (vec![log("one"), Note::Progress(10)], None));
        assert!(notes.progress(20));
        let due = notes.due(at(1));
        assert_eq!((due.notes, due.again), (vec![], Some(at(100))));
        assert!(!notes.progress(30) && !notes.log("two".to_owned()));
        let due = notes.due(at(100));
        assert_eq!((due.notes, due.again), (vec![log("two"), Note::Progress(30)], None));
        assert!(notes.log("three".to_owned()));
        assert_eq!(notes.rest(), [log("three")]);
        assert_eq!(notes.rest(), []);
    }

    #[test]
    fn too_many_lines_lose_the_oldest_and_long_ones_are_cut() {
        let notes = Notes::default();
        for number in 0..MAX_LINES + 2 {
            notes.log(number.to_string());
        }
        notes.log("ä".repeat(MAX_EVENT_TEXT));
        let rest = notes.rest();
        assert_eq!(rest.len(), MAX_LINES + 1);
        assert_eq!(rest[..2], [log("… 3 lines were said too fast"), log("3")]);
        assert_eq!(rest.last(), Some(&log(&"ä".repeat(MAX_EVENT_TEXT / 2))));
    }
}
