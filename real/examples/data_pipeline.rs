//! A pipeline over scattered records: some steps fail at times and are retried, one part is broken
//! and says so, and is mended and retried by hand.
//!
//! `cargo run --release --example data_pipeline`

use std::path::PathBuf;

use raddle::prelude::*;

/// What is wrong with a record.
#[derive(Debug)]
struct BadRecord(String);

impl std::fmt::Display for BadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is not NAME,AMOUNT", self.0)
    }
}

impl std::error::Error for BadRecord {}

/// The records of one part. Fails at its first attempt, as a store that is far away may.
#[raddle::task]
fn extract(parts: &[String], n: usize, attempts: PathBuf) -> Result<Vec<String>, std::io::Error> {
    use std::io::Write as _;
    let file = attempts.join(format!("extract-{n}"));
    let first = !file.exists();
    std::fs::OpenOptions::new().create(true).append(true).open(&file)?.write_all(b".")?;
    if first {
        return Err(std::io::Error::other("the store is busy"));
    }
    Ok(parts[n].lines().map(str::to_owned).collect())
}

/// What the records of a part amount to. A part is mended by a file of its number.
#[raddle::task]
fn amount(records: Vec<String>, n: usize, mended: PathBuf) -> Result<u64, BadRecord> {
    let is_mended = mended.join(format!("mended-{n}")).exists();
    let mut total = 0;
    for record in records {
        match record.split_once(',').and_then(|(_, amount)| amount.parse::<u64>().ok()) {
            Some(amount) => total += amount,
            None if is_mended => {}
            None => return Err(BadRecord(record)),
        }
    }
    Ok(total)
}

#[raddle::task]
fn sum(amounts: Vec<u64>) -> u64 {
    amounts.iter().sum()
}

#[raddle::main]
#[allow(clippy::print_stdout)] // it is what the program is for
async fn main() -> raddle::Result<()> {
    let folder = std::env::temp_dir().join(format!("raddle-pipeline-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let builder = LocalCluster::builder().workers(2).threads_per_worker(1);
    let cluster = builder.processes(true).start().await?;
    let client = cluster.client().await?;

    let part = |n: u64| format!("warp,{n}\nweft,{}", 10 * n);
    let mut parts: Vec<_> = (0..8).map(part).collect();
    parts[3].push_str("\nbroken");
    let parts = client.scatter(parts); // sent once, used by all
    let amounts = client.map(
        |n| {
            let records = client.submit(extract(&parts, n, folder.clone()).retries(1));
            amount(records, n, folder.clone())
        },
        0..8,
    );
    let total = client.submit(sum(&amounts));

    let failed = client.gather_results(&amounts).await.into_iter().filter_map(Result::err);
    for error in failed {
        let TaskError::Failed { message, .. } = &error else { return Err(error.into()) };
        println!("a part failed: {message}");
    }
    assert!((&total).await.is_err()); // as the part that it needs
    std::fs::write(folder.join("mended-3"), "")?;
    total.retry(); // only what failed runs again
    println!("after mending: {}", total.await?);

    std::fs::remove_dir_all(&folder)?;
    cluster.close().await
}
