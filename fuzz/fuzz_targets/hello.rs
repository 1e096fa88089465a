//! `cargo +nightly fuzz run hello`: see the function of that name in `src/targets.rs`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| raddle_fuzz::targets::hello(data));

#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args().skip(1) {
        raddle_fuzz::targets::hello(&std::fs::read(path).expect("a file to replay"));
    }
}
