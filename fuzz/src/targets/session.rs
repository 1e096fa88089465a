//! Two ends of a session, whose connection breaks at any moment: what one end has said, the other
//! hears, in order, and nothing twice.

use std::collections::VecDeque;

use raddle_net::error::SessionError;
use raddle_net::session::{Bounds, Incoming, Outgoing};

use super::choices::Choices;

/// Few enough to be reached.
const BOUNDS: Bounds = Bounds { frames: 24, bytes: 4_000 };

/// One end: what it says, and what it hears.
#[derive(Clone, Debug)]
struct End {
    outgoing: Outgoing<u64>,
    incoming: Incoming,
    /// How much it has said; the n-th frame says n.
    said: u64,
    /// What it was told, in order.
    heard: Vec<u64>,
}

/// A frame on its way: its number, the acknowledgement, what it says.
type Frame = (u64, u64, u64);

/// Both ends, and what is on its way between them while they are connected.
struct Session {
    ends: [End; 2],
    /// To the first end, to the second.
    ways: [VecDeque<Frame>; 2],
    /// Numbers of the frames that come next on this connection.
    next: [u64; 2],
    connected: bool,
    /// A planted bug: after so many connections a frame that was said again is heard again.
    forgets_after: u32,
    connections: u32,
}

/// The session goes wherever the choices lead.
pub fn session_resume(data: &[u8]) {
    Session::new(u32::MAX).live(&mut Choices::new(data));
}

/// The same, with a bug that the fuzzer has to find: the end of the third connection forgets what
/// has been heard.
pub fn canary(data: &[u8]) {
    Session::new(3).live(&mut Choices::new(data));
}

impl Session {
    fn new(forgets_after: u32) -> Self {
        let end = End {
            outgoing: Outgoing::new(BOUNDS),
            incoming: Incoming::default(),
            said: 0,
            heard: Vec::new(),
        };
        let ends = [end.clone(), end];
        let ways = [VecDeque::new(), VecDeque::new()];
        Self { ends, ways, next: [1, 1], connected: true, forgets_after, connections: 0 }
    }

    fn live(&mut self, choices: &mut Choices<'_>) {
        while !choices.is_empty() {
            let (op, end) = (choices.below(12), choices.below(2));
            match op {
                0..=2 => {
                    if !self.say(end, choices.number() as usize % 2_000) {
                        return;
                    }
                }
                3 | 4 => self.send(end, choices.below(8) + 1),
                5..=7 => self.hear(end, choices.below(8) + 1),
                8 => self.cut(),
                9 | 10 => self.resume(),
                11.. => self.lie(end, choices),
            }
            self.nothing_twice();
        }
        self.all_is_heard();
    }

    /// An end says something; `false` if it had to give the session up.
    fn say(&mut self, end: usize, bytes: usize) -> bool {
        let this = &mut self.ends[end];
        let kept = this.outgoing.kept_bytes();
        match this.outgoing.push(this.said + 1, bytes) {
            Ok(number) => {
                this.said += 1;
                assert_eq!((number, this.outgoing.last()), (this.said, this.said));
                assert!(this.outgoing.kept_bytes() <= BOUNDS.bytes);
                true
            }
            Err(SessionError::TooMuchKept { frames, bytes: found }) => {
                assert_eq!(found, kept);
                assert!(frames >= BOUNDS.frames || found + bytes > BOUNDS.bytes);
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// What an end has said leaves, with word of what it has heard.
    fn send(&mut self, end: usize, count: usize) {
        if !self.connected {
            return;
        }
        let this = &mut self.ends[end];
        for _ in 0..count {
            let Some(frame) = this.outgoing.next_to_send() else { break };
            self.ways[1 - end].push_back((self.next[end], this.incoming.received(), frame));
            this.incoming.acknowledged();
            self.next[end] += 1;
        }
    }

    /// What is on its way to an end arrives.
    fn hear(&mut self, end: usize, count: usize) {
        for _ in 0..count {
            let Some((number, ack, frame)) = self.ways[end].pop_front() else { return };
            let this = &mut self.ends[end];
            this.outgoing.acknowledge(ack).expect("it was sent before");
            if this.incoming.receive(number, 8).expect("nothing is missing") {
                this.heard.push(frame);
            }
        }
    }

    /// The connection breaks: what was on its way is lost.
    fn cut(&mut self) {
        self.connected = false;
        self.ways.iter_mut().for_each(VecDeque::clear);
    }

    /// One end dials again; both tell how much they have heard.
    fn resume(&mut self) {
        if self.connected {
            return;
        }
        self.connected = true;
        self.connections += 1;
        if self.connections == self.forgets_after {
            self.ends[1].incoming = Incoming::default();
        }
        for end in [0, 1] {
            let received = self.ends[1 - end].incoming.received();
            if self.connections < self.forgets_after {
                self.ends[end].outgoing.resume(received).expect("it was said, and is kept");
            } else {
                drop(self.ends[end].outgoing.resume(received));
            }
            self.next[end] = received + 1;
        }
    }

    /// A copy of an end hears nonsense. It is refused, and a refusal changes nothing.
    fn lie(&mut self, end: usize, choices: &mut Choices<'_>) {
        let mut liar = self.ends[end].clone();
        let claim = choices.number();
        let before = format!("{liar:?}");
        let refused = match choices.below(3) {
            0 => liar.outgoing.acknowledge(claim).is_err(),
            1 => liar.outgoing.resume(claim).is_err(),
            _ => liar.incoming.receive(claim, 1).is_err(),
        };
        assert!(!refused || before == format!("{liar:?}"), "a refusal changes nothing");
        assert!(liar.outgoing.last() == self.ends[end].said);
    }

    /// Each has heard the beginning of what the other has said.
    fn nothing_twice(&self) {
        for end in [0, 1] {
            let heard = &self.ends[end].heard;
            assert!(heard.iter().copied().eq(1..=heard.len() as u64), "{heard:?}");
            assert!(heard.len() as u64 <= self.ends[1 - end].said);
        }
    }

    /// On a connection that holds, everything arrives.
    fn all_is_heard(&mut self) {
        self.cut();
        self.resume();
        for end in [0, 1] {
            self.send(end, usize::MAX);
            assert!(self.ends[end].outgoing.all_given());
            self.hear(1 - end, usize::MAX);
        }
        self.nothing_twice();
        for end in [0, 1] {
            assert_eq!(self.ends[end].heard.len() as u64, self.ends[1 - end].said);
        }
    }
}
