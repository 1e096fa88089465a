//! Other schedulers, driven by small scripts in `benches/peers`; one that is not installed is
//! skipped with a word.
//!
//! A script prints a line when it is ready; then, for each line that it reads, it measures what the
//! line names and prints one JSON object of figures. It ends with its input.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A peer that runs beside us, idle while it is not measured.
pub(crate) struct Peer {
    /// For people.
    pub(crate) name: &'static str,
    script: Option<Script>,
    last: Value,
    /// Why there are no figures.
    failed: Option<String>,
}

struct Script {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `script` with the interpreter of `RADDLE_BENCH_PYTHON`, or `python3`.
    pub(crate) fn start(name: &'static str, script: &str) -> Self {
        let mut peer = Self { name, script: None, last: Value::Null, failed: None };
        match Script::start(script) {
            Ok(script) => peer.script = Some(script),
            Err(error) => peer.failed = Some(error.to_string()),
        }
        // Its first line says that it is ready.
        peer.listen();
        peer
    }

    /// Measures what is called `what`, once.
    pub(crate) fn measure(&mut self, what: &str) {
        let Some(Script { child, .. }) = &mut self.script else { return };
        // If it has ended, there is no answer either.
        let _ = child.stdin.as_mut().map(|stdin| writeln!(stdin, "{what}"));
        self.listen();
    }

    fn listen(&mut self) {
        let Some(script) = &mut self.script else { return };
        let mut line = String::new();
        let heard = script.lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0);
        match serde_json::from_str(&line) {
            Ok(figures) if heard => self.last = figures,
            Ok(_) | Err(_) => self.failed = self.script.take().map(Script::end),
        }
    }

    /// A figure of the last measurement.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        self.script.as_ref().and_then(|_| self.last.get(name)).and_then(Value::as_f64)
    }

    /// Ends the script; an error says why there are no figures.
    pub(crate) fn end(self) -> Result<(), String> {
        self.script.map(Script::end);
        self.failed.map_or(Ok(()), |why| Err(format!("{} was skipped: {why}", self.name)))
    }
}

impl Script {
    fn start(script: &str) -> std::io::Result<Self> {
        let python = std::env::var("RADDLE_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(script);
        let mut child = Command::new(python)
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, lines: BufReader::new(stdout) })
    }

    /// Waits for its end; returns the last that it complained of.
    fn end(self) -> String {
        let output = self.child.wait_with_output();
        let complaints = output.map(|output| output.stderr).unwrap_or_default();
        let complaints = String::from_utf8_lossy(&complaints);
        complaints.lines().last().unwrap_or("it ended without a word").to_owned()
    }
}
