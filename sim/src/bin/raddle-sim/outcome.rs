//! What one case comes to, run once or twice.
//!
//! It must not know of other cases.

use std::cell::RefCell;

use raddle_sim::{Case, Failure, Mode, Record, Report};

thread_local! {
    /// Where this thread panicked last.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// All records of a run.
const ALL: usize = usize::MAX / 4;

/// What a case comes to.
pub(crate) enum Outcome {
    Found(Box<Found>),
    Passed(Box<(Case, Report)>),
}

/// A case in which something is wrong.
pub(crate) struct Found {
    pub(crate) case: Case,
    pub(crate) wrong: Wrong,
    /// Where it panicked, if it did.
    pub(crate) location: Option<String>,
}

/// What is wrong.
pub(crate) enum Wrong {
    /// Two runs differ: each one's first record that the other has not.
    Differs(Option<Record>, Option<Record>),
    Fails(Failure),
}

impl Outcome {
    /// Of a case that is run once, or `twice`; with `relations`, together with others like it.
    pub(crate) fn of(case: Case, mode: Mode, twice: bool, relations: bool) -> Self {
        PANIC.take();
        let wrong = match case.run_with_relations(mode, relations) {
            Ok(report) => match twice.then(|| divergence(&case, mode, &report)).flatten() {
                None => return Self::Passed(Box::new((case, report))),
                Some(wrong) => wrong,
            },
            Err(failure) => Wrong::Fails(failure),
        };
        Self::Found(Box::new(Found { case, wrong, location: PANIC.take() }))
    }
}

/// How two more runs, and the reports of all three, differ.
fn divergence(case: &Case, mode: Mode, report: &Report) -> Option<Wrong> {
    let (first, one) = case.record(mode, ALL);
    let (second, two) = case.record(mode, ALL);
    let same = one.iter().zip(&two).take_while(|(one, two)| one == two).count();
    let ends = (one.get(same).cloned(), two.get(same).cloned());
    let reports = [first, second].iter().all(|other| other.as_ref() == Ok(report));
    (ends != (None, None) || !reports).then_some(Wrong::Differs(ends.0, ends.1))
}

/// Panics are caught, counted and made small, thousands of times: they are told once, at the end.
pub(crate) fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        PANIC.with_borrow_mut(|last| *last = location);
    }));
}
