//! Tests of the two halves: over any connections, each frame arrives once.

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { frames: 8, bytes: 100 };

fn given(outgoing: &mut Outgoing<u64>) -> Vec<u64> {
    std::iter::from_fn(|| outgoing.next_to_send()).collect()
}

/// Has said the numbers from 1 to `last`, and given them to a connection.
fn said(last: u64) -> Outgoing<u64> {
    let mut outgoing = Outgoing::new(BOUNDS);
    for number in 1..=last {
        assert_eq!(outgoing.push(number, 10), Ok(number));
    }
    assert_eq!(given(&mut outgoing), (1..=last).collect::<Vec<_>>());
    outgoing
}

#[test]
fn what_was_not_acknowledged_is_said_again_and_nothing_else() {
    let mut outgoing = said(5);
    assert_eq!(outgoing.acknowledge(2), Ok(()));
    assert_eq!((outgoing.kept_bytes(), outgoing.all_given()), (30, true));
    assert_eq!(outgoing.push(6, 10), Ok(6));
    assert_eq!(outgoing.resume(3), Ok(()));
    assert_eq!(given(&mut outgoing), [4, 5, 6]);
    assert_eq!(outgoing.resume(6), Ok(()));
    assert_eq!((given(&mut outgoing), outgoing.kept_bytes(), outgoing.last()), (vec![], 0, 6));
}

#[test]
fn an_old_acknowledgement_changes_nothing() {
    let mut outgoing = said(3);
    assert_eq!(outgoing.acknowledge(2), Ok(()));
    assert_eq!(outgoing.acknowledge(1), Ok(()));
    assert_eq!(outgoing.resume(2), Ok(()));
    assert_eq!(given(&mut outgoing), [3]);
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let mut outgoing = said(3);
    let error = SessionError::NeverSent { claimed: 4, sent: 3 };
    assert_eq!(outgoing.acknowledge(4), Err(error.clone()));
    assert_eq!(outgoing.resume(4), Err(error));
    assert_eq!(outgoing.push(4, 1), Ok(4));
    let error = SessionError::NeverSent { claimed: 4, sent: 3 };
    assert_eq!(outgoing.acknowledge(4), Err(error), "it was said, but not sent");
}

#[test]
fn what_is_not_kept_cannot_be_said_again() {
    let mut outgoing = said(3);
    assert_eq!(outgoing.acknowledge(2), Ok(()));
    assert_eq!(outgoing.resume(1), Err(SessionError::NotKept { wanted: 2, first: 3 }));
    assert_eq!(outgoing.resume(2), Ok(()), "nothing was changed");
}

#[test]
fn frames_and_bytes_that_are_kept_are_bounded() {
    let mut outgoing = said(8);
    let full = SessionError::TooMuchKept { frames: 8, bytes: 80 };
    assert_eq!(outgoing.push(9, 1), Err(full));
    assert_eq!(outgoing.acknowledge(4), Ok(()));
    assert_eq!(outgoing.push(9, 60), Ok(9));
    let full = SessionError::TooMuchKept { frames: 5, bytes: 100 };
    assert_eq!(outgoing.push(10, 1), Err(full));
}

#[test]
fn a_frame_that_is_missing_is_an_error_and_one_that_came_is_not_new() {
    let mut incoming = Incoming::default();
    assert_eq!(incoming.receive(2, 1), Err(SessionError::Gap { expected: 1, found: 2 }));
    assert_eq!(incoming.receive(1, 1), Ok(true));
    assert_eq!(incoming.receive(1, 1), Ok(false));
    assert_eq!(incoming.receive(0, 1), Ok(false));
    assert_eq!(incoming.received(), 1);
}

#[test]
fn an_acknowledgement_is_due_after_many_frames_or_bytes() {
    let mut incoming = Incoming::default();
    for number in 1..=ACK_FRAMES as u64 {
        assert!(!incoming.is_ack_due());
        assert_eq!(incoming.receive(number, 1), Ok(true));
    }
    assert!(incoming.is_ack_due());
    incoming.acknowledged();
    assert!(!incoming.is_ack_due());
    assert_eq!(incoming.receive(ACK_FRAMES as u64 + 1, ACK_BYTES), Ok(true));
    assert!(incoming.is_ack_due());
}

#[derive(Clone, Debug)]
enum Step {
    Say,
    /// So many of the frames under way arrive.
    Arrive(usize),
    /// The other side's acknowledgement arrives.
    Acknowledge,
    /// What is under way is lost, and the connection is made anew.
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Say),
        4 => (0..6_usize).prop_map(Step::Arrive),
        1 => Just(Step::Acknowledge),
        1 => Just(Step::Cut),
    ]
}

/// One direction of a session over a connection that breaks.
struct Stream {
    outgoing: Outgoing<u64>,
    incoming: Incoming,
    wire: VecDeque<(u64, u64)>,
    sent: u64,
    said: u64,
    heard: Vec<u64>,
}

impl Stream {
    fn send(&mut self) {
        while let Some(frame) = self.outgoing.next_to_send() {
            self.sent += 1;
            self.wire.push_back((self.sent, frame));
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Say => {
                if self.outgoing.push(self.said + 1, 1).is_ok() {
                    self.said += 1;
                }
                self.send();
            }
            Step::Arrive(count) => {
                for _ in 0..*count {
                    let Some((number, frame)) = self.wire.pop_front() else { return };
                    if self.incoming.receive(number, 1).unwrap() {
                        self.heard.push(frame);
                    }
                }
            }
            Step::Acknowledge => {
                self.incoming.acknowledged();
                self.outgoing.acknowledge(self.incoming.received()).unwrap();
            }
            Step::Cut => {
                self.wire.clear();
                self.sent = self.incoming.received();
                self.outgoing.resume(self.incoming.received()).unwrap();
                self.send();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn whatever_breaks_a_prefix_arrives_once_and_in_the_end_everything(
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut stream = Stream {
            outgoing: Outgoing::new(BOUNDS),
            incoming: Incoming::default(),
            wire: VecDeque::new(),
            sent: 0,
            said: 0,
            heard: Vec::new(),
        };
        for step in &steps {
            stream.step(step);
            prop_assert!(stream.heard.iter().copied().eq(1..=stream.heard.len() as u64));
            prop_assert!(stream.outgoing.kept_bytes() <= BOUNDS.frames);
        }
        for step in [Step::Cut, Step::Arrive(usize::MAX), Step::Acknowledge] {
            stream.step(&step);
        }
        prop_assert!(stream.heard.iter().copied().eq(1..=stream.said));
        prop_assert_eq!((stream.outgoing.last(), stream.outgoing.kept_bytes()), (stream.said, 0));
    }
}
