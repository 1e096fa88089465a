//! The same plan on both tiers: without faults, clients must see the same.
//!
//! It must not know how either tier runs a plan.

use super::run;
use super::weather::Weather;
use crate::agree::{difference, without_races};
use crate::case::Case;
use crate::failure::{Failure, Report};
use crate::world::Mode;

/// Runs a case on both tiers.
///
/// # Errors
///
/// What fails on either; or that clients saw different things.
pub(super) fn run(case: &Case) -> Result<Report, Failure> {
    let case = &without_races(case);
    let des = case.run(Mode::default())?;
    let madsim = run::run(case, &Weather::calm(case.seed))?;
    match difference(case, &des.history, &madsim.history) {
        None => Ok(madsim),
        Some(difference) => Err(Failure::Changed(difference)),
    }
}
