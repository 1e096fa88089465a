//! Who a process is to others of its cluster, and who they must be: certificates, or a token, or both.
//!
//! Certificates are for parts (scheduler, worker, client) and not for machines: whoever is dialled
//! must be what it is dialled as, wherever it listens. This module must not know what is said on a
//! connection.

mod channel;
mod files;
#[cfg(test)]
mod tests;
mod tls;
mod token;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use raddle_net::hello::Role;

pub(crate) use self::channel::Channel;
use self::tls::Tls;
pub(crate) use self::tls::TlsError;
pub(crate) use self::token::{Challenge, Token};
use crate::address::Scheme;
use crate::conn::GreetingError;
use crate::error::Result;
use crate::rt::TcpStream;

/// The environment variable that names a folder of credentials.
const VARIABLE: &str = "RADDLE_CREDENTIALS";

/// What a process is in a cluster, as its certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A program that submits tasks.
    Client,
    /// The scheduler.
    Scheduler,
    /// A worker.
    Worker,
}

impl Part {
    const ALL: [Self; 3] = [Self::Client, Self::Scheduler, Self::Worker];

    /// Of its files.
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Scheduler => "scheduler",
            Self::Worker => "worker",
        }
    }

    /// Those who come in a role.
    const fn who_come(role: Role) -> &'static [Self] {
        match role {
            Role::Client | Role::Relay => &[Self::Client],
            Role::Data => &[Self::Worker, Self::Client, Self::Scheduler],
            Role::Worker => &[Self::Worker],
        }
    }

    /// Those to whom one comes in a role.
    #[cfg(not(madsim))]
    const fn who_is_there(role: Role) -> Self {
        match role {
            Role::Client | Role::Relay | Role::Worker => Self::Scheduler,
            Role::Data => Self::Worker,
        }
    }
}

/// What a process shows to others, and what they must show: certificates of one cluster for TLS, a
/// token that all of a cluster share, both, or nothing. Cheap to clone.
///
/// A folder holds them: `ca.pem`, and `scheduler.pem`, `scheduler.key` and the like for `worker` and
/// `client`; and `token`. `raddle cert init DIR` makes one. Of it, each machine needs `ca.pem`, the
/// two files of what runs there, and `token`.
///
/// ```
/// use raddle::prelude::*;
/// use raddle::Credentials;
///
/// #[raddle::task]
/// fn double(x: u64) -> u64 {
///     2 * x
/// }
///
/// #[raddle::main]
/// async fn main() -> raddle::Result<()> {
///     let cluster = LocalCluster::builder().credentials(Credentials::temporary()?).start().await?;
///     assert!(cluster.address().starts_with("tls://"));
///     let client = cluster.client().await?;
///     assert_eq!(client.submit(double(21)).await?, 42);
///     cluster.close().await
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Credentials(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    tls: Option<Tls>,
    token: Option<Token>,
    /// Where child processes find the same.
    folder: Folder,
}

/// A folder of credentials.
#[derive(Debug)]
enum Folder {
    /// It is somebody else's.
    Given(PathBuf),
    /// It goes with these credentials.
    Temporary(PathBuf),
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            // What cannot be removed is of no use once its cluster has ended.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

impl Credentials {
    /// Nothing is shown and nothing is asked for: whoever can connect is let in.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Those in a folder.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`](crate::Error::Credentials): the folder has neither certificates nor a token, or they cannot be
    /// read, or others than their owner can read the secret ones.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let (tls, token) = files::load(folder)?;
        let folder = Folder::Given(folder.to_owned());
        Ok(Self(Some(Arc::new(Inner { tls, token, folder }))))
    }

    /// New certificates for a cluster of this process and its children; nobody else can make more of
    /// them. They are forgotten with the last clone.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`](crate::Error::Credentials): they cannot be written for the children to read.
    pub fn temporary() -> Result<Self> {
        let folder = Folder::Temporary(files::temporary()?);
        let Folder::Temporary(path) = &folder else { unreachable!("it was just made") };
        files::init(path)?;
        let (tls, token) = files::load(path)?;
        Ok(Self(Some(Arc::new(Inner { tls, token, folder }))))
    }

    /// Those of this process, for all who name no others: of the folder that the command line named,
    /// or else the environment by `RADDLE_CREDENTIALS`; or none.
    ///
    /// # Errors
    ///
    /// Those of [`Self::load`].
    pub fn of_process() -> Result<Self> {
        if let Some(credentials) = OF_PROCESS.get() {
            return Ok(credentials.clone());
        }
        match std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::load(PathBuf::from(folder)),
            None => Ok(Self::none()),
        }
    }

    /// Makes these the credentials of this process. The first who does this wins.
    pub(crate) fn become_process(self) {
        // A second folder on the command line is refused there.
        let _ = OF_PROCESS.set(self);
    }

    /// Where a child process finds the same.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.0.as_ref().map(|inner| match &inner.folder {
            Folder::Given(path) | Folder::Temporary(path) => path.as_path(),
        })
    }

    /// How addresses of this process begin.
    pub(crate) fn scheme(&self) -> Scheme {
        match self.tls() {
            Some(_) => Scheme::Tls,
            None => Scheme::Tcp,
        }
    }

    /// Whether anybody may come.
    pub(crate) const fn are_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn token(&self) -> Option<&Token> {
        self.0.as_ref()?.token.as_ref()
    }

    fn tls(&self) -> Option<&Tls> {
        self.0.as_ref()?.tls.as_ref()
    }

    /// A stream that was dialled in this role, at an address that begins so.
    pub(crate) async fn dial(
        &self,
        stream: TcpStream,
        scheme: Scheme,
        role: Role,
    ) -> Result<Channel, GreetingError> {
        match (self.tls(), scheme) {
            (None, Scheme::Tcp) => Ok(Channel::Plain(stream)),
            (None, Scheme::Tls) => Err(TlsError::NoCertificates.into()),
            (Some(_), Scheme::Tcp) => Err(TlsError::PlainAddress.into()),
            (Some(tls), Scheme::Tls) => tls.dial(stream, role).await,
        }
    }

    /// A stream that was accepted as this part of the cluster.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        part: Part,
    ) -> Result<Channel, GreetingError> {
        match self.tls() {
            None => Ok(Channel::Plain(stream)),
            Some(tls) => tls.accept(stream, part).await,
        }
    }

    /// Whether one can listen as `part`.
    pub(crate) fn can_be(&self, part: Part) -> Result<()> {
        match self.tls() {
            Some(tls) if !tls.has(part) => {
                let name = part.name();
                let reason = format!("there is no {name}.pem, and a {name} needs one");
                Err(files::wrong(self.folder().unwrap_or_else(|| Path::new(".")), reason))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Writes new credentials to `folder`: a certificate authority that has signed a certificate for each
/// part, and forgets its own key; and a token.
pub(crate) fn init(folder: &Path) -> Result<()> {
    files::init(folder)
}

static OF_PROCESS: OnceLock<Credentials> = OnceLock::new();
