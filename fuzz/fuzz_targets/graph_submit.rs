//! `cargo +nightly fuzz run graph_submit`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(graph_submit);
