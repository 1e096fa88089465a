//! Whole clusters: a plan of the simulation, run with its whole oracle; and plans as text.

use raddle_core::scheduler::Policy;
use raddle_sim::{Case, Depth, Mix, Mode, Plan};

use super::choices::Choices;

/// Tasks of one plan, about: mostly few, so that many are run.
const TASKS: [u64; 4] = [6, 6, 12, 40];

/// Bytes become a plan. What fails is told as the plan's text, for `cargo sim -- --replay`.
pub fn cluster_plan(data: &[u8]) {
    let case = case(data);
    let mode = Mode { depth: Depth::Touched, ..Mode::default() };
    if let Err(failure) = case.run(mode) {
        panic!("{}: {failure}\n\n{case}", failure.property());
    }
}

fn case(data: &[u8]) -> Case {
    let choices = &mut Choices::new(data);
    let policy = [Policy::EarliestStart, Policy::Random][choices.below(2)];
    let seed = u64::from(choices.byte());
    let faults = choices.below(8) != 0;
    let mix = Mix { tasks: TASKS[choices.below(4)], faults, bodies: faults, swarm: true };
    let plan = Plan::from_bytes(choices.clone().rest(), mix);
    Case { story: String::new(), seed, policy, plant: None, plan }
}

/// Any text is refused in words, or is a case that reads what it prints.
pub fn plan_text(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<Case>() {
        Ok(case) => {
            let printed = case.to_string();
            assert_eq!(printed.parse().as_ref(), Ok(&case), "{printed}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The text of the plan that bytes become.
pub fn text_of(data: &[u8]) -> String {
    case(data).to_string()
}
