//! What peers ask, send and answer. Questions may be anything; answers are matched with what was
//! asked by this worker's own driver, so there a mismatch is our own mistake.

use raddle_net::messages::Item;
use raddle_net::names::{RunId, WorkerId};
use raddle_net::payload::SmallValue;

use super::Worker;
use super::effect::Effect;
use super::event::{GatherOutcome, Outcome, RequestId};
use super::state::{DatumState, Peer, RunKind};
use super::turn::{DatumGoal, Refusal, RunGoal, Turn};

impl Worker {
    /// A peer asks for values.
    pub(super) fn on_asked(&mut self, request: RequestId, items: Vec<Item>, turn: &mut Turn<'_>) {
        if self.serves >= self.config.max_serves {
            turn.out.push(Effect::ServeBusy { request });
            return;
        }
        self.serves += 1;
        let items = items.into_iter().map(|item| (item, self.holds(item))).collect();
        turn.out.push(Effect::Serve { request, items });
    }

    fn holds(&self, item: Item) -> bool {
        self.state.datum(item.run).is_some_and(|datum| {
            datum.key == item.key && matches!(datum.state, DatumState::Memory { .. })
        })
    }

    /// An answer has left.
    pub(super) fn on_served(&mut self) {
        assert!(self.serves > 0, "the driver serves only what it was told to, once");
        self.serves -= 1;
    }

    /// A scattered value has come.
    pub(super) fn on_received(
        &mut self,
        request: RequestId,
        item: Item,
        nbytes: u64,
        value: Option<SmallValue>,
        turn: &mut Turn<'_>,
    ) {
        let expected = self.state.run_kind(item.run) == RunKind::Receiving
            && self.state.run(item.run).is_some_and(|run| run.key == item.key);
        if expected {
            turn.out.push(Effect::Accept { request, run: item.run });
            let outcome = Outcome::Finished { nbytes, duration: 0, value };
            self.step_run(item.run, RunGoal::End(outcome), turn);
        } else {
            turn.out.push(Effect::Reject { request });
        }
    }

    /// A gather ended.
    pub(super) fn on_gathered(
        &mut self,
        peer: WorkerId,
        outcome: GatherOutcome,
        turn: &mut Turn<'_>,
    ) {
        let pause = match outcome {
            GatherOutcome::Busy => Some(Peer::Paused { until: turn.now + self.config.busy_pause }),
            GatherOutcome::Failed | GatherOutcome::Got { .. } => None,
        };
        let Some(Peer::Asked { data }) = self.state.set_peer(peer, pause) else {
            unreachable!("the driver asks only whom it was told to, once")
        };
        match outcome {
            GatherOutcome::Busy => self.refuse_all(&data, Refusal::Busy, turn),
            GatherOutcome::Failed => self.refuse_all(&data, Refusal::Failed, turn),
            GatherOutcome::Got { found, missing } => {
                assert_eq!(found.len() + missing.len(), data.len(), "each datum has one answer");
                for (datum, nbytes) in found {
                    let key = self.state.datum(datum).expect("what was asked for is here").key;
                    self.step_datum(datum, DatumGoal::Arrive { key, nbytes }, turn);
                }
                self.refuse_all(&missing, Refusal::Missing, turn);
            }
        }
    }

    fn refuse_all(&mut self, data: &[RunId], refusal: Refusal, turn: &mut Turn<'_>) {
        for &datum in data {
            self.step_datum(datum, DatumGoal::Refuse(refusal), turn);
        }
    }
}
