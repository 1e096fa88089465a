//! What must hold between two events beyond tasks: who is connected, and what is waited for. Those
//! of tasks are in `state/check.rs`.
//!
//! Linear in everything there is. It must not repair.

use std::collections::BTreeSet;

use raddle_net::names::WorkerId;

use super::state::{Channel, Client, ClientId, Duty, Kind, Presence, TaskId, TaskState, Worker};
use super::{ConnectionId, Peer, Scheduler, Violation};

impl Scheduler {
    /// Says which invariant is broken, if one is. Linear in everything there is.
    ///
    /// # Errors
    ///
    /// The first invariant found broken.
    pub fn check(&self) -> Result<(), Violation> {
        self.state.check()?;
        for connection in self.peers.keys() {
            self.check_connection(*connection)?;
        }
        for (id, client) in self.state.clients() {
            self.check_client(id, client)?;
        }
        for worker in self.state.workers() {
            self.check_worker(worker.id)?;
        }
        self.check_strays()?;
        self.check_recalls()?;
        self.check_queries()?;
        self.check_detached()?;
        self.check_datasets()?;
        ensure(self.topics.are_sound(), Violation::Topics)?;
        self.check_copies()?;
        self.check_retiring()?;
        self.check_starving()?;
        self.check_watch()
    }

    /// The same, of what the last event touched; what holds of all together only is left to
    /// [`check`](Self::check). Costs about as much as the event did. It sees nothing unless
    /// [`Config::track_touched`](super::Config::track_touched) is set.
    ///
    /// # Errors
    ///
    /// The first invariant found broken.
    pub fn check_touched(&self) -> Result<(), Violation> {
        self.state.check_touched()?;
        let touched = self.state.touched();
        for connection in touched.connections.distinct() {
            self.check_connection(connection)?;
        }
        let of_runs = touched.runs.distinct().into_iter();
        let of_runs = of_runs.filter_map(|run| self.run_clients.get(&run).copied());
        for id in touched.clients.distinct().into_iter().chain(of_runs) {
            match self.state.client(id) {
                Some(client) => self.check_client(id, client)?,
                None => self.check_client_is_gone(id)?,
            }
        }
        for worker in touched.moved.distinct() {
            self.check_worker(worker)?;
        }
        self.check_queries()?;
        self.check_retiring()?;
        self.check_watch()
    }

    /// Who is behind a connection is reached through it.
    fn check_connection(&self, connection: ConnectionId) -> Result<(), Violation> {
        let reached = match self.peers.get(&connection) {
            Some(Peer::Client(client)) => self.state.client(*client).is_some_and(|client| {
                matches!(client.channel, Channel::Connection { connection: c, .. } if c == connection)
            }),
            Some(Peer::Newcomer(_)) | None => true,
            Some(Peer::Worker(worker)) => {
                self.state.worker(*worker).is_some_and(|w| w.connection == connection)
            }
        };
        ensure(reached, Violation::Connection(connection))
    }

    /// A process that is reached through a connection is behind it; the client of a run is found by
    /// the run, which is still its task's.
    fn check_client(&self, id: ClientId, client: &Client) -> Result<(), Violation> {
        match client.channel {
            Channel::Cluster => ensure(self.is_own(id), Violation::ClientOfNoRun(id)),
            Channel::Connection { connection, .. } => {
                let known = self.peers.get(&connection) == Some(&Peer::Client(id));
                ensure(known, Violation::Connection(connection))
            }
            Channel::Run { key, run, worker } => {
                let task = self.state.find(key).map(|task| self.state.task(task));
                let lives = task.is_some_and(|task| task.processing() == Some((worker, run)));
                let found = self.run_clients.get(&run) == Some(&id);
                ensure(found && lives, Violation::ClientOfNoRun(id))
            }
        }
    }

    /// No question is of a client that has gone.
    fn check_client_is_gone(&self, id: ClientId) -> Result<(), Violation> {
        let mut asks = self.waiting_queries.iter().map(|query| query.client);
        let asks = asks.any(|client| client == id) || self.topics.waiting().any(|c| c == id);
        ensure(!asks, Violation::Query(id))
    }

    /// A worker is reached through its connection, and waited for as long as it is away.
    fn check_worker(&self, id: WorkerId) -> Result<(), Violation> {
        let Some(worker) = self.state.worker(id) else { return Ok(()) };
        let known = self.peers.get(&worker.connection) == Some(&Peer::Worker(id));
        ensure(known, Violation::Connection(worker.connection))?;
        let waited_for = self.graces.contains_key(&worker.connection);
        let away = worker.presence == Presence::Away;
        ensure(waited_for == away, Violation::Grace(worker.connection))?;
        self.check_full(worker)
    }

