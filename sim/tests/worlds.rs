//! Random graphs on the three machines, under both policies, with and without faults: every result
//! is what plain evaluation says, everything settles, nothing is left.

use raddle_core::scheduler::Policy;
use raddle_sim::{Mix, Plan, Report, Settings, World};

fn run(seed: u64, policy: Policy, mix: Mix) -> Report {
    let plan = Plan::from_seed(seed, mix);
    let settings = Settings { seed, policy, ..Settings::default() };
    World::new(settings).run(&plan).unwrap_or_else(|failure| {
        let name = if policy == Policy::Random { "random" } else { "earliest-start" };
        let (tasks, calm) = (mix.tasks, if mix.faults { "" } else { " --calm" });
        panic!(
            "{failure}\nREPRODUCE: cargo sim -- --seed {seed} --policy {name} --tasks {tasks}{calm}"
        )
    })
}

#[test]
fn calm_worlds_run_each_task_once_and_right() {
    for seed in 0..40 {
        for policy in [Policy::EarliestStart, Policy::Random] {
            let report = run(seed, policy, Mix { tasks: 60, faults: false, bodies: false });
            assert!(report.judged > 0 && report.executions > 0);
        }
    }
}

#[test]
fn worlds_with_faults_settle_right_and_leave_nothing() {
    for seed in 0..120 {
        for policy in [Policy::EarliestStart, Policy::Random] {
            run(seed, policy, Mix { tasks: 120, faults: true, bodies: true });
        }
    }
}

#[test]
fn a_seed_is_a_run() {
    for seed in 0..10 {
        let mix = Mix { tasks: 120, faults: true, bodies: true };
        assert_eq!(run(seed, Policy::Random, mix), run(seed, Policy::Random, mix));
    }
}
