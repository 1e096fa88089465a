//! A secret that all of a cluster share. It never travels: each side proves that it has it, by a
//! keyed hash over what both have drawn for this connection and over the hello.
//!
//! This proves who begins a connection; who can change what is on its way can still take it over.
//! Against that there is TLS. This module must not know connections.

use std::io;

use raddle_net::hello::{Proof, Secret};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The least number of characters of a token.
pub(super) const SHORTEST: usize = 16;

/// The secret.
#[derive(Debug)]
pub(crate) struct Token(hmac::Key);

/// A side that was dialled wants to know whether the other has the token.
#[derive(Debug)]
pub(crate) struct Challenge {
    /// What the side that dialled is to prove itself by.
    pub(crate) nonce: Secret,
    /// The other side's first words, as they came.
    pub(crate) hello: Vec<u8>,
}

/// Who proves: else one side could be made to prove the other's case.
#[derive(Clone, Copy)]
enum Side {
    Dialled = 1,
    Listens = 2,
}

impl Token {
    pub(super) fn new(secret: &str) -> Option<Self> {
        let long = secret.chars().count() >= SHORTEST;
        long.then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }

    /// The side that was dialled begins.
    pub(crate) fn challenge(hello: Vec<u8>) -> io::Result<Challenge> {
        Ok(Challenge { nonce: draw()?, hello })
    }

    /// The side that dialled answers.
    pub(crate) fn answer(&self, challenge: &Challenge) -> io::Result<Proof> {
        let nonce = draw()?;
        let text = text(Side::Dialled, challenge, &nonce);
        let proof = hmac::sign(&self.0, &text);
        Ok(Proof { nonce, proof: secret(proof.as_ref()) })
    }

    /// The side that was dialled judges; if it is content, it answers with a proof of its own.
    pub(crate) fn judge(&self, challenge: &Challenge, answer: &Proof) -> Option<Secret> {
        let said = text(Side::Dialled, challenge, &answer.nonce);
        // In constant time.
        hmac::verify(&self.0, &said, &answer.proof).ok()?;
        let proof = hmac::sign(&self.0, &text(Side::Listens, challenge, &answer.nonce));
        Some(secret(proof.as_ref()))
    }

    /// The side that dialled judges the other's proof.
    pub(crate) fn is_proven(&self, challenge: &Challenge, answer: &Proof, proof: &Secret) -> bool {
        let said = text(Side::Listens, challenge, &answer.nonce);
        hmac::verify(&self.0, &said, proof).is_ok()
    }
}

/// What is hashed. All but the hello has a fixed length.
fn text(side: Side, challenge: &Challenge, nonce: &Secret) -> Vec<u8> {
    let mut text = b"raddle token 1 ".to_vec();
    text.push(side as u8);
    text.extend_from_slice(&challenge.nonce);
    text.extend_from_slice(nonce);
    text.extend_from_slice(&challenge.hello);
    text
}

fn secret(bytes: &[u8]) -> Secret {
    bytes.try_into().expect("SHA-256 gives 32 bytes")
}

fn draw() -> io::Result<Secret> {
    let mut nonce = [0; 32];
    let drawn = SystemRandom::new().fill(&mut nonce);
    drawn.map_err(|_| io::Error::other("the operating system gives no random numbers"))?;
    Ok(nonce)
}

/// A new token, of 256 random bits in hexadecimal digits.
pub(super) fn generate() -> io::Result<String> {
    Ok(draw()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
