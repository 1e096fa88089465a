//! Ports at which somebody may listen, and where others are told to reach him.
//!
//! This module must not know who listens.

use std::fmt;
use std::str::FromStr;

use crate::address::{self, Address};

/// A port, or the first free one of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// Any free one.
    pub(crate) const ANY: Self = Self::one(0);

    /// This one.
    pub(crate) const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Each, in the order in which they are tried.
    pub(crate) fn each(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a port, such as 8786, nor a range of them, such as 9000:9100")
        };
        let port = |text: &str| text.parse::<u16>().map_err(|_| wrong());
        let (first, last) = match text.split_once(':') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        match first <= last && (first > 0 || last == 0) {
            true => Ok(Self { first, last }),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}:{}", self.first, self.last),
        }
    }
}

/// What is said of where a worker is reached, if anything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Where it listens: a name or an IP address.
    pub(crate) host: Option<String>,
    /// Where it listens.
    pub(crate) ports: Option<Ports>,
    /// Where others are told to reach it: a host, or with a port.
    pub(crate) contact: Option<String>,
}

/// The address that others are to use: `HOST`, with the port of `listener`, or `HOST:PORT`. One talks
/// there as one does with the listener.
pub(crate) fn contact(text: &str, listener: &str) -> String {
    let Ok(listener) = address::parse(listener) else { return listener.to_owned() };
    let scheme = listener.scheme;
    let contact = match address::parse(text) {
        Ok(address) => Address { scheme, ..address },
        Err(_) => Address { host: bare(text).to_owned(), ..listener },
    };
    contact.to_string()
}

/// Reads what [`contact`] takes.
pub(crate) fn parse_contact(text: &str) -> Result<String, String> {
    let contact = contact(text, "tcp://h:1");
    address::parse(&contact).map(|_| text.to_owned()).map_err(|_| {
        format!("`{text}` is neither a host nor HOST:PORT, such as worker-7.example:9000")
    })
}

/// A host without the brackets of an IPv6 address.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_a_range() {
        let each = |text: &str| text.parse().map(|ports: Ports| ports.each().collect::<Vec<_>>());
        assert_eq!(each("0"), Ok(vec![0]));
        assert_eq!(each("8786"), Ok(vec![8786]));
        assert_eq!(each("9000:9002"), Ok(vec![9000, 9001, 9002]));
        for wrong in ["", "x", "70000", "9001:9000", "0:5", "1:2:3"] {
            assert!(each(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_contact_has_the_port_of_the_listener_unless_it_has_its_own() {
        let at = |text| contact(text, "tcp://0.0.0.0:4000");
        assert_eq!(at("host.example"), "tcp://host.example:4000");
        assert_eq!(at("host.example:80"), "tcp://host.example:80");
        assert_eq!(at("tcp://10.0.0.1:80"), "tcp://10.0.0.1:80");
        assert_eq!(at("::1"), "tcp://[::1]:4000");
        assert_eq!(at("[::1]:9"), "tcp://[::1]:9");
        assert_eq!(contact("host", "tls://0.0.0.0:1"), "tls://host:1");
        assert!(parse_contact("h:1").is_ok() && parse_contact("no such host").is_err());
    }
}
