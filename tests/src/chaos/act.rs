//! The simulated task, as a task of real workers: it takes time, fails and submits tasks as its recipe
//! says.
//!
//! It must not know who submitted it.

use std::error::Error;
use std::thread;
use std::time::Duration;

use raddle::prelude::*;
use raddle_net::payload::Blob;
use raddle_sim::{Body, Refusal, pack, unpack};

/// What a body says that fails on purpose.
pub(super) const INJECTED: &str = "injected";

/// Does what `recipe` says with the values of `inputs`.
#[raddle::task]
pub fn act(
    context: &TaskContext,
    recipe: Vec<u8>,
    inputs: Vec<Vec<u8>>,
) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let body = Body::decode(&Blob::from(&recipe[..]));
    let mut values = Vec::with_capacity(inputs.len());
    for input in &inputs {
        values.push(unpack(input)?);
    }
    let time = Duration::from_micros(u64::from(body.micros));
    // It cannot know how many of its runs have failed. That of them which died are among those that
    // it counts makes it fail less often, which changes nothing for a task that has a value in the end.
    let refusal = body.refuses(context.attempt() - 1);
    if refusal == Some(Refusal::Reschedule) {
        thread::sleep(time);
        return Err(raddle::Reschedule.into());
    }
    let child = |n| act(body.child(n).encode().to_vec(), Vec::<Vec<u8>>::new());
    let children: Vec<_> = (0..body.children).map(|n| context.submit(child(n))).collect();
    for child in children {
        values.push(unpack(&context.wait(child)?)?);
    }
    thread::sleep(time);
    if body.children == 0 && refusal == Some(Refusal::Fail) {
        return Err(INJECTED.into());
    }
    Ok(pack(body.value(values), body.nbytes))
}
