//! `cargo +nightly fuzz run hello`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(hello);
