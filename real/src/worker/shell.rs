//! One worker: its machine, its words and its values behind one lock. Any thread drives it.
//!
//! A thread that has run a body tells the machine itself, and often takes the next body along: while
//! there is backlog, a task costs no wake-up of another thread. This module must not know sockets.

use std::future::Future;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use raddle_core::time::Instant;
use raddle_core::worker::{Config, Event, RequestId};
use raddle_net::error::SessionError;
use raddle_net::messages::{Item, WorkerMessage};
use raddle_net::names::{RunId, Session};

use super::core::{Core, Request, Words};
use super::gauge::Gauge;
use super::nested::RunLink;
use super::spiller::Spiller;
use super::turn::Turn;
use crate::clock;
use crate::context::{Due, Host, Locals, Run};
use crate::credentials::Credentials;
use crate::executor::pool::Pool;
use crate::executor::{Executor, panics};
use crate::hub::{Hub, lock};
use crate::rt::{self, Handle, Notify, oneshot};
use crate::serve::{Asked, Holder};
use crate::stream::{Heard, MAX_KEPT_AWAY, Number};
use crate::transfer::Peers;
use crate::value::Value;

/// Bytes that wait to be sent, beyond which nothing more is heard from the scheduler.
const MAX_UNSENT: usize = 64 << 20;

/// A worker without its connection to the scheduler.
pub(super) struct Shell {
    /// Where the scheduler listens.
    scheduler: String,
    /// What bodies keep here.
    locals: Locals,
    /// Where it serves values.
    pub(super) address: String,
    /// Values of others.
    pub(super) peers: Peers,
    pub(super) executor: Executor,
    pub(super) pool: Pool,
    /// Of the sessions of runs.
    seed: u64,
    pub(super) core: Mutex<Core>,
    /// Whoever waits for the disk.
    pub(super) spiller: Spiller,
    /// Bodies should wait until something is written; seen without the lock.
    pub(super) choked: AtomicBool,
    /// Something was written, or cannot be.
    pub(super) relieved: Condvar,
    /// Runs that have something to say. A lock of its own: a future may be dropped anywhere.
    speaking: Mutex<Vec<Arc<Run>>>,
    /// There is something to write.
    words: Notify,
    /// Something was written.
    room: Notify,
    /// More is kept for the scheduler than may be while it is away.
    too_much: Notify,
    /// There is so much in memory that the worker ends.
    pub(super) over: Notify,
    /// The next deadline is earlier than it was.
    timer: Notify,
    ended: Ended,
    runtime: Handle,
}

/// What a worker has on its machine.
pub(super) struct Home {
    /// How the machine behaves.
    pub(super) config: Config,
    /// What may be in memory.
    pub(super) gauge: Gauge,
    /// Where others are written.
    pub(super) spiller: Spiller,
    /// Where data moves.
    pub(super) runtime: Handle,
}

impl Shell {
    /// A worker that serves values at `address`.
    pub(super) fn new(
        scheduler: String,
        address: String,
        session: Session,
        credentials: Credentials,
        home: Home,
    ) -> Arc<Self> {
        let Home { config, gauge, spiller, runtime } = home;
        let threads = config.nthreads;
        Arc::new(Self {
            scheduler,
            locals: Locals::default(),
            address,
            peers: Peers::new(session, credentials),
            executor: Executor::new(threads),
            pool: Pool::new(threads),
            seed: rt::random(),
            core: Mutex::new(Core::new(config, gauge)),
            spiller,
            choked: AtomicBool::new(false),
            relieved: Condvar::new(),
            speaking: Mutex::default(),
            words: Notify::new(),
            room: Notify::new(),
            too_much: Notify::new(),
            over: Notify::new(),
            timer: Notify::new(),
            ended: Ended::default(),
            runtime,
        })
    }

