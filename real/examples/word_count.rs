//! Counts the words of every text file below a directory, on worker processes.
//!
//! `cargo run --release --example word_count -- DIR [--workers N] [--threads N]`
//!
//! Files are counted in batches, counts are merged eight at a time, and the total is checked against
//! a sequential count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use raddle::prelude::*;

/// Bytes of text that one task reads, about.
const BATCH: u64 = 64 << 10;
/// Counts that one task merges.
const FAN_IN: usize = 8;

/// How often each word occurs, in lower case.
type Counts = BTreeMap<String, u64>;

/// Counts words in parallel.
#[derive(Parser)]
struct Options {
    /// Where to look for text files.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Worker processes.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Threads of each.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// Counts the words of some files. One that is not text counts nothing.
#[raddle::task]
fn count(files: Vec<PathBuf>) -> Result<Counts, std::io::Error> {
    let mut counts = Counts::new();
    for file in files {
        let bytes = std::fs::read(&file)?;
        if let Some(text) = as_text(&bytes) {
            for word in words(text) {
                *counts.entry(word).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// Adds counts up.
#[raddle::task]
fn merge(parts: Vec<Counts>) -> Counts {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for (word, count) in parts.flatten() {
        *sum.entry(word).or_default() += count;
    }
    sum
}

#[raddle::main]
async fn main() -> raddle::Result<()> {
    let options = Options::parse();
    let files = text_files(&options.directory)?;
    let started = Instant::now();

    let cluster = LocalCluster::builder()
        .workers(options.workers)
        .threads_per_worker(options.threads)
        .processes(true)
        .start()
        .await?;
    let client = cluster.client().await?;

    let counted = client.submit_all(batches(&files).into_iter().map(count));
    let mut tasks = counted.clone();
    let mut level = counted;
    while level.len() > 1 {
        let parts = level.chunks(FAN_IN).map(|parts| merge(parts.to_vec()));
        level = client.submit_all(parts.collect::<Vec<_>>());
        tasks.extend(level.iter().cloned());
    }

    let bar = ProgressBar::new(tasks.len() as u64).with_style(style());
    let total_tasks = tasks.len();
    let mut finished = as_completed(tasks);
    while finished.next().await.is_some() {
        bar.inc(1);
    }
    bar.finish_and_clear();
    let counts = match level.pop() {
        Some(sum) => sum.await?,
        None => Counts::new(),
    };
    let seconds = started.elapsed().as_secs_f64();
    cluster.close().await?;

    report(&counts, files.len(), total_tasks, seconds);
    check(&counts, &files)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} tasks  {per_sec}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[allow(clippy::print_stdout)] // it is what the program is for
fn report(counts: &Counts, files: usize, tasks: usize, seconds: f64) {
    let total: u64 = counts.values().sum();
    let mut common: Vec<_> = counts.iter().collect();
    common.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), *word));
    for (word, count) in common.iter().take(10) {
        println!("{count:>10} {word}");
    }
    println!("total: {total} words in {files} files, {tasks} tasks, {seconds:.3} s");
}

/// Counts everything once more, here, one file after another.
#[allow(clippy::print_stdout)] // it is what the program is for
fn check(counts: &Counts, files: &[(PathBuf, u64)]) -> raddle::Result<()> {
    let started = Instant::now();
    let all = files.iter().map(|(file, _)| file.clone()).collect();
    let sequential = count::run(all)?;
    let seconds = started.elapsed().as_secs_f64();
    if *counts == sequential {
        println!("check: a sequential count agrees ({seconds:.3} s)");
        Ok(())
    } else {
        let total: u64 = sequential.values().sum();
        Err(std::io::Error::other(format!("a sequential count finds {total} words")).into())
    }
}

/// Files below `directory` with their sizes, in order; hidden ones and build folders are left out.
fn text_files(directory: &Path) -> std::io::Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    let mut folders = vec![directory.canonicalize()?];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, entry.file_name());
            if name.to_string_lossy().starts_with('.') || name == "target" {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push((entry.path(), entry.metadata()?.len()));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Files together, up to about a batch.
fn batches(files: &[(PathBuf, u64)]) -> Vec<Vec<PathBuf>> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for (file, nbytes) in files {
        if bytes > 0 && bytes + nbytes > BATCH {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += nbytes;
        if let Some(batch) = batches.last_mut() {
            batch.push(file.clone());
        }
    }
    batches
}

/// The text, unless this is something else: it has a zero byte, or is not UTF-8.
fn as_text(bytes: &[u8]) -> Option<&str> {
    if bytes.contains(&0) { None } else { std::str::from_utf8(bytes).ok() }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase)
}
