//! What happens in a cell is what its class says.

use std::collections::BTreeSet;

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::matrix::Class;

/// What the cells of an event say of it, before it is handled.
pub struct Prediction {
    cells: Vec<Cell>,
    /// The state, if nothing may follow.
    before: Option<String>,
}

impl Prediction {
    pub fn of(scheduler: &Scheduler, now: Instant, event: &Event) -> Self {
        let mut cells = Vec::new();
        scheduler.cells(now, event, &mut |cell| cells.push(cell));
        let is_ignored = cells.iter().all(|cell| cell.class() == Class::Ignored);
        let before = Scheduler { now, ..scheduler.clone() };
        Self { cells, before: is_ignored.then(|| format!("{before:?}")) }
    }

    pub fn holds(&self, scheduler: &Scheduler, event: &Event, out: &[Effect]) -> Sense {
        let Self { cells, before } = self;
        let impossible = cells.iter().find(|cell| matches!(cell.class(), Class::Impossible(_)));
        prop_assert!(impossible.is_none(), "{} is visited by {event:?}", impossible.unwrap());
        if let Some(before) = before {
            prop_assert_eq!(out, &[], "{:?}", cells);
            prop_assert_eq!(&format!("{scheduler:?}"), before, "{:?}", cells);
        }
        let is_closed = out.iter().any(|effect| match effect {
            Effect::Close { reason, .. } => is_fault(reason),
            Effect::End
            | Effect::ToClient { .. }
            | Effect::ToWorker { .. }
            | Effect::Warn { .. } => false,
        });
        let mut classes = cells.iter().map(|cell| cell.class());
        let closes = classes.any(|class| matches!(class, Class::Breach | Class::Refused));
        prop_assert_eq!(is_closed, closes, "{:?}", cells);
        Ok(())
    }
}

/// Whether a session was ended for what the peer did wrong, or was set up wrongly.
fn is_fault(reason: &PeerError) -> bool {
    match reason {
        PeerError::Away
        | PeerError::DeclaredLost(_)
        | PeerError::Left
        | PeerError::OutOfMemory { .. }
        | PeerError::Superseded => false,
        PeerError::AddressTaken(_)
        | PeerError::BeyondLimit(_)
        | PeerError::NameTaken(_)
        | PeerError::NoThreads
        | PeerError::NotItsRole
        | PeerError::NotItsRun
        | PeerError::NotRegistered
        | PeerError::UnknownSpec => true,
    }
}

#[test]
fn cells_are_numbered_in_order() {
    assert!(Cell::all().map(Cell::index).eq(0..Cell::COUNT));
    let names: BTreeSet<String> = Cell::all().map(|cell| cell.to_string()).collect();
    assert_eq!(names.len(), Cell::COUNT);
}

/// Cells that plays seldom come to. Tests of single events do.
const FAR: [Cell; 13] = [
    Cell::Other(Occasion::TickQuiet),
    Cell::Other(Occasion::TickStarving),
    Cell::Key(Row::Queued, Matter::ReleaseUnwanted),
    Cell::Peer(Standing::Client, Word::QueryWrong),
    Cell::Peer(Standing::Run, Word::QueryWrong),
    Cell::Run(Row::NoWorker, Report::Failed, Age::Stale),
    Cell::Run(Row::NoWorker, Report::Fetched, Age::Stale),
    Cell::Run(Row::NoWorker, Report::Finished, Age::Stale),
    Cell::Run(Row::NoWorker, Report::FromRun, Age::Stale),
    Cell::Run(Row::NoWorker, Report::Locate, Age::Stale),
    Cell::Run(Row::NoWorker, Report::Note, Age::Stale),
    Cell::Run(Row::NoWorker, Report::Recalled, Age::Stale),
    Cell::Run(Row::NoWorker, Report::Started, Age::Stale),
];

/// In the states in which plays end, everything that could be said next does what its cells say; and
/// these are all the cells that there are.
#[test]
fn every_cell_that_can_be_visited_is_what_its_class_says() {
    let mut visited: BTreeSet<Cell> = BTreeSet::from(FAR);
    let mut runner = TestRunner::deterministic();
    for _ in 0..600 {
        if unseen(&visited).is_empty() {
            break;
        }
        let plan = plan().new_tree(&mut runner).unwrap().current();
        let mut play = Play::new(&plan);
        plan.steps.iter().for_each(|step| play.step(step).unwrap());
        probe_all(&play, &mut visited);
        // What waited for the one worker that may run it now waits for ever.
        for worker in play.workers() {
            play.worker_breaks(worker).unwrap();
            probe_all(&play, &mut visited);
        }
    }
    assert_eq!(unseen(&visited), Vec::<String>::new());
}

fn unseen(visited: &BTreeSet<Cell>) -> Vec<String> {
    let possible = Cell::all().filter(|cell| !matches!(cell.class(), Class::Impossible(_)));
    possible.filter(|cell| !visited.contains(cell)).map(|cell| cell.to_string()).collect()
}

fn probe_all(play: &Play<'_>, visited: &mut BTreeSet<Cell>) {
    for event in play.probes() {
        probe(&play.scheduler, play.now, event, visited);
    }
    for at in play.scheduler.next_deadline().map(|(at, _)| at).into_iter().chain([play.now]) {
        probe(&play.scheduler, at, Event::Tick, visited);
    }
}

/// Looks at what follows from an event that comes to a cell for the first time.
fn probe(scheduler: &Scheduler, now: Instant, event: Event, visited: &mut BTreeSet<Cell>) {
    let mut is_new = false;
    scheduler.cells(now, &event, &mut |cell| is_new |= visited.insert(cell));
    if is_new {
        let mut scheduler = scheduler.clone();
        let prediction = Prediction::of(&scheduler, now, &event);
        let mut out = Vec::new();
        scheduler.handle(now, event.clone(), &mut out);
        prediction.holds(&scheduler, &event, &out).unwrap();
        assert_eq!((scheduler.check_touched(), scheduler.check()), (Ok(()), Ok(())));
    }
}
