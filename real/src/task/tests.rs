//! Tasks as their macro makes them, run without a cluster.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use raddle_net::messages::FunctionName;
use raddle_net::names::KeyKind;
use serde::{Deserialize, Serialize};

use super::fixture::{KEY, futures, run};
use super::*;
use crate::call::Call;
use crate::future::TaskFuture;
use crate::{fingerprint, registry};

/// Adds.
#[raddle::task]
pub fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[raddle::task(name = "measure", priority = -3, retries = 2)]
fn lengths(text: &str, numbers: &[u32], map: &BTreeMap<u8, u8>, mut rest: Vec<u64>) -> [u64; 4] {
    rest.push(0);
    [text.len() as u64, numbers.len() as u64, map.len() as u64, rest.len() as u64]
}

#[raddle::task]
fn parse(s: &str) -> Result<f64, std::num::ParseFloatError> {
    s.trim().parse()
}

#[raddle::task]
async fn greet(ctx: TaskContext, (first, second): (String, String), times: &usize) -> String {
    std::future::ready(()).await;
    format!("{} {first} {second}", ctx.key()).repeat(*times)
}

#[raddle::task]
fn whoami(ctx: &TaskContext) -> io::Result<Key> {
    Ok(ctx.key())
}

#[raddle::task]
fn nothing() {}

#[raddle::task(pure)]
fn double(x: u64) -> u64 {
    2 * x
}

#[raddle::task]
fn pass_on(error: u8) -> raddle::Result<()> {
    let root = TaskError::Failed {
        message: "the root".into(),
        chain: Vec::new(),
        panic: true,
        location: None,
        worker: "tcp://root:1".into(),
        attempts: 3,
        blame: Key::hashed(5),
    };
    Err(match error {
        0 => raddle::Error::Task(root),
        _ => io::Error::other(root).into(),
    })
}

#[raddle::task]
fn pass_on_plainly() -> Result<u8, TaskError> {
    Err(TaskError::TimedOut)
}

#[raddle::task]
fn fail_in_words() -> Result<u8, &'static str> {
    Err("in words")
}

fn number<T: TaskValue>(value: T) -> Arc<Value> {
    Arc::new(Value::new(value))
}

fn value_of<T: TaskValue>(call: Call<T>, inputs: Vec<Arc<Value>>) -> T {
    run(call, inputs).unwrap().take().unwrap()
}

fn failure_of<T>(call: Call<T>) -> (Option<Key>, Failure) {
    run(call, Vec::new()).unwrap_err().into_failure("tcp://here:1")
}

fn failed(message: &str, chain: &[&str]) -> Failure {
    Failure::Failed {
        message: message.into(),
        chain: chain.iter().map(|text| (*text).to_owned()).collect(),
        panic: false,
        location: None,
        worker: "tcp://here:1".into(),
        attempts: 1,
    }
}

#[test]
fn a_call_runs_elsewhere_and_the_function_here() {
    assert_eq!(value_of(add(1, 2), Vec::new()), 3);
    assert_eq!(add::run(1, 2), 3);
    let calls: Vec<Call<u64>> = (0..3).map(|i| add(i, 1)).collect();
    assert_eq!(format!("{calls:?}").matches("::add, 4 bytes)").count(), 3);
}

#[test]
fn a_future_is_an_argument() {
    let [x] = futures::<u64, 1>();
    assert_eq!(value_of(add(&x, 10), vec![number(5_u64)]), 15);
    assert_eq!(value_of(add(&x, x.clone()), vec![number(5_u64)]), 10);
}

