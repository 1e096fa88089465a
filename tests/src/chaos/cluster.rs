//! A scheduler and workers as processes, and between them a network that breaks: on the way from each
//! worker to the scheduler, and from others to the values of every second worker. The other half is
//! reached where it listens, so that the scheduler can see that nobody listens any more.
//!
//! It must not know what befalls them when.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::disk::Disk;
use super::footprint::Footprint;
use super::{Outcome, calm, text};
use crate::proxy::Proxy;

/// Tasks that a worker runs at a time.
const THREADS: &str = "2";

/// Has the system's allocator give back what is free where it can, whoever freed it: otherwise it keeps
/// tens of megabytes, by chance. An allocator that does not know these goes on as it does.
const FRUGAL: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
];

/// Workers put values on disk beyond a megabyte, and no more there than a few: it is often full. (Their
/// limit of memory is one that no task has to fear.)
const SPILLING: [&str; 6] = [
    "--raddle-memory-limit",
    "256MiB",
    "--raddle-memory-target",
    "0.004",
    "--raddle-spill-limit",
    "4MiB",
];

/// The programs of a cluster.
#[derive(Clone, Debug)]
pub struct Programs {
    /// It is a scheduler when its first argument is `scheduler`.
    pub scheduler: PathBuf,
    /// It is a worker with our tasks when its first argument is `--raddle-worker`.
    pub worker: PathBuf,
}

/// A cluster. Dropping it kills it.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    scheduler: Mutex<Process>,
    /// Where the scheduler listens, and the next one after it.
    address: String,
    /// Clients come this way.
    door: Proxy,
    workers: Vec<Slot>,
    disk: Disk,
    /// How often a worker was done harm: it may have been lost as often.
    harm: AtomicU32,
    /// Workers that were ever started.
    started: AtomicU32,
}

/// One worker after another, and its way to the scheduler.
#[derive(Debug)]
struct Slot {
    door: Proxy,
    present: Mutex<Process>,
    /// Those that were told to leave.
    leaving: Mutex<Vec<Process>>,
}

/// A process. Dropping it kills it.
#[derive(Debug)]
struct Process {
    child: Child,
    /// What the scheduler knows a worker as.
    name: String,
    /// The way to its values, if it breaks.
    data: Option<Proxy>,
    /// What it says goes somewhere for as long as it lives.
    _stdout: Option<BufReader<ChildStdout>>,
}

impl Cluster {
    /// Starts a scheduler and so many workers; returns when they have joined.
    ///
    /// # Errors
    ///
    /// If a process cannot be started.
    pub async fn start(programs: Programs, workers: usize) -> Outcome<Self> {
        let (scheduler, address) = programs.schedule("0")?;
        let door = Proxy::new(&address, 0, 0).await.map_err(text)?;
        let disk = Disk::new().map_err(text)?;
        let mut slots = Vec::new();
        for number in 0..workers {
            let door = Proxy::new(&address, 0, 0).await.map_err(text)?;
            let first = programs.work(&door, number, format!("w{number}"), &disk).await?;
            slots.push(Slot { door, present: Mutex::new(first), leaving: Mutex::default() });
        }
        let cluster = Self {
            programs,
            scheduler: Mutex::new(scheduler),
            address,
            door,
            workers: slots,
            disk,
            harm: AtomicU32::new(0),
            started: AtomicU32::new(0),
        };
        calm::settle(&cluster).await?;
        Ok(cluster)
    }

    /// Where the scheduler listens, with nothing on the way.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The way of clients to the scheduler.
    #[must_use]
    pub fn door(&self) -> &Proxy {
        &self.door
    }

    /// The way of a worker to the scheduler.
    #[must_use]
    pub fn worker_door(&self, worker: usize) -> &Proxy {
        &self.workers[worker].door
    }

    /// How many workers there are, in turn.
    #[must_use]
    pub fn size(&self) -> usize {
        self.workers.len()
    }

