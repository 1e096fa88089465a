//! Which cluster a command is about.

use std::path::PathBuf;

use clap::Args;

use crate::address::Address;
use crate::client::Client;
use crate::credentials::Credentials;
use crate::error::Result;
use crate::scheduler::DEFAULT_PORT;
use crate::scheduler_file;

/// The cluster: an address that is given in its place goes before these.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Target {
    /// The scheduler's address, tcp://HOST:PORT; by default that of port 8786 of this machine
    #[arg(long, value_name = "ADDRESS", value_parser = super::address)]
    #[arg(overrides_with = "scheduler_file")]
    address: Option<String>,
    /// The file in which the scheduler wrote its address
    #[arg(long, value_name = "FILE", overrides_with = "address")]
    scheduler_file: Option<PathBuf>,
}

impl Target {
    /// The scheduler's address: `given`, if it is.
    pub(super) async fn address(&self, given: Option<&str>) -> Result<String> {
        match (given.or(self.address.as_deref()), &self.scheduler_file) {
            (Some(address), _) => Ok(address.to_owned()),
            (None, Some(file)) => scheduler_file::read(file).await,
            (None, None) => {
                let (scheme, host) = (Credentials::of_process()?.scheme(), "127.0.0.1".to_owned());
                Ok(Address { scheme, host, port: DEFAULT_PORT }.to_string())
            }
        }
    }

    /// A client of the scheduler at `given`, if it is.
    pub(super) async fn connect(&self, given: Option<&str>) -> Result<Client> {
        Client::connect(&self.address(given).await?).await
    }
}

/// A word that is the scheduler's address, if it looks like one.
pub(super) fn split(words: Vec<String>) -> (Option<String>, Vec<String>) {
    let mut words = words.into_iter().peekable();
    let address = words.next_if(|word| word.contains("://"));
    (address, words.collect())
}
