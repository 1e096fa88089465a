//! Arguments of tasks, on the worker's side: read as the parameters of the function.
//!
//! How a value is taken depends on its type: out of its handle if that is the last, else cloned if the
//! type can be cloned, else decoded; and a vector, an option or a map may come in parts. Stable Rust
//! has no specialisation, but where the type is known, in the expansion of the macro, a method call
//! can choose: `(&&&&Param::<P>::new()).take(reader)` finds the first of [`TakePartsByClone`],
//! [`TakeParts`], [`TakeByClone`], [`TakeByDecode`] that is there for `P`.
//!
//! This module must not know who wrote the arguments: they may be anything.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use raddle_net::codec;
use raddle_net::payload::Blob;

use super::{FUTURES, Node, SHARED};
use crate::error::TaskError;
use crate::future::TaskFuture;
use crate::hub::Hub;
use crate::value::{self, TaskValue, Value};

/// Takes a value out of a handle.
type Take<T> = fn(Arc<Value>) -> Result<T, TaskError>;

/// Reads the arguments of one invocation, in order.
pub struct ArgReader {
    args: Blob,
    /// What of `args` was read.
    at: usize,
    inputs: Vec<Option<Arc<Value>>>,
    /// Inputs are named more than once: none is given away.
    shared: bool,
    /// There are futures, which need a client.
    pub(crate) has_futures: bool,
    /// That of the run.
    pub(crate) hub: Option<Arc<Hub>>,
}

impl ArgReader {
    pub(crate) fn new(args: Blob, inputs: Vec<Arc<Value>>) -> Self {
        let inputs = inputs.into_iter().map(Some).collect();
        let mut reader = Self { args, at: 0, inputs, shared: false, has_futures: false, hub: None };
        let start = reader.at;
        match reader.node() {
            Ok((Node::Mark, marks)) => {
                reader.shared = marks & SHARED as u64 != 0;
                reader.has_futures = marks & FUTURES as u64 != 0;
            }
            // Not the mark, or not even a node: whoever reads the first argument finds out.
            Ok(_) | Err(_) => reader.at = start,
        }
        reader
    }

