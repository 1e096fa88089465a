//! Fuzz targets; see `targets.rs`, which ordinary tests share.

pub mod targets;
