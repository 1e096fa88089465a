//! What the memory of this machine allows a scheduler: a graph in arrays, counters and a queue, and
//! nothing else.
//!
//! It must not use raddle: it is what raddle is held against.

use std::hint::black_box;
use std::time::Instant;

/// Inputs of each task.
const INPUTS: usize = 3;

/// The inputs of a task, at random of the tasks before it. The first task has none.
pub(crate) fn inputs(task: usize) -> [usize; INPUTS] {
    std::array::from_fn(|n| {
        let word = ((task * INPUTS + n) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((word >> 33) % task.max(1) as u64) as usize
    })
}

/// Tasks a second: each is run when its inputs are there, on the least loaded of eight workers.
pub(crate) fn random(tasks: usize) -> f64 {
    let mut missing = vec![INPUTS as u32; tasks];
    let mut first = vec![0_u32; tasks + 1];
    for task in 1..tasks {
        inputs(task).iter().for_each(|input| first[input + 1] += 1);
    }
    for task in 0..tasks {
        first[task + 1] += first[task];
    }
    let mut next = first.clone();
    let mut dependents = vec![0_u32; first[tasks] as usize];
    for task in 1..tasks {
        for input in inputs(task) {
            dependents[next[input] as usize] = task as u32;
            next[input] += 1;
        }
    }
    let start = Instant::now();
    let (mut ready, mut load, mut done) = (vec![0_u32], [0_u32; 8], 0);
    let mut head = 0;
    while let Some(&task) = ready.get(head) {
        head += 1;
        let least = (0..8).min_by_key(|worker| load[*worker]).unwrap_or(0);
        load[least] += 1;
        done += 1;
        let task = task as usize;
        for &dependent in &dependents[first[task] as usize..first[task + 1] as usize] {
            missing[dependent as usize] -= 1;
            if missing[dependent as usize] == 0 {
                ready.push(dependent);
            }
        }
    }
    assert_eq!(done, tasks, "every task is run");
    black_box(load);
    tasks as f64 / start.elapsed().as_secs_f64()
}
