//! Which cells an event visits, said before it is handled. It must not change anything, and must
//! judge as the handlers do: by the same functions.

use raddle_net::messages::{ClientMessage, NewTask, WorkerMessage};
use raddle_net::names::{Key, RunId, WorkerId};

use super::super::effect::PeerError;
use super::super::on_worker::judge_size;
use super::super::state::{ClientId, Presence, TaskState};
use super::super::{ConnectionId, Event, Peer, Scheduler};
use super::{Age, Cell, Matter, Occasion, Report, Row, Standing, Word};
use crate::time::Instant;

/// Whoever counts cells.
type Visit<'a> = &'a mut dyn FnMut(Cell);

impl Scheduler {
    /// Says which cells of the matrix `event` visits if it is handled now: one for each key that it
    /// names, and those of the peer that it comes from. Costs about as much as handling it.
    pub fn cells(&self, now: Instant, event: &Event, visit: Visit<'_>) {
        match event {
            Event::ClientConnected { connection, session, .. } => {
                let before = self.client_of_session(*session);
                let again = before.map_or(Word::ClientHello, |_| Word::ClientHelloAgain);
                visit(Cell::Peer(self.standing(*connection), again));
                before.into_iter().for_each(|before| self.session_goes(before, visit));
            }
            Event::ClientDisconnected { connection } => {
                self.connection_breaks(*connection, Word::ClientBroke, visit);
            }
            Event::ClientResumed { connection } => {
                visit(Cell::Peer(self.standing(*connection), Word::ClientResumed));
            }
            Event::FromClient { connection, message } => match self.peers.get(connection) {
                Some(Peer::Client(client)) => {
                    self.client_says(Standing::Client, Some(*client), message, visit);
                }
                Some(Peer::Newcomer(_) | Peer::Worker(_)) | None => {
                    visit(Cell::Peer(self.role(*connection), word_of_client(message)));
                }
            },
            Event::FromWorker { connection, message } => {
                self.worker_says(*connection, message, visit);
            }
            Event::SessionEnded { connection, .. } => {
                visit(Cell::Peer(self.standing(*connection), Word::SessionEnded));
                self.session_goes(*connection, visit);
            }
            Event::Tick => self.time_passes(now, visit),
            Event::WorkerConnected { connection, session } => {
                let before = self.worker_of_session(*session);
                let again = before.map_or(Word::WorkerHello, |_| Word::WorkerHelloAgain);
                visit(Cell::Peer(self.standing(*connection), again));
                before.into_iter().for_each(|before| self.session_goes(before, visit));
            }
            Event::WorkerDisconnected { connection, .. } => {
                self.connection_breaks(*connection, Word::WorkerBroke, visit);
            }
            Event::WorkerLost { worker, .. } => {
                visit(Cell::Other(match self.state.worker(*worker).map(|w| w.presence) {
                    Some(Presence::Here) => Occasion::LostConnected,
                    Some(Presence::Away | Presence::Gone) => Occasion::LostDisconnected,
                    None => Occasion::LostUnknown,
                }));
                self.worker_goes(*worker, visit);
            }
            Event::WorkerResumed { connection } => {
                visit(Cell::Peer(self.standing(*connection), Word::WorkerResumed));
            }
        }
    }

    /// Who is behind a connection.
    fn role(&self, connection: ConnectionId) -> Standing {
        match self.peers.get(&connection) {
            Some(Peer::Client(_)) => Standing::Client,
            Some(Peer::Newcomer(_)) => Standing::Newcomer,
            Some(Peer::Worker(_)) => Standing::Worker,
            None => Standing::Unknown,
        }
    }

    /// Who is behind a connection, and whether it is there.
    fn standing(&self, connection: ConnectionId) -> Standing {
        let away = self.graces.contains_key(&connection);
        match self.peers.get(&connection) {
            Some(Peer::Client(_)) if away => Standing::ClientAway,
            Some(Peer::Worker(_)) if away => Standing::WorkerAway,
            Some(Peer::Client(_) | Peer::Newcomer(_) | Peer::Worker(_)) | None => {
                self.role(connection)
            }
        }
    }

