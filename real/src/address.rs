//! Addresses as people and messages write them: `tcp://host:port`, or `tls://host:port`.
//!
//! This module must not know who listens there; it resolves nothing.

use std::fmt;
use std::str::FromStr;

/// How one talks there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Plainly.
    #[default]
    Tcp,
    /// By TLS.
    Tls,
}

/// Where somebody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// How one talks there.
    pub(crate) scheme: Scheme,
    /// A name, or an IP address without brackets.
    pub(crate) host: String,
    /// The TCP port.
    pub(crate) port: u16,
}

/// The text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an address: expected tcp://HOST:PORT or tls://HOST:PORT, for example tcp://127.0.0.1:8786"
)]
pub(crate) struct AddressError(String);

/// Reads `tcp://host:port` or `tls://host:port`; `tcp://` may be left out.
pub(crate) fn parse(text: &str) -> Result<Address, AddressError> {
    let error = || AddressError(text.chars().take(200).collect());
    let (scheme, rest) = match text.split_once("://") {
        Some(("tcp", rest)) => (Scheme::Tcp, rest),
        Some(("tls", rest)) => (Scheme::Tls, rest),
        Some(_) => return Err(error()),
        None => (Scheme::Tcp, text),
    };
    let (host, port) = rest.rsplit_once(':').ok_or_else(error)?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(bare) => bare,
        None if host.contains(':') => return Err(error()),
        None => host,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err(error());
    }
    let port = port.parse().map_err(|_| error())?;
    Ok(Address { scheme, host: host.to_owned(), port })
}

impl Address {
    /// Of a socket.
    pub(crate) fn new(scheme: Scheme, address: std::net::SocketAddr) -> Self {
        Self { scheme, host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Tcp => "tcp",
            Scheme::Tls => "tls",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_what_it_prints() {
        for text in ["tcp://127.0.0.1:8786", "tls://[::1]:1", "tcp://node-3.cluster:65535"] {
            assert_eq!(parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn the_scheme_may_be_left_out() {
        let expected = Address { scheme: Scheme::Tcp, host: "localhost".into(), port: 80 };
        assert_eq!(parse("localhost:80"), Ok(expected));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let texts =
            ["", "tcp://", "host", "tcp://host", "tcp://:80", "http://host:80", "::1:80", "a b:80"];
        for text in texts.iter().copied().chain(["host:", "host:65536", "tcp://host:80/path"]) {
            assert_eq!(parse(text), Err(AddressError(text.to_owned())));
        }
    }
}
