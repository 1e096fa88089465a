//! Arguments of tasks, on the caller's side: what may be passed where, and how it is written.
//!
//! Each argument is a tree of nodes. A node is a number, its kind in the lower three bits, and what
//! the kind says:
//!
//! | kind | the rest of the number | what follows |
//! |---|---|---|
//! | 0 inline | length in bytes | a value, in the format of its type |
//! | 1 input | which dependency | nothing |
//! | 2 list | how many | that many nodes |
//! | 3 option | 0: none, 1: some | none or one node |
//! | 4 map | how many | per entry an inline node, its key, and one node |
//! | 5 mark | 1: inputs are named more than once; 2: there are futures; 3: both | nothing: if it is there, it is before the first argument |
//! | 6 future | 0 | the key of a future |
//!
//! This module must not know who runs a task, nor what the arguments mean.

mod reader;
#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "as the expansion has it, for any type")]
mod tests;

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_net::codec;
use raddle_net::error::EncodeError;
use raddle_net::limits::SCATTER_ARGS;
use raddle_net::names::Key;
use raddle_net::payload::ValueType;
use serde::Serialize;

use crate::fingerprint::{self, KeyHasher};
use crate::future::{FutureHandle, TaskFuture};
use crate::value::{self, TaskValue, Value};

pub use self::reader::{
    ArgReader, Borrowed, BorrowedBytes, Param, TakeByClone, TakeByDecode, TakeParts,
    TakePartsByClone,
};

/// The mark that inputs are named more than once.
const SHARED: usize = 1;
/// The mark that there are futures.
const FUTURES: usize = 2;

/// Dependencies up to which looking for a known one is a walk through all.
const FEW: usize = 16;

/// What can be passed to a task where its parameter is a `P`.
///
/// - a `P`, or a reference to one, which is then written without being cloned,
/// - a `TaskFuture<P>`, or a reference to one: the task runs when the value is there,
/// - for a `Vec<T>` also a slice or an array of `T`, and a vector, slice or array of
///   `TaskFuture<T>`,
/// - for an `Option<T>` also an `Option<TaskFuture<T>>`, for a `BTreeMap<K, T>` also a
///   `BTreeMap<K, TaskFuture<T>>`,
/// - for a `String` also a `&str`,
/// - for a `TaskFuture<T>` another one: then it is the future that travels, and the task decides what
///   to do with it. It is wanted for as long as the program holds the future of that task.
///
/// A value of more than 64 KiB is scattered: it travels once to a worker, and not with each task that
/// has it; if that worker dies, tasks that still need it fail with
/// [`TaskError::Lost`](crate::TaskError::Lost).
///
/// A parameter `&T` is a `T` here, `&str` is a `String`, and `&[T]` is a `Vec<T>`. Where the type of
/// an empty argument cannot be found out, write it: `None::<u64>`, `Vec::<u64>::new()`.
///
/// ```
/// use raddle::prelude::*;
///
/// #[raddle::task]
/// fn total(xs: &[u64], label: &str) -> String {
///     format!("{label}: {}", xs.iter().sum::<u64>())
/// }
///
/// fn calls(one: TaskFuture<Vec<u64>>, many: Vec<TaskFuture<u64>>) -> [Call<String>; 4] {
///     [total([1, 2], "now"), total(vec![3], "now"), total(&one, "later"), total(many, "later")]
/// }
///
/// /// Begins at once, and waits for the number only if it must.
/// #[raddle::task]
/// async fn or_stop(number: TaskFuture<u64>, stop: bool) -> Result<u64, TaskError> {
///     if stop {
///         number.cancel();
///         return Ok(0);
///     }
///     number.await
/// }
///
/// fn call(number: &TaskFuture<u64>) -> Call<u64> {
///     or_stop(number, true)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed to a task where `{P}` is expected",
    label = "expected `{P}` or `TaskFuture<{P}>`",
    note = "pass a `{P}`, a reference to one, or the `TaskFuture<{P}>` that `submit` returned"
)]
pub trait IntoArg<P> {
    /// Writes the argument.
    #[doc(hidden)]
    fn write(self, to: &mut ArgWriter);
}

impl<T: TaskValue> IntoArg<T> for T {
    fn write(self, to: &mut ArgWriter) {
        to.inline(&self);
    }
}

