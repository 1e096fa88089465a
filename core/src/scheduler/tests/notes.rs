//! What runs say about themselves, and what is said on topics.

use raddle_net::limits::MAX_EVENT_TEXT;
use raddle_net::messages::{EventLine, QueryAnswer};

use super::*;

fn answer(client: ConnectionId, id: u64, answer: QueryAnswer) -> Effect {
    tells(client, SchedulerToClient::Answer { id, answer })
}

fn events(lines: impl IntoIterator<Item = EventLine>) -> QueryAnswer {
    QueryAnswer::Events(lines.into_iter().collect())
}

fn event(number: u64, text: &str) -> EventLine {
    EventLine { number, text: text.to_owned(), ..EventLine::default() }
}

fn after(topic: &str, after: u64) -> Query {
    Query::Events { topic: topic.to_owned(), after }
}

fn says_on(topic: &str, text: &str) -> Query {
    Query::LogEvent { topic: topic.to_owned(), text: text.to_owned() }
}

impl Cluster {
    fn note(&mut self, worker: u32, task: u64, run: u64, note: Note) -> Vec<Effect> {
        let (key, run) = (key(task), run_id(run));
        self.reports(worker, WorkerMessage::Note { key, run, note })
    }

    fn reschedule(&mut self, worker: u32, task: u64, run: u64) -> Vec<Effect> {
        let (key, run, failure) = (key(task), run_id(run), Arc::new(Failure::Reschedule));
        self.reports(worker, WorkerMessage::Failed { key, run, blame: None, failure })
    }

    fn progress_of(&mut self, task: u64) -> Option<u16> {
        let out = self.ask(ANN, Query::Task(key(task)));
        let [Effect::ToClient { message: SchedulerToClient::Answer { answer, .. }, .. }] = &out[..]
        else {
            panic!("{out:?}")
        };
        let QueryAnswer::Tasks { tasks, next: None } = answer else { panic!("{answer:?}") };
        tasks.first().map(|task| task.progress)
    }
}

#[test]
fn a_run_says_how_far_it_is() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.progress_of(1), Some(0));
    assert_eq!(cluster.note(1, 1, 1, Note::Progress(2_505)), vec![]);
    assert_eq!(cluster.progress_of(1), Some(2_505));
    let text = "1-1 is on tcp://w1:1 (which was to begin it soonest), as run 1.1, the 1. attempt; it says that 25.05 % are done";
    let explained = answer(ANN, 7, QueryAnswer::Explanation(text.to_owned()));
    assert_eq!(cluster.ask(ANN, Query::Explain(key(1))), vec![explained]);
    assert_eq!(cluster.note(1, 1, 1, Note::Progress(u16::MAX)), vec![]);
    assert_eq!(cluster.progress_of(1), Some(10_000));
    // The next run begins at the beginning; the last one has nothing more to say.
    assert_eq!(cluster.reschedule(1, 1, 1), vec![compute(1, run_of(1, 2, &[]))]);
    assert_eq!(cluster.note(1, 1, 1, Note::Progress(1)), vec![]);
    assert_eq!(cluster.progress_of(1), Some(0));
    assert_eq!(cluster.progress_of(9), None);
}

#[test]
fn what_runs_log_is_kept_by_task() {
    let mut cluster = Cluster::of(&[2]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    for (task, text) in [(1, "begun"), (2, "other"), (1, "done")] {
        assert_eq!(cluster.note(1, task, task, Note::Log(text.to_owned())), vec![]);
    }
    let line = |number, text| EventLine {
        key: Some(key(1)),
        run: Some(run_id(1)),
        worker: Some(address(1)),
        ..event(number, text)
    };
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.note(1, 1, 1, Note::Log("too late".to_owned())), vec![]);
    let logs = answer(ANN, 7, events([line(1, "begun"), line(3, "done")]));
    assert_eq!(cluster.ask(ANN, Query::Logs(key(1))), vec![logs]);
    let nothing = answer(ANN, 7, events([]));
    assert_eq!(cluster.ask(ANN, Query::Logs(key(3))), vec![nothing]);
    let last = EventLine { key: Some(key(2)), run: Some(run_id(2)), ..line(2, "other") };
    let all = answer(ANN, 7, events([last, line(3, "done")]));
    assert_eq!(cluster.ask(ANN, after("logs", 1)), vec![all]);
}

#[test]
fn a_line_that_is_too_long_is_cut_at_a_character() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let long = format!("x{}", "ä".repeat(MAX_EVENT_TEXT));
    cluster.note(1, 1, 1, Note::Log(long.clone()));
    let line = EventLine {
        key: Some(key(1)),
        run: Some(run_id(1)),
        worker: Some(address(1)),
        ..event(1, &long[..MAX_EVENT_TEXT - 1])
    };
    assert_eq!(cluster.ask(ANN, Query::Logs(key(1))), vec![answer(ANN, 7, events([line]))]);
}