    fn connection_breaks(&self, connection: ConnectionId, word: Word, visit: Visit<'_>) {
        visit(Cell::Peer(self.standing(connection), word));
        let grace = match self.peers.get(&connection) {
            Some(Peer::Client(_)) => self.config.client_grace,
            Some(Peer::Newcomer(_) | Peer::Worker(_)) | None => self.config.worker_grace,
        };
        if grace.is_zero() {
            self.session_goes(connection, visit);
        }
    }

    fn session_goes(&self, connection: ConnectionId, visit: Visit<'_>) {
        match self.peers.get(&connection) {
            Some(Peer::Client(client)) => self.client_goes(Some(*client), visit),
            Some(Peer::Worker(worker)) => self.worker_goes(*worker, visit),
            Some(Peer::Newcomer(_)) | None => {}
        }
    }

    fn row(&self, key: Key) -> Row {
        self.state.find(key).map_or(Row::Absent, |task| self.kind(task).into())
    }

    fn wants(&self, client: Option<ClientId>, key: Key) -> bool {
        let task = self.state.find(key).map(|task| self.state.task(task));
        task.zip(client).is_some_and(|(task, client)| task.clients.contains(&client))
    }

    fn client_goes(&self, client: Option<ClientId>, visit: Visit<'_>) {
        let client = client.and_then(|client| self.state.client(client));
        for &task in client.into_iter().flat_map(|client| &client.wants) {
            visit(Cell::Key(self.kind(task).into(), Matter::ClientGone));
        }
    }

    fn worker_goes(&self, worker: WorkerId, visit: Visit<'_>) {
        let Some(load) = self.state.index().load(worker) else { return };
        for task in load.values.iter().chain(load.processing.iter()) {
            visit(Cell::Key(self.kind(task).into(), Matter::WorkerGone));
        }
    }

    fn time_passes(&self, now: Instant, visit: Visit<'_>) {
        let over = self.graces.iter().filter(|(_, grace)| grace.until <= now);
        let is_given_up = |since: Instant| since + self.config.no_workers_timeout <= now;
        let mut is_idle = true;
        for (&connection, _) in over {
            is_idle = false;
            visit(Cell::Other(Occasion::TickGrace));
            self.session_goes(connection, visit);
        }
        if self.idle_since.is_some_and(|since| since + self.config.idle_timeout <= now) {
            is_idle = false;
            visit(Cell::Other(Occasion::TickQuiet));
        }
        let is_over = |(since, _)| since + self.config.unqualified_timeout <= now;
        if self.starving.longest().is_some_and(is_over) {
            is_idle = false;
            visit(Cell::Other(Occasion::TickStarving));
        }
        if self.no_workers_since.is_some_and(is_given_up) {
            visit(Cell::Other(Occasion::TickNoWorkers));
        } else if is_idle {
            visit(Cell::Other(Occasion::TickIdle));
        }
    }

    /// A client speaks, or a run that has not spoken before and so is none yet.
    fn client_says(
        &self,
        who: Standing,
        client: Option<ClientId>,
        message: &ClientMessage,
        visit: Visit<'_>,
    ) {
        let word = word_of_client(message);
        if self.judge_client_message(client, message).is_err() {
            return visit(Cell::Peer(who, wrong(word)));
        }
        let mut each = |keys: &[Key], wanted: Matter, unwanted: &dyn Fn(Key) -> Matter| {
            for &key in keys {
                let matter = if self.wants(client, key) { wanted } else { unwanted(key) };
                visit(Cell::Key(self.row(key), matter));
            }
        };
        match message {
            ClientMessage::Cancel { keys, .. } => {
                each(keys, Matter::Cancel, &|_| Matter::CancelUnwanted);
            }
            ClientMessage::Detach { keys } => {
                each(keys, Matter::Detach, &|_| Matter::DetachUnwanted);
            }
            ClientMessage::Locate { key, .. } => {
                each(&[*key], Matter::Locate, &|_| Matter::LocateUnwanted);
            }
            ClientMessage::Release { keys, answer: true } => {
                each(keys, Matter::Release, &|_| Matter::ReleaseAnswered);
            }
            ClientMessage::Release { keys, answer: false } => {
                each(keys, Matter::Release, &|_| Matter::ReleaseUnwanted);
            }
            ClientMessage::Retry { keys } => {
                each(keys, Matter::Retry, &|_| Matter::RetryUnwanted);
            }
            ClientMessage::Want { keys } => {
                each(keys, Matter::WantAgain, &|_| Matter::Want);
            }
            ClientMessage::Define { .. } | ClientMessage::Query { .. } => {
                visit(Cell::Peer(who, word));
            }
            ClientMessage::Goodbye => {
                visit(Cell::Peer(who, word));
                self.client_goes(client, visit);
            }
            ClientMessage::Submit { tasks, .. } => {
                visit(Cell::Peer(who, word));
                for task in tasks {
                    self.is_submitted(client, task, visit);
                }
            }
        }
    }

