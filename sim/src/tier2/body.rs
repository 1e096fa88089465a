//! The simulated task, as a task of the real library: it takes virtual time, fails, submits tasks or
//! kills its node, as its arguments say.
//!
//! It must not know who submitted it.

use std::error::Error;
use std::time::Duration;

use raddle::{TaskContext, simulated};
use raddle_net::payload::Blob;

use super::nodes;
use super::stage::{Stage, stage};
use crate::body::{Body, Refusal};
use crate::bytes::{pack, unpack};
use crate::failure::Failure;

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
