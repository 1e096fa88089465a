//! Fuzz targets; see `targets/`, which ordinary tests share.

pub mod targets;

/// The program that the fuzzer runs for the target of this name; built without the fuzzer, it replays
/// the files that it is given.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::targets::$name(data));

        #[cfg(not(fuzzing))]
        fn main() {
            for path in std::env::args().skip(1) {
                $crate::targets::$name(&std::fs::read(path).expect("a file to replay"));
            }
        }
    };
}
