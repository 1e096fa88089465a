//! The transition table as data says what its `match` says.

use std::collections::BTreeSet;

use super::*;

/// The source of the `match`: an arm names states, a goal, and the function of the edge.
const SOURCE: &str = include_str!("../transitions.rs");

#[test]
fn the_table_as_data_is_the_match() {
    let edges = edges_of_the_match();
    let table: Vec<_> = TABLE.iter().map(|(from, goal, f)| (*from, *goal, *f)).collect();
    let read: Vec<_> = edges.iter().map(|(from, goal, f)| (*from, &goal[..], &f[..])).collect();
    assert_eq!(table, read);
}

#[test]
fn every_state_and_every_goal_has_an_edge() {
    let states: BTreeSet<Kind> = TABLE.iter().map(|(from, ..)| *from).collect();
    assert!(states.into_iter().eq(Kind::ALL));
    let goals: BTreeSet<&str> = TABLE.iter().map(|(_, goal, _)| *goal).collect();
    let all = ["erred", "memory", "processing", "retried", "runnable", "unneeded", "waiting"];
    assert!(goals.into_iter().eq(all));
}

/// From, goal, function; in the order of the table. Arms without a function do nothing.
fn edges_of_the_match() -> BTreeSet<(Kind, String, String)> {
    let body = SOURCE.split("match (").nth(1).expect("the match").split("pub const").next();
    let mut edges = BTreeSet::new();
    let mut states = String::new();
    let mut pending: Option<(String, String)> = None;
    for word in body.expect("its arms").split_whitespace() {
        if let Some(goal) = word.strip_prefix("Goal::") {
            let goal = goal.trim_end_matches([',', ')']).to_lowercase();
            pending = Some((mem::take(&mut states), goal));
        } else if let Some(function) = word.strip_prefix("self.become_") {
            let function = function.split('(').next().expect("its name");
            let (states, goal) = pending.take().expect("an arm before its body");
            for from in Kind::ALL {
                let name = format!("{from:?}");
                if states.split(|c: char| !c.is_alphabetic()).any(|state| state == name) {
                    edges.insert((from, goal.clone(), format!("become_{function}")));
                }
            }
        } else if pending.is_none() || word.starts_with('(') {
            pending = None;
            states.push_str(word);
            states.push(' ');
        }
    }
    edges
}
