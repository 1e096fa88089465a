//! The guard: a shell that outlives this process, however it ends, and then kills what it left.
//!
//! An arbitrary program does not watch a pipe from its worker, as our own do. So one process does for
//! all of them: it hears which process groups there are, and kills those that are left when its
//! standard input ends. This module must not know what the groups run.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Mutex;

use rustix::process::Pid;

use crate::hub::lock;

const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=
while read -r verb group; do
    others=
    for other in $groups; do
        [ "$other" = "$group" ] || others="$others $other"
    done
    groups=$others
    [ "$verb" = + ] && groups="$groups $group"
done
for group in $groups; do
    kill -s KILL -- "-$group"
done
"#;

/// One for this process, started when it is first needed.
static GUARD: Mutex<Guard> = Mutex::new(Guard { groups: BTreeSet::new(), pipe: None });

struct Guard {
    /// What the shell was told of, to tell another one if it has died.
    groups: BTreeSet<i32>,
    pipe: Option<ChildStdin>,
}

/// From now on, this group does not outlive this process.
pub(super) fn add(group: Pid) -> io::Result<()> {
    let mut guard = lock(&GUARD);
    let group = group.as_raw_nonzero().get();
    guard.groups.insert(group);
    let told = guard.tell('+', group).or_else(|_| guard.start());
    if told.is_err() {
        guard.groups.remove(&group);
    }
    told
}

/// The group has ended; said before its number can mean another one.
pub(super) fn remove(group: Pid) {
    let mut guard = lock(&GUARD);
    let group = group.as_raw_nonzero().get();
    guard.groups.remove(&group);
    // A guard that is gone is started again, without this group, when the next one is added.
    let _ = guard.tell('-', group);
}

impl Guard {
    fn tell(&self, verb: char, group: i32) -> io::Result<()> {
        let mut pipe = self.pipe.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        // One write of few bytes: it is there whole or not at all.
        pipe.write_all(format!("{verb} {group}\n").as_bytes())
    }

    /// Starts the shell, and tells it everything.
    fn start(&mut self) -> io::Result<()> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "raddle-guard"]).process_group(0).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.pipe = shell.spawn()?.stdin;
        self.groups.iter().try_for_each(|&group| self.tell('+', group))
    }
}
