//! TLS with certificates on both sides, of one authority that signs for one cluster alone.
//!
//! A certificate names a part of the cluster as if it were a host. This module must not know where
//! anybody listens.

use std::io;
use std::path::Path;
use std::sync::Arc;

use raddle_net::hello::Role;
#[cfg(not(madsim))]
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::files::{AUTHORITY, keep_secret};
use super::{Channel, Part};
use crate::conn::GreetingError;
use crate::rt::TcpStream;

/// A connection by TLS was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// What one side showed is not good enough for the other.
    #[error("TLS failed: {0}; are its certificates and ours of the same cluster?")]
    Failed(String),
    /// We have nothing to show.
    #[error(
        "the address begins with tls://, and this process has no certificates: name their folder \
         with --credentials or RADDLE_CREDENTIALS"
    )]
    NoCertificates,
    /// We have certificates, but none for what we do.
    #[error("the credentials have no certificate for what this process does here: {0}.pem")]
    NotOurPart(&'static str),
    /// We do not talk plainly.
    #[error(
        "this process has certificates, and so does not connect without TLS: write tls:// in place \
         of tcp://, or use other credentials"
    )]
    PlainAddress,
}

/// What is needed to dial, and to listen, as each part that we may be.
#[derive(Debug)]
pub(super) struct Tls {
    parts: Vec<(Part, Arc<ClientConfig>, Arc<ServerConfig>)>,
}

/// What the certificate of `part` calls it.
pub(super) fn server_name(part: Part) -> String {
    format!("{}.raddle.internal", part.name())
}

#[cfg(not(madsim))]
fn name_of(part: Part) -> ServerName<'static> {
    ServerName::try_from(server_name(part)).expect("it is a name of a host")
}

impl Tls {
    /// Reads the certificates in `folder`. Which parts there are depends on the files.
    pub(super) fn load(folder: &Path) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in chain(&folder.join(AUTHORITY))? {
            roots.add(certificate).map_err(|error| format!("{AUTHORITY}: {error}"))?;
        }
        let roots = Arc::new(roots);
        let mut parts = Vec::new();
        for part in Part::ALL {
            let name = part.name();
            let certificates = folder.join(format!("{name}.pem"));
            if !certificates.exists() {
                continue;
            }
            let path = folder.join(format!("{name}.key"));
            keep_secret(&path)?;
            let key = PrivateKeyDer::from_pem_file(&path);
            let key = key.map_err(|error| format!("{}: {error}", path.display()))?;
            let (client, server) = configs(&roots, chain(&certificates)?, key)
                .map_err(|error| format!("{name}.pem: {error}"))?;
            parts.push((part, Arc::new(client), Arc::new(server)));
        }
        match parts.is_empty() {
            true => Err("there is an authority, and no certificate beside it".to_owned()),
            false => Ok(Self { parts }),
        }
    }

    /// Whether there is a certificate for `part`.
    pub(super) fn has(&self, part: Part) -> bool {
        self.parts.iter().any(|(own, ..)| *own == part)
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| format!("{}: {error}", path.display()))
}

fn configs(
    roots: &Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<(ClientConfig, ServerConfig), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let text = |error: rustls::Error| error.to_string();
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(text)?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain.clone(), key.clone_key())
        .map_err(text)?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(text)?
        .with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        .with_single_cert(chain, key)
        .map_err(text)?;
    Ok((client, server))
}

#[cfg(not(madsim))]
impl Tls {
    /// Shakes hands with the side that was dialled.
    pub(super) async fn dial(
        &self,
        stream: TcpStream,
        role: Role,
    ) -> Result<Channel, GreetingError> {
        let own = Part::who_come(role);
        let found = own.iter().find_map(|part| self.parts.iter().find(|(own, ..)| own == part));
        let Some((_, config, _)) = found else {
            return Err(TlsError::NotOurPart(own[0].name()).into());
        };
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name_of(Part::who_is_there(role)), stream).await;
        Ok(Channel::Tls(Box::new(stream?.into())))
    }

    /// Shakes hands with the side that dialled.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        part: Part,
    ) -> Result<Channel, GreetingError> {
        let found = self.parts.iter().find(|(own, ..)| *own == part);
        let Some((_, _, config)) = found else {
            return Err(TlsError::NotOurPart(part.name()).into());
        };
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(config));
        Ok(Channel::Tls(Box::new(acceptor.accept(stream).await?.into())))
    }
}

/// There is no TLS over simulated streams.
#[cfg(madsim)]
#[expect(clippy::unused_async, reason = "the real ones wait")]
impl Tls {
    pub(super) async fn dial(&self, _: TcpStream, role: Role) -> Result<Channel, GreetingError> {
        Err(TlsError::NotOurPart(Part::who_come(role)[0].name()).into())
    }

    pub(super) async fn accept(&self, _: TcpStream, part: Part) -> Result<Channel, GreetingError> {
        Err(TlsError::NotOurPart(part.name()).into())
    }
}

#[cfg(not(madsim))]
impl Channel {
    /// Whether whoever is at the other end may come in this role.
    pub(crate) fn may_come(&self, role: Role) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(stream) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let Some(shown) = shown else { return false };
                let Ok(certificate) = webpki::EndEntityCert::try_from(shown) else { return false };
                let is = |part| certificate.verify_is_valid_for_subject_name(&name_of(part));
                Part::who_come(role).iter().any(|part| is(*part).is_ok())
            }
        }
    }
}

#[cfg(madsim)]
impl Channel {
    /// Whoever is at the other end may come in any role.
    pub(crate) const fn may_come(&self, _: Role) -> bool {
        true
    }
}

impl TlsError {
    /// What TLS said by a failure of its stream, if it was not the network that failed.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let is_ours = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        is_ours.then(|| Self::Failed(error.to_string()))
    }
}
