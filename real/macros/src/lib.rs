//! The attributes of raddle: `#[raddle::task]` and `#[raddle::main]`.
//!
//! Use them through the crate `raddle`; what they expand to names only `::raddle::__private`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "kinds of types and patterns are many; those that make a difference are named"
)]

mod entry;
mod options;
mod parameter;
mod task;

use proc_macro::TokenStream;

/// Makes a function a task.
///
/// Calling the function then runs nothing: it gives a `Call`, which a client submits. The function
/// itself is `name::run`. Every program with this function in it can run the task as a worker.
///
/// - Parameters are values, `&T`, `&str` or `&[T]`; what may be passed for each is said at
///   `IntoArg`. A first parameter `ctx: TaskContext` or `ctx: &TaskContext` is not an argument: the
///   worker provides it.
/// - The result is a value, or a `Result<T, E>` for any error `E` that is an
///   `Into<Box<dyn Error + Send + Sync>>`; `Err` fails the task. It is the name `Result` that counts:
///   a type alias must have it, too, and its first parameter must be the value.
/// - The function may be `async`, and may be declared within another function. It may not be generic.
/// - A crate of which nothing is named in code is not linked, and its tasks are not there: write
///   `use that_crate as _;`.
///
/// Attributes:
///
/// - `name = "..."`: the name on the wire. By default it is the path of the function, so moving the
///   function makes it another task.
/// - `priority = 5`, `retries = 2`: as the methods of `Call`, for every call.
/// - `pure`: the result depends on nothing but the arguments; equal calls are one task.
#[proc_macro_attribute]
pub fn task(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = task::expand(attributes.into(), item.into());
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes `async fn main` the `main` of a program that is also its own worker.
///
/// It serves and never returns if the program was started as a worker (`raddle::init`). Otherwise it
/// runs the function on a multi-thread runtime of tokio, with time and I/O.
#[proc_macro_attribute]
pub fn main(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = entry::expand(attributes.into(), item.into());
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}
