//! Runs graphs with bodies that sleep on real processes, and compares how long they take with what the
//! simulation of `cargo sim -- quality` says.
//!
//! It must not know how tasks are placed, here or there.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use raddle::Graph;
use raddle::prelude::*;
use raddle_sim::{Rehearsal, rehearse};
use raddle_tests::sleeps;

/// How long each graph takes at least, if nothing else is said.
const BOUND: Duration = Duration::from_secs(5);

/// Ends here if it is to be a worker.
#[raddle::main]
async fn main() -> ExitCode {
    let seconds = env::args().nth(1).map(|text| text.parse());
    let bound = match seconds {
        None => BOUND,
        Some(Ok(seconds)) => Duration::from_secs(seconds),
        Some(Err(_)) => {
            eprintln!(
                "usage: raddle-validate [SECONDS]\n\nSeconds are what each graph takes at least."
            );
            return ExitCode::from(2);
        }
    };
    match validate(bound).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A line for each graph, and how far the simulation is off.
async fn validate(bound: Duration) -> raddle::Result<()> {
    eprintln!(
        "| graph (tasks) | cluster | at least, s | simulated, s | real, s | real / simulated |"
    );
    eprintln!("|---|---|---:|---:|---:|---:|");
    let (mut sum, mut error, mut count) = (0.0, 0.0, 0.0);
    for rehearsal in rehearse(bound) {
        let real = perform(&rehearsal).await?;
        let ratio = real.as_secs_f64() / rehearsal.makespan.as_secs_f64();
        let Rehearsal { graph, workers, slots, tasks, makespan, bound } = rehearsal;
        let [bound, makespan, real] = [bound, makespan, real].map(|time| time.as_secs_f64());
        eprintln!(
            "| {graph} ({}) | {workers} × {slots} | {bound:.2} | {makespan:.2} | {real:.2} | {ratio:.3} |",
            tasks.len()
        );
        sum += ratio.ln();
        error += ratio.ln().abs();
        count += 1.0;
    }
    let [mean, error] = [sum, error].map(|sum: f64| (sum / count).exp());
    eprintln!("\nreal / simulated: {mean:.3}; off by a factor of {error:.3} (geometric means)");
    Ok(())
}

/// How long it takes on processes.
async fn perform(rehearsal: &Rehearsal) -> raddle::Result<Duration> {
    let builder = LocalCluster::builder().workers(rehearsal.workers).processes(true);
    let cluster = builder.threads_per_worker(rehearsal.slots).start().await?;
    let client = cluster.client().await?;
    let (mut graph, mut is_used) = (Graph::new(), vec![false; rehearsal.tasks.len()]);
    for (number, part) in rehearsal.tasks.iter().enumerate() {
        let inputs = part.inputs.iter().map(|input| {
            is_used[*input] = true;
            graph.name::<()>(&input.to_string())
        });
        let inputs: Vec<_> = inputs.collect();
        let nanos = part.duration.as_nanos() as u64;
        // What differs in its options is estimated apart.
        let call = sleeps(nanos, inputs).retries(part.function as u32);
        graph.add(&number.to_string(), call);
    }
    let ends = is_used.iter().enumerate().filter(|(_, is_used)| !**is_used);
    let ends: Vec<String> = ends.map(|(number, _)| number.to_string()).collect();
    let start = Instant::now();
    client.get::<()>(graph, ends.iter().map(String::as_str)).await?;
    let taken = start.elapsed();
    cluster.close().await?;
    Ok(taken)
}
