//! Replays on stable what the fuzzer has found (`fuzz/regress/TARGET/*`), and what it starts from
//! (`fuzz/seeds/TARGET/*`).

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use raddle_core::matrix::Class;
use raddle_core::{scheduler, worker};
use raddle_net::frame::{FrameEncoder, FrameOptions};
use raddle_net::hello::{Hello, Reply, Role, Welcome, encode_hello, encode_reply};
use raddle_net::messages::{ClientMessage, WorkerMessage};
use raddle_net::names::{Key, RunId, Session};
use serde::Serialize;
use targets::TARGETS;

fn folder(of: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(of).join(target)
}

/// The files of a folder with their names; none, if it is not there.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut files: Vec<_> =
        paths.map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    files.sort();
    files
}

#[test]
fn what_was_found_stays_fixed() {
    for (name, target) in TARGETS {
        for (path, input) in files(&folder("regress", name)) {
            let failed = catch_unwind(|| target(&input)).is_err();
            assert!(!failed, "{} fails again", path.display());
        }
    }
}

#[test]
fn seeds_pass_and_are_not_too_many() {
    for (name, target) in TARGETS {
        let seeds = files(&folder("seeds", name));
        assert!(!seeds.is_empty(), "{name} has at least a seed");
        let size: usize = seeds.iter().map(|(_, input)| input.len()).sum();
        assert!(size < 2 << 20, "the seeds of {name} take {size} bytes: run cargo fuzz cmin");
        for (path, input) in seeds {
            let failed = catch_unwind(|| target(&input)).is_err();
            assert!(!failed, "{} fails", path.display());
        }
    }
}

/// The bug that is planted in the canary is one: the input with which it was found still shows it,
/// and nothing is wrong with that input where the bug is not.
#[test]
fn the_canary_falls() {
    let found = files(&folder("regress", "canary"));
    assert!(!found.is_empty());
    for (path, input) in found {
        targets::session_resume(&input);
        let fell = catch_unwind(|| targets::canary(&input)).is_err();
        assert!(fell, "{} does not fall", path.display());
    }
}

/// The seeds of the machines visit all that can happen in all states, but for some cells that take a
/// rare course of events. With `UPDATE=1` what the fuzzer has found that visits more of them becomes a
/// seed.
#[test]
fn seeds_visit_the_cells_of_the_machines() {
    let possible = |class| !matches!(class, Class::Impossible(_));
    let cells = scheduler::Cell::all().filter(|cell| possible(cell.class())).collect();
    let unseen = unseen("scheduler_events", targets::scheduler::visited, cells);
    assert!(unseen.len() <= 45, "{} cells are not visited: {unseen:?}", unseen.len());
    let cells = worker::Cell::all().filter(|cell| possible(cell.class())).collect();
    let unseen = self::unseen("worker_events", targets::worker::visited, cells);
    assert!(unseen.len() <= 13, "{} cells are not visited: {unseen:?}", unseen.len());
}

/// Those of these cells that the seeds of a target do not visit.
fn unseen<C: Ord>(
    target: &str,
    visited: fn(&[u8]) -> BTreeSet<C>,
    mut cells: BTreeSet<C>,
) -> BTreeSet<C> {
    for (_, seed) in files(&folder("seeds", target)) {
        let visited = visited(&seed);
        cells.retain(|cell| !visited.contains(cell));
    }
    if std::env::var_os("UPDATE").is_none() {
        return cells;
    }
    let mut found = files(&folder("corpus", target));
    found.sort_by_key(|(_, input)| input.len());
    for (path, input) in found {
        let (visited, before) = (visited(&input), cells.len());
        cells.retain(|cell| !visited.contains(cell));
        if let Some(name) = path.file_name().filter(|_| cells.len() < before) {
            std::fs::copy(&path, folder("seeds", target).join(name)).expect("there is room");
        }
    }
    cells
}

