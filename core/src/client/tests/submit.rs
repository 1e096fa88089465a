//! Keys come and go.

use raddle_net::limits;
use raddle_net::messages::{Query, Runtime, TaskOptions};

use super::*;

#[test]
fn a_spec_is_defined_before_its_first_use_and_never_again() {
    let mut bench = Bench::new();
    let (f, g) = (Arc::new(spec("f")), Arc::new(spec("g")));
    let task = |number, spec: &Arc<TaskSpec>| Task { spec: Arc::clone(spec), ..task(number, &[]) };
    for (number, spec) in [(0, &f), (1, &f), (2, &g), (3, &f), (4, &Arc::new(spec("g")))] {
        assert_eq!(bench.on(submit(&[task(number, spec)])), []);
    }
    let with = |spec, task: NewTask| NewTask { spec: SpecId(spec), ..task };
    assert_eq!(
        bench.flush(),
        [
            define(0, spec("f")),
            submission(0, vec![new_task(0, 0, &[]), new_task(1, 1, &[])]),
            define(1, spec("g")),
            submission(
                0,
                vec![
                    with(1, new_task(2, 2, &[])),
                    new_task(3, 3, &[]),
                    with(1, new_task(4, 4, &[])),
                ]
            ),
        ]
    );
    bench.on(submit(&[task(5, &g)]));
    assert_eq!(bench.flush(), [submission(1, vec![with(1, new_task(5, 0, &[]))])]);
}

#[test]
fn tasks_of_one_call_are_a_submission_of_their_own() {
    let mut bench = Bench::new();
    bench.on(submit(&[task(0, &[])]));
    bench.on(submit(&[task(1, &[0]), task(2, &[0])]));
    bench.on(submit(&[task(3, &[])]));
    bench.on(submit(&[]));
    bench.on(submit(&[task(4, &[])]));
    assert_eq!(
        bench.flush(),
        [
            define(0, spec("f")),
            submission(0, vec![new_task(0, 0, &[])]),
            submission(1, vec![new_task(1, 0, &[0]), new_task(2, 1, &[0])]),
            submission(2, vec![new_task(3, 0, &[]), new_task(4, 1, &[])]),
        ]
    );
    assert_eq!(bench.flush(), []);
}

#[test]
fn tasks_that_depend_on_one_another_get_the_static_order() {
    let mut bench = Bench::with(&[8]);
    // Two chains, submitted side by side; 8 is known already, 9 is not this client's.
    let tasks = [task(0, &[8]), task(1, &[9]), task(2, &[0]), task(3, &[1, 9, 1])];
    bench.on(submit(&tasks));
    assert_eq!(
        bench.flush(),
        [submission(
            1,
            vec![
                new_task(0, 0, &[8]),
                new_task(2, 1, &[0]),
                new_task(1, 2, &[9]),
                new_task(3, 3, &[1, 9, 1])
            ]
        )]
    );
}

