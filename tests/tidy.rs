//! The rules of the house that no lint can hold: headers, arrows, words that do not belong, licences
//! and sources of dependencies, generated pages. One test a rule; each says what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn every_source_file_says_what_it_is_for() {
    let silent = sources().filter(|(path, text)| {
        // Programs that must not compile are data: their line numbers are part of what is expected.
        !text.starts_with("//!") && !path.starts_with("real/tests/compile_errors")
    });
    none(
        silent.map(|(path, _)| path),
        "open the file with `//!`: what it is for, and what it must not know",
    );
}

#[test]
fn nothing_names_a_place_of_one_machine() {
    // Written in pieces, so that this file does not trip over itself.
    let places = [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/Us", "ers/"], ["C:", "\\\\"]]
        .map(|[a, b]| format!("{a}{b}"));
    let named = texts().filter(|(_, text)| places.iter().any(|place| text.contains(place)));
    none(named.map(|(path, _)| path), "use paths relative to the project, or temporary folders");
}

#[test]
fn stubs_and_sleeping_tests_do_not_land() {
    let marks = [["#[ign", "ore"], ["TO", "DO"], ["FIX", "ME"], ["unimple", "mented!("]]
        .map(|[a, b]| format!("{a}{b}"));
    let found = sources().filter(|(_, text)| marks.iter().any(|mark| text.contains(mark)));
    none(found.map(|(path, _)| path), "finish it, or leave it out and say so");
}

#[test]
fn select_is_biased_everywhere() {
    let unbiased = sources().filter(|(_, text)| {
        let select = ["select", "! {"].concat();
        let mut after_select = text.split(&select).skip(1);
        after_select.any(|body| !body.trim_start().starts_with("biased;"))
    });
    let why = "start it with `biased;`: an unbiased select is not deterministic under simulation";
    none(unbiased.map(|(path, _)| path), why);
}

#[test]
fn only_the_codec_names_bincode() {
    let others = sources().filter(|(path, text)| {
        let names = text.contains("bincode::") || text.contains("use bincode");
        names && !path.to_string_lossy().starts_with("net/src/codec") && !path.ends_with("tidy.rs")
    });
    none(others.map(|(path, _)| path), "go through raddle_net::codec");
}

/// An arrow that must not exist: no file below the first path contains one of the words.
const FORBIDDEN: [(&str, &[&str]); 9] = [
    ("core/src", &["raddle_net::codec", "raddle_net::frame", "raddle_net::hello"]),
    ("core/src/client", &["crate::scheduler", "crate::worker"]),
    ("core/src/scheduler", &["crate::client", "crate::worker"]),
    ("core/src/worker", &["crate::client", "crate::scheduler"]),
    ("core/src/scheduler/policy", &["::turn", "::effect", "&mut State"]),
    ("core/src/scheduler/state", &["::policy", "::turn", "::effect", "::transitions"]),
    ("core/src/keys.rs", &["crate::client", "crate::scheduler", "crate::worker"]),
    ("net/src/names.rs", &["crate::"]),
    ("net/src/messages", &["crate::codec", "crate::frame"]),
];

#[test]
fn arrows_between_modules_point_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        for (below, words) in FORBIDDEN {
            if path.starts_with(below) {
                let named = words.iter().filter(|word| code.contains(**word));
                wrong.extend(named.map(|word| format!("{}: {word}", path.display())));
            }
        }
    }
    none(wrong.into_iter().map(PathBuf::from), "see the arrows in ARCHITECTURE.md");
}

#[test]
fn arrows_between_crates_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("raddle", &["raddle-core", "raddle-macros", "raddle-net"][..]),
        ("raddle-core", &["raddle-net"][..]),
        ("raddle-macros", &[][..]),
        ("raddle-net", &[][..]),
        // The library only under cfg(madsim), in place of the drivers.
        ("raddle-sim", &["raddle", "raddle-core", "raddle-net"][..]),
        ("raddle-tests", &["raddle", "raddle-core", "raddle-net", "raddle-sim"][..]),
    ]);
    let mut wrong = Vec::new();
    for package in packages().iter().filter(|package| package["source"].is_null()) {
        let name = text(&package["name"]);
        let Some(allowed) = allowed.get(name) else {
            wrong.push(format!("{name}: a crate that nobody drew an arrow for"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = text(&dependency["name"]);
            let simulated = dependency["target"] == "cfg(madsim)";
            let ordinary = (name, to) == ("raddle-sim", "raddle") && !simulated;
            if to.starts_with("raddle") && (!allowed.contains(&to) || ordinary) {
                wrong.push(format!("{name} → {to}"));
            }
        }
    }
    none(wrong.into_iter().map(PathBuf::from), "see the arrows in ARCHITECTURE.md");
}

/// The licences of `deny.toml`.
const LICENCES: [&str; 10] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn dependencies_have_licences_that_are_allowed() {
    let policy = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is here");
    for licence in LICENCES {
        assert!(policy.contains(&format!("\"{licence}\"")), "deny.toml does not list {licence}");
    }
    let wrong = packages().into_iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or("none").replace('/', " OR ");
        let clause = |clause: &str| {
            let clause = clause.trim_matches(|c: char| c == '(' || c == ')' || c == ' ');
            clause.split(" OR ").any(|name| LICENCES.contains(&name.trim_matches(['(', ')', ' '])))
        };
        let allowed = licence.split(" AND ").all(clause);
        (!allowed).then(|| PathBuf::from(format!("{}: {licence}", package["name"])))
    });
    none(wrong, "use another crate, or discuss the licence and add it here and to deny.toml");
}

