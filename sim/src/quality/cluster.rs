//! Clusters: workers with slots, joined by links of one bandwidth.

/// Time from a word's sending to its arrival, in nanoseconds: also from asking for a value to its
/// first byte.
pub(super) const LATENCY: u64 = 100_000;

const MIB: f64 = (1 << 20) as f64;

/// A cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cluster {
    /// How many workers.
    pub(super) workers: usize,
    /// How many tasks each runs at a time.
    pub(super) slots: usize,
    /// What a worker sends, and receives, in bytes a second.
    pub(super) bandwidth: f64,
}

impl Cluster {
    /// The shapes of Estee, as workers and slots.
    pub(super) const SHAPES: [(usize, usize); 5] = [(8, 4), (16, 4), (32, 4), (16, 8), (32, 16)];
    /// Bandwidths, in MiB a second.
    pub(super) const BANDWIDTHS: [u32; 3] = [32, 256, 2048];

    /// A cluster of this shape.
    pub(super) fn new((workers, slots): (usize, usize), mib: u32) -> Self {
        Self { workers, slots, bandwidth: f64::from(mib) * MIB }
    }

    /// How long so many bytes take on a link of their own, in nanoseconds.
    pub(super) fn nanos(&self, bytes: u64) -> u64 {
        (bytes as f64 * 1e9 / self.bandwidth) as u64
    }
}