#[test]
fn tasks_that_are_expected_to_take_so_long_go_by_the_way_to_the_end() {
    let mut bench = Bench::new();
    let lasting = |number, dependencies: &[u64], nanos| {
        let options = TaskOptions { expected: Some(nanos), ..TaskOptions::default() };
        let spec = Arc::new(TaskSpec { options, ..spec("f") });
        Task { spec, ..task(number, dependencies) }
    };
    bench.on(submit(&[lasting(0, &[], 10), lasting(1, &[], 5), lasting(2, &[1], 20)]));
    let said = bench.flush();
    let [.., ClientMessage::Submit { tasks, .. }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(said.len(), 4, "three specs before all tasks");
    let keys: Vec<Key> = tasks.iter().map(|task| task.key).collect();
    assert_eq!(keys, [1, 2, 0].map(key));
}

#[test]
fn messages_keep_to_the_limits() {
    let mut bench = Bench::new();
    let count = limits::MAX_SUBMIT as u64 + 1;
    bench.on(Event::Submit { tasks: (0..count).map(|number| task(number, &[])).collect() });
    let large = || Blob::from(vec![0; limits::MAX_ARGS]);
    for number in [count, count + 1] {
        bench.on(submit(&[Task { args: large(), ..task(number, &[]) }]));
    }
    let sizes = |messages: Vec<ClientMessage>| -> Vec<(&'static str, usize)> {
        let size = |message| match message {
            ClientMessage::Submit { tasks, .. } => ("submit", tasks.len()),
            ClientMessage::Cancel { keys, .. } => ("cancel", keys.len()),
            ClientMessage::Release { keys, .. } => ("release", keys.len()),
            ClientMessage::Define { .. } => ("define", 1),
            ClientMessage::Detach { .. }
            | ClientMessage::Goodbye
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. }
            | ClientMessage::Retry { .. }
            | ClientMessage::Want { .. } => ("other", 1),
        };
        messages.into_iter().map(size).collect()
    };
    assert_eq!(
        sizes(bench.flush()),
        [("define", 1), ("submit", 1024), ("submit", 1), ("submit", 1), ("submit", 1)]
    );
    let count = limits::MAX_KEYS as u64 + 1;
    bench.on(Event::Submit { tasks: (0..count).map(|number| task(number, &[])).collect() });
    bench.flush();
    bench.on(Event::Cancel { keys: (0..count).map(key).collect(), force: false });
    for _ in 0..2 {
        (0..count).for_each(|number| drop(bench.client_release(number)));
    }
    assert_eq!(
        sizes(bench.flush()),
        [("cancel", 16384), ("cancel", 1), ("release", 16384), ("release", 1)]
    );
}

#[test]
fn a_task_beyond_the_limits_is_refused_here() {
    let mut bench = Bench::new();
    let args = Blob::from(vec![0; limits::MAX_ARGS + 1]);
    let dependencies = std::iter::repeat_n(key(9), limits::MAX_DEPENDENCIES + 1).collect();
    let large = Task { args, ..task(0, &[]) };
    let wide = Task { dependencies, ..task(1, &[]) };
    for (number, task, expected) in [(0, large, "scatter"), (1, wide, "combine")] {
        let out = bench.on(submit(&[task]));
        let [Effect::Settled { key: of, settled: Settled::Erred { blame, failure } }] = &out[..]
        else {
            panic!("{out:?}")
        };
        let Failure::Rejected { reason } = &**failure else { panic!("{failure:?}") };
        assert!(
            *of == key(number) && *blame == key(number) && reason.contains(expected),
            "{out:?}"
        );
    }
    // The scheduler knows nothing of it, whatever it says, and is told nothing.
    bench.hear(peer(1));
    assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
    assert_eq!(bench.hear(SchedulerToClient::Recomputing { key: key(0) }), []);
    bench.on(Event::Cancel { keys: vec![key(0)], force: false });
    bench.on(release(0));
    bench.on(release(1));
    assert_eq!((bench.flush(), bench.client.futures()), (vec![], 0));
}

#[test]
fn a_key_is_submitted_once_and_released_when_its_last_handle_goes() {
    let mut bench = Bench::with(&[0]);
    assert_eq!(bench.on(submit(&[task(0, &[])])), []);
    assert_eq!(bench.flush(), []);
    assert_eq!(bench.on(release(0)), []);
    assert_eq!((bench.flush(), bench.client.futures()), (vec![], 1));
    assert_eq!(bench.on(release(0)), []);
    assert_eq!(bench.client.futures(), 0);
    assert_eq!(bench.on(release(0)), []);
    assert_eq!(bench.flush(), [releases(&[0])]);
    assert_eq!(bench.flush(), []);
    assert_eq!(bench.on(release(0)), []);
    assert_eq!(bench.flush(), []);
}

