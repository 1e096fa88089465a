//! `cargo +nightly fuzz run command_line`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(command_line);
