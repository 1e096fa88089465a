struct Opaque;

#[raddle::task]
fn take(opaque: Opaque) {
    let _ = opaque;
}

#[raddle::task]
fn make() -> Opaque {
    Opaque
}

#[raddle::task]
fn fail() -> Result<u8, Opaque> {
    Err(Opaque)
}

fn main() {}
