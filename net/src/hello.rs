//! The first words on a connection: who comes, and whether it may.
//!
//! A greeting is a prefix of 16 bytes and then a body. Nothing in the first ten bytes, magic and
//! version, ever changes, so that any two versions can tell each other that they differ. This
//! module must not know sockets, frames, or what follows a greeting.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | [`MAGIC`] |
//! | 8–9 | version of the protocol, `u16` |
//! | 10–11 | length of the body, `u16` |
//! | 12–15 | CRC-32C of bytes 0–11 and the body, `u32` |
//!
//! Numbers are little endian. A side that has a token answers a hello with a challenge; the side that
//! dialled proves that it has the token, too, and the welcome proves the same of the other. How is not
//! known here.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::HelloError;
use crate::limits::{MAX_HELLO, PROTOCOL_VERSION};
use crate::names::Session;

/// A number that nobody can foretell, or what proves that its sender has the token.
pub type Secret = [u8; 32];

/// Bytes before the body.
pub const PREFIX: usize = 16;
/// How a greeting begins.
pub const MAGIC: [u8; 8] = *b"raddle\0\n";

/// Where the checksum is; what it covers comes before it and after.
const CRC: usize = 12;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// A client comes to the scheduler.
    Client,
    /// Somebody comes to a worker for values, or to bring one.
    Data,
    /// A worker comes to the scheduler.
    Worker,
    /// A client comes to the scheduler for what it would ask of a worker that it cannot reach: whose
    /// address is this, is the hello's name. What follows the welcome is said by that worker.
    Relay,
}

/// Who comes. The first words of the side that dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol that it speaks; travels in the prefix.
    #[serde(skip)]
    pub version: u16,
    /// What it comes for.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// Its life.
    pub session: Session,
    /// Which life of the process of this name, in ascending order; 0 if nobody counts.
    pub incarnation: u64,
    /// The scheduler's epoch that it knows; 0 if none. One that it knows means that it comes back
    /// to its session.
    pub epoch: u32,
    /// The last frame that it received in this session; 0 if none.
    pub received: u64,
    /// What it can do beyond the version, one bit each. None are defined.
    pub features: u64,
    /// Which build it is, for diagnosis.
    pub build: String,
}

impl Hello {
    /// A hello of this version that knows of no earlier life: without a name and without counts.
    #[must_use]
    pub fn new(role: Role, session: Session) -> Self {
        Self {
            version: PROTOCOL_VERSION,
            role,
            name: String::new(),
            session,
            incarnation: 0,
            epoch: 0,
            received: 0,
            features: 0,
            build: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// It may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol that the answering side speaks; travels in the prefix.
    #[serde(skip)]
    pub version: u16,
    /// The scheduler's epoch; 0 if the answering side is none.
    pub epoch: u32,
    /// The last frame that the answering side received in this session; 0 if none.
    pub received: u64,
    /// How long the answering side waits for it when the connection breaks, in milliseconds; 0 if
    /// not at all.
    pub grace: u64,
    /// How long the connection may be silent until it counts as broken, in milliseconds; 0 for as
    /// long as it likes. Each side says something several times in that time.
    pub ttl: u64,
    /// Which build it is, for diagnosis.
    pub build: String,
    /// What proves that the answering side has the token; none if it did not ask for that.
    pub proof: Option<Secret>,
}

impl Welcome {
    /// A welcome of this version to a new session.
    #[must_use]
    pub fn new(epoch: u32) -> Self {
        let build = env!("CARGO_PKG_VERSION").to_owned();
        Self { version: PROTOCOL_VERSION, epoch, received: 0, grace: 0, ttl: 0, build, proof: None }
    }
}

/// The answer to a challenge: the side that dialled has the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What the answering side is to prove itself by.
    pub nonce: Secret,
    /// What proves it.
    pub proof: Secret,
}

/// The answer to a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is to prove that it has the token.
    Challenge {
        /// What it is to prove itself by.
        nonce: Secret,
    },
    /// It may not come.
    Refused {
        /// Why.
        reason: RefusedReason,
    },
    /// It may come.
    Welcome(Welcome),
}

/// Why somebody may not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RefusedReason {
    /// It is going away.
    #[error("it is shutting down")]
    Closing,
    /// It has as many connections as it may.
    #[error("it has too many connections; try again later")]
    Full,
    /// Another session has the same name.
    #[error("another worker of this name is connected; choose another name")]
    NameTaken,
    /// It comes back to a session that is not known here: it was away for too long, it said
    /// goodbye, or the scheduler has been started anew.
    #[error("its session is not known here any more; start a new one")]
    SessionUnknown,
    /// A newer incarnation of the same name is or was here.
    #[error("a newer incarnation of this worker has connected; stop this one")]
    Superseded,
    /// The role has no business here, such as a client at a worker.
    #[error("it does not serve this role; check which address is whose")]
    WrongRole,
    /// It has another token.
    #[error("the token is not the one of this cluster")]
    WrongToken,
    /// Its certificate is for another role.
    #[error("the certificate is not one for this role; use the one that was made for it")]
    WrongCertificate,
    /// It asked to be connected with a worker that is not there, or does not answer.
    #[error("it knows no worker that listens there, or does not reach it either")]
    NoSuchWorker,
}

