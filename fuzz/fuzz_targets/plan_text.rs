//! `cargo +nightly fuzz run plan_text`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(plan_text);
