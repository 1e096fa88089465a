//! The floors of this machine: what sockets, memory and threads allow without raddle.
//!
//! It must not use raddle.

use crate::bench::Bench;
use crate::report::{Figure, quantile};
use crate::{arrays, floor};

const WINDOWS: [(usize, usize, Figure); 4] = [
    (1, 2_000, Figure::new("relay of 4 hops, 1 record on its way; records/s")),
    (16, 20_000, Figure::new("the same, 16; records/s")),
    (256, 200_000, Figure::new("the same, 256; records/s")),
    (4_096, 1_000_000, Figure::new("the same, 4,096; records/s")),
];
const OPEN: Figure = Figure::new("the same, as many as fit; records/s");
const THREE: Figure = Figure::new("relay of 3 hops, p50; µs");
const FOUR: Figure = Figure::new("relay of 4 hops, p50; µs");
const TCP: Figure = Figure::new("100 MB by TCP; GB/s");
const UDS: Figure = Figure::new("100 MB by a Unix socket; GB/s");
const MEMORY: Figure = Figure::new("100 MB by a memory file, read; GB/s");
const ARRAYS: Figure = Figure::new("1,000,000 tasks of 3 random inputs in arrays; tasks/s");

/// Bytes of a large value.
const NBYTES: usize = 100_000_000;

pub(crate) fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let report = &mut bench.report;
    for (window, tasks, figure) in WINDOWS {
        report.floor(figure, floor::windowed(tasks, window)?);
    }
    report.floor(OPEN, floor::pipelined(1_000_000)?);
    report.floor(THREE, quantile(&floor::shorter_latencies(500)?, 0.5));
    report.floor(FOUR, quantile(&floor::latencies(500)?, 0.5));
    report.floor(TCP, floor::copy(NBYTES)?);
    #[cfg(unix)]
    report.floor(UDS, floor::copy_here(NBYTES)?);
    #[cfg(target_os = "linux")]
    report.floor(MEMORY, floor::copy_memory(NBYTES)?);
    report.floor(ARRAYS, arrays::random(1_000_000));
    Ok(())
}
