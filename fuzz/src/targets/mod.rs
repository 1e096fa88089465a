//! What is fuzzed: whatever comes from outside, and may be a lie. Each target takes any bytes and must
//! not panic; what else it holds is in its comment. Parsers take the bytes as they are; machines have
//! them [choose](choices) what happens.
//!
//! The fuzzer (`fuzz_targets/`) and the replay of its findings on stable (`tests/fuzz_regressions.rs`)
//! share this folder, so it must build without either.

mod choices;
mod client;
mod command_line;
mod draw;
mod graph;
mod hello;
pub mod message;
mod names;
pub mod plan;
pub mod scheduler;
mod session;
mod wire;
pub mod worker;

pub use client::client_events;
pub use command_line::{command_line, configuration};
pub use graph::graph_submit;
pub use hello::hello;
pub use message::{message_decode, message_roundtrip};
pub use plan::{cluster_plan, plan_text};
pub use scheduler::scheduler_events;
pub use session::{canary, session_resume};
pub use wire::{frame_decode, frame_roundtrip};
pub use worker::worker_events;

/// A target.
pub type Target = fn(&[u8]);

/// Every target with its name, but for the canary.
pub const TARGETS: [(&str, Target); 14] = [
    ("client_events", client_events),
    ("cluster_plan", cluster_plan),
    ("command_line", command_line),
    ("configuration", configuration),
    ("frame_decode", frame_decode),
    ("frame_roundtrip", frame_roundtrip),
    ("graph_submit", graph_submit),
    ("hello", hello),
    ("message_decode", message_decode),
    ("message_roundtrip", message_roundtrip),
    ("plan_text", plan_text),
    ("scheduler_events", scheduler_events),
    ("session_resume", session_resume),
    ("worker_events", worker_events),
];
