//! `cargo +nightly fuzz run message_roundtrip`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(message_roundtrip);