impl<T: TaskValue> IntoArg<T> for &T {
    fn write(self, to: &mut ArgWriter) {
        to.inline(self);
    }
}

impl IntoArg<String> for &str {
    fn write(self, to: &mut ArgWriter) {
        // A string and its slice are the same bytes.
        to.whole::<String>(|bytes| codec::encode(self, bytes));
    }
}

impl<T: TaskValue> IntoArg<Vec<T>> for &[T] {
    fn write(self, to: &mut ArgWriter) {
        to.whole::<Vec<T>>(|bytes| append_slice(self, bytes));
    }
}

impl<T: TaskValue, const N: usize> IntoArg<Vec<T>> for [T; N] {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T: TaskValue, const N: usize> IntoArg<Vec<T>> for &[T; N] {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T> IntoArg<T> for TaskFuture<T> {
    fn write(self, to: &mut ArgWriter) {
        to.input(self.handle());
    }
}

impl<T> IntoArg<T> for &TaskFuture<T> {
    fn write(self, to: &mut ArgWriter) {
        to.input(self.handle());
    }
}

impl<T> IntoArg<Self> for TaskFuture<T> {
    fn write(self, to: &mut ArgWriter) {
        to.future(self.handle());
    }
}

impl<T> IntoArg<TaskFuture<T>> for &TaskFuture<T> {
    fn write(self, to: &mut ArgWriter) {
        to.future(self.handle());
    }
}

impl<T> IntoArg<Vec<T>> for &[TaskFuture<T>] {
    fn write(self, to: &mut ArgWriter) {
        to.inputs(self.iter().map(TaskFuture::handle));
    }
}

impl<T> IntoArg<Vec<T>> for Vec<TaskFuture<T>> {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T> IntoArg<Vec<T>> for &Vec<TaskFuture<T>> {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T, const N: usize> IntoArg<Vec<T>> for [TaskFuture<T>; N] {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T, const N: usize> IntoArg<Vec<T>> for &[TaskFuture<T>; N] {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T> IntoArg<Option<T>> for Option<TaskFuture<T>> {
    fn write(self, to: &mut ArgWriter) {
        to.head(Node::Option, usize::from(self.is_some()));
        if let Some(future) = self {
            to.input(future.handle());
        }
    }
}

impl<K: TaskValue + Ord, T> IntoArg<BTreeMap<K, T>> for BTreeMap<K, TaskFuture<T>> {
    fn write(self, to: &mut ArgWriter) {
        to.head(Node::Map, self.len());
        for (key, future) in &self {
            to.inline(key);
            to.input(future.handle());
        }
    }
}

/// A kind of node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Inline = 0,
    Input = 1,
    List = 2,
    Option = 3,
    Map = 4,
    Mark = 5,
    Future = 6,
}

impl Node {
    const BITS: u32 = 3;

    const fn of(number: u64) -> Option<(Self, u64)> {
        let kind = match number & ((1 << Self::BITS) - 1) {
            0 => Self::Inline,
            1 => Self::Input,
            2 => Self::List,
            3 => Self::Option,
            4 => Self::Map,
            5 => Self::Mark,
            6 => Self::Future,
            _ => return None,
        };
        Some((kind, number >> Self::BITS))
    }
}

/// Writes the arguments of one call, in order.
#[derive(Default)]
pub struct ArgWriter {
    bytes: Vec<u8>,
    dependencies: Vec<FutureHandle>,
    /// Where each dependency is, once they are many.
    places: BTreeMap<Key, usize>,
    shared: bool,
    /// What is too large, and which dependency it is.
    data: Vec<(usize, Arc<Value>)>,
    /// What travels itself, not its value.
    futures: Vec<FutureHandle>,
    refused: Option<String>,
}

/// What was written.
pub(crate) struct Written {
    /// The arguments, which name dependencies by position.
    pub(crate) args: Vec<u8>,
    /// Those. What is too large is represented by a placeholder.
    pub(crate) dependencies: Vec<FutureHandle>,
    /// What is too large, and which dependency it is.
    pub(crate) data: Vec<(usize, Arc<Value>)>,
    /// Futures that travel themselves: no values that are waited for.
    pub(crate) futures: Vec<FutureHandle>,
    /// Why it cannot be sent, if so.
    pub(crate) refused: Option<String>,
}

impl ArgWriter {
    /// Nothing written yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the next argument, for a parameter `P`.
    pub fn push<P>(&mut self, argument: impl IntoArg<P>) {
        argument.write(self);
    }