#[test]
fn parameters_are_borrowed_from_what_is_passed_in_any_form() {
    let map = BTreeMap::from([(1_u8, 2_u8)]);
    let lengths_of = |text: &str| lengths(text, [1, 2], &map, vec![7]);
    assert_eq!(value_of(lengths_of("abc"), Vec::new()), [3, 2, 1, 2]);
    let ([text], [numbers]) = (futures::<String, 1>(), futures::<Vec<u32>, 1>());
    let inputs = vec![number("four".to_owned())];
    assert_eq!(value_of(lengths(text, &[] as &[u32], map.clone(), [7; 3]), inputs), [4, 0, 1, 4]);
    let call = lengths(String::new(), numbers, map.clone(), futures::<u64, 0>());
    assert_eq!(value_of(call, vec![number(vec![1_u32])]), [0, 1, 1, 1]);
    assert_eq!(lengths::run("a", &[], &map, vec![]), [1, 0, 1, 1]);
}

#[test]
fn bytes_are_borrowed_without_a_copy_from_whatever_they_are_kept_as() {
    #[raddle::task]
    fn place(data: &[u8]) -> (usize, usize) {
        (data.as_ptr() as usize, data.len())
    }
    let (vector, bytes) = (vec![1_u8; 100], Bytes::from(vec![2_u8; 200]));
    let expected = [vector.as_ptr() as usize, bytes.as_ptr() as usize, bytes.as_ptr() as usize];
    let raw = fingerprint::value_type::<Bytes>();
    let arrived = Arc::new(Value::from_bytes(raw, bytes.clone()));
    let found = [number(vector), number(bytes), arrived].map(|kept| {
        let [future] = futures::<Vec<u8>, 1>();
        value_of(place(future), vec![kept]).0
    });
    assert_eq!(found, expected);
    assert_eq!(value_of(place([1, 2, 3]), Vec::new()).1, 3);
    let [one, two] = futures::<u8, 2>();
    assert_eq!(value_of(place([one, two]), vec![number(1_u8), number(2_u8)]).1, 2);
    let [wrong] = futures::<Vec<u8>, 1>();
    assert!(run(place(wrong), vec![number("text".to_owned())]).is_err());
}

#[test]
fn an_async_task_has_its_context() {
    let call = greet(("a".to_owned(), "b".to_owned()), 2);
    assert_eq!(value_of(call, Vec::new()), format!("{KEY} a b").repeat(2));
    assert_eq!(value_of(whoami(), Vec::new()), KEY);
    value_of(nothing(), Vec::new());
}

#[test]
fn an_error_fails_the_task_with_its_message_and_sources() {
    assert_eq!(value_of(parse(" 1.5 "), Vec::new()), 1.5);
    assert_eq!(failure_of(parse("x")), (None, failed("invalid float literal", &[])));
    assert_eq!(failure_of(fail_in_words()), (None, failed("in words", &[])));
    let text =
        "task h-00000000000000000000000000000005 panicked on tcp://root:1 (attempt 3): the root";
    assert_eq!(failure_of(pass_on(1)).1, failed(text, &[]));
}

#[test]
fn the_error_of_another_task_keeps_its_root() {
    let root = Failure::Failed {
        message: "the root".into(),
        chain: Vec::new(),
        panic: true,
        location: None,
        worker: "tcp://root:1".into(),
        attempts: 3,
    };
    assert_eq!(failure_of(pass_on(0)), (Some(Key::hashed(5)), root));
    assert_eq!(failure_of(pass_on_plainly()), (None, Failure::TimedOut));
}

#[test]
fn an_input_of_another_type_is_an_error_that_names_both() {
    let [x] = futures::<u64, 1>();
    let result = run(add(x, 1), vec![number("five".to_owned())]);
    let failure =
        Failure::Decode { expected: "a `u64`".into(), found: "a `alloc::string::String`".into() };
    assert_eq!(result.unwrap_err().into_failure("tcp://here:1"), (None, failure));
}

