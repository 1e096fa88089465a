//! Replays what the fuzzer has found, and its seeds, on stable: `fuzz/regress/TARGET/*`.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::path::Path;

use raddle_net::frame::{FrameEncoder, FrameOptions};
use raddle_net::messages::{ClientMessage, WorkerMessage};
use raddle_net::names::{Key, RunId, Session};

type Target = fn(&[u8]);

#[test]
fn what_was_found_stays_fixed() {
    let targets: [(&str, Target); 3] = [
        ("frame_decode", targets::frame_decode),
        ("hello", targets::hello),
        ("message_decode", targets::message_decode),
    ];
    for (name, target) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regress").join(name);
        let files = std::fs::read_dir(&folder).expect("each target has a folder").flatten();
        let inputs: Vec<_> = files.map(|file| std::fs::read(file.path()).unwrap()).collect();
        assert!(!inputs.is_empty(), "{name} has at least a seed");
        for input in inputs {
            target(&input);
        }
    }
}

/// Seeds: with `UPDATE=1` they are written anew; otherwise they must be what is committed.
#[test]
fn seeds_are_up_to_date() {
    let key = Key::numbered(Session::truncate(7), 3);
    let run = RunId { epoch: 1, counter: 9 };
    let mut encoder = FrameEncoder::new(FrameOptions { segment_checksums: true });
    encoder.push(&ClientMessage::Release { keys: vec![key], answer: true }).unwrap();
    encoder.push(&ClientMessage::Goodbye).unwrap();
    let mut frame = vec![3, 1, 4, 1, 5, 9, 2, 6];
    encoder.take().iter().for_each(|chunk| frame.extend_from_slice(chunk));
    let mut message = vec![2];
    raddle_net::codec::encode(&WorkerMessage::Started { key, run }, &mut message).unwrap();
    let hello =
        raddle_net::hello::Hello::new(raddle_net::hello::Role::Client, Session::truncate(7));
    let hello = raddle_net::hello::encode_hello(&hello).unwrap();
    for (target, seed) in [("frame_decode", frame), ("message_decode", message), ("hello", hello)] {
        let file = format!("../fuzz/regress/{target}/seed");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &seed).unwrap();
        }
        assert!(std::fs::read(&file).is_ok_and(|s| s == seed), "{target}: run with UPDATE=1");
    }
}
