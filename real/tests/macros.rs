//! What `#[raddle::task]` expands to fits into crates with strict lints, in every place where a
//! function may stand.

#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub, unused, warnings, clippy::pedantic)]

use raddle::prelude::*;

pub mod shapes {
    //! Tasks of different visibility.

    use std::fmt;

    use raddle::TaskContext;

    /// Squares.
    #[raddle::task]
    #[must_use]
    pub fn square(x: i64) -> i64 {
        helper(x) * x
    }

    /// A helper is an ordinary function.
    fn helper(x: i64) -> i64 {
        x
    }

    #[raddle::task(name = "shapes/cube", retries = 1)]
    pub(crate) async fn cube(ctx: &TaskContext, x: i64) -> Result<i64, Box<fmt::Error>> {
        if ctx.cancelled() {
            Err(Box::new(fmt::Error))
        } else {
            Ok(std::future::ready(square::run(x)).await * x)
        }
    }

    #[raddle::task]
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn check() -> fmt::Result {
        Ok(())
    }
}

use shapes::{check, cube, square};

/// Names that an expansion might use itself.
#[raddle::task]
fn names(arguments: u8, reader: &str, context: Vec<u8>, r#type: Option<u8>) -> (u8, usize) {
    const ENTRY: u8 = 5;
    (arguments + ENTRY + r#type.unwrap_or(0), reader.len() + context.len())
}

#[raddle::task]
fn r#match(_: u8, (a, mut b): (u8, u8)) -> Vec<u8> {
    b += 1;
    vec![a, b]
}

#[test]
fn a_task_is_called_run_and_imported_by_one_name() {
    assert_eq!(square::run(-3), 9);
    assert_eq!(check::run(), Ok(()));
    let call: Call<i64> = cube(square_of_two());
    assert_eq!(format!("{call:?}"), "Call(shapes/cube, 2 bytes)");
    assert_eq!(format!("{:?}", check()), "Call(macros::shapes::check, 0 bytes)");
}

fn square_of_two() -> i64 {
    square::run(2)
}

#[test]
fn names_of_parameters_are_free() {
    assert_eq!(names::run(1, "ab", vec![0], Some(2)), (8, 3));
    let call: Call<(u8, usize)> = names(1, "ab", [0], Some(2));
    assert!(format!("{call:?}").starts_with("Call(macros::names, "));
    assert_eq!(r#match::run(0, (1, 2)), [1, 3]);
    let call: Call<Vec<u8>> = r#match(0, (1, 2));
    assert!(format!("{call:?}").starts_with("Call(macros::match, "));
}

#[test]
fn a_task_in_a_function_sees_the_items_around_it_and_calls_itself() {
    const BASE: u64 = 1;
    const FACTORIAL: &str = "Call(macros::a_task_in_a_function_sees_the_items_around_it_and_calls_itself::factorial, 2 bytes)";

    #[raddle::task]
    async fn factorial(ctx: TaskContext, n: u64) -> Result<u64, TaskError> {
        if n == 0 { Ok(BASE) } else { Ok(n * ctx.submit(factorial(n - 1)).await?) }
    }

    assert_eq!(format!("{:?}", factorial(3)), FACTORIAL);
}
