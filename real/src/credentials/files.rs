//! A folder of credentials: written once, read by each process.
//!
//! This module must not know how they are used.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::Part;
use super::tls::{Tls, server_name};
use super::token::{self, Token};
use crate::error::{Error, Result};

/// How long new certificates are good.
const VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How much the clocks of a cluster may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(24 * 60 * 60);
/// The certificate of the cluster's authority.
pub(super) const AUTHORITY: &str = "ca.pem";
const TOKEN: &str = "token";

/// What is wrong with the credentials in `folder`.
pub(super) fn wrong(folder: &Path, reason: impl std::fmt::Display) -> Error {
    let folder = folder.display();
    let reason = format!("{folder}: {reason}; `raddle cert init DIR` makes new ones");
    Error::Credentials { reason }
}

/// Reads what is there.
pub(super) fn load(folder: &Path) -> Result<(Option<Tls>, Option<Token>)> {
    let tls = match folder.join(AUTHORITY).exists() {
        true => Some(Tls::load(folder).map_err(|reason| wrong(folder, reason))?),
        false => None,
    };
    let token = match folder.join(TOKEN).exists() {
        true => Some(load_token(folder).map_err(|reason| wrong(folder, reason))?),
        false => None,
    };
    match tls.is_none() && token.is_none() {
        true => Err(wrong(folder, format!("it holds neither {AUTHORITY} nor {TOKEN}"))),
        false => Ok((tls, token)),
    }
}

fn load_token(folder: &Path) -> std::result::Result<Token, String> {
    let path = folder.join(TOKEN);
    keep_secret(&path)?;
    let text = fs::read_to_string(&path).map_err(|error| format!("{TOKEN}: {error}"))?;
    Token::new(text.trim()).ok_or_else(|| {
        format!("{TOKEN} is shorter than {} characters, which can be guessed", token::SHORTEST)
    })
}

/// Whether only its owner can read a file.
pub(super) fn keep_secret(path: &Path) -> std::result::Result<(), String> {
    let name = path.display();
    let mode = fs::metadata(path).map_err(|error| format!("{name}: {error}"))?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(format!("others can read {name}; run `chmod 600 {name}`")),
    }
}

/// Where the credentials of one process are kept: a new folder that only its owner can open.
pub(super) fn temporary() -> Result<PathBuf> {
    let number = crate::rt::random();
    let path = std::env::temp_dir().join(format!("raddle-{}-{number:016x}", std::process::id()));
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(wrong(&path, error)),
    }
}

/// Makes new credentials. What is there already is never overwritten.
pub(super) fn init(folder: &Path) -> Result<()> {
    let result = DirBuilder::new().mode(0o700).recursive(true).create(folder);
    result.map_err(|error| wrong(folder, error))?;
    let made = make().map_err(|error| Error::Internal(format!("no certificates: {error}")))?;
    let token = (TOKEN.to_owned(), token::generate().map_err(|error| wrong(folder, error))?, true);
    let made = made.into_iter().chain([token]);
    for (name, text, secret) in made {
        write(&folder.join(&name), &text, secret)
            .map_err(|error| wrong(folder, format!("{name}: {error}")))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str, secret: bool) -> io::Result<()> {
    let mode = if secret { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Names of files, their contents, and whether they are secret. The authority's own key is dropped:
/// nobody can make more certificates of the same cluster.
fn make() -> std::result::Result<Vec<(String, String, bool)>, rcgen::Error> {
    let mut files = Vec::new();
    let key = KeyPair::generate()?;
    let mut params = valid(CertificateParams::new(Vec::new())?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "a raddle cluster");
    files.push((AUTHORITY.to_owned(), params.self_signed(&key)?.pem(), false));
    let issuer = Issuer::new(params, key);
    for part in Part::ALL {
        let (name, key) = (part.name(), KeyPair::generate()?);
        let mut params = valid(CertificateParams::new(vec![server_name(part)])?);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &issuer)?;
        files.push((format!("{name}.pem"), certificate.pem(), false));
        files.push((format!("{name}.key"), key.serialize_pem(), true));
    }
    Ok(files)
}

fn valid(mut params: CertificateParams) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - CLOCKS_DIFFER).into();
    params.not_after = (now + VALIDITY).into();
    params
}
