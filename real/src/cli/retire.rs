//! `raddle retire` and `raddle shutdown`: workers leave, or everybody does.

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

#[derive(Debug, Args)]
pub(super) struct ShutdownArgs {
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `raddle shutdown`: returns when the scheduler has heard it.
pub(super) async fn shutdown(args: ShutdownArgs) -> Result<i32> {
    let address = args.target.address(None).await?;
    args.target.connect(Some(&address)).await?.shutdown().await?;
    if args.json {
        say(&json!({ "ended": address }).to_string())?;
    }
    Ok(0)
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