    /// Takes the lock; the time is read once for all that happens under it.
    pub(super) fn turn(self: &Arc<Self>) -> Turn<'_> {
        Turn::new(self, lock(&self.core))
    }

    /// Tells the machine one thing.
    pub(super) fn tell(self: &Arc<Self>, event: Event) {
        let mut turn = self.turn();
        turn.handle(event);
        turn.end();
    }

    /// Says `message` to the scheduler, unasked by the machine.
    pub(super) fn say(self: &Arc<Self>, message: &WorkerMessage) {
        let mut turn = self.turn();
        turn.say(message);
        turn.end();
    }

    /// The value that `run` made, if it is here.
    pub(super) fn held(&self, run: RunId) -> Option<Arc<Value>> {
        lock(&self.core).store.get(run)
    }

    /// Runs `future` where data moves, until the worker ends.
    pub(super) fn spawn(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) {
        let shell = Arc::clone(self);
        drop(self.runtime.spawn(async move { shell.until_end(future).await }));
    }

    /// Polls `future` until it or the worker ends.
    pub(super) async fn until_end(&self, future: impl Future<Output = ()>) {
        rt::select! {
            biased;
            () = self.ended.reached() => {}
            () = future => {}
        }
    }

    /// The body of `run` gives its slot back. If it has a thread, that sleeps.
    pub(super) fn body_sleeps(&self, run: &Run) {
        if run.has_thread && !run.asleep.swap(true, Ordering::Relaxed) {
            self.executor.fell_asleep();
        }
    }

    /// The body of `run` has its slot again, or has ended.
    pub(super) fn body_wakes(&self, run: &Run) {
        if run.asleep.swap(false, Ordering::Relaxed) {
            self.executor.woke_up();
        }
    }

    /// Ends everything at once. Bodies that run go on, but nobody hears of them.
    pub(super) fn close(&self) {
        let (values, runs) = {
            let mut core = lock(&self.core);
            core.closed = true;
            core.requests.clear();
            (core.store.take_all(), mem::take(&mut core.runs))
        };
        self.ended.reach();
        self.spiller.close();
        self.relieved.notify_all();
        self.executor.close();
        self.pool.close();
        lock(&self.speaking).clear();
        for run in runs.values() {
            run.stop();
        }
        discard(values.into_iter().filter_map(|removed| removed.value).collect());
        // A body that runs on holds what it uses.
        if let Err(panic) = panics::catch(|| drop(self.locals.take())) {
            tracing::warn!(message = panic.message, "the destructor of a worker's state panicked");
        }
    }
}

/// For the tasks that carry words, and the timer.
impl Shell {
    /// `run` has something to say.
    pub(super) fn speaks(&self, run: Arc<Run>) {
        let mut speaking = lock(&self.speaking);
        speaking.push(run);
        if speaking.len() == 1 {
            self.words.notify_one();
        }
    }

    /// Lets the runs speak that have something to say.
    pub(super) fn hear_runs(self: &Arc<Self>) {
        let speaking = mem::take(&mut *lock(&self.speaking));
        let mut messages = Vec::new();
        for run in speaking {
            let deadline = run.nested().and_then(|hub| {
                hub.flush(&mut messages, 0);
                hub.next_deadline()
            });
            let Due { notes, again } = run.due(clock::now());
            let mut turn = self.turn();
            for message in messages.drain(..) {
                turn.handle(Event::FromRun { run: run.id, message });
            }
            turn.noted(run.id, notes);
            let deadlines = deadline.into_iter().chain(again).map(|at| (at, run.id));
            turn.core().run_deadlines.extend(deadlines);
            turn.end();
        }
    }

    /// What is to be written, and what then. See [`Core::take_words`].
    pub(super) fn take_words(&self) -> Words {
        lock(&self.core).take_words()
    }

    /// What was taken was written, and so many announced runs may begin.
    pub(super) fn written(self: &Arc<Self>, flushes: usize) {
        self.room.notify_one();
        if flushes > 0 {
            let mut turn = self.turn();
            let flushed: Vec<RunId> = turn.core().flushes.drain(..flushes).collect();
            for run in flushed {
                turn.handle(Event::Flushed { run });
            }
            turn.end();
        }
    }

    /// Wakes whoever writes.
    pub(super) fn wake_writer(&self) {
        self.words.notify_one();
    }

    /// Until there is something to write.
    pub(super) async fn words(&self) {
        self.words.notified().await;
    }

    /// Until little enough waits to be written.
    pub(super) async fn room(&self) {
        while lock(&self.core).stream.unsent() > MAX_UNSENT {
            self.room.notified().await;
        }
    }

    /// A frame of the scheduler came; whether it is to be heard.
    pub(super) fn heard(&self, number: Number) -> Result<bool, SessionError> {
        let Heard { is_new, wakes } = lock(&self.core).stream.heard(number)?;
        if wakes {
            self.wake_writer();
        }
        Ok(is_new)
    }

    /// The number of the last frame that came.
    pub(super) fn received(&self) -> u64 {
        lock(&self.core).stream.received()
    }