/// What a body says.
#[derive(Serialize, Deserialize)]
enum Body {
    Hello(Hello),
    Refused(RefusedReason),
    Welcome(Welcome),
    Challenge(Secret),
    Proof(Proof),
}

impl Body {
    /// What it is, for errors.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Refused(_) => "refusal",
            Self::Welcome(_) => "welcome",
            Self::Challenge(_) => "challenge",
            Self::Proof(_) => "proof",
        }
    }
}

/// The bytes of a hello.
///
/// # Errors
///
/// If name and build are too long.
pub fn encode_hello(hello: &Hello) -> Result<Vec<u8>, HelloError> {
    encode(hello.version, &Body::Hello(hello.clone()))
}

/// The bytes of a reply.
///
/// # Errors
///
/// If the build is too long.
pub fn encode_reply(reply: &Reply) -> Result<Vec<u8>, HelloError> {
    match reply {
        Reply::Challenge { nonce } => encode(PROTOCOL_VERSION, &Body::Challenge(*nonce)),
        Reply::Refused { reason } => encode(PROTOCOL_VERSION, &Body::Refused(reason.clone())),
        Reply::Welcome(welcome) => encode(welcome.version, &Body::Welcome(welcome.clone())),
    }
}

/// How many bytes follow the prefix.
///
/// # Errors
///
/// If the peer is not raddle, or another version of it, or says too much.
pub fn body_len(prefix: &[u8; PREFIX]) -> Result<usize, HelloError> {
    if prefix[..8] != MAGIC {
        let found = prefix.escape_ascii().to_string();
        return Err(HelloError::NotRaddle { found });
    }
    let theirs = u16::from_le_bytes([prefix[8], prefix[9]]);
    if theirs != PROTOCOL_VERSION {
        return Err(HelloError::Version { ours: PROTOCOL_VERSION, theirs });
    }
    let length = usize::from(u16::from_le_bytes([prefix[10], prefix[11]]));
    if length > MAX_HELLO {
        return Err(HelloError::TooLarge { length, limit: MAX_HELLO });
    }
    Ok(length)
}

/// The bytes of a proof.
///
/// # Errors
///
/// None for a proof: it is short.
pub fn encode_proof(proof: &Proof) -> Result<Vec<u8>, HelloError> {
    encode(PROTOCOL_VERSION, &Body::Proof(proof.clone()))
}

/// The hello that these bytes are.
///
/// # Errors
///
/// If they are something else.
pub fn decode_hello(prefix: &[u8; PREFIX], body: &[u8]) -> Result<Hello, HelloError> {
    match decode(prefix, body)? {
        Body::Hello(hello) => Ok(Hello { version: PROTOCOL_VERSION, ..hello }),
        other @ (Body::Refused(_) | Body::Welcome(_) | Body::Challenge(_) | Body::Proof(_)) => {
            Err(HelloError::Unexpected { expected: "hello", found: other.kind() })
        }
    }
}

/// The proof that these bytes are.
///
/// # Errors
///
/// If they are something else.
pub fn decode_proof(prefix: &[u8; PREFIX], body: &[u8]) -> Result<Proof, HelloError> {
    match decode(prefix, body)? {
        Body::Proof(proof) => Ok(proof),
        other @ (Body::Hello(_) | Body::Refused(_) | Body::Welcome(_) | Body::Challenge(_)) => {
            Err(HelloError::Unexpected { expected: "proof", found: other.kind() })
        }
    }
}

/// The reply that these bytes are.
///
/// # Errors
///
/// If they are something else.
pub fn decode_reply(prefix: &[u8; PREFIX], body: &[u8]) -> Result<Reply, HelloError> {
    match decode(prefix, body)? {
        other @ (Body::Hello(_) | Body::Proof(_)) => {
            Err(HelloError::Unexpected { expected: "reply", found: other.kind() })
        }
        Body::Challenge(nonce) => Ok(Reply::Challenge { nonce }),
        Body::Refused(reason) => Ok(Reply::Refused { reason }),
        Body::Welcome(welcome) => {
            Ok(Reply::Welcome(Welcome { version: PROTOCOL_VERSION, ..welcome }))
        }
    }
}

fn encode(version: u16, body: &Body) -> Result<Vec<u8>, HelloError> {
    let mut bytes = vec![0; PREFIX];
    codec::encode(body, &mut bytes)?;
    let length = bytes.len() - PREFIX;
    let too_large = HelloError::TooLarge { length, limit: MAX_HELLO };
    let length = u16::try_from(length).ok().filter(|_| length <= MAX_HELLO).ok_or(too_large)?;
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&version.to_le_bytes());
    bytes[10..CRC].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&bytes[..CRC], &bytes[PREFIX..]);
    bytes[CRC..PREFIX].copy_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

fn decode(prefix: &[u8; PREFIX], body: &[u8]) -> Result<Body, HelloError> {
    body_len(prefix)?;
    let (covered, crc) = prefix.split_at(CRC);
    if checksum(covered, body).to_le_bytes() != crc {
        return Err(HelloError::BadCrc);
    }
    Ok(codec::decode(body)?)
}

fn checksum(covered: &[u8], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(covered), body)
}
