//! Time on the processor, of threads and processes, from `/proc`; zero where there is none.
//!
//! It must not know what they do.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// As much of a thread's name as the kernel keeps.
const NAME: usize = 15;

/// What threads of this process that are called `name` have used so far.
pub(crate) fn of_threads(name: &str) -> Duration {
    let kept = &name[..name.len().min(NAME)];
    tasks(Path::new("/proc/self/task"), |comm| comm == kept)
}

/// What this process has used so far, and those of its children that run the same program: peers that
/// are measured do not count.
pub(crate) fn of_all() -> Duration {
    let ours = tasks(Path::new("/proc/self/task"), |_| true);
    let program = |pid: &str| fs::read_link(Path::new("/proc").join(pid).join("exe")).ok();
    let ourselves = program("self");
    let theirs = children().into_iter().filter(|pid| program(pid) == ourselves);
    let theirs = theirs.map(|pid| tasks(&Path::new("/proc").join(pid).join("task"), |_| true));
    ours + theirs.sum::<Duration>()
}

fn tasks(folder: &Path, is_meant: impl Fn(&str) -> bool) -> Duration {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let used = entries.filter_map(|entry| {
        let comm = fs::read_to_string(entry.path().join("comm")).ok()?;
        let stat = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        is_meant(comm.trim()).then(|| stat.split(' ').next()?.parse::<u64>().ok()).flatten()
    });
    Duration::from_nanos(used.sum())
}

fn children() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = entries.filter_map(|entry| fs::read_to_string(entry.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
