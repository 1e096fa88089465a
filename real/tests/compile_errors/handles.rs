use raddle::prelude::*;

#[raddle::task]
fn inside(pair: (TaskFuture<u64>, u64)) -> u64 {
    pair.1
}

#[raddle::task]
fn returned(future: TaskFuture<u64>) -> TaskFuture<u64> {
    future
}

fn main() {}
