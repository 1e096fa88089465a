//! How much may be unseen after so many runs: an estimate from what only one of them has seen.
//!
//! Good and Turing (Good: "The population frequencies of species and the estimation of population
//! parameters", Biometrika 1953): with `n` samples, the things that were seen in exactly one of them,
//! over `n`, estimate how many new things the next sample shows. It must not know what the things are.

use crate::coverage::Coverage;

/// What many runs have seen, and how new the last ones were.
#[derive(Clone, Debug, Default)]
pub struct Novelty {
    /// For each cell, the runs that saw it, counted up to 2.
    seen: Vec<u8>,
    runs: u64,
}

impl Novelty {
    /// Adds what a run has seen.
    pub fn add(&mut self, coverage: &Coverage) {
        self.runs += 1;
        for (n, seen) in coverage.cells().enumerate() {
            if n == self.seen.len() {
                self.seen.push(0);
            }
            self.seen[n] = (self.seen[n] + u8::from(seen)).min(2);
        }
    }

    /// Cells of coverage that were seen.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.seen.iter().filter(|runs| **runs > 0).count()
    }

    /// How many new cells the next run shows, about; 1 if nothing is known.
    #[must_use]
    pub fn residual(&self) -> f64 {
        let once = self.seen.iter().filter(|runs| **runs == 1).count();
        if self.runs == 0 { 1.0 } else { once as f64 / self.runs as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Probe;

    #[test]
    fn what_was_seen_once_says_how_much_is_unseen() {
        let mut novelty = Novelty::default();
        assert_eq!(novelty.residual(), 1.0);
        let mut one = Coverage::default();
        one.see_probe(Probe::Announced);
        novelty.add(&one);
        assert_eq!((novelty.cells(), novelty.residual()), (1, 1.0));
        novelty.add(&one);
        assert_eq!((novelty.cells(), novelty.residual()), (1, 0.0));
        one.see_probe(Probe::Rejected);
        novelty.add(&one);
        novelty.add(&Coverage::default());
        assert_eq!((novelty.cells(), novelty.residual()), (2, 0.25));
    }
}