    fn is_submitted(&self, client: Option<ClientId>, new: &NewTask, visit: Visit<'_>) {
        let spec =
            client.and_then(|client| self.state.client(client)?.specs.get(new.spec.0 as usize));
        let known = self.state.find(new.key).zip(spec);
        let matter = match known {
            Some((task, spec)) if !self.is_same(task, *spec, new) => Matter::SubmitOther,
            Some(_) if self.wants(client, new.key) => Matter::SubmitAgain,
            Some(_) | None => Matter::Submit,
        };
        visit(Cell::Key(self.row(new.key), matter));
    }

    fn worker_says(&self, connection: ConnectionId, message: &WorkerMessage, visit: Visit<'_>) {
        let word = word_of_worker(message);
        let worker = match (self.peers.get(&connection), message) {
            (Some(Peer::Newcomer(_)), WorkerMessage::Register(registration)) => {
                let word = match self.judge_registration(registration) {
                    Ok(()) => Word::Register,
                    Err(PeerError::AddressTaken(_) | PeerError::NameTaken(_)) => {
                        Word::RegisterTaken
                    }
                    Err(
                        PeerError::Away
                        | PeerError::BeyondLimit(_)
                        | PeerError::DeclaredLost(_)
                        | PeerError::Left
                        | PeerError::NoThreads
                        | PeerError::NotItsRole
                        | PeerError::NotItsRun
                        | PeerError::NotRegistered
                        | PeerError::OutOfMemory { .. }
                        | PeerError::Superseded
                        | PeerError::UnknownSpec,
                    ) => Word::RegisterWrong,
                };
                visit(Cell::Peer(Standing::Newcomer, word));
                if word == Word::Register {
                    let gone = self.predecessors(registration).into_iter();
                    gone.for_each(|connection| self.session_goes(connection, visit));
                }
                return;
            }
            (Some(Peer::Worker(worker)), _) => *worker,
            (Some(Peer::Client(_) | Peer::Newcomer(_)) | None, _) => {
                return visit(Cell::Peer(self.role(connection), word));
            }
        };
        let (report, key, run) = match message {
            WorkerMessage::Failed { key, run, .. } => (Report::Failed, *key, *run),
            WorkerMessage::Fetched { key, run } => (Report::Fetched, *key, *run),
            WorkerMessage::Finished { key, run, nbytes, .. } => {
                if judge_size(*nbytes).is_err() {
                    return visit(Cell::Peer(Standing::Worker, Word::FinishedWrong));
                }
                (Report::Finished, *key, *run)
            }
            WorkerMessage::FromRun { key, run, .. } => (Report::FromRun, *key, *run),
            WorkerMessage::Memory(memory) if !memory.is_over => {
                return visit(Cell::Peer(Standing::Worker, word));
            }
            WorkerMessage::Goodbye | WorkerMessage::Memory(_) => {
                visit(Cell::Peer(Standing::Worker, word));
                return self.worker_goes(worker, visit);
            }
            WorkerMessage::Locate { key, run } => (Report::Locate, *key, *run),
            WorkerMessage::Note { key, run, .. } => (Report::Note, *key, *run),
            WorkerMessage::Recalled { key, run, .. } => (Report::Recalled, *key, *run),
            WorkerMessage::Register(_) | WorkerMessage::Retire => {
                return visit(Cell::Peer(Standing::Worker, word));
            }
            WorkerMessage::Started { key, run } => (Report::Started, *key, *run),
        };
        let age = self.age(worker, key, run);
        visit(Cell::Run(self.row(key), report, age));
        if let (WorkerMessage::FromRun { message, .. }, Age::Current) = (message, age) {
            let client = self.run_clients.get(&run).copied();
            self.client_says(Standing::Run, client, message, visit);
        }
    }