    /// The next argument, which may stay in its handle.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `P`, or what `take` says.
    pub fn borrow<P: TaskValue>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<P, TaskError>,
    ) -> Result<Borrowed<P>, TaskError> {
        let start = self.at;
        let (Node::Input, place) = self.node()? else {
            self.at = start;
            return take(self).map(|value| Borrowed(Place::Own(value)));
        };
        let value = self.input(place)?;
        let place = match value.borrow::<P>()? {
            Some(_) => Place::Shared(value),
            None => Place::Own(value.decode()?),
        };
        Ok(Borrowed(place))
    }

    /// The next argument, for a parameter `&[u8]`: bytes that travel as they are need not be a vector.
    ///
    /// # Errors
    ///
    /// As [`Self::borrow`].
    pub fn borrow_bytes(&mut self) -> Result<BorrowedBytes, TaskError> {
        let start = self.at;
        let (Node::Input, place) = self.node()? else {
            self.at = start;
            return self
                .list(Value::take, Value::take)
                .map(|bytes| BorrowedBytes(Place::Own(bytes)));
        };
        let value = self.input(place)?;
        let place = match value.raw() {
            Some(_) => Place::Shared(value),
            None => Place::Own(value.decode()?),
        };
        Ok(BorrowedBytes(place))
    }

    /// Says that there are no more arguments.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if there are.
    pub fn finish(self) -> Result<(), TaskError> {
        match self.args.len() - self.at {
            0 => Ok(()),
            left => Err(malformed(format!("{left} bytes more"))),
        }
    }

    fn one<T: TaskValue>(&mut self, take: Take<T>) -> Result<T, TaskError> {
        match self.node()? {
            (Node::Inline, length) => self.inline(length),
            (Node::Input, place) => take(self.input(place)?),
            (kind, _) => Err(value::unexpected::<T>(format!("an argument of kind {kind:?}"))),
        }
    }

    /// The next argument is a future itself.
    fn future<T>(&mut self) -> Result<TaskFuture<T>, TaskError> {
        let (Node::Future, _) = self.node()? else {
            return Err(malformed("no future, where one is expected".to_owned()));
        };
        let mut rest = &self.args[self.at..];
        let key = codec::decode_next(&mut rest).map_err(|error| malformed(error.to_string()))?;
        self.at = self.args.len() - rest.len();
        let Some(hub) = &self.hub else { return Err(malformed("an unmarked future".to_owned())) };
        let handle = hub.adopt(&[key]).pop().expect("one key gives one future");
        Ok(TaskFuture::new(handle))
    }

    /// As [`Self::one`], unless the next node is of this `kind`: then `collect` reads its parts.
    fn parts<T: TaskValue>(
        &mut self,
        kind: Node,
        take: Take<T>,
        collect: impl FnOnce(&mut Self, u64) -> Result<T, TaskError>,
    ) -> Result<T, TaskError> {
        let start = self.at;
        match self.node()? {
            (found, count) if found == kind => collect(self, count),
            _ => {
                self.at = start;
                self.one(take)
            }
        }
    }

    fn list<T: TaskValue>(
        &mut self,
        take_all: Take<Vec<T>>,
        take: Take<T>,
    ) -> Result<Vec<T>, TaskError> {
        self.parts(Node::List, take_all, |reader, count| {
            reader.bounded(count)?;
            (0..count).map(|_| reader.one(take)).collect()
        })
    }

    fn option<T: TaskValue>(
        &mut self,
        take_all: Take<Option<T>>,
        take: Take<T>,
    ) -> Result<Option<T>, TaskError> {
        self.parts(Node::Option, take_all, |reader, some| match some {
            0 => Ok(None),
            _ => reader.one(take).map(Some),
        })
    }

    fn map<K: TaskValue + Ord, T: TaskValue>(
        &mut self,
        take_all: Take<BTreeMap<K, T>>,
        take: Take<T>,
    ) -> Result<BTreeMap<K, T>, TaskError> {
        self.parts(Node::Map, take_all, |reader, count| {
            reader.bounded(count)?;
            (0..count).map(|_| Ok((reader.one(Value::take)?, reader.one(take)?))).collect()
        })
    }

    fn node(&mut self) -> Result<(Node, u64), TaskError> {
        let mut rest = &self.args[self.at..];
        let number = codec::decode_next(&mut rest).map_err(|error| malformed(error.to_string()))?;
        self.at = self.args.len() - rest.len();
        Node::of(number).ok_or_else(|| malformed(format!("node {number}")))
    }

    fn inline<T: TaskValue>(&mut self, length: u64) -> Result<T, TaskError> {
        self.bounded(length)?;
        let end = self.at + length as usize;
        let bytes = &self.args[self.at..end];
        self.at = end;
        value::from_slice(bytes).map_err(value::unexpected::<T>)
    }

    /// Each of `count` parts takes a byte at least.
    fn bounded(&self, count: u64) -> Result<(), TaskError> {
        let left = self.args.len() - self.at;
        match count <= left as u64 {
            true => Ok(()),
            false => Err(malformed(format!("{count} parts in {left} bytes"))),
        }
    }

    fn input(&mut self, place: u64) -> Result<Arc<Value>, TaskError> {
        let input = usize::try_from(place).ok().and_then(|place| self.inputs.get_mut(place));
        let value = input.and_then(|input| if self.shared { input.clone() } else { input.take() });
        value.ok_or_else(|| malformed(format!("input {place}, which is not there")))
    }
}

#[cold]
fn malformed(found: String) -> TaskError {
    TaskError::Decode { expected: "the arguments of the task".into(), found }
}

/// An argument for a parameter that is a reference.
pub struct Borrowed<P>(Place<P>);

enum Place<P> {
    Own(P),
    /// In its handle, in a form that can be borrowed.
    Shared(Arc<Value>),
}

impl<P: TaskValue> Deref for Borrowed<P> {
    type Target = P;

