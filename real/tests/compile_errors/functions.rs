#[raddle::task]
fn generic<T>(x: T) -> T {
    x
}

#[raddle::task]
fn change(x: &mut u64) {
    *x += 1;
}

#[raddle::task]
fn lent(x: &str) -> &str {
    x
}

#[raddle::task(nmae = "x")]
fn misspelled() {}

#[raddle::task]
fn late(x: u64, ctx: &raddle::TaskContext) -> u64 {
    x
}

struct Object;

impl Object {
    #[raddle::task]
    fn method(&self) {}
}

#[raddle::main]
fn blocking() {}

fn main() {}
