//! `cargo +nightly fuzz run scheduler_events`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(scheduler_events);
