//! What a task costs the machines, counted rather than timed: allocations, instructions (if valgrind
//! is installed) and bytes, beside what they may be: `cargo bench -p raddle-core --bench cost`.
//!
//! Fails if a count is more than a tenth above its baseline. What needs no valgrind is tested, too.

mod baseline;
mod cluster;
mod count;
mod graphs;
mod measure;

use std::process::{Command, ExitCode};

use self::baseline::{Baseline, TASKS};
use self::graphs::Graph;

#[global_allocator]
static ALLOCATOR: count::Counting = count::Counting;

/// The argument that makes this program run a graph, and nothing else.
const RUN: &str = "--run";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, asked, name, tasks] = &arguments[..]
        && asked == RUN
    {
        let graph = Graph::ALL.into_iter().find(|graph| graph.name() == name);
        if let (Some(graph), Ok(tasks)) = (graph, tasks.parse()) {
            measure::run(graph, tasks);
        }
        return ExitCode::SUCCESS;
    }
    say("| a task of | client | scheduler | workers: allocations | instructions, all machines |");
    say("|---|---|---|---|---|");
    let mut is_fine = true;
    for graph in Graph::ALL {
        let cost = measure::run(graph, TASKS);
        let [client, scheduler, workers] = baseline::per_task(&cost);
        let instructions = instructions(graph);
        let shown = instructions.map_or_else(|| "?".to_owned(), |count| format!("{count:.0}"));
        let name = graph.name();
        say(&format!("| {name} | {client:.2} | {scheduler:.2} | {workers:.2} | {shown} |"));
        let baseline = Baseline::of(graph);
        is_fine &= baseline.allows(&cost);
        is_fine &= instructions.is_none_or(|count| count <= 1.1 * baseline.instructions);
    }
    let bytes = measure::bytes_per_queued_task(baseline::QUEUED);
    say(&format!("\n{bytes:.0} bytes of the scheduler a queued task"));
    is_fine &= bytes <= 1.1 * baseline::QUEUED_BYTES;
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Instructions of a further task of `graph`, in all machines and what connects them; `None` without
/// valgrind.
fn instructions(graph: Graph) -> Option<f64> {
    let (few, many) = (counted(graph, TASKS)?, counted(graph, 2 * TASKS)?);
    Some((many - few) / TASKS as f64)
}

fn counted(graph: Graph, tasks: u64) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([RUN, graph.name(), &tasks.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find(|line| line.contains("Collected"))?;
    line.split(':').nth(1)?.trim().parse().ok()
}

/// One line for the reader.
#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
