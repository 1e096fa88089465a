//! `cargo +nightly fuzz run client_events`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(client_events);
