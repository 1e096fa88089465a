//! Values from worker to worker.
//!
//! It must not know how a value is made or measured.

use crate::bench::Bench;
use crate::report::Figure;
use crate::{floor, workload};

const LARGE: Figure =
    Figure::at_least_times("100 MB from worker to worker; GB/s", 0.9, "raw copy over TCP");
const MIDDLE: Figure = Figure::new("1 MiB from worker to worker; GB/s");
const SMALL: Figure = Figure::new("64 KiB from worker to worker; GB/s");
const TLS: Figure = Figure::new("100 MB by TLS; GB/s");

/// Bytes of the large value.
const NBYTES: usize = 100_000_000;
/// Values of the smaller kinds, of which the sum is measured.
const VALUES: usize = 50;

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let workers = bench.cluster.workers();
    let plain = workload::transfer(&bench.client, &workers, NBYTES).await?;
    bench.report.ours(LARGE, plain);
    bench.report.beside(LARGE, "raw copy over TCP", floor::copy(NBYTES)?);
    #[cfg(unix)]
    bench.report.beside(LARGE, "raw copy by a Unix socket", floor::copy_here(NBYTES)?);
    for (figure, nbytes) in [(MIDDLE, 1 << 20), (SMALL, 1 << 16)] {
        let (mut seconds, mut floor_seconds) = (0.0, 0.0);
        for _ in 0..VALUES {
            let ours = workload::transfer(&bench.client, &workers, nbytes).await?;
            seconds += nbytes as f64 / ours;
            floor_seconds += nbytes as f64 / floor::copy(nbytes)?;
        }
        let total = (nbytes * VALUES) as f64;
        bench.report.ours(figure, total / seconds);
        bench.report.beside(figure, "raw copy over TCP", total / floor_seconds);
    }
    let tls = workload::transfer(&bench.by_tls, &bench.sealed.workers(), NBYTES).await?;
    bench.report.ours(TLS, tls);
    bench.report.beside(TLS, "without TLS", plain);
    for peer in &mut bench.peers {
        peer.measure("bytes");
        if let Some(value) = peer.figure("gb_per_s") {
            bench.report.beside(LARGE, peer.name, value);
        }
    }
    Ok(())
}
