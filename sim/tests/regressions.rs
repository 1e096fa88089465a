//! Every case that found a bug once, replayed: each file in `tests/regressions` tells its story.

use std::path::Path;

use raddle_sim::{Case, Mode};

#[test]
fn what_was_fixed_stays_fixed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/regressions");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is part of the sources") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "plan") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a plan is text");
        let case: Case = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!case.story.is_empty(), "{}: tell what happened in a comment", path.display());
        if let Err(failure) = case.run(Mode::default()) {
            let path = path.display();
            panic!("{path}: {}\n{failure}\nREPRODUCE: cargo sim -- --replay {path}", case.story);
        }
        replayed += 1;
    }
    assert!(replayed > 0, "no plan in {}", folder.display());
}
