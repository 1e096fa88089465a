use raddle::prelude::*;

#[raddle::task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

fn wrong(text: TaskFuture<String>) {
    let _ = add("one", 2);
    let _ = add(1, text);
    let _ = add(1);
}

fn main() {}
