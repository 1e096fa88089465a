//! Random graphs on the three machines, under both policies, with and without faults: every result
//! is what plain evaluation says, everything settles, nothing is left.

use raddle_core::scheduler::Policy;
use raddle_sim::{Case, Mix, Mode, Plan, Report, policy_name};

fn run(seed: u64, policy: Policy, mix: Mix) -> Report {
    let plan = Plan::from_seed(seed, mix);
    let case = Case { story: String::new(), seed, policy, plant: None, plan };
    case.run(Mode::default()).unwrap_or_else(|failure| {
        let (name, tasks) = (policy_name(policy), mix.tasks);
        let plain = if mix.swarm { "" } else { " --plain" };
        let calm = if mix.faults { "" } else { " --profile calm" };
        panic!(
            "{failure}\nREPRODUCE: cargo sim -- --seed {seed} --policy {name} --tasks {tasks}{plain}{calm}"
        )
    })
}

#[test]
fn calm_worlds_run_each_task_once_and_right() {
    for seed in 0..16 {
        for policy in [Policy::EarliestStart, Policy::Random] {
            let mix = Mix { tasks: 60, faults: false, bodies: false, swarm: false };
            let report = run(seed, policy, mix);
            assert!(report.judged > 0 && report.executions > 0);
            let plan = Plan::from_seed(seed, mix);
            // At the end every client asks for four more.
            let tasks = plan.tasks() + 4 * plan.clients as u64;
            assert!(
                report.executions <= tasks,
                "{} executions of {tasks} tasks",
                report.executions
            );
        }
    }
}

#[test]
fn worlds_with_faults_settle_right_and_leave_nothing() {
    for seed in 0..20 {
        for policy in [Policy::EarliestStart, Policy::Random] {
            run(seed, policy, Mix { tasks: 120, faults: true, bodies: true, swarm: false });
        }
    }
}

#[test]
fn worlds_of_every_style_settle_right_and_leave_nothing() {
    for seed in 0..16 {
        for policy in [Policy::EarliestStart, Policy::Random] {
            run(seed, policy, Mix { tasks: 120, faults: true, bodies: true, swarm: true });
        }
    }
}

#[test]
fn a_seed_is_a_run() {
    for seed in 0..10 {
        let mix = Mix { tasks: 120, faults: true, bodies: true, swarm: false };
        assert_eq!(run(seed, Policy::Random, mix), run(seed, Policy::Random, mix));
    }
}
