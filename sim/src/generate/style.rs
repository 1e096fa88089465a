//! The style of a plan: what happens in it, how often, and over what network.
//!
//! It must not know the operations.

use raddle_core::random::{below, hash};

use super::{Choice, FAULTS, Generator, SERVES, SHAPES, Shape, Style, WISHES};
use crate::fields::Switches;
use crate::plan::Latency;

impl Generator<'_> {
    /// Weights from 1 to 8; half of them are left out.
    pub(super) fn weights<T: Copy>(&mut self, all: &[T]) -> Vec<(T, u64)> {
        all.iter().map(|what| (*what, self.draw(2) * (1 << self.draw(4)))).collect()
    }

    pub(super) fn style(&mut self) -> Style {
        if self.draw(10) == 0 {
            (self.mix.faults, self.mix.bodies) = (false, false);
        }
        let mut choices = self.weights(&WISHES);
        if self.mix.faults && self.draw(4) != 0 {
            choices.append(&mut self.weights(&FAULTS));
        }
        if self.mix.bodies {
            choices.push((Choice::Cancel, self.draw(3)));
            choices.push((Choice::Goodbye, u64::from(self.draw(4) == 0)));
        }
        // Work is at least a third of what happens.
        let others: u64 = choices.iter().map(|(_, weight)| weight).sum();
        choices.push((Choice::Submit, 4 + others / 2));
        let mut shapes = self.weights(&SHAPES);
        shapes.push((Shape::Random, 1));
        let faults = self.mix.faults;
        Style {
            choices,
            shapes,
            hasty: [0, 0, 200, 900][self.draw(4) as usize],
            gap: [100, 3_000, 3_000, 20_000][self.draw(4) as usize],
            latency: match self.draw(5) {
                0 => Latency::Constant(1 + self.draw(500)),
                1 => Latency::Bimodal { fast: 50, slow: 5_000, per_mille: 1 + self.draw(50) },
                2 => Latency::Uniform(0, 1 + self.draw(10_000)),
                3.. => Latency::default(),
            },
            bandwidth: [0, 0, 50, 1_000][self.draw(4) as usize],
            grace: if faults { [0, 5_000, 50_000, 50_000][self.draw(4) as usize] } else { 0 },
            // Four of five.
            knobs: match hash(self.seed, SERVES, 0, 3) % 5 {
                0 => 0,
                _ => 1 + hash(self.seed, SERVES, 0, 4) % 1_000_000,
            },
            patience: match below(hash(self.seed, SERVES, 0, 1), 8) {
                0 if faults => 1 + below(hash(self.seed, SERVES, 0, 2), 5_000),
                _ => 0,
            },
            serves: [0, 0, 1, 2][below(hash(self.seed, SERVES, 0, 0), 4) as usize],
            single: self.draw(8) == 0,
            switches: Switches::of(self.seed),
            limits_memory: true,
        }
    }
}
