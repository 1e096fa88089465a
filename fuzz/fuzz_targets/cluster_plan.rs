//! `cargo +nightly fuzz run cluster_plan`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(cluster_plan);
