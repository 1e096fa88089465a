//! The groups of figures, in the order in which a round measures them.
//!
//! It must not know how anything is measured.

use crate::bench::Bench;
use crate::{
    busy, core_alone, graphs, intake, latency, limits, memory, start, task_bench, throughput,
    transfer, workload, zero,
};

/// Figures that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Limits,
    Throughput,
    Latency,
    Graphs,
    Busy,
    TaskBench,
    Intake,
    Transfer,
    Memory,
    Start,
    Core,
    Workers,
}

impl Group {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Limits,
        Self::Throughput,
        Self::Latency,
        Self::Graphs,
        Self::Busy,
        Self::TaskBench,
        Self::Intake,
        Self::Transfer,
        Self::Memory,
        Self::Start,
        Self::Core,
        Self::Workers,
    ];

    /// What it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::Graphs => "graphs",
            Self::Busy => "busy",
            Self::TaskBench => "task-bench",
            Self::Intake => "intake",
            Self::Transfer => "transfer",
            Self::Memory => "memory",
            Self::Start => "start",
            Self::Core => "core",
            Self::Workers => "workers",
        }
    }

    /// Measures everything of it once.
    pub(crate) async fn measure(self, bench: &mut Bench) -> raddle::Result<()> {
        for client in [&bench.client, &bench.local, &bench.by_tls] {
            workload::forgotten(client).await?;
        }
        match self {
            Self::Limits => limits::measure(bench),
            Self::Throughput => throughput::measure(bench).await,
            Self::Latency => latency::measure(bench).await,
            Self::Graphs => graphs::measure(bench).await,
            Self::Busy => busy::measure(bench).await,
            Self::TaskBench => task_bench::measure(bench).await,
            Self::Intake => intake::measure(bench).await,
            Self::Transfer => transfer::measure(bench).await,
            Self::Memory => {
                memory::measure(bench);
                Ok(())
            }
            Self::Start => start::measure(bench).await,
            Self::Core => {
                core_alone::measure(bench);
                Ok(())
            }
            Self::Workers => zero::measure(bench).await,
        }
    }
}