    /// There is a new connection, to a scheduler that has everything up to frame `received`.
    pub(super) fn resume(&self, received: u64) -> Result<(), SessionError> {
        lock(&self.core).stream.resume(received)
    }

    /// Says that this worker is there.
    pub(super) fn beat(&self) {
        lock(&self.core).stream.beat();
        self.wake_writer();
    }

    /// Whether the scheduler has told the worker to leave.
    pub(super) fn leaves(&self) -> bool {
        lock(&self.core).leaves
    }

    /// More is kept for the scheduler than may be while it is away.
    pub(super) fn tell_too_much(&self) {
        self.too_much.notify_one();
    }

    /// Until more is kept for the scheduler than may be while it is away.
    pub(super) async fn too_much(&self) {
        while lock(&self.core).stream.kept() <= MAX_KEPT_AWAY {
            self.too_much.notified().await;
        }
    }

    /// Has the timer look anew.
    pub(super) fn wake_timer(&self) {
        self.timer.notify_one();
    }

    /// Tells whoever wants to know, whenever it is time.
    pub(super) async fn keep_time(self: &Arc<Self>) {
        loop {
            let Some(at) = self.tick() else {
                self.timer.notified().await;
                continue;
            };
            rt::select! {
                biased;
                () = self.timer.notified() => {}
                () = rt::sleep_until(clock::at(at)) => {}
            }
        }
    }

    /// Tells everybody whose time has come; returns when to look again.
    fn tick(self: &Arc<Self>) -> Option<Instant> {
        self.look_at_memory();
        let mut turn = self.turn();
        let now = turn.now();
        if turn.core().machine.next_deadline().is_some_and(|(at, _)| at <= now) {
            turn.handle(Event::Tick);
        }
        let mut runs = Vec::new();
        let core = turn.core();
        while let Some((at, run)) = core.run_deadlines.first().copied() {
            if at > now {
                break;
            }
            core.run_deadlines.pop_first();
            runs.extend(core.runs.get(&run).cloned());
        }
        let next = core.next_deadline();
        core.armed = next;
        turn.end();
        for run in runs {
            if let Some(hub) = run.nested() {
                hub.tick();
            }
            self.speaks(run);
        }
        next
    }
}

impl Host for Shell {
    fn hub(self: Arc<Self>, run: &Arc<Run>) -> Arc<Hub> {
        // A session for each run that submits tasks, which no other will have but by a chance of
        // one in 2^63.
        let RunId { epoch, counter } = run.id;
        let bits = raddle_core::random::hash(self.seed, u64::from(epoch), counter, 0);
        Hub::new(Session::truncate(bits), Arc::new(RunLink::new(self, run)))
    }

    fn heed(&self, run: &Arc<Run>) {
        self.speaks(Arc::clone(run));
    }

    fn locals(&self) -> &Locals {
        &self.locals
    }

    fn scheduler(&self) -> &str {
        &self.scheduler
    }
}

impl Holder for Arc<Shell> {
    fn asked(&self, items: Vec<Item>) -> Asked {
        let (sender, answer) = oneshot::channel();
        let mut turn = self.turn();
        let request = turn.core().new_request(Request::Get(sender));
        turn.handle(Event::Asked { request, items });
        turn.end();
        Asked { request, answer }
    }

    fn served(&self, request: RequestId) {
        self.tell(Event::Served { request });
    }

    fn received(&self, item: Item, value: Arc<Value>) -> oneshot::Receiver<bool> {
        let (sender, taken) = oneshot::channel();
        let (nbytes, small) = (value.nbytes(), value.inline());
        let mut turn = self.turn();
        let request = turn.core().new_request(Request::Put(value, sender));
        turn.handle(Event::Received { request, item, nbytes, value: small });
        turn.end();
        taken
    }
}

/// Drops values where no lock is held: their destructors are user code.
pub(super) fn discard(values: Vec<Arc<Value>>) {
    if values.is_empty() {
        return;
    }
    if let Err(panic) = panics::catch(|| drop(values)) {
        tracing::warn!(message = panic.message, "the destructor of a value panicked");
    }
}

/// The end of the worker, for tasks that must not outlive it.
#[derive(Default)]
struct Ended {
    flag: AtomicBool,
    notify: Notify,
}

impl Ended {
    fn reach(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    async fn reached(&self) {
        // Hears of everything that happens from here on.
        let notified = self.notify.notified();
        if !self.flag.load(Ordering::SeqCst) {
            notified.await;
        }
    }
}
