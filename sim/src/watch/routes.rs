//! How clients come to workers: through the scheduler only for so long, and not again after that way
//! has failed.
//!
//! It must not know who can reach whom.

use std::collections::BTreeMap;

use raddle_core::client::Route;
use raddle_core::time::{Duration, Instant};
use raddle_net::names::{Key, WorkerId};

use super::{Breach, ensure};
use crate::property::Property;

/// The ways that clients go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    ways: BTreeMap<(usize, WorkerId), Way>,
    /// How each key was asked for.
    asked: BTreeMap<(usize, Key), (WorkerId, Route)>,
}

/// The way of a client to a worker.
#[derive(Clone, Debug, Default)]
struct Way {
    address: String,
    /// Since when it has led through the scheduler.
    relayed: Option<Instant>,
    /// Whether that has failed, and no other way since.
    failed: bool,
}

impl Routes {
    /// A client asks a worker for a key; `longest`: as long as it may go through the scheduler.
    pub(crate) fn asks(
        &mut self,
        now: Instant,
        (client, key): (usize, Key),
        (worker, address): (WorkerId, &str),
        route: Route,
        longest: Duration,
    ) -> Result<(), Breach> {
        self.asked.insert((client, key), (worker, route));
        let way = self.ways.entry((client, worker)).or_default();
        address.clone_into(&mut way.address);
        if route == Route::Direct {
            (way.relayed, way.failed) = (None, false);
            return Ok(());
        }
        let since = *way.relayed.get_or_insert(now);
        let sound = now - since < longest && !way.failed;
        ensure(sound, Property::Routes, || format!("client {client} asks {worker} so: {way:?}"))
    }

    /// A client sends data there, by whichever of its names.
    pub(crate) fn sends(&mut self, client: usize, address: &str, route: Route) {
        if route == Route::Direct {
            self.ways.retain(|(of, _), way| *of != client || way.address != address);
        }
    }

    /// A worker did not answer.
    pub(crate) fn ask_failed(&mut self, client: usize, key: Key) {
        let Some((worker, route)) = self.asked.remove(&(client, key)) else { return };
        if let Some(way) = self.ways.get_mut(&(client, worker)) {
            way.failed = route == Route::Relayed;
            // An older question that went the other way may fail after this one: then it leads through
            // the scheduler again, for as long as at first.
            if way.failed {
                way.relayed = None;
            }
        }
    }

    /// Data was not taken, perhaps for want of a way: which one is next, nobody says.
    pub(crate) fn send_failed(&mut self, client: usize) {
        self.ways.retain(|(of, _), _| *of != client);
    }
}
