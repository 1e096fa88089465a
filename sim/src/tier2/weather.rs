//! A seed becomes weather: what the network is like, and what faults happen to it and to nodes.
//!
//! Beside the plan, and independent of it: the same weather falls on every plan of a seed. It must
//! not know how a fault is done.

use std::fmt;
use std::time::Duration;

use raddle::simulated::network::Climate;
use raddle_core::random::{below, hash};

use crate::plan::{self, Latency};

/// Streams of chance: one for each question, so that one more shifts no other.
const WEATHER: u64 = 0x7765_6174;

/// What falls on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weather {
    /// What the network is like, all the time; the plan says how long bytes travel.
    pub(super) climate: Climate,
    /// How much longer than in the plan the time between operations is: the shell's own times are
    /// those of real networks, the plan's are short.
    pub(super) stretch: u64,
    /// In order.
    pub(super) faults: Vec<Storm>,
    /// Of a hundred deaths, those by power cut: nobody hears of them for a while.
    pub(super) dark: u64,
}

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storm {
    /// After so many thousandths of the run.
    pub(super) at: u64,
    /// How long it lasts.
    pub(super) lasts: Duration,
    pub(super) fault: Fault,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing gets from the first to the second, and the other way if both.
    Cut(Place, Place, bool),
    /// A worker dies.
    Die(u64),
    /// Nothing gets to a node, nor away.
    Isolate(Place),
    /// A node stands still.
    Pause(Place),
    /// All connections between the two break.
    Reset(Place, Place),
    /// Connections from the first to the second go silent; they break at the end.
    Silence(Place, Place),
}

/// A node, as it is when the fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A client, modulo how many there are.
    Client(u64),
    /// The scheduler.
    Scheduler,
    /// A worker, modulo how many are alive.
    Worker(u64),
}

impl Weather {
    /// None at all.
    pub(super) fn calm(seed: u64) -> Self {
        let climate = Climate { seed, ..Climate::default() };
        Self { climate, stretch: 1, faults: Vec::new(), dark: 0 }
    }

    /// The weather of a seed. A fifth of them are without faults.
    pub(super) fn of(seed: u64) -> Self {
        let draw = |question, bound| below(hash(seed, WEATHER, question, 0), bound);
        let climate = Climate {
            slow: ([0, 0, 5, 50][draw(1, 4) as usize], Duration::from_millis(1 + draw(2, 200))),
            per_byte: Duration::from_nanos([0, 0, 8, 1_000][draw(3, 4) as usize]),
            // Few bytes at a time only now and then: each costs as much as many.
            partial: [(0, 1), (50, 1 << draw(5, 12)), (500, 1 << (6 + draw(5, 6))), (1_000, 1_000)]
                [draw(4, 4) as usize],
            window: 1 << (8 + draw(6, 13)),
            ..Self::calm(seed).climate
        };
        let stretch = [1, 10, 100][draw(7, 3) as usize];
        let count = if draw(8, 5) == 0 { 0 } else { 1 + draw(9, 10) };
        // Families of faults are on or off, so that some runs are all of one kind.
        let families: Vec<u64> = (0..6).filter(|family| draw(100 + family, 2) == 0).collect();
        let clients = draw(10, 4) == 0;
        let mut faults: Vec<Storm> =
            (0..count).filter_map(|n| storm(seed, n, &families, clients)).collect();
        faults.sort_by_key(|storm| storm.at);
        Self { climate, stretch, faults, dark: [0, 30, 100][draw(11, 3) as usize] }
    }

    /// The network, with the delays of a plan.
    pub(super) fn climate(&self, latency: Latency) -> Climate {
        let micros = Duration::from_micros;
        let climate = self.climate;
        match latency {
            Latency::Bimodal { fast, slow, per_mille } => {
                let slow = (per_mille.max(climate.slow.0), micros(slow).max(climate.slow.1));
                Climate { delay: (micros(fast), micros(fast)), slow, ..climate }
            }
            Latency::Constant(delay) => {
                Climate { delay: (micros(delay), micros(delay)), ..climate }
            }
            Latency::Uniform(least, most) => {
                Climate { delay: (micros(least), micros(most)), ..climate }
            }
        }
    }
}

/// The `n`-th fault of a seed, if any family is on.
fn storm(seed: u64, n: u64, families: &[u64], clients: bool) -> Option<Storm> {
    let draw = |question, bound| below(hash(seed, WEATHER, 1_000 + n, question), bound);
    let family = families.get(draw(0, families.len().max(1) as u64) as usize)?;
    let place = |question| match draw(question, 6) {
        0 => Place::Scheduler,
        1 => Place::Client(draw(question, 100)),
        2.. => Place::Worker(draw(question, 100)),
    };
    // Half of what breaks is between a worker and the scheduler, the rest between any two; a client
    // whose connection breaks is gone, and with it much that could be seen.
    let far = match draw(1, 2) {
        0 => Place::Scheduler,
        1.. => place(2),
    };
    let spares = |place| !clients && matches!(place, Place::Client(_));
    let near = if spares(place(3)) { Place::Worker(draw(4, 100)) } else { place(3) };
    let far = if spares(far) { Place::Worker(draw(4, 100)) } else { far };
    let fault = match family {
        0 => Fault::Pause(place(5)),
        1 => Fault::Isolate(place(5)),
        2 => Fault::Cut(place(5), place(6), draw(7, 2) == 0),
        3 => Fault::Reset(near, far),
        4 => Fault::Silence(near, far),
        5.. => Fault::Die(draw(5, 100)),
    };
    let lasts = Duration::from_millis([1, 10, 100, 1_000][draw(8, 4) as usize] * (1 + draw(9, 9)));
    Some(Storm { at: draw(10, 1_000), lasts, fault })
}

impl From<plan::Place> for Place {
    fn from(place: plan::Place) -> Self {
        match place {
            plan::Place::Client(number) => Self::Client(number as u64),
            plan::Place::Scheduler => Self::Scheduler,
            plan::Place::Worker(number) => Self::Worker(number as u64),
        }
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Climate { seed: _, delay: _, slow, per_byte, partial, window } = self.climate;
        writeln!(
            f,
            "weather: {} ‰ of the writes {:?} late, {per_byte:?} a byte, {} ‰ of reads and writes \
             of up to {} bytes, at most {window} bytes unread; operations {} times as far apart, \
             {} % of deaths dark",
            slow.0, slow.1, partial.0, partial.1, self.stretch, self.dark,
        )?;
        for Storm { at, lasts, fault } in &self.faults {
            writeln!(f, "  after {at} ‰ of the run: {fault:?} for {lasts:?}")?;
        }
        Ok(())
    }
}