    /// The names of the workers that are to be there, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.workers.iter().map(|slot| lock(&slot.present).name.clone()).collect();
        names.sort();
        names
    }

    /// How often a worker may have been lost.
    #[must_use]
    pub fn harm(&self) -> u32 {
        self.harm.load(Ordering::SeqCst)
    }

    /// A worker may be lost by what follows.
    pub fn harms(&self) {
        self.harm.fetch_add(1, Ordering::SeqCst);
    }

    /// What the scheduler takes.
    #[must_use]
    pub fn footprint(&self) -> Option<Footprint> {
        Footprint::of(lock(&self.scheduler).child.id())
    }

    /// What a worker takes.
    #[must_use]
    pub fn worker_footprint(&self, worker: usize) -> Option<Footprint> {
        Footprint::of(lock(&self.workers[worker].present).child.id())
    }

    /// Kills a worker, as a lack of memory does.
    pub fn kill(&self, worker: usize) {
        self.harms();
        lock(&self.workers[worker].present).end();
    }

    /// Starts a worker anew; if the one before is still there, it is told to leave.
    ///
    /// # Errors
    ///
    /// If a process cannot be started.
    pub async fn restart(&self, worker: usize) -> Outcome<()> {
        self.harms();
        let slot = &self.workers[worker];
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let name = format!("w{worker} {number}");
        let next = self.programs.work(&slot.door, worker, name, &self.disk).await?;
        let before = std::mem::replace(&mut *lock(&slot.present), next);
        before.signal(Signal::TERM);
        // It may stand still, and nobody else knows it any more.
        before.signal(Signal::CONT);
        let mut leaving = lock(&slot.leaving);
        leaving.retain_mut(|process| !process.has_ended());
        leaving.push(before);
        Ok(())
    }

    /// A worker finds no place on its disk when it next looks for one.
    pub fn take_disk(&self, worker: usize) {
        self.disk.take(worker);
    }

    /// It does again.
    pub fn give_disk_back(&self, worker: usize) {
        self.disk.give_back(worker);
    }

    /// Breaks the connections on which others ask for a worker's values, if they break.
    pub fn cut_data(&self, worker: usize) {
        if let Some(data) = &lock(&self.workers[worker].present).data {
            data.cut();
        }
    }

    /// Has everything that is said on those held up for so long.
    pub fn slow_data_down(&self, worker: usize, delay: Duration) {
        if let Some(data) = &lock(&self.workers[worker].present).data {
            data.slow_down(delay);
        }
    }

    /// Has a worker stand still, or go on.
    pub fn signal(&self, worker: usize, signal: Signal) {
        self.harms();
        lock(&self.workers[worker].present).signal(signal);
    }

    /// Has the scheduler stand still, or go on.
    pub fn signal_scheduler(&self, signal: Signal) {
        lock(&self.scheduler).signal(signal);
    }

    /// Kills the scheduler; another one takes its place, which knows nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn replace_scheduler(&self) -> Outcome<()> {
        self.harms();
        let mut scheduler = lock(&self.scheduler);
        scheduler.end();
        let port = self.address.rsplit(':').next().unwrap_or_default();
        (*scheduler, _) = self.programs.schedule(port)?;
        Ok(())
    }
}

impl Programs {
    /// Starts a scheduler at this port; where it listens.
    fn schedule(&self, port: &str) -> Outcome<(Process, String)> {
        let mut command = Command::new(&self.scheduler);
        // Whoever stands still for longer is taken for gone.
        command.args(["scheduler", "--port", port, "--worker-grace", "1", "--ttl", "2"]);
        let (process, said) = Process::start(command.envs(FRUGAL).stdout(Stdio::piped()))?;
        let address = said.strip_prefix("scheduler at ");
        let address = address.ok_or_else(|| format!("the scheduler says {said:?}"))?.to_owned();
        Ok((process, address))
    }

    /// Starts the worker of this number.
    async fn work(
        &self,
        door: &Proxy,
        number: usize,
        name: String,
        disk: &Disk,
    ) -> Outcome<Process> {
        let mut command = Command::new(&self.worker);
        command.envs(FRUGAL).args(SPILLING);
        command.arg("--raddle-spill-directory").arg(disk.of(number));
        command.args(["--raddle-worker", door.address(), "--raddle-threads", THREADS]);
        // It looks for a scheduler for as long as anybody waits here.
        command.args(["--raddle-name", &name, "--raddle-death-timeout", "90"]);
        let mut data = None;
        if number % 2 == 1 {
            // A port that was free a moment ago.
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let at = free.map_err(text)?;
            let way = Proxy::new(&at.to_string(), 0, 0).await.map_err(text)?;
            let contact = way.address().trim_start_matches("tcp://");
            command.args(["--raddle-port", &at.port().to_string()]);
            command.args(["--raddle-contact-address", contact]);
            data = Some(way);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Process { child: child.spawn().map_err(text)?, name, data, _stdout: None })
    }
}

impl Process {
    /// Starts it, and waits for the first line that it says.
    fn start(command: &mut Command) -> Outcome<(Self, String)> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().map_err(text)?;
        let mut stdout = child.stdout.take().map(BufReader::new);
        let mut line = String::new();
        if let Some(stdout) = &mut stdout {
            stdout.read_line(&mut line).map_err(text)?;
        }
        Ok((
            Self { child, name: String::new(), data: None, _stdout: stdout },
            line.trim_end().to_owned(),
        ))
    }

    /// It may have ended already: then nothing happens.
    fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// As above.
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
