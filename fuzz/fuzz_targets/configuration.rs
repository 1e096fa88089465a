//! `cargo +nightly fuzz run configuration`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(configuration);