/// Seeds that are made, not found: with `UPDATE=1` they are written anew; otherwise they must be what
/// is committed.
#[test]
fn seeds_are_up_to_date() {
    for (target, name, seed) in seeds() {
        let file = folder("seeds", target).join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &seed).unwrap();
        }
        let is_same = std::fs::read(&file).is_ok_and(|found| found == seed);
        assert!(is_same, "{}: run with UPDATE=1", file.display());
    }
}

fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (number, message) in targets::message::one_of_each().into_iter().enumerate() {
        seeds.push(("message_decode", format!("kind-{number:03}"), message));
    }
    seeds.push(("frame_decode", "frames".to_owned(), frames()));
    for (name, words) in ["hello", "refusal", "welcome"].into_iter().zip(words()) {
        seeds.push(("hello", name.to_owned(), [vec![0], words].concat()));
    }
    let lines = [
        "scheduler\n--host\n127.0.0.1\n--port\n0\n--worker-grace\n0.5",
        "worker\ntcp://[::1]:8786\n--threads\n4\n--resources\ngpu=1,memory=0.5",
        "explain\ntcp://node:1\n7-3",
        "tasks\ntcp://node:1\n--state\nqueued\n--json",
        "--help",
    ];
    for (number, line) in lines.into_iter().enumerate() {
        seeds.push(("command_line", format!("line-{number}"), line.as_bytes().to_vec()));
    }
    let files = [
        "json = true\naddress = \"tcp://node:1\"\n[scheduler]\nport = \"9000:9100\"\n---\nscheduler\n--port\n0",
        "[worker]\nthreads = 4\nresources = \"gpu=1\"\ngrace = 2.5\n---\nworker\ntcp://node:1",
        "credentials = \"certs\"\n---\n--credentials\nothers\nstatus",
    ];
    for (number, file) in files.into_iter().enumerate() {
        seeds.push(("configuration", format!("file-{number}"), file.as_bytes().to_vec()));
    }
    for number in 0..24_u64 {
        // Choices without an order: enough of them that something happens.
        let bytes = |length: u64| (0..length).map(|at| chance(number, at)).collect::<Vec<u8>>();
        let text = targets::plan::text_of(&bytes(400)).into_bytes();
        seeds.push(("plan_text", format!("plan-{number:02}"), text));
        for target in ["client_events", "cluster_plan", "scheduler_events", "worker_events"] {
            seeds.push((target, format!("chance-{number:02}"), bytes(200 + 25 * number)));
        }
        for target in ["frame_roundtrip", "graph_submit", "message_roundtrip", "session_resume"] {
            seeds.push((target, format!("chance-{number:02}"), bytes(10 + 5 * number)));
        }
    }
    seeds
}

fn chance(number: u64, at: u64) -> u8 {
    raddle_core::random::hash(number, 0, at, 0) as u8
}

/// Two frames, after the bytes that cut them.
fn frames() -> Vec<u8> {
    let key = Key::numbered(Session::truncate(7), 3);
    let run = RunId { epoch: 1, counter: 9 };
    let mut encoder = FrameEncoder::new(FrameOptions { segment_checksums: true });
    push(&mut encoder, &ClientMessage::Release { keys: vec![key], answer: true });
    push(&mut encoder, &ClientMessage::Goodbye);
    let mut chunks = encoder.take();
    push(&mut encoder, &WorkerMessage::Started { key, run });
    encoder.push_segment(vec![1; 100].into()).expect("it is the first");
    encoder.end();
    chunks.extend(encoder.take());
    let mut bytes = vec![3, 1, 4, 1, 5, 9, 2, 6];
    chunks.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
    bytes
}

fn push(encoder: &mut FrameEncoder, message: &impl Serialize) {
    encoder.push(message).expect("it is small");
}

/// The first words of either side.
fn words() -> [Vec<u8>; 3] {
    let hello = Hello::new(Role::Client, Session::truncate(7));
    let reason = raddle_net::hello::RefusedReason::SessionUnknown;
    let words = [
        encode_hello(&hello),
        encode_reply(&Reply::Refused { reason }),
        encode_reply(&Reply::Welcome(Welcome::new(1))),
    ];
    words.map(|words| words.expect("they are short"))
}
