//! Any user, any scheduler and any network, hostile ones with them: nothing breaks, nothing leaks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use raddle_net::messages::{Query, QueryAnswer};

use super::transfers::Phase;
use super::*;

/// One step: an event, or a jump to the next deadline.
#[derive(Clone, Debug)]
enum Step {
    Event(Event),
    Jump,
}

fn keys() -> impl Strategy<Value = u64> {
    0..6_u64
}

fn tasks() -> impl Strategy<Value = Vec<Task>> {
    let one = (keys(), prop::collection::vec(keys(), 0..3), 0..3_u8).prop_map(
        |(number, dependencies, name)| Task {
            spec: Arc::new(spec(["f", "g", "h"][usize::from(name)])),
            ..task(number, &dependencies)
        },
    );
    prop::collection::vec(one, 1..4)
}

fn message() -> impl Strategy<Value = SchedulerToClient> {
    let (runs, workers) = (1..4_u64, 1..4_u32);
    prop_oneof![
        3 => (keys(), runs.clone(), workers.clone()).prop_map(|(k, r, w)| in_memory(k, r, w)),
        1 => (keys(), runs.clone(), workers.clone()).prop_map(|(k, r, w)| inline(k, r, w)),
        1 => (keys(), keys()).prop_map(|(key, blame)| erred(key, blame, "x")),
        1 => keys().prop_map(|number| SchedulerToClient::Recomputing { key: key(number) }),
        3 => (keys(), runs, workers).prop_map(|(number, counter, worker)| {
            SchedulerToClient::Send { key: key(number), run: run(counter), worker: WorkerId(worker) }
        }),
        // Worker 3 is never introduced.
        1 => (1..3_u32).prop_map(peer),
        1 => any::<u64>().prop_map(|id| {
            SchedulerToClient::Answer { id, answer: QueryAnswer::Explanation(String::new()) }
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        Just(FetchOutcome::Busy),
        Just(FetchOutcome::Found),
        Just(FetchOutcome::Missing),
        Just(FetchOutcome::Unreachable),
    ];
    let sent = prop_oneof![
        Just(SendOutcome::Delivered),
        Just(SendOutcome::Declined),
        Just(SendOutcome::Unreachable),
    ];
    prop_oneof![
        8 => message().prop_map(Event::FromScheduler),
        5 => tasks().prop_map(|tasks| Event::Submit { tasks }),
        5 => keys().prop_map(release),
        2 => prop::collection::vec(keys().prop_map(key), 0..3)
            .prop_map(|keys| Event::Adopt { keys }),
        4 => keys().prop_map(|number| Event::Await { key: key(number) }),
        3 => keys().prop_map(|number| Event::Scatter { key: key(number) }),
        4 => (keys(), 1..4_u64, outcome).prop_map(|(number, counter, outcome)| {
            Event::Fetched { key: key(number), run: run(counter), outcome }
        }),
        3 => (keys(), 1..4_u64, sent).prop_map(|(number, counter, outcome)| {
            Event::Sent { key: key(number), run: run(counter), outcome }
        }),
        1 => prop::collection::vec(keys().prop_map(key), 0..3)
            .prop_map(|keys| Event::Cancel { keys, force: false }),
        1 => prop::collection::vec(keys().prop_map(key), 0..3)
            .prop_map(|keys| Event::Detach { keys }),
        2 => prop::collection::vec(keys().prop_map(key), 0..3)
            .prop_map(|keys| Event::Retry { keys }),
        1 => any::<u64>().prop_map(|id| Event::Query { id, query: Query::Info }),
        3 => Just(Event::Flush),
        1 => Just(Event::Tick),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![9 => event().prop_map(Step::Event), 1 => Just(Step::Jump)];
    let end = prop::option::of(Just(Event::Disconnected { reason: "reset".to_owned() }));
    (prop::collection::vec(step.clone(), 0..150), end, prop::collection::vec(step, 0..30)).prop_map(
        |(mut steps, end, rest)| {
            steps.extend(end.map(Step::Event));
            steps.extend(rest);
            steps
        },
    )
}

/// What an honest scheduler knows of the client: it checks that each message makes sense.
#[derive(Default)]
struct Listener {
    specs: u32,
    wanted: BTreeSet<Key>,
    last: Option<u64>,
    /// Keys of releases that are to be answered.
    unanswered: Vec<Key>,
}

impl Listener {
    fn hear(&mut self, message: &ClientMessage) -> Result<(), TestCaseError> {
        match message {
            ClientMessage::Define { id, .. } => {
                prop_assert_eq!(id.0, self.specs);
                self.specs += 1;
            }
            ClientMessage::Submit { submission, tasks } => {
                prop_assert!(self.last <= Some(*submission), "submissions go back");
                self.last = Some(*submission);
                for task in tasks {
                    prop_assert!(task.spec.0 < self.specs);
                    prop_assert!(self.wanted.insert(task.key), "{} is wanted already", task.key);
                }
            }
            ClientMessage::Release { keys, answer } => {
                self.unanswered.extend(keys.iter().filter(|_| *answer));
                for key in keys {
                    prop_assert!(self.wanted.remove(key), "{} is not wanted", key);
                }
            }
            ClientMessage::Want { keys } => {
                for key in keys {
                    prop_assert!(self.wanted.insert(*key), "{} is wanted already", key);
                }
            }
            ClientMessage::Cancel { .. }
            | ClientMessage::Detach { .. }
            | ClientMessage::Retry { .. }
            | ClientMessage::Goodbye
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. } => {}
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn nothing_breaks_and_nothing_leaks(steps in steps()) {
        let mut bench = Bench::new();
        let mut held: BTreeMap<Key, u32> = BTreeMap::new();
        let mut listener = Listener::default();
        for step in steps {
            let event = match step {
                Step::Event(event) => event,
                Step::Jump => {
                    bench.now = bench.client.next_deadline().map_or(bench.now, |(at, _)| at);
                    Event::Tick
                }
            };
            match &event {
                Event::Submit { tasks } => {
                    tasks.iter().for_each(|task| *held.entry(task.key).or_default() += 1);
                }
                Event::Adopt { keys } => {
                    keys.iter().for_each(|key| *held.entry(*key).or_default() += 1);
                }
                Event::Scatter { key } => *held.entry(*key).or_default() += 1,
                Event::Release { key } => {
                    held.entry(*key).and_modify(|count| *count = count.saturating_sub(1));
                    held.retain(|_, count| *count > 0);
                }
                Event::Await { .. } | Event::Cancel { .. } | Event::Detach { .. }
                | Event::Disconnected { .. } | Event::Retry { .. }
                | Event::Fetched { .. } | Event::Flush | Event::FromScheduler(_)
                | Event::Query { .. } | Event::Sent { .. } | Event::Tick => {}
            }
            for effect in bench.on(event) {
                if let Effect::ToScheduler(message) = effect {
                    listener.hear(&message)?;
                }
            }
            let unsent = unsent(&bench.client).filter(|key| !held.contains_key(key)).count();
            prop_assert_eq!(bench.client.futures(), held.len() + unsent);
        }
        for (key, count) in held {
            (0..count).for_each(|_| drop(bench.on(Event::Release { key })));
        }
        for message in bench.flush() {
            listener.hear(&message)?;
        }
        bench.hear(SchedulerToClient::Released { keys: listener.unanswered.clone() });
        // What is still to be sent outlives its handles, until its value has arrived.
        for key in unsent(&bench.client).collect::<Vec<_>>() {
            let failure = Arc::new(Failure::Cancelled);
            bench.hear(SchedulerToClient::Erred { key, blame: key, failure });
        }
        // A pull outlives what it was for, until it ends.
        let pulls: Vec<_> = bench.client.transfers.iter().collect();
        for (key, transfer) in pulls {
            if let Phase::Underway { run, .. } = transfer.phase {
                bench.on(Event::Fetched { key, run, outcome: FetchOutcome::Busy });
            }
        }
        let closed = bench.client.closed.is_some();
        for message in bench.flush() {
            listener.hear(&message)?;
        }
        prop_assert!(closed || listener.wanted.is_empty());
        prop_assert_eq!((bench.client.futures(), bench.client.futures.len()), (0, 0));
        prop_assert_eq!((bench.client.next_deadline(), bench.client.transfers.iter().count()), (None, 0));
    }

    /// With a scheduler that answers and workers that have what they should, whoever waits gets it.
    #[test]
    fn whoever_waits_is_served(
        outcomes in prop::collection::vec((0..4_u8, 1..3_u32, any::<bool>()), 0..40),
    ) {
        let mut bench = Bench::with(&[0]);
        bench.on(Event::Await { key: key(0) });
        let mut counter = 1;
        let mut asked = bench.hear(in_memory(0, 1, 1));
        for (outcome, worker, again) in outcomes {
            let current = asked.iter().find_map(|effect| match effect {
                Effect::Fetch { run, .. } => Some(*run),
                Effect::Answer { .. } | Effect::Close { .. } | Effect::Send { .. }
                | Effect::Settled { .. } | Effect::ToScheduler(_) | Effect::Unsettled { .. } => None,
            });
            let outcome = [
                FetchOutcome::Busy,
                FetchOutcome::Missing,
                FetchOutcome::Unreachable,
                FetchOutcome::Missing,
            ][usize::from(outcome)];
            if let Some(run) = current {
                asked = bench.on(Event::Fetched { key: key(0), run, outcome });
            }
            if again {
                asked.extend(bench.hear(SchedulerToClient::Recomputing { key: key(0) }));
                counter += 1;
            }
            asked.extend(bench.hear(in_memory(0, counter, worker)));
            if bench.client.next_deadline().is_some() {
                asked.extend(bench.tick().2);
            }
            let fetches = asked.iter().filter(|effect| matches!(effect, Effect::Fetch { .. })).count();
            prop_assert_eq!(fetches, 1, "{:?}", asked);
        }
    }
}

fn unsent(client: &Client) -> impl Iterator<Item = Key> + '_ {
    let keys = client.futures.keys().into_iter();
    keys.filter(|key| client.futures.get(*key).is_some_and(|future| future.is_unsent()))
}