    /// Everything.
    pub(crate) fn finish(mut self) -> Written {
        let has_futures = !self.futures.is_empty();
        if self.shared || has_futures {
            let end = self.bytes.len();
            let marks = [(self.shared, SHARED), (has_futures, FUTURES)];
            let marks = marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).sum();
            self.head(Node::Mark, marks);
            let mark = self.bytes.len() - end;
            self.bytes.rotate_right(mark);
        }
        let Self { bytes: args, dependencies, data, futures, refused, .. } = self;
        Written { args, dependencies, data, futures, refused }
    }

    fn inline<T: TaskValue>(&mut self, value: &T) {
        self.whole::<T>(|bytes| value::append(value, bytes));
    }

    /// A value of type `P` that `append` puts into bytes: here, or if it is large, on a worker.
    fn whole<P: 'static>(&mut self, append: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) {
        let start = self.bytes.len();
        if let Err(error) = append(&mut self.bytes) {
            self.bytes.truncate(start);
            self.refused.get_or_insert_with(|| format!("an argument cannot be sent: {error}"));
        }
        if self.bytes.len() - start > SCATTER_ARGS {
            let bytes = self.bytes.split_off(start);
            return self.data(fingerprint::value_type::<P>(), bytes);
        }
        // The head comes first but knows the length: it is written last and turned to the front.
        let end = self.bytes.len();
        self.head(Node::Inline, end - start);
        let head = self.bytes.len() - end;
        self.bytes[start..].rotate_right(head);
    }

    fn data(&mut self, value_type: ValueType, bytes: Vec<u8>) {
        let mut hasher = KeyHasher::new();
        hasher.write(b"data");
        hasher.write(&value_type.fingerprint.to_le_bytes());
        hasher.write(&bytes);
        let next = self.dependencies.len();
        let place = self.place(&FutureHandle::of_data(Key::hashed(hasher.finish())));
        if place == next {
            let value = Value::from_bytes(value_type, bytes.into());
            self.data.push((place, Arc::new(value)));
        }
        self.head(Node::Input, place);
    }

    /// A list of futures.
    pub(crate) fn inputs<'a>(&mut self, handles: impl ExactSizeIterator<Item = &'a FutureHandle>) {
        self.head(Node::List, handles.len());
        handles.for_each(|handle| self.input(handle));
    }

    /// A future.
    pub(crate) fn input(&mut self, handle: &FutureHandle) {
        let place = self.place(handle);
        self.head(Node::Input, place);
    }

    /// A future that travels itself.
    fn future(&mut self, handle: &FutureHandle) {
        self.head(Node::Future, 0);
        codec::encode(&handle.key(), &mut self.bytes).expect("a key can be encoded");
        self.futures.push(handle.clone());
    }

    /// Where `handle` is among the dependencies; it is appended if it is not.
    fn place(&mut self, handle: &FutureHandle) -> usize {
        let (key, next) = (handle.key(), self.dependencies.len());
        let known = if next <= FEW {
            self.dependencies.iter().position(|known| known.key() == key)
        } else {
            if self.places.is_empty() {
                let keys = self.dependencies.iter().map(FutureHandle::key);
                self.places = keys.zip(0..).collect();
            }
            let place = *self.places.entry(key).or_insert(next);
            (place < next).then_some(place)
        };
        match known {
            Some(place) => {
                self.shared = true;
                place
            }
            None => {
                self.dependencies.push(handle.clone());
                next
            }
        }
    }

    fn head(&mut self, kind: Node, rest: usize) {
        let number = (rest as u64) << Node::BITS | kind as u64;
        codec::encode(&number, &mut self.bytes).expect("a number can be encoded");
    }
}

/// Appends what a `Vec` of the same elements would be.
fn append_slice<T: Serialize + 'static>(
    slice: &[T],
    bytes: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if TypeId::of::<T>() == TypeId::of::<u8>() {
        let raw = slice.iter().filter_map(|byte| (byte as &dyn Any).downcast_ref::<u8>());
        bytes.extend(raw);
        return Ok(());
    }
    codec::encode(slice, bytes)
}
