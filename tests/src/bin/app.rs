//! A worker program with the tasks of the tests. Started by itself it is a program with a cluster: it
//! says where the workers are, and ends when its standard input does.

use std::io::{Read as _, Write as _};

use raddle::prelude::*;
use raddle_tests as _;

#[raddle::main]
async fn main() -> raddle::Result<()> {
    let cluster = LocalCluster::builder().workers(2).processes(true).start().await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", cluster.workers().join(" "))?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    cluster.close().await
}