#[test]
fn a_further_handle_is_told_how_the_key_ended() {
    let mut bench = Bench::with(&[0, 1]);
    assert_eq!(bench.hear(inline(0, 1, 1)), [settled(0, 1, Some(small()))]);
    bench.hear(erred(1, 1, "gone"));
    assert_eq!(bench.on(Event::Await { key: key(0) }), []);
    // The value is not kept here: whoever wants it now asks the worker.
    let again = [settled(0, 1, None), settled_erred(1, 1, &failure("gone"))];
    assert_eq!(bench.on(submit(&[task(0, &[]), task(1, &[])])), again);
    assert_eq!(bench.on(Event::Await { key: key(0) }), [fetch(0, 1, 1)]);
    assert_eq!(bench.flush(), []);
}

#[test]
fn what_is_released_before_it_left_leaves_all_the_same() {
    let mut bench = Bench::new();
    for number in [0, 1, 2] {
        bench.on(submit(&[task(number, &[])]));
        bench.on(release(number));
    }
    assert_eq!(bench.client.futures(), 0);
    // Releases go last, so that they do not cut the tasks into small messages.
    assert_eq!(
        bench.flush(),
        [
            define(0, spec("f")),
            submission(0, (0_u32..3).map(|n| new_task(u64::from(n), n, &[])).collect()),
            releases(&[0, 1, 2]),
        ]
    );
}

#[test]
fn a_key_that_is_submitted_again_is_released_before() {
    let mut bench = Bench::with(&[0, 1]);
    bench.hear(erred(0, 0, "first life"));
    bench.on(release(1));
    bench.on(release(0));
    bench.on(submit(&[task(2, &[])]));
    assert_eq!(bench.on(submit(&[task(0, &[])])), []);
    bench.on(release(2));
    bench.on(release(0));
    bench.on(submit(&[task(0, &[])]));
    assert_eq!(
        bench.flush(),
        [
            submission(1, vec![new_task(2, 0, &[])]),
            releases(&[1, 0]),
            submission(1, vec![new_task(0, 1, &[])]),
            releases(&[2, 0]),
            submission(1, vec![new_task(0, 2, &[])]),
        ]
    );
    assert_eq!(bench.client.futures(), 1);
}

#[test]
fn scattered_data_is_a_task_that_receives_its_value() {
    let mut bench = Bench::new();
    assert_eq!(bench.on(Event::Scatter { key: key(0) }), []);
    bench.on(submit(&[task(1, &[0])]));
    let function =
        Function { runtime: Runtime::Receive, name: "receive".to_owned(), ..Function::default() };
    assert_eq!(
        bench.flush(),
        [
            define(0, TaskSpec { function, ..TaskSpec::default() }),
            submission(0, vec![new_task(0, 0, &[])]),
            define(1, spec("f")),
            submission(0, vec![NewTask { spec: SpecId(1), ..new_task(1, 1, &[0]) }]),
        ]
    );
}

#[test]
fn what_is_said_keeps_its_order() {
    let mut bench = Bench::with(&[0, 1]);
    bench.on(release(1));
    bench.on(Event::Cancel { keys: vec![key(0), key(1), key(7)], force: false });
    bench.on(Event::Cancel { keys: vec![key(7)], force: false });
    bench.on(submit(&[task(2, &[0])]));
    bench.on(Event::Query { id: 3, query: Query::Explain(key(2)) });
    bench.on(submit(&[task(3, &[])]));
    assert_eq!(
        bench.flush(),
        [
            ClientMessage::Cancel { keys: vec![key(0)], force: false },
            submission(1, vec![new_task(2, 0, &[0])]),
            ClientMessage::Query { id: 3, query: Query::Explain(key(2)) },
            submission(1, vec![new_task(3, 1, &[])]),
            releases(&[1]),
        ]
    );
}

impl Bench {
    /// As `on(release(number))`, without the check, which is linear.
    fn client_release(&mut self, number: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        self.client.handle(self.now, release(number), &mut out);
        out
    }
}
