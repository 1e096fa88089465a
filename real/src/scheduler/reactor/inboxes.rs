//! What peers have said and the machine has not heard: a queue for each, heard by turns, so that
//! nobody waits behind all that another has said.
//!
//! This module must not know what the words mean.

use std::collections::VecDeque;

use raddle_core::scheduler::ConnectionId;

use super::super::peer::{Break, Link, Spoken};
use crate::stream::Number;

/// The queues of those who have said something, in the order in which they are heard.
#[derive(Debug, Default)]
pub(super) struct Inboxes(VecDeque<Inbox>);

/// What one peer has said; never empty while it waits.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Who.
    pub(super) connection: ConnectionId,
    /// What is left of the frame that is being heard.
    pub(super) begun: Option<Spoken>,
    /// What came after it.
    pub(super) letters: VecDeque<Letter>,
}

/// What came from a connection.
#[derive(Debug)]
pub(super) enum Letter {
    /// Its end.
    Broken(Link, Break),
    /// The words of one frame.
    Frame(Link, Number, Spoken),
}

impl Inboxes {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many frames and ends wait.
    pub(super) fn len(&self) -> usize {
        let each =
            self.0.iter().map(|inbox| usize::from(inbox.begun.is_some()) + inbox.letters.len());
        each.sum()
    }

    /// Something came.
    pub(super) fn add(&mut self, connection: ConnectionId, letter: Letter) {
        if let Some(inbox) = self.0.iter_mut().find(|inbox| inbox.connection == connection) {
            inbox.letters.push_back(letter);
        } else {
            let letters = VecDeque::from([letter]);
            self.0.push_back(Inbox { connection, begun: None, letters });
        }
    }

    /// Whose turn it is.
    pub(super) fn take_first(&mut self) -> Option<Inbox> {
        self.0.pop_front()
    }

    /// Its turn is over; what is left waits for the next.
    pub(super) fn put_last(&mut self, inbox: Inbox) {
        if inbox.begun.is_some() || !inbox.letters.is_empty() {
            self.0.push_back(inbox);
        }
    }
}
