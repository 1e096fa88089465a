//! `cargo +nightly fuzz run frame_roundtrip`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(frame_roundtrip);
