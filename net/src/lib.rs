//! The wire of raddle: what the machines say to each other and how it becomes bytes.
//!
//! Bytes in, values out. This crate opens no socket, reads no clock and knows no state machine.
//!
//! | layer | module | what it knows |
//! |---|---|---|
//! | names | [`names`] | keys, runs, workers, sessions: dense numbers instead of strings |
//! | payload | [`payload`] | values and arguments: opaque bytes with a format and a type fingerprint |
//! | messages | [`messages`] | the three conversations, as enums |
//! | codec | [`codec`] | one message to bytes and back; the only place that knows `bincode` |
//! | frames | [`frame`] | many messages and raw segments in one checked, numbered frame |
//! | hello | [`hello`] | the first words on a connection |
//! | sessions | [`session`] | what is said again after a connection broke, and heard once |
//! | limits | [`limits`] | every bound of the wire, as a named constant |
//! | errors | [`error`] | what a peer can get wrong |

pub mod codec;
pub mod error;
pub mod frame;
pub mod hello;
pub mod limits;
pub mod messages;
pub mod names;
pub mod payload;
pub mod session;
