//! For tests: calls and futures without a cluster.

use std::sync::Arc;

use raddle_net::messages::TaskSpec;
use raddle_net::names::{Key, RunId, Session};
use raddle_net::payload::Blob;

use super::{Body, BodyError, Invocation};
use crate::call::{Call, CallParts};
use crate::context::{Host, Locals, Run, TaskContext};
use crate::future::{TaskFuture, park_on};
use crate::hub::{Hub, Nowhere};
use crate::registry;
use crate::value::Value;

impl Host for Nowhere {
    fn hub(self: Arc<Self>, _: &Arc<Run>) -> Arc<Hub> {
        Hub::new(Session::truncate(2), self)
    }

    fn heed(&self, _: &Arc<Run>) {}

    fn locals(&self) -> &Locals {
        unreachable!("no body here keeps anything")
    }

    fn scheduler(&self) -> &str {
        "tcp://127.0.0.1:1"
    }
}

/// Futures of different tasks.
pub(crate) fn futures<T, const N: usize>() -> [TaskFuture<T>; N] {
    let hub = Hub::new(Session::truncate(1), Arc::new(Nowhere));
    let call = || CallParts {
        spec: Arc::new(TaskSpec::default()),
        priority: 0,
        key: None,
        recipe: None,
        dependencies: Vec::new(),
        data: Vec::new(),
        futures: Vec::new(),
        args: Vec::new(),
        refused: None,
    };
    let handles = hub.submit(std::iter::repeat_with(call).take(N));
    let futures: Vec<_> = handles.into_iter().map(TaskFuture::new).collect();
    futures.try_into().expect("one future for each call")
}

/// The key of the runs of [`run`].
pub(crate) const KEY: Key = Key::hashed(99);

/// Runs a call here, with the values of its dependencies.
pub(crate) fn run<T>(call: Call<T>, inputs: Vec<Arc<Value>>) -> Result<Arc<Value>, BodyError> {
    let parts = call.into_parts();
    assert_eq!((parts.dependencies.len(), parts.refused), (inputs.len(), None));
    let function = &parts.spec.function;
    let entry = registry::find(&function.name, function.signature).expect("it is registered");
    let id = RunId { epoch: 1, counter: 1 };
    let context = TaskContext::new(Run::new(KEY, id, 1, true, Arc::new(Nowhere)));
    let invocation = Invocation { args: Blob::from(parts.args), inputs, context };
    match entry.body {
        Body::Async(body) => park_on(body(invocation)),
        Body::Blocking(body) => body(invocation),
    }
    .map(Arc::new)
}
