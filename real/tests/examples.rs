//! The examples do what they say: each is run as its readers run it, and the lines that it prints
//! are checked. They are built with this test, by `cargo test`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What an example prints.
fn run(name: &str, arguments: &[&str]) -> String {
    // Next to the folder of this very program.
    let mut program = std::env::current_exe().expect("this program is somewhere");
    program.pop();
    program.set_file_name("examples");
    program.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{} is not built: run `cargo test -p raddle`, or `cargo build -p raddle --examples`",
        program.display()
    );
    let output = Command::new(program).args(arguments).output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} ended with {}: {said}", output.status);
    String::from_utf8(output.stdout).expect("it prints text")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn word_count_counts_every_word_of_every_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = files(&folder);
    let texts = files.iter().map(|file| std::fs::read_to_string(file).expect("a text"));
    let words = texts.map(|text| {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| !word.is_empty()).count()
    });
    let total: usize = words.sum();
    let folder = folder.to_str().expect("a path of text");
    let printed = run("word_count", &[folder, "--workers", "2", "--threads", "1"]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 12, "ten words, the total, the check: {printed}");
    let expected = format!("total: {total} words in {} files, ", files.len());
    assert!(lines[10].starts_with(&expected), "{expected}: {printed}");
    assert!(lines[11].starts_with("check: a sequential count agrees"), "{printed}");
}

#[test]
fn tree_sum_adds_up() {
    assert_eq!(run("tree_sum", &["64"]), "sum of 1..=64: 2080 by 127 tasks\n");
}

#[test]
fn monte_carlo_pi_is_about_pi() {
    let printed = run("monte_carlo_pi", &["4"]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "after 1, 2 and 4 tasks, and the result: {printed}");
    let estimate = lines[3].strip_prefix("pi is about ").and_then(|pi| pi.parse::<f64>().ok());
    let estimate = estimate.unwrap_or_else(|| panic!("{printed}"));
    assert!((estimate - std::f64::consts::PI).abs() < 0.01, "{printed}");
}

#[test]
fn fibonacci_is_found_by_tasks_within_tasks() {
    assert_eq!(run("fibonacci", &["12"]), "fib(12) = 144\n");
}

#[test]
fn the_pipeline_says_what_is_broken_and_ends_when_it_is_mended() {
    let expected = "a part failed: `broken` is not NAME,AMOUNT\nafter mending: 308\n";
    assert_eq!(run("data_pipeline", &[]), expected);
}

#[test]
fn commands_are_run_for_each_line_and_those_that_fail_are_counted() {
    let printed = run("commands", &[]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 6, "a line each, and the account: {printed}");
    assert!(lines[2].starts_with("seven: status Some(1)"), "{printed}");
    assert_eq!(lines[5], "5 lines, 1 failed");
}
