//! `raddle cert init DIR`: the credentials of a new cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::credentials;
use crate::init;

#[derive(Debug, Args)]
pub(super) struct CertArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a certificate for the scheduler, the workers and the clients of a new cluster, and a
    /// token, to a folder. Nothing is overwritten, and no further ones can be made for this cluster
    Init {
        /// The folder; it is made if it is not there
        folder: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Makes them; returns the exit code.
pub(super) fn main(args: CertArgs) -> i32 {
    let What::Init { folder, json } = args.what;
    init::run_to_exit(async {
        credentials::init(&folder)?;
        let shown = folder.display();
        super::say(&match json {
            true => serde_json::json!({ "credentials": shown.to_string() }).to_string(),
            false => format!(
                "credentials of a new cluster are in {shown}\n\
                 give ca.pem and token to every machine, and to each the two files of what runs \
                 there:\n  \
                 scheduler.pem scheduler.key, worker.pem worker.key, or client.pem client.key\n\
                 then: raddle scheduler --credentials {shown}"
            ),
        })?;
        Ok(0)
    })
}