    /// What is with a worker whose memory is full was asked back, if another one could have it.
    fn check_full(&self, worker: &Worker) -> Result<(), Violation> {
        if !worker.memory.is_full || self.state.index().open_workers() == 0 {
            return Ok(());
        }
        let is_for_others = |task: TaskId| {
            let run = self.state.task(task).processing().map(|(_, run)| run);
            let is_asked = run.is_some_and(|run| self.recalls.was_asked(run));
            is_asked || self.state.spec_of(task).is_receive()
        };
        let load = self.state.index().load(worker.id);
        let mut tasks = load.into_iter().flat_map(|load| load.processing.iter());
        ensure(tasks.all(is_for_others), Violation::Full(worker.id))
    }

    /// No run has a client that is not there. Who is waited for is known, and has registered.
    fn check_strays(&self) -> Result<(), Violation> {
        let is_of_run = |client: &Client| matches!(client.channel, Channel::Run { .. });
        let clients = self.state.clients().filter(|(_, client)| is_of_run(client)).count();
        ensure(clients == self.run_clients.len(), Violation::RunClients)?;
        for (&connection, grace) in &self.graces {
            let known =
                matches!(self.peers.get(&connection), Some(Peer::Client(_) | Peer::Worker(_)));
            ensure(known && grace.since <= grace.until, Violation::Grace(connection))?;
        }
        Ok(())
    }

    /// A question that waits is of a client that is there, and cannot be answered yet.
    fn check_queries(&self) -> Result<(), Violation> {
        for query in &self.waiting_queries {
            let waits = self.answer_to(&query.awaited).is_none();
            let there = self.state.client(query.client).is_some();
            ensure(waits && there, Violation::Query(query.client))?;
        }
        for client in self.topics.waiting() {
            ensure(self.state.client(client).is_some(), Violation::Query(client))?;
        }
        Ok(())
    }

    /// Copies on their way are of values that there are, to workers that have none; of no value is one
    /// lacking that could be made; what is wished is known; and what moves is on its way.
    fn check_copies(&self) -> Result<(), Violation> {
        for &(task, worker) in self.copies.acquiring.keys() {
            let state = self.state.is_known(task).then(|| self.state.task(task).state());
            let lacks = matches!(state, Some(TaskState::Memory { holders, .. }) if !holders.contains(&worker));
            let there = self.state.worker(worker).is_some_and(|w| w.duty != Duty::Leaving);
            ensure(lacks && there, Violation::Acquiring(worker))?;
        }
        let wished = self.copies.wished.keys().copied();
        for task in wished.chain(self.copies.retiring.values().flatten().copied()) {
            ensure(self.state.is_known(task), Violation::CopiesOfNothing)?;
            ensure(self.next_copy(task).is_none(), Violation::CopyLacking(self.key(task)))?;
        }
        for worker in self.copies.retiring.keys() {
            self.check_only_here(*worker)?;
        }
        ensure(self.are_moves_sound(), Violation::Moves)
    }

    /// It is known of each value of a retiring worker whether somebody else has it who is there and
    /// stays.
    fn check_only_here(&self, worker: WorkerId) -> Result<(), Violation> {
        let is_kept = |task: &TaskId| {
            let TaskState::Memory { holders, .. } = self.state.task(*task).state() else {
                return false;
            };
            let mut known = holders.iter().filter_map(|holder| self.state.worker(*holder));
            known.any(|w| w.stays() && w.presence == Presence::Here)
        };
        let values =
            self.state.index().load(worker).into_iter().flat_map(|load| load.values.iter());
        let only_here: BTreeSet<TaskId> = values.filter(|task| !is_kept(task)).collect();
        let exact = self.copies.retiring.get(&worker) == Some(&only_here);
        ensure(exact, Violation::Retiring(worker))
    }

    /// Workers that are to leave are known as such, and have a reason to be there; those that were
    /// told to leave have nothing.
    fn check_retiring(&self) -> Result<(), Violation> {
        for worker in self.state.workers().filter(|worker| worker.duty != Duty::Active) {
            let id = worker.id;
            let listed = self.copies.retiring.contains_key(&id);
            ensure(listed == (worker.duty == Duty::Retiring), Violation::Retiring(id))?;
            ensure(!listed || !self.may_leave(id), Violation::Retiring(id))?;
            let has_nothing = self.state.index().load(id).is_none();
            ensure(worker.duty != Duty::Leaving || has_nothing, Violation::Retiring(id))?;
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
        ensure(watched == (work && !self.has_workers()), Violation::UnwatchedWork)
    }
}

fn ensure(holds: bool, otherwise: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(otherwise) }
}