#[test]
fn dependencies_come_from_the_registry() {
    let foreign = packages().into_iter().filter_map(|package| {
        let source = package["source"].as_str()?;
        let wrong = !source.starts_with("registry+") || !source.contains("crates.io-index");
        wrong.then(|| PathBuf::from(format!("{}: {source}", package["name"])))
    });
    none(foreign, "depend on a released crate");
}

#[test]
fn the_release_graph_has_no_simulator() {
    let output = cargo(&["tree", "-p", "raddle", "-e", "normal", "--prefix", "none", "--locked"]);
    let simulator = output.lines().filter(|line| line.starts_with("madsim"));
    none(simulator.map(PathBuf::from), "wire it under cfg(madsim) only");
}

#[test]
fn the_page_of_transitions_is_up_to_date() {
    let page = root().join("docs/transitions.md");
    let fresh = transitions();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&page, &fresh).expect("docs/ can be written");
    }
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(committed == fresh, "docs/transitions.md is stale: run `UPDATE=1 cargo tidy`");
}

#[test]
fn the_tests_that_the_page_of_parity_names_are_there() {
    let page = std::fs::read_to_string(root().join("docs/parity.md")).expect("it is kept");
    let named = page.split('`').skip(1).step_by(2);
    let missing = named.filter(|name| match name.split_once("::") {
        Some((file, test)) if file.chars().all(|c| c.is_ascii_lowercase()) => {
            let text = std::fs::read_to_string(root().join(format!("tests/it/{file}.rs")));
            !text.is_ok_and(|text| text.contains(&format!("fn {test}()")))
        }
        Some(_) => false,
        None => name.ends_with(".rs") && !root().join(name).exists(),
    });
    none(missing.map(PathBuf::from), "name a test that is there in docs/parity.md");
}

fn transitions() -> String {
    let mut page = String::from(
        "# Transitions\n\nGenerated from the tables in `core`; `UPDATE=1 cargo tidy` writes it anew. A \
         pair that is\nabsent does nothing, or cannot be: the `match` beside each table says which.\n",
    );
    let mut section = |title: &str, rows: &[(String, &str, &str)]| {
        let _ = write!(page, "\n## {title}\n\n| from | goal | edge |\n|---|---|---|\n");
        for (from, goal, edge) in rows {
            let _ = writeln!(page, "| {from} | {goal} | `{edge}` |");
        }
    };
    let scheduler =
        raddle_core::scheduler::TABLE.map(|(from, goal, edge)| (from.to_string(), goal, edge));
    section("Scheduler: tasks", &scheduler);
    for machine in ["run", "datum"] {
        let rows = raddle_core::worker::transition_table().iter();
        let rows = rows.filter(|row| row.0 == machine);
        let rows: Vec<_> =
            rows.map(|&(_, from, goal, edge)| (from.to_owned(), goal, edge)).collect();
        section(if machine == "run" { "Worker: runs" } else { "Worker: data" }, &rows);
    }
    page
}

/// Every Rust source of the workspace, by path from its root.
fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    texts().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"))
}

/// Every text that is kept in the repository, but for the lock file.
fn texts() -> impl Iterator<Item = (PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the project").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                let skipped = ["target", ".git", "corpus", "artifacts", "proptest-regressions"];
                if !skipped.iter().any(|skip| name == *skip) {
                    folders.push(path);
                }
            } else if name != "Cargo.lock"
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let relative = path.strip_prefix(root()).expect("below the root").to_path_buf();
                found.push((relative, text));
            }
        }
    }
    found.sort();
    found.into_iter()
}

fn packages() -> Vec<Value> {
    let host = command("rustc", &["-vV"]);
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc has a host");
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&cargo(&arguments)).expect("cargo writes JSON");
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages.iter().filter(|package| used.contains(text(&package["id"]))).cloned().collect()
}

fn cargo(arguments: &[&str]) -> String {
    command(env!("CARGO"), arguments)
}

fn command(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).current_dir(root()).output().expect("it can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("its output is text")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
        .to_path_buf()
}

fn none(found: impl Iterator<Item = PathBuf>, what_to_do: &str) {
    let found: Vec<String> = found.map(|path| path.display().to_string()).collect();
    assert!(found.is_empty(), "{what_to_do}:\n  {}", found.join("\n  "));
}
