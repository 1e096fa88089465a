//! `raddle retire`.

use clap::Args;
use serde_json::json;

use super::say;
use super::submit::interruptible;
use super::target::Target;
use crate::error::Result;

#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    #[command(flatten)]
    target: Target,
    /// Names or addresses of workers
    #[arg(value_name = "WORKER", required = true)]
    workers: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `raddle retire`: returns when they have left.
pub(super) async fn retire(args: RetireArgs) -> Result<i32> {
    let client = args.target.connect(None).await?;
    let code = interruptible(async {
        client.retire_workers(&args.workers).await?;
        if args.json {
            say(&json!({ "retired": args.workers }).to_string())?;
        }
        Ok(0)
    });
    let code = code.await;
    client.close().await?;
    code
}