    fn age(&self, worker: WorkerId, key: Key, run: RunId) -> Age {
        if self.judge_run(run).is_err() {
            return Age::Never;
        }
        match self.state.find(key).map(|task| self.state.task(task).state()) {
            Some(TaskState::Processing { worker: on, run: current, .. }) if *current == run => {
                if *on == worker {
                    Age::Current
                } else {
                    Age::Elsewhere
                }
            }
            Some(TaskState::Memory { run: made, holders, .. }) if *made == run => {
                if holders.contains(&worker) { Age::Held } else { Age::Copied }
            }
            Some(
                TaskState::Erred { .. }
                | TaskState::Memory { .. }
                | TaskState::NoWorker
                | TaskState::Processing { .. }
                | TaskState::Queued
                | TaskState::Released
                | TaskState::Waiting { .. },
            )
            | None => Age::Stale,
        }
    }
}

const fn word_of_client(message: &ClientMessage) -> Word {
    match message {
        ClientMessage::Cancel { .. } => Word::Cancel,
        ClientMessage::Define { .. } => Word::Define,
        ClientMessage::Detach { .. } => Word::Detach,
        ClientMessage::Goodbye => Word::Goodbye,
        ClientMessage::Locate { .. } => Word::Locate,
        ClientMessage::Query { .. } => Word::Query,
        ClientMessage::Release { .. } => Word::Release,
        ClientMessage::Retry { .. } => Word::Retry,
        ClientMessage::Submit { .. } => Word::Submit,
        ClientMessage::Want { .. } => Word::Want,
    }
}

const fn word_of_worker(message: &WorkerMessage) -> Word {
    match message {
        WorkerMessage::Failed { .. } => Word::Failed,
        WorkerMessage::Fetched { .. } => Word::Fetched,
        WorkerMessage::Finished { .. } => Word::Finished,
        WorkerMessage::FromRun { .. } => Word::FromRun,
        WorkerMessage::Goodbye => Word::WorkerGoodbye,
        WorkerMessage::Locate { .. } => Word::WorkerLocate,
        WorkerMessage::Memory(_) => Word::Memory,
        WorkerMessage::Note { .. } => Word::Note,
        WorkerMessage::Recalled { .. } => Word::Recalled,
        WorkerMessage::Register(_) => Word::Register,
        WorkerMessage::Retire => Word::Retire,
        WorkerMessage::Started { .. } => Word::Started,
    }
}

/// The same word of a client, said wrongly.
fn wrong(word: Word) -> Word {
    match word {
        Word::Cancel => Word::CancelWrong,
        Word::Define => Word::DefineWrong,
        Word::Detach => Word::DetachWrong,
        Word::Query => Word::QueryWrong,
        Word::Release => Word::ReleaseWrong,
        Word::Retry => Word::RetryWrong,
        Word::Submit => Word::SubmitWrong,
        Word::Want => Word::WantWrong,
        Word::CancelWrong
        | Word::ClientBroke
        | Word::ClientHello
        | Word::ClientHelloAgain
        | Word::ClientResumed
        | Word::DefineWrong
        | Word::DetachWrong
        | Word::Failed
        | Word::Fetched
        | Word::Finished
        | Word::FinishedWrong
        | Word::FromRun
        | Word::Goodbye
        | Word::Locate
        | Word::QueryWrong
        | Word::Recalled
        | Word::Register
        | Word::RegisterTaken
        | Word::RegisterWrong
        | Word::ReleaseWrong
        | Word::Memory
        | Word::Retire
        | Word::RetryWrong
        | Word::SessionEnded
        | Word::Note
        | Word::Started
        | Word::SubmitWrong
        | Word::WantWrong
        | Word::WorkerBroke
        | Word::WorkerHello
        | Word::WorkerHelloAgain
        | Word::WorkerGoodbye
        | Word::WorkerLocate
        | Word::WorkerResumed => unreachable!("a client cannot say {word} wrongly"),
    }
}
