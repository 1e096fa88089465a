//! A case reads what it prints, and says what is wrong with a text that is not one.

use proptest::prelude::*;
use raddle_core::scheduler::Policy;
use raddle_net::names::{Key, Session};
use raddle_sim::{
    Body, Case, DiskFault, Fields, Latency, Limits, Mix, Moment, Op, ParseError, Place, Plan,
    Question, Step, Target, TaskDef, Wish,
};

fn keys() -> impl Strategy<Value = Key> {
    prop_oneof![
        any::<u128>().prop_map(Key::hashed),
        (any::<u64>(), any::<u64>()).prop_map(|(s, n)| Key::numbered(Session::truncate(s), n)),
    ]
}

fn tasks(scattered: bool) -> impl Strategy<Value = TaskDef> {
    let body = any::<(u64, u32, u32, u8, u8, bool, u8)>();
    let body = body.prop_map(|(salt, nbytes, micros, failures, children, poison, reschedules)| {
        Body { salt, nbytes, micros, failures, children, poison, reschedules }
    });
    let dependencies = prop::collection::vec(keys(), 0..3);
    (keys(), dependencies, body, any::<u32>(), any::<i32>(), fields()).prop_map(
        move |(key, dependencies, body, retries, priority, fields)| TaskDef {
            key,
            dependencies,
            body,
            retries,
            priority,
            scattered,
            fields,
        },
    )
}

fn fields() -> impl Strategy<Value = Fields> {
    let target = prop_oneof![
        any::<u32>().prop_map(Target::Address),
        any::<u32>().prop_map(Target::Host),
        any::<u32>().prop_map(Target::Name),
    ];
    let numbers = any::<(u64, u64, u64, bool, bool)>();
    (prop::collection::vec(target, 0..3), numbers).prop_map(|(workers, numbers)| {
        let (gpu, limit, expected, once, allow_others) = numbers;
        Fields { workers, allow_others, gpu, limit, expected, once }
    })
}

fn ops() -> impl Strategy<Value = Op> {
    let some = || prop::collection::vec(keys(), 0..4);
    let client = 0..3_usize;
    prop_oneof![
        (client.clone(), some()).prop_map(|(client, keys)| Op::Cancel(client, keys)),
        (prop::sample::select(&Moment::ALL), any::<u64>()).prop_map(|(m, n)| Op::Ambush(m, n)),
        (places(), places(), any::<u64>()).prop_map(|(from, to, n)| Op::Clog(from, to, n)),
        (places(), any::<(u64, u64)>())
            .prop_map(|(at, (noticed, away))| Op::Cut(at, noticed, away)),
        any::<(usize, u64)>().prop_map(|(worker, n)| Op::Disk(worker, DiskFault::Full(n))),
        any::<usize>().prop_map(|worker| Op::Disk(worker, DiskFault::Gone)),
        client.clone().prop_map(Op::Goodbye),
        client.clone().prop_map(Op::Vanish),
        any::<u32>().prop_map(Op::Join),
        any::<usize>().prop_map(Op::Kill),
        any::<usize>().prop_map(Op::Leave),
        any::<u64>().prop_map(Op::Meddle),
        any::<(usize, u64)>().prop_map(|(worker, micros)| Op::Pause(worker, micros)),
        (client.clone(), questions()).prop_map(|(client, asks)| Op::Query(client, asks)),
        (client.clone(), some()).prop_map(|(client, keys)| Op::Release(client, keys)),
        (client.clone(), tasks(true)).prop_map(|(client, task)| Op::Scatter(client, task)),
        (client.clone(), prop::collection::vec(tasks(false), 0..3))
            .prop_map(|(client, tasks)| Op::Submit(client, tasks)),
        (client, wishes()).prop_map(|(client, wish)| Op::Wish(client, wish)),
    ]
}

fn wishes() -> impl Strategy<Value = Wish> {
    let some = || prop::collection::vec(keys(), 0..4);
    prop_oneof![
        some().prop_map(Wish::Detach),
        some().prop_map(Wish::Force),
        (any::<u64>(), some()).prop_map(|(name, keys)| Wish::Publish(name, keys)),
        some().prop_map(Wish::Retry),
        any::<u64>().prop_map(Wish::Take),
        any::<u64>().prop_map(Wish::Unpublish),
    ]
}

fn places() -> impl Strategy<Value = Place> {
    prop_oneof![
        (0..3_usize).prop_map(Place::Client),
        Just(Place::Scheduler),
        any::<usize>().prop_map(Place::Worker),
    ]
}

