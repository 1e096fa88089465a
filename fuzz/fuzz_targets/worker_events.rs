//! `cargo +nightly fuzz run worker_events`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(worker_events);
