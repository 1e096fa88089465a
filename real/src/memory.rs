//! How much memory this process may use: what is said, or what its control group allows, or what the
//! machine has; and how much it uses.
//!
//! This module must not know what is done when there is not enough.

use std::fs;
use std::path::{Path, PathBuf};

use raddle_core::memory::{Limits, WHOLE};

use crate::spill::Spill;

/// One part of so many of what a worker may use may be on its way to it.
const INCOMING: u64 = 10;

/// What memory a worker may use, and what it does with more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryOptions {
    /// Bytes that it may use; if none, what its control group or machine allows.
    pub(crate) limit: Option<u64>,
    /// How much of them it fills with values before some go to disk, in thousandths; 0: none ever go.
    pub(crate) target: Option<u64>,
    /// How much of them its process fills before it ends, in thousandths; 0: it never does.
    pub(crate) terminate: Option<u64>,
    /// Where they go; if none, where temporary files are.
    pub(crate) spill_directory: Option<PathBuf>,
    /// Bytes of values that may be there at a time; if none, as many as the disk takes.
    pub(crate) spill_limit: Option<u64>,
}

/// Bytes that may be on their way to a worker that may use `limit`.
pub(crate) const fn incoming(limit: u64) -> u64 {
    limit / INCOMING
}

/// Bytes of this process that are in memory, where the operating system says so.
pub(crate) fn resident() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    resident.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

impl MemoryOptions {
    /// What may be in memory of a worker that may use `limit`.
    pub(crate) fn limits(&self, limit: Option<u64>) -> Limits {
        match (limit, self.target) {
            // In the simulation nothing may wait for a disk.
            _ if cfg!(madsim) => Limits::NONE,
            (None, _) | (_, Some(0)) => Limits::NONE,
            (Some(limit), target) => Limits::of(limit, target, self.terminate),
        }
    }

    /// What one of so many workers may use that share a machine, if nothing else is said.
    pub(crate) fn shared_by(self, workers: usize) -> Self {
        let share = |limit: u64| limit / u64::try_from(workers.max(1)).unwrap_or(u64::MAX);
        Self { limit: self.limit.or_else(|| limit().map(share)), ..self }
    }

    /// Where values go.
    pub(crate) fn spill(&self) -> Spill {
        let folder = self.spill_directory.clone().unwrap_or_else(std::env::temp_dir);
        Spill::new(folder, self.spill_limit.unwrap_or(u64::MAX))
    }
}

/// Reads a share: `0.6`; in thousandths.
///
/// # Errors
///
/// What is wrong, in words.
pub(crate) fn parse_share(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(thousandths(share)),
        Ok(_) | Err(_) => Err(format!("`{text}` is not a share: expected 0 to 1, such as 0.6")),
    }
}

/// A share in thousandths; no less than one of them, unless it is 0.
pub(crate) fn thousandths(share: f64) -> u64 {
    let least = u64::from(share > 0.0);
    ((share * WHOLE as f64).round() as u64).clamp(least, WHOLE)
}

/// What the operating system has to say is below this folder.
const ROOT: &str = "/";

/// Bytes that this process may use; `None` if nobody says.
pub(crate) fn limit() -> Option<u64> {
    limit_below(Path::new(ROOT))
}

/// Reads a number of bytes: `4294967296`, `4GiB`, `4GB`, `512M`.
///
/// # Errors
///
/// What is wrong, in words.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a number of bytes, such as 4GiB, 512MB or 1000000");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(factor),
        Err(_) => number.parse::<f64>().ok().map(|number| (number * factor as f64) as u64),
    };
    bytes.filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

fn limit_below(root: &Path) -> Option<u64> {
    [of_group(root), of_machine(root)].into_iter().flatten().min()
}

/// The least limit of the control groups that this process is in, of either version.
fn of_group(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        least(&root.join(mount), group, file)
    });
    limits.min()
}

/// The least limit of `group` and those that it is in. In a container its path may not be there: then
/// the container's own is at the mount.
fn least(mount: &Path, group: &str, file: &str) -> Option<u64> {
    let group: PathBuf = mount.join(group);
    let folders = group.ancestors().take_while(|folder| folder.starts_with(mount));
    // `max` is no number: no limit.
    let limits = folders.filter_map(|folder| {
        fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok()
    });
    limits.min()
}

fn of_machine(root: &Path) -> Option<u64> {
    let info = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_their_units() {
        let read = |text| parse(text).ok();
        assert_eq!(read("1000"), Some(1000));
        assert_eq!(read("4GiB"), Some(4 << 30));
        assert_eq!(read("1.5 GB"), Some(1_500_000_000));
        assert_eq!(read("512m"), Some(512_000_000));
        for wrong in ["", "x", "0", "-1", "4 GiX", "1.2.3"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    /// The limit on a machine with these files, of 1 GiB.
    fn on(name: &str, files: &[(&str, &str)]) -> Option<u64> {
        let root =
            std::env::temp_dir().join(format!("raddle-memory-{name}-{}", std::process::id()));
        for (file, text) in [("proc/meminfo", "MemTotal:  1048576 kB\n")].iter().chain(files) {
            let file = root.join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, text).expect("a file");
        }
        let limit = limit_below(&root);
        fs::remove_dir_all(root).expect("it is ours");
        limit
    }

    #[test]
    fn workers_that_share_a_machine_share_its_memory_unless_it_is_said_what_each_may_use() {
        let shared = |limit, workers| {
            let options = MemoryOptions { limit, ..MemoryOptions::default() };
            options.shared_by(workers).limit
        };
        assert_eq!(shared(Some(100), 4), Some(100));
        assert_eq!(shared(None, 4), limit().map(|limit| limit / 4));
        assert_eq!(shared(None, 0), limit());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_in_memory_is_measured() {
        let (before, size) = (resident().expect("on Linux"), 64 << 20);
        let filled = std::hint::black_box(vec![1_u8; size]);
        let after = resident().expect("on Linux");
        assert!(after > before + size as u64 / 2, "{before}, {after}");
        drop(filled);
    }

    #[test]
    fn the_least_limit_of_group_and_machine_counts() {
        assert_eq!(on("none", &[]), Some(1 << 30));
        let second = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "500000\n"),
            ("sys/fs/cgroup/memory.max", "900000\n"),
        ];
        assert_eq!(on("second", &second), Some(500_000));
        let first = [
            ("proc/self/cgroup", "3:cpu:/x\n2:memory,net:/not/there\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n"),
        ];
        assert_eq!(on("first", &first), Some(700_000));
        let vast = [
            ("proc/self/cgroup", "2:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(on("vast", &vast), Some(1 << 30));
        let root = Path::new("/nonexistent");
        assert_eq!(limit_below(root), None);
    }
}
