//! raddle as a whole: this program submits, real processes and threads run, real sockets carry.
//!
//! One file a theme. Tests wait for what they have seen happen, never for time to pass; a test that
//! hangs fails after a while and says so ([`support::test`]).

mod arguments;
mod asking;
mod blocking;
mod bulk;
mod chaos;
mod cli;
mod clusters;
mod commands;
mod contexts;
mod datasets;
mod deaths;
mod ending;
mod errors;
mod graphs;
mod hostile;
mod impostors;
mod keys;
mod loaded;
mod memory;
mod nested;
mod options;
mod rebalancing;
mod relaying;
mod retiring;
mod retrying;
mod scatter;
mod security;
mod sessions;
mod silence;
mod spilling;
mod stealing;
mod submitting;
mod support;
mod verbs;
mod wire;