fn questions() -> impl Strategy<Value = Question> {
    prop_oneof![
        (keys(), any::<u32>()).prop_map(|(key, copies)| Question::Copies(key, copies)),
        keys().prop_map(Question::Explain),
        Just(Question::Events),
        Just(Question::Info),
        Just(Question::Say),
        Just(Question::Rebalance),
        any::<(usize, bool)>().prop_map(|(worker, rests)| Question::Rest(worker, rests)),
        any::<usize>().prop_map(Question::Retire),
        Just(Question::Workers),
    ]
}

fn latencies() -> impl Strategy<Value = Latency> {
    prop_oneof![
        any::<u64>().prop_map(Latency::Constant),
        any::<(u64, u64)>().prop_map(|(from, to)| Latency::Uniform(from, to)),
        any::<(u64, u64, u64)>().prop_map(|(fast, slow, per_mille)| Latency::Bimodal {
            fast,
            slow,
            per_mille
        }),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    let steps = (any::<u32>(), any::<u64>(), ops()).prop_map(|(id, at, op)| Step { id, at, op });
    let steps = prop::collection::vec(steps, 0..6);
    let workers = prop::collection::vec(any::<u32>(), 0..4);
    let numbers = any::<(u64, u64, u64, usize, u64)>();
    let amounts = || prop::collection::vec(any::<u64>(), 0..3);
    let limits = (any::<(u64, usize)>(), amounts())
        .prop_map(|((starve, quota), declared)| Limits { starve, quota, declared });
    let amounts = (amounts(), amounts(), limits);
    (workers, latencies(), numbers, amounts, steps).prop_map(
        |(workers, latency, numbers, (gpus, memory, limits), ops)| {
            let (bandwidth, grace, knobs, serves, patience) = numbers;
            Plan {
                workers,
                clients: 3,
                latency,
                bandwidth,
                grace,
                knobs,
                serves,
                patience,
                gpus,
                memory,
                limits,
                ops,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_plan_reads_what_it_prints(plan in plans()) {
        prop_assert_eq!(plan.to_string().parse(), Ok(plan));
    }

    #[test]
    fn no_text_is_too_strange(text in "(\\PC{0,12}[ \n]){0,12}") {
        let read = text.parse::<Case>();
        prop_assert!(read.is_err() || text.contains("seed"));
    }
}

#[test]
fn a_case_reads_what_it_prints() {
    let mix = Mix { tasks: 200, faults: true, bodies: true, swarm: true };
    for seed in 0..20 {
        let (story, policy) = ("Once.\nUpon a time.".to_owned(), Policy::Random);
        let case = Case { story, seed, policy, plant: None, plan: Plan::from_seed(seed, mix) };
        assert_eq!(case.to_string().parse(), Ok(case));
    }
}

#[test]
fn a_story_ends_with_its_last_word() {
    let text = "# Once.\n#\n# Twice.\n#\nseed 1\npolicy random\n";
    let case: Case = text.parse().unwrap();
    assert_eq!(case.story, "Once.\n\nTwice.");
    assert_eq!(case.to_string().parse(), Ok(case));
}

#[test]
fn a_wrong_text_is_told_where_it_is_wrong() {
    let word = |line, word: &str, expected| {
        Err(ParseError::Word { line, word: word.to_owned(), expected })
    };
    let read = |text: &str| text.parse::<Plan>().map(|_| ());
    assert_eq!(read("workers 1 x"), word(1, "x", "a number of threads"));
    assert_eq!(read("clients 1\n\n1 @0 jump"), word(3, "jump", "an operation"));
    assert_eq!(read("clients 1\n1 @0 submit 1"), word(2, "1", "the number of a client, from 0"));
    assert_eq!(
        read("1 @0 join"),
        Err(ParseError::Missing { line: 1, expected: "a number of threads" })
    );
    let fewer = read("clients 2\n1 @0 vanish 1\nclients 1");
    assert_eq!(fewer, word(3, "clients", "an operation"));
    assert_eq!(read("1 @0 join 2 3"), Err(ParseError::TooMuch { line: 1, word: "3".to_owned() }));
    assert_eq!(
        read("  1-1 nbytes=8"),
        Err(ParseError::TooMuch { line: 1, word: "1-1".to_owned() })
    );
    let case = "seed 1\nworkers 1".parse::<Case>();
    assert_eq!(case, Err(ParseError::Missing { line: 2, expected: "a policy" }));
}
