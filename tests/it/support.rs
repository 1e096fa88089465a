//! What the tests have in common: a limit for each, clusters, gates, programs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use raddle::prelude::*;
use raddle::{Result, SchedulerInfo};
use raddle_tests::gate;
use tokio::net::{TcpListener, TcpStream};

/// The worker program.
pub const APP: &str = env!("CARGO_BIN_EXE_app");
/// The command line.
pub const RADDLE: &str = env!("CARGO_BIN_EXE_raddle-cli");

/// How long a test may take. It is said once for all, and generously: what takes this long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs an async test on a runtime of its own, within the limit.
pub fn test(body: impl AsyncFnOnce() -> Result<()> + Send + 'static) {
    within_limit(move || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build()?.block_on(body())
    });
}

/// Runs a test, and fails if it takes too long.
pub fn within_limit(body: impl FnOnce() -> Result<()> + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let test = std::thread::spawn(move || {
        let result = body();
        // Whoever waited has given up.
        let _ = done.send(());
        result
    });
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LIMIT) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        panic!(
            "it hangs: not done after {} s. Again: cargo test -p raddle-tests --test it -- {name}",
            LIMIT.as_secs()
        );
    }
    match test.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A cluster of threads of this process, of one slot each.
pub async fn threads(workers: usize) -> Result<(LocalCluster, Client)> {
    let cluster = LocalCluster::builder().workers(workers).threads_per_worker(1).start().await?;
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// A cluster of processes of the worker program, of one slot each.
pub async fn processes(workers: usize) -> Result<(LocalCluster, Client)> {
    let builder = LocalCluster::builder().workers(workers).threads_per_worker(1).program(APP);
    let cluster = builder.start().await?;
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// Asks about the cluster again and again until it is as it should be.
pub async fn until(
    client: &Client,
    mut is_so: impl FnMut(&SchedulerInfo) -> bool,
) -> Result<SchedulerInfo> {
    loop {
        let info = client.info().await?;
        if is_so(&info) {
            return Ok(info);
        }
        tokio::task::yield_now().await;
    }
}

/// How many tasks the scheduler knows, in any state.
pub fn known_tasks(info: &SchedulerInfo) -> u64 {
    info.tasks.iter().map(|(_, count)| count).sum()
}

/// How many tasks are in a state.
pub fn tasks_in(info: &SchedulerInfo, state: &str) -> u64 {
    let named = info.tasks.iter().find(|(name, _)| name == state);
    named.unwrap_or_else(|| panic!("there is no state {state}: {info:?}")).1
}

/// A door through which tasks must go: the test sees them come in, and lets them out.
pub struct Gate {
    listener: TcpListener,
    inside: Vec<TcpStream>,
}

impl Gate {
    /// A closed one.
    pub async fn new() -> Result<Self> {
        Ok(Self { listener: TcpListener::bind("127.0.0.1:0").await?, inside: Vec::new() })
    }

    /// Where the door is.
    pub fn address(&self) -> String {
        self.listener.local_addr().expect("it listens").to_string()
    }

    /// A task that gives `x` once it is let out.
    pub fn call(&self, x: u64) -> Call<u64> {
        gate(self.address(), x)
    }

    /// Waits until the task that came in last has gone by itself.
    pub async fn left(&mut self) -> Result<()> {
        use tokio::io::AsyncReadExt as _;
        let mut task = self.inside.pop().expect("somebody came in");
        assert_eq!(task.read(&mut [0]).await?, 0);
        Ok(())
    }

    /// Waits until one more task has come in: until its body runs.
    pub async fn entered(&mut self) -> Result<()> {
        let (task, _) = self.listener.accept().await?;
        self.inside.push(task);
        Ok(())
    }

    /// Lets everybody out who is inside.
    pub fn let_out(&mut self) {
        self.inside.clear();
    }

    /// Lets everybody out, and whoever comes later straight through.
    pub fn open(self) {}
}

/// A folder that is gone after the test.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one, named after the test.
    pub fn new(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("raddle-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// A place in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the operating system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program that runs, and does not outlive the test.
pub struct Program {
    pub child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it. Its standard input is a pipe that ends with this value.
    pub fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        Ok(Self { child, stdout: BufReader::new(stdout) })
    }

    /// The next line that it says, once it has.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, signal).map_err(std::io::Error::from)?)
    }

    /// Waits for its end: its exit code, and what it said on standard error.
    pub fn end(mut self) -> Result<(Option<i32>, String)> {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        Ok((self.child.wait()?.code(), said))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
