//! Everything that could be said next, by anybody, of anything: for tests that look at one step from
//! every side.
//!
//! This module must not know what follows.

use raddle_net::limits::MAX_KEYS;

use super::steps::key_of;
use super::*;

/// Runs that reports are about, at most: the latest.
const RUNS: usize = 60;

impl Play<'_> {
    /// Every event that a driver could come with now.
    pub fn probes(&self) -> Vec<Event> {
        let unknown = ConnectionId(u64::MAX);
        let reason = String::new;
        let mut events = links_of_client(unknown);
        events.extend(links_of_worker(unknown));
        let sessions = (0..8).map(Session::truncate);
        events.extend(sessions.flat_map(|session| {
            let name = String::new();
            [
                Event::ClientConnected { connection: unknown, session, name },
                Event::WorkerConnected { connection: unknown, session },
            ]
        }));
        let workers = (0..9).map(WorkerId);
        events.extend(workers.map(|worker| Event::WorkerLost { worker, reason: reason() }));
        for (&connection, peer) in &self.scheduler.peers {
            events.extend(match peer {
                Peer::Client(_) => links_of_client(connection),
                Peer::Newcomer(_) | Peer::Worker(_) => links_of_worker(connection),
            });
        }
        let (said, reported) = (self.all_of_clients(), self.all_of_workers());
        for &connection in self.scheduler.peers.keys().chain([&unknown]) {
            let said = said.iter().cloned();
            events.extend(said.map(|message| Event::FromClient { connection, message }));
            let reported = reported.iter().cloned();
            events.extend(reported.map(|message| Event::FromWorker { connection, message }));
        }
        events
    }

    fn all_of_clients(&self) -> Vec<ClientMessage> {
        let too_many = vec![key_of(0); MAX_KEYS + 1];
        let undefined = NewTask { spec: SpecId(99), ..self.new_task(0) };
        let next = SpecId(u32::try_from(specs().len()).unwrap());
        let mut messages = vec![
            ClientMessage::Cancel { keys: too_many.clone(), force: false },
            ClientMessage::Detach { keys: too_many.clone() },
            ClientMessage::Retry { keys: too_many.clone() },
            ClientMessage::Want { keys: too_many.clone() },
            ClientMessage::Define { id: SpecId(99), spec: TaskSpec::default() },
            ClientMessage::Define { id: next, spec: TaskSpec::default() },
            ClientMessage::Goodbye,
            ClientMessage::Query { id: 0, query: Query::Info },
            ClientMessage::Release { keys: too_many, answer: false },
            ClientMessage::Submit { submission: 1, tasks: vec![undefined] },
        ];
        for number in 0..plan::KEYS {
            let (key, keys) = (key_of(number), vec![key_of(number)]);
            let task = self.new_task(number);
            let other = NewTask { args: Blob::from(&b"another"[..]), ..task.clone() };
            messages.extend([
                ClientMessage::Cancel { keys: keys.clone(), force: false },
                ClientMessage::Detach { keys: keys.clone() },
                ClientMessage::Retry { keys: keys.clone() },
                ClientMessage::Want { keys: keys.clone() },
                ClientMessage::Release { keys: keys.clone(), answer: true },
                ClientMessage::Locate { key, failed: None },
                ClientMessage::Release { keys, answer: false },
                ClientMessage::Submit { submission: 1, tasks: vec![task] },
                ClientMessage::Submit { submission: 1, tasks: vec![other] },
            ]);
        }
        messages
    }

    fn all_of_workers(&self) -> Vec<WorkerMessage> {
        let given = &self.audience.given;
        let never = run_id(u64::MAX);
        let runs = given.iter().rev().take(RUNS).copied();
        let runs = runs.chain((0..plan::KEYS).map(|number| (key_of(number), never)));
        let mut messages: Vec<_> = runs.flat_map(|(key, run)| reports(key, run)).collect();
        for worker in self.audience.workers.values() {
            for (&run, given) in &worker.runs {
                messages.extend(self.all_of_run(given.key, run));
            }
        }
        let registrations = [registration(1, 1), registration(50, 1), registration(50, 0)];
        messages.extend(registrations.map(WorkerMessage::Register));
        messages.extend([WorkerMessage::Goodbye, WorkerMessage::Retire]);
        let memory = |is_full, is_over| {
            WorkerMessage::Memory(MemoryUse { is_full, is_over, ..MemoryUse::default() })
        };
        messages.extend([memory(true, false), memory(false, false), memory(false, true)]);
        messages
    }

    /// What a run may say wrongly, or to begin with.
    fn all_of_run(&self, key: Key, run: RunId) -> impl Iterator<Item = WorkerMessage> {
        let too_many = || vec![key_of(0); MAX_KEYS + 1];
        let define = |id| ClientMessage::Define { id: SpecId(id), spec: TaskSpec::default() };
        let submit = |task| ClientMessage::Submit { submission: 1, tasks: vec![task] };
        let messages = [
            ClientMessage::Cancel { keys: too_many(), force: false },
            ClientMessage::Detach { keys: too_many() },
            ClientMessage::Release { keys: too_many(), answer: false },
            ClientMessage::Retry { keys: too_many() },
            ClientMessage::Want { keys: too_many() },
            define(0),
            define(u32::try_from(specs().len()).unwrap()),
            define(99),
            submit(self.new_task(0)),
            submit(NewTask { spec: SpecId(99), ..self.new_task(0) }),
        ];
        messages.into_iter().map(move |message| WorkerMessage::FromRun { key, run, message })
    }
}

fn links_of_client(connection: ConnectionId) -> Vec<Event> {
    let ended = Event::SessionEnded { connection, reason: String::new() };
    vec![Event::ClientDisconnected { connection }, Event::ClientResumed { connection }, ended]
}

fn links_of_worker(connection: ConnectionId) -> Vec<Event> {
    let reason = String::new;
    vec![
        Event::SessionEnded { connection, reason: reason() },
        Event::WorkerDisconnected { connection, reason: reason() },
        Event::WorkerResumed { connection },
    ]
}

/// Everything that can be said of any run.
fn reports(key: Key, run: RunId) -> Vec<WorkerMessage> {
    let finished = |nbytes| WorkerMessage::Finished { key, run, nbytes, duration: 1, value: None };
    let speaks = |message| WorkerMessage::FromRun { key, run, message };
    vec![
        WorkerMessage::Failed { key, run, blame: None, failure: broke("", 0) },
        WorkerMessage::Fetched { key, run },
        finished(8),
        finished(u64::MAX),
        WorkerMessage::Locate { key, run },
        WorkerMessage::Note { key, run, note: Note::Progress(5_000) },
        WorkerMessage::Recalled { key, run, returned: true },
        WorkerMessage::Started { key, run },
        speaks(ClientMessage::Cancel { keys: vec![key_of(1)], force: false }),
        speaks(ClientMessage::Goodbye),
        speaks(ClientMessage::Query { id: 0, query: Query::Info }),
    ]
}
