//! `cargo +nightly fuzz run session_resume`: see the function of that name in `src/targets/`.
#![cfg_attr(fuzzing, no_main)]

raddle_fuzz::target!(session_resume);