#[test]
fn tasks_may_be_declared_in_functions_and_take_their_items() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i32,
    }
    const STEP: i32 = 4;

    #[raddle::task]
    fn shift(point: Point, data: Bytes) -> (Point, Bytes) {
        (Point { x: point.x + STEP }, data)
    }

    let data = Bytes::from(vec![1_u8; 200]);
    let [later] = futures::<Bytes, 1>();
    let call = shift(Point { x: 1 }, later);
    let (point, same) = value_of(call, vec![number(data.clone())]);
    assert_eq!((point, same.as_ptr()), (Point { x: 5 }, data.as_ptr()));
}

#[test]
fn tasks_of_one_name_in_different_functions_are_different() {
    fn one() -> Call<u8> {
        #[raddle::task]
        fn same() -> u8 {
            1
        }
        same()
    }
    fn two() -> Call<u8> {
        #[raddle::task]
        fn same() -> u8 {
            2
        }
        same()
    }
    assert_eq!([value_of(one(), Vec::new()), value_of(two(), Vec::new())], [1, 2]);
}

#[test]
fn a_call_carries_what_its_attribute_and_its_methods_say() {
    let plain = lengths("", [1], BTreeMap::from([(1, 1)]), vec![1]).into_parts();
    assert_eq!((plain.priority, plain.key, plain.spec.options.retries), (-3, None, 2));
    assert_eq!(plain.spec.function.name, "measure");
    assert!(Arc::ptr_eq(&add(1, 2).into_parts().spec, &add(3, 4).priority(1).into_parts().spec));

    let call = add(1, 2).priority(5).retries(7).workers(["w1"]).allowed_failures(0).key("sum");
    let parts = call.into_parts();
    let options = raddle_net::messages::TaskOptions {
        allowed_failures: Some(0),
        retries: 7,
        workers: vec!["w1".into()],
        ..raddle_net::messages::TaskOptions::default()
    };
    assert_eq!((parts.priority, &parts.spec.options), (5, &options));
    assert_eq!(parts.spec.function, add(1, 2).into_parts().spec.function);
    assert_eq!(parts.key, add(3, 4).key("sum").into_parts().key);
    assert_ne!(parts.key, add(1, 2).key("another").into_parts().key);
    assert!(matches!(parts.key.map(Key::kind), Some(KeyKind::Hashed(_))));
}

#[test]
fn equal_pure_calls_have_one_key() {
    let key = |call: Call<u64>| call.into_parts().key;
    let [x, y] = futures::<u64, 2>();
    assert_eq!((key(add(1, 2)), key(double(1)).is_some()), (None, true));
    let all =
        [key(double(1)), key(double(2)), key(double(&x)), key(double(&y)), key(add(1, 2).pure())];
    let again =
        [key(double(1)), key(double(2)), key(double(x)), key(double(y)), key(add(1, 2).pure())];
    assert_eq!(all, again);
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one));
    }
    assert_eq!(key(double(1).key("mine")), key(add(1, 2).key("mine")));
}

#[test]
fn a_task_is_found_by_name_and_signature() {
    let name = concat!(module_path!(), "::add");
    let number = fingerprint::value_type::<u64>();
    let signature = fingerprint::signature(&[number, number], number);
    let entry = registry::find(name, signature).unwrap();
    assert_eq!((entry.name(), entry.signature()), (name, signature));
    assert!(registry::find(name, signature + 1).is_none());
    assert!(registry::find("add", signature).is_none());
    let functions = registry::functions();
    assert!(functions.contains(&FunctionName { name: name.into(), signature }));
    assert!(functions.is_sorted());
}

#[test]
fn a_call_of_a_task_in_a_list_of_futures_is_typed() {
    #[raddle::task]
    fn total(xs: Vec<u64>) -> u64 {
        xs.iter().sum()
    }
    let many: Vec<TaskFuture<u64>> = futures::<u64, 3>().to_vec();
    assert_eq!(value_of(total(many), vec![number(1_u64), number(2_u64), number(3_u64)]), 6);
    assert_eq!(value_of(total(vec![1, 2]), Vec::new()), 3);
}
