//! The examples run.

#[path = "../examples/own_simulation.rs"]
mod own_simulation;

#[test]
fn own_simulation_runs() {
    own_simulation::main();
}