#[test]
fn who_asks_for_events_is_answered_when_there_are_some() {
    let mut cluster = Cluster::of(&[1]);
    assert_eq!(cluster.ask(ANN, after("jobs", 0)), vec![]);
    let news = answer(ANN, 7, events([event(1, "begun")]));
    let done = || answer(BOB, 7, QueryAnswer::Done);
    assert_eq!(cluster.ask(BOB, says_on("jobs", "begun")), vec![news, done()]);
    assert_eq!(cluster.ask(BOB, says_on("jobs", "ended")), vec![done()]);
    let both = events([event(1, "begun"), event(2, "ended")]);
    assert_eq!(cluster.ask(ANN, after("jobs", 0)), vec![answer(ANN, 7, both)]);
    let last = answer(ANN, 7, events([event(2, "ended")]));
    assert_eq!(cluster.ask(ANN, after("jobs", 1)), vec![last]);
    // Who goes is not answered any more.
    assert_eq!(cluster.ask(ANN, after("jobs", 2)), vec![]);
    cluster.hang_up(ANN);
    assert_eq!(cluster.ask(BOB, says_on("jobs", "again")), vec![done()]);
}

#[test]
fn a_topic_forgets_the_oldest_first() {
    let mut cluster = Cluster::of(&[]);
    let text = "x".repeat(MAX_EVENT_TEXT);
    for _ in 0..100 {
        assert_eq!(cluster.ask(BOB, says_on("jobs", &text)).len(), 1);
    }
    let out = cluster.ask(BOB, after("jobs", 0));
    let [Effect::ToClient { message: SchedulerToClient::Answer { answer, .. }, .. }] = &out[..]
    else {
        panic!("{out:?}")
    };
    let QueryAnswer::Events(lines) = answer else { panic!("{answer:?}") };
    assert!(lines.iter().map(|line| line.number).eq(39..=100), "{}", lines[0].number);
}

#[test]
fn what_cannot_be_said_is_declined() {
    let mut cluster = Cluster::of(&[]);
    let is_declined = |out: &[Effect]| {
        let [Effect::ToClient { message: SchedulerToClient::Answer { answer, .. }, .. }] = out
        else {
            return false;
        };
        matches!(answer, QueryAnswer::Declined(_))
    };
    for query in [
        says_on("workers", "I am one"),
        says_on("jobs", &"x".repeat(MAX_EVENT_TEXT + 1)),
        says_on(&"x".repeat(2000), "a topic"),
    ] {
        assert!(is_declined(&cluster.ask(BOB, query)));
    }
    let mut declined = 0;
    for topic in 0..300 {
        declined += u32::from(is_declined(&cluster.ask(BOB, says_on(&topic.to_string(), "said"))));
    }
    // Besides 256 topics, of which one is of clients.
    assert_eq!(declined, 300 - 255);
}

#[test]
fn workers_and_clients_that_come_and_go_are_told_on_their_topics() {
    let mut cluster = Cluster::of(&[1]);
    cluster.drop_worker(1);
    let told = events([event(1, "joined: w1 at tcp://w1:1"), event(2, "left: w1 at tcp://w1:1")]);
    assert_eq!(cluster.ask(ANN, after("workers", 0)), vec![answer(ANN, 7, told)]);
    cluster.hang_up(BOB);
    let told =
        events([event(1, "joined: client"), event(2, "joined: client"), event(3, "left: client")]);
    assert_eq!(cluster.ask(ANN, after("clients", 0)), vec![answer(ANN, 7, told)]);
}

#[test]
fn a_run_that_asks_for_it_is_followed_by_another_one() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    for run in 1..1024 {
        let next = run_of(1, run + 1, &[]);
        assert_eq!(cluster.reschedule(1, 1, run), vec![compute(1, next)]);
        // What is said twice counts once.
        assert_eq!(cluster.reschedule(1, 1, run), vec![]);
    }
    let failure = asked_in_vain("it asked to be run again, after 1024 runs", 1024);
    assert_eq!(cluster.reschedule(1, 1, 1024), vec![tells(ANN, erred(1, 1, &failure))]);
}

fn asked_in_vain(message: &str, attempts: u32) -> Arc<Failure> {
    Arc::new(Failure::Failed {
        message: message.to_owned(),
        chain: vec![],
        panic: false,
        location: None,
        worker: address(1),
        attempts,
    })
}

#[test]
fn what_must_run_at_most_once_cannot_ask_for_more() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(ONCE, 1, &[])]);
    let failure = asked_in_vain("it asked to be run again, and may run at most once", 1);
    assert_eq!(cluster.reschedule(1, 1, 1), vec![tells(ANN, erred(1, 1, &failure))]);
}
