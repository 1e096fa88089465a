//! What must hold between two events beyond tasks: who is connected, and what is waited for. Those
//! of tasks are in `state/check.rs`.
//!
//! Linear in everything there is. It must not repair.

use super::state::{Channel, Kind};
use super::{Peer, Scheduler, Violation};

impl Scheduler {
    /// Says which invariant is broken, if one is. Linear in everything there is.
    ///
    /// # Errors
    ///
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), Violation> {
        self.state.check()?;
        self.check_connections()?;
        self.check_reached()?;
        self.check_run_clients()?;
        self.check_graces()?;
        self.check_queries()?;
        self.check_detached()?;
        self.check_datasets()?;
        self.check_watch()
    }

    /// Who is behind a connection is reached through it.
    fn check_connections(&self) -> Result<(), Violation> {
        for (&connection, peer) in &self.peers {
            let reached = match peer {
                Peer::Client(client) => self.state.client(*client).is_some_and(|client| {
                    matches!(client.channel, Channel::Connection { connection: c, .. } if c == connection)
                }),
                Peer::Newcomer(_) => true,
                Peer::Worker(worker) => {
                    self.state.worker(*worker).is_some_and(|w| w.connection == Some(connection))
                }
            };
            ensure(reached, Violation::Connection(connection))?;
        }
        Ok(())
    }

    /// Who is reached through a connection is behind it.
    fn check_reached(&self) -> Result<(), Violation> {
        for (id, client) in self.state.clients() {
            if let Channel::Connection { connection, .. } = client.channel {
                let known = self.peers.get(&connection) == Some(&Peer::Client(id));
                ensure(known, Violation::Connection(connection))?;
            }
        }
        for worker in self.state.workers() {
            if let Some(connection) = worker.connection {
                let known = self.peers.get(&connection) == Some(&Peer::Worker(worker.id));
                ensure(known, Violation::Connection(connection))?;
            }
        }
        Ok(())
    }

    /// The client of each run is found by the run, and no other is.
    fn check_run_clients(&self) -> Result<(), Violation> {
        let mut count = 0;
        for (id, client) in self.state.clients() {
            if let Channel::Run { run, .. } = client.channel {
                count += 1;
                let found = self.run_clients.get(&run) == Some(&id);
                ensure(found, Violation::ClientOfNoRun(id))?;
            }
        }
        ensure(count == self.run_clients.len(), Violation::RunClients)
    }

    /// A worker is waited for as long as it is not connected.
    fn check_graces(&self) -> Result<(), Violation> {
        for worker in self.state.workers() {
            let waited_for = self.graces.contains_key(&worker.id);
            let disconnected = worker.connection.is_none();
            ensure(waited_for == disconnected, Violation::Grace(worker.id))?;
        }
        let stray = self.graces.keys().find(|worker| self.state.worker(**worker).is_none());
        stray.map_or(Ok(()), |worker| Err(Violation::Grace(*worker)))
    }

    /// A question that waits is of a client that is there, and cannot be answered yet.
    fn check_queries(&self) -> Result<(), Violation> {
        for query in &self.waiting_queries {
            let waits = query.workers as usize > self.state.index().open_workers();
            let there = self.state.client(query.client).is_some();
            ensure(waits && there, Violation::Query(query.client))?;
        }
        Ok(())
    }

    /// What the cluster wants is still to be done, and it wants something.
    fn check_detached(&self) -> Result<(), Violation> {
        let Some(id) = self.detached else { return Ok(()) };
        let wants = self.state.client(id).map(|client| &client.wants);
        let sound = wants.is_some_and(|wants| {
            let done = |kind| matches!(kind, Kind::Memory | Kind::Erred);
            !wants.is_empty() && !wants.iter().any(|task| done(self.kind(*task)))
        });
        ensure(sound, Violation::Detached)
    }

    /// Work without any worker is watched: it fails in the end. (L2)
    fn check_watch(&self) -> Result<(), Violation> {
        let index = self.state.index();
        let work = index.count(Kind::NoWorker) + index.count(Kind::Queued) > 0;
        let watched = self.no_workers_since.is_some();
        ensure(watched == (work && index.open_workers() == 0), Violation::UnwatchedWork)
    }
}

fn ensure(holds: bool, otherwise: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(otherwise) }
}
