//! The simulated task, as a task of the real library: it takes virtual time, fails, submits tasks or
//! kills its node, as its arguments say.
//!
//! It must not know who submitted it.

use std::error::Error;
use std::time::Duration;

use raddle::{TaskContext, simulated};
use raddle_core::random::hash;
use raddle_net::payload::Blob;

use super::nodes;
use super::stage::{Stage, stage};
use crate::body::{Body, Refusal};
use crate::failure::Failure;

/// Values above the size that travels with the news are shorter than the plan says by this factor:
/// what large values do is simulated, what copying megabytes costs is not.
const SHORTER: u32 = 100;
/// The largest value that travels with the news.
const SMALL: u32 = 64;
/// Chance of the bytes of values.
const BYTES: u64 = 0x6279_7465;

/// Does what `recipe` says with the values of `inputs`.
#[raddle::task]
pub(super) async fn act(
    context: TaskContext,
    recipe: Vec<u8>,
    inputs: Vec<Vec<u8>>,
) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    if stage(Stage::begins) {
        nodes::die_here();
        return std::future::pending().await;
    }
    let body = Body::decode(&Blob::from(&recipe[..]));
    let mut values = Vec::with_capacity(inputs.len());
    for input in &inputs {
        match unpack(input) {
            Ok(value) => values.push(value),
            Err(why) => {
                stage(|stage| stage.fail(Failure::WrongValue(format!("as an input, {why}"))));
            }
        }
    }
    let time = Duration::from_micros(u64::from(body.micros));
    if refuses(&context, body, Refusal::Reschedule) {
        context.log("not now");
        simulated::pause(time).await;
        return Err(raddle::Reschedule.into());
    }
    context.progress(0.5);
    if body.poison {
        simulated::pause(time / 2).await;
        nodes::die_here();
        return std::future::pending().await;
    }
    let child = |n| act(body.child(n).encode().to_vec(), Vec::<Vec<u8>>::new());
    let children: Vec<_> = (0..body.children).map(|n| context.submit(child(n))).collect();
    for child in children {
        values.push(unpack(&child.await?)?);
    }
    simulated::pause(time).await;
    if body.children == 0 && refuses(&context, body, Refusal::Fail) {
        return Err("injected".into());
    }
    Ok(pack(body.value(values), body.nbytes))
}

/// A body fails, and asks to be run again, as often as its recipe says, over all its runs.
fn refuses(context: &TaskContext, body: Body, how: Refusal) -> bool {
    stage(|stage| {
        let key = stage.planned(context.key());
        let failed = stage.failed.entry(key).or_default();
        let refuses = body.refuses(*failed) == Some(how);
        *failed += u32::from(refuses);
        refuses
    })
}

/// A value as bytes, about as many as the plan says.
pub(super) fn pack(value: u64, nbytes: u32) -> Vec<u8> {
    fill(
        value,
        match nbytes <= SMALL {
            true => nbytes.max(8),
            false => SMALL + 1 + (nbytes - SMALL) / SHORTER,
        },
    )
}

/// The value in these bytes.
///
/// # Errors
///
/// They are not what [`pack`] makes: somebody changed or cut them on the way.
pub(super) fn unpack(bytes: &[u8]) -> Result<u64, String> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let value = bytes.first_chunk().map(|first| u64::from_le_bytes(*first));
    let whole = value.filter(|value| fill(*value, length) == bytes);
    whole.ok_or_else(|| format!("{length} bytes are damaged"))
}

fn fill(value: u64, length: u32) -> Vec<u8> {
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length + 8);
    bytes.extend(value.to_le_bytes());
    let mut word = value ^ length as u64;
    while bytes.len() < length {
        word = hash(word, BYTES, 0, 0);
        bytes.extend(word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
