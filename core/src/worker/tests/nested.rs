//! Bodies that submit tasks: they give their slot back while they wait, and speak to the scheduler.

use raddle_net::messages::{ClientMessage, Note, SchedulerToClient};

use super::*;

impl Rig {
    fn blocks(&mut self, n: u64) -> Vec<Effect> {
        self.event(Event::Blocked { run: run(n) })
    }

    fn unblocks(&mut self, n: u64) -> Vec<Effect> {
        self.event(Event::Unblocked { run: run(n) })
    }

    fn speaks(&mut self, n: u64) -> Vec<Effect> {
        let message = ClientMessage::Release { keys: vec![key(n)], answer: false };
        self.event(Event::FromRun { run: run(n), message })
    }

    fn spoken_to(&mut self, n: u64) -> Vec<Effect> {
        let message = SchedulerToClient::Recomputing { key: key(n) };
        self.hears(SchedulerToWorker::ToRun { run: run(n), message })
    }
}

#[test]
fn a_blocked_body_lends_its_slot() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    assert_eq!(rig.given(compute(2, [])), []);
    assert_eq!(rig.blocks(1), [executes(2, &[])]);
    assert_eq!(rig.unblocks(1), []);
    assert_eq!(rig.finishes(2), [says_finished(2), resumes(1)]);
    assert_eq!(rig.finishes(1), [says_finished(1)]);
}

#[test]
fn an_unblocked_body_goes_before_what_is_ready() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(4, []));
    rig.given(compute(5, []));
    assert_eq!(rig.blocks(4), [executes(5, &[])]);
    assert_eq!(rig.given(compute(6, [])), []);
    assert_eq!(rig.given(compute(1, [])), []);
    assert_eq!(rig.blocks(5), [executes(1, &[])]);
    assert_eq!(rig.unblocks(5), []);
    assert_eq!(rig.unblocks(4), []);
    assert_eq!(rig.finishes(1), [says_finished(1), resumes(4)]);
    assert_eq!(rig.finishes(4), [says_finished(4), resumes(5)]);
    assert_eq!(rig.finishes(5), [says_finished(5), executes(6, &[])]);
}

#[test]
fn a_body_that_waits_for_several_things_has_one_slot() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    assert_eq!(rig.blocks(1), []);
    assert_eq!(rig.blocks(1), []);
    assert_eq!(rig.unblocks(1), [resumes(1)]);
    assert_eq!(rig.unblocks(1), [resumes(1)]);
}

#[test]
fn a_body_may_end_while_it_is_blocked_or_waits_for_a_slot() {
    let mut rig = Rig::with_threads(1);
    for n in [1, 2, 3] {
        rig.given(compute(n, []));
    }
    assert_eq!(rig.blocks(1), [executes(2, &[])]);
    assert_eq!(rig.finishes(1), [says_finished(1)]);
    assert_eq!(rig.blocks(2), [executes(3, &[])]);
    assert_eq!(rig.unblocks(2), []);
    assert_eq!(rig.finishes(2), [says_finished(2)]);
    assert_eq!(rig.finishes(3), [says_finished(3)]);
}

#[test]
fn a_blocked_body_that_is_freed_resumes_so_that_it_can_end() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.blocks(1);
    assert_eq!(rig.given(compute(2, [])), [executes(2, &[])]);
    assert_eq!(rig.freed(1), [stops(1)]);
    assert_eq!(rig.unblocks(1), []);
    assert_eq!(rig.finishes(2), [says_finished(2), resumes(1)]);
    let event = Event::Executed { run: run(1), outcome: failed() };
    assert_eq!(rig.event(event), []);
    assert_eq!(rig.values(), [2]);
}

#[test]
fn a_blocked_announced_run_lets_its_announced_child_go_first() {
    let mut rig = Rig::with_threads(1);
    rig.given(announced(1));
    rig.event(Event::Flushed { run: run(1) });
    assert_eq!(rig.given(announced(2)), []);
    assert_eq!(rig.blocks(1), [says_started(2), flushes(2)]);
}

#[test]
fn what_a_body_says_is_passed_on_while_it_is_wanted() {
    let mut rig = Rig::with_threads(1);
    let message = ClientMessage::Release { keys: vec![key(1)], answer: false };
    let said = says(WorkerMessage::FromRun { key: key(1), run: run(1), message });
    assert_eq!(rig.speaks(1), []);
    rig.given(compute(1, []));
    assert_eq!(rig.speaks(1), std::slice::from_ref(&said));
    rig.blocks(1);
    assert_eq!(rig.speaks(1), [said]);
    rig.freed(1);
    assert_eq!(rig.speaks(1), []);
}

#[test]
fn what_a_body_says_about_itself_is_passed_on_while_it_is_wanted() {
    let mut rig = Rig::with_threads(1);
    let note = Note::Log("half way".to_owned());
    let event = Event::Noted { run: run(1), note: note.clone() };
    assert_eq!(rig.event(event.clone()), []);
    rig.given(compute(1, []));
    let said = says(WorkerMessage::Note { key: key(1), run: run(1), note });
    assert_eq!(rig.event(event.clone()), [said]);
    rig.freed(1);
    assert_eq!(rig.event(event), []);
}

#[test]
fn what_the_scheduler_says_to_a_body_is_passed_on_while_it_is_wanted() {
    let mut rig = Rig::with_threads(1);
    let message = SchedulerToClient::Recomputing { key: key(1) };
    assert_eq!(rig.spoken_to(1), []);
    rig.given(announced(1));
    assert_eq!(rig.spoken_to(1), []);
    rig.event(Event::Flushed { run: run(1) });
    assert_eq!(rig.spoken_to(1), [Effect::ToRun { run: run(1), message }]);
    rig.freed(1);
    assert_eq!(rig.spoken_to(1), []);
}
