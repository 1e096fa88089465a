//! What happens in each cell is what its class says.

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use raddle_net::limits::MAX_NAME;
use raddle_net::messages::Note;

use super::*;
use crate::matrix::Class;
use crate::worker::Cell;
use crate::worker::matrix::Occasion;

/// Cells that plays do not come to: their runs may take as long as they like. Tests of single runs
/// do.
const FAR: [Cell; 1] = [Cell::Other(Occasion::TickLimit)];

/// In the states in which plays end, everything that could come next does what its cells say; and
/// these are all the cells that there are.
#[test]
fn every_cell_that_can_be_visited_is_what_its_class_says() {
    let mut visited: BTreeSet<Cell> = BTreeSet::from(FAR);
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 20..120);
    for _ in 0..800 {
        if unseen(&visited).is_empty() {
            break;
        }
        let mut driver = Driver::new();
        for (i, step) in steps.new_tree(&mut runner).unwrap().current().into_iter().enumerate() {
            driver.take(step);
            if i % 8 == 0 {
                driver.probe(&mut visited);
            }
        }
    }
    assert_eq!(unseen(&visited), Vec::<String>::new());
}

fn unseen(visited: &BTreeSet<Cell>) -> Vec<String> {
    let possible = Cell::all().filter(|cell| !matches!(cell.class(), Class::Impossible(_)));
    possible.filter(|cell| !visited.contains(cell)).map(|cell| cell.to_string()).collect()
}

impl Driver {
    /// Looks at what follows from each event that could come next, if it comes to a cell for the
    /// first time. What the driver would never do is left out.
    fn probe(&self, visited: &mut BTreeSet<Cell>) {
        let Rig { worker, now } = self.rig.clone();
        let later = now + Duration::from_secs(60);
        let (mut newcomer, mut closing) = (worker.clone(), worker.clone());
        newcomer.session.me = None;
        closing.session.is_closing = true;
        let events: Vec<_> = self.probes().into_iter().map(|event| (now, event)).collect();
        for worker in [worker, newcomer, closing] {
            for (now, event) in events.iter().cloned().chain([(later, Event::Tick)]) {
                let mut cells = Vec::new();
                worker.cells(now, &event, &mut |cell| cells.push(cell));
                let is_possible = |cell: &Cell| !matches!(cell.class(), Class::Impossible(_));
                let is_new = cells.iter().any(|cell| !visited.contains(cell));
                if is_new && cells.iter().all(is_possible) {
                    visited.extend(cells);
                    Rig { worker: worker.clone(), now }.event(event);
                }
            }
        }
    }

    fn probes(&self) -> Vec<Event> {
        let mut events = vec![Event::Disconnected, Event::Tick];
        let request = RequestId(u64::MAX);
        events.push(Event::Served { request });
        let ids = self.rig.worker.state.ids();
        for id in ids.iter().copied().chain([run(1 << 40)]) {
            let key = self.key_of(id);
            let item = Item { key, run: id };
            events.extend([
                Event::Asked { request, items: vec![item] },
                Event::Blocked { run: id },
                Event::Executed { run: id, outcome: value() },
                Event::Executed { run: id, outcome: failed() },
                Event::Flushed { run: id },
                Event::FromRun { run: id, message: ClientMessage::Goodbye },
                Event::Noted { run: id, note: Note::Progress(1) },
                Event::Received { request, item, nbytes: 8, value: None },
                Event::Unblocked { run: id },
            ]);
            events.extend(self.words(key, id).map(Event::FromScheduler));
        }
        for (&peer, asked) in &self.gathers {
            let found = asked.iter().map(|run| (*run, 8)).collect();
            events.extend(
                [
                    GatherOutcome::Busy,
                    GatherOutcome::Failed,
                    GatherOutcome::Got { found, missing: vec![] },
                    GatherOutcome::Got { found: vec![], missing: asked.clone() },
                ]
                .map(|outcome| Event::Gathered { peer, outcome }),
            );
        }
        events
    }

    fn key_of(&self, id: RunId) -> Key {
        let state = &self.rig.worker.state;
        let datum = state.datum(id).map(|datum| datum.key);
        state.run(id).map(|run| run.key).or(datum).unwrap_or_else(|| key(0))
    }

    /// Everything that the scheduler could say of a run, and of nothing.
    fn words(&self, key: Key, id: RunId) -> impl Iterator<Item = SchedulerToWorker> {
        let input = Input { key, run: id, nbytes: 8, holders: smallvec::smallvec![WorkerId(1)] };
        let inputs = SmallVec::from_iter([input]);
        let compute =
            Compute { key, run: run(1 << 41), spec: NATIVE, inputs, ..Compute::default() };
        let told = SchedulerToClient::Recomputing { key };
        let other = super::super::key(u64::MAX);
        let define = |id, spec| SchedulerToWorker::Define { id, spec };
        let workers = SmallVec::new();
        [
            SchedulerToWorker::Acquire(compute.inputs[0].clone()),
            SchedulerToWorker::Acquire(Input { key: other, ..compute.inputs[0].clone() }),
            SchedulerToWorker::Leave,
            SchedulerToWorker::Compute(Compute { run: id, ..compute.clone() }),
            SchedulerToWorker::Compute(compute),
            define(SpecId(50), TaskSpec::default()),
            define(RECEIVE, TaskSpec::clone(&spec(RECEIVE))),
            define(RECEIVE, TaskSpec::clone(&spec(NATIVE))),
            SchedulerToWorker::Free { key, run: id },
            SchedulerToWorker::Free { key: other, run: id },
            SchedulerToWorker::Holders { key, run: id, workers: workers.clone() },
            SchedulerToWorker::Holders { key: other, run: id, workers },
            SchedulerToWorker::Peer { id: WorkerId(1), address: String::new() },
            SchedulerToWorker::Peer { id: WorkerId(1), address: "x".repeat(MAX_NAME + 1) },
            SchedulerToWorker::Recall { key, run: id },
            SchedulerToWorker::Recall { key: other, run: id },
            SchedulerToWorker::Registered { worker: ME },
            SchedulerToWorker::Registered { worker: WorkerId(77) },
            SchedulerToWorker::ToRun { run: id, message: told },
        ]
        .into_iter()
    }
}