    fn deref(&self) -> &P {
        match &self.0 {
            Place::Own(value) => value,
            Place::Shared(value) => value.get().expect("it was kept as this type when it was read"),
        }
    }
}

/// An argument for a parameter that is `&[u8]`.
pub struct BorrowedBytes(Place<Vec<u8>>);

impl Deref for BorrowedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Own(bytes) => bytes,
            Place::Shared(value) => value.raw().expect("it was raw when it was read"),
        }
    }
}

/// Stands for a parameter that is a `P`.
pub struct Param<P>(PhantomData<fn() -> P>);

impl<P> Param<P> {
    /// It.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is named once, in the expansion")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Takes a value that may come in parts, and each part by [`TakeByClone`].
pub trait TakePartsByClone<P> {
    /// The next argument.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `P`.
    fn take(&self, reader: &mut ArgReader) -> Result<P, TaskError>;
}

impl<T> TakePartsByClone<TaskFuture<T>> for &&&Param<TaskFuture<T>> {
    fn take(&self, reader: &mut ArgReader) -> Result<TaskFuture<T>, TaskError> {
        reader.future()
    }
}

impl<T: TaskValue + Clone> TakePartsByClone<Vec<T>> for &&&Param<Vec<T>> {
    fn take(&self, reader: &mut ArgReader) -> Result<Vec<T>, TaskError> {
        reader.list(Value::take_or_clone, Value::take_or_clone)
    }
}

impl<T: TaskValue + Clone> TakePartsByClone<Option<T>> for &&&Param<Option<T>> {
    fn take(&self, reader: &mut ArgReader) -> Result<Option<T>, TaskError> {
        reader.option(Value::take_or_clone, Value::take_or_clone)
    }
}

impl<K, T> TakePartsByClone<BTreeMap<K, T>> for &&&Param<BTreeMap<K, T>>
where
    K: TaskValue + Clone + Ord,
    T: TaskValue + Clone,
{
    fn take(&self, reader: &mut ArgReader) -> Result<BTreeMap<K, T>, TaskError> {
        reader.map(Value::take_or_clone, Value::take_or_clone)
    }
}

/// Takes a value that may come in parts, and each part by [`TakeByDecode`].
pub trait TakeParts<P> {
    /// The next argument.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `P`.
    fn take(&self, reader: &mut ArgReader) -> Result<P, TaskError>;
}

impl<T: TaskValue> TakeParts<Vec<T>> for &&Param<Vec<T>> {
    fn take(&self, reader: &mut ArgReader) -> Result<Vec<T>, TaskError> {
        reader.list(Value::take, Value::take)
    }
}

impl<T: TaskValue> TakeParts<Option<T>> for &&Param<Option<T>> {
    fn take(&self, reader: &mut ArgReader) -> Result<Option<T>, TaskError> {
        reader.option(Value::take, Value::take)
    }
}

impl<K: TaskValue + Ord, T: TaskValue> TakeParts<BTreeMap<K, T>> for &&Param<BTreeMap<K, T>> {
    fn take(&self, reader: &mut ArgReader) -> Result<BTreeMap<K, T>, TaskError> {
        reader.map(Value::take, Value::take)
    }
}

/// Takes a value out of the last handle, else clones it.
pub trait TakeByClone<P> {
    /// The next argument.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `P`.
    fn take(&self, reader: &mut ArgReader) -> Result<P, TaskError>;
}

impl<P: TaskValue + Clone> TakeByClone<P> for &Param<P> {
    fn take(&self, reader: &mut ArgReader) -> Result<P, TaskError> {
        reader.one(Value::take_or_clone)
    }
}

/// Takes a value out of the last handle, else decodes it. There for every `P`, so that one that is no
/// value is named as such.
pub trait TakeByDecode<P> {
    /// The next argument.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `P`.
    fn take(&self, reader: &mut ArgReader) -> Result<P, TaskError>
    where
        P: TaskValue;
}

impl<P> TakeByDecode<P> for Param<P> {
    fn take(&self, reader: &mut ArgReader) -> Result<P, TaskError>
    where
        P: TaskValue,
    {
        reader.one(Value::take)
    }
}
