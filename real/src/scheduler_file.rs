//! The file in which a scheduler writes where it is, for those who share a file system with it.
//!
//! It is JSON: `{"address": "tcp://host:port"}`. This module must not know who reads it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::address;
use crate::error::{Error, Result};
use crate::rt;

/// How long a reader waits for the file to be there.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// Writes `address` to `file`: whoever reads it sees all of it, or nothing.
pub(crate) fn write(file: &Path, address: &str) -> Result<()> {
    let draft = draft(file);
    let text = format!("{}\n", json!({ "address": address }));
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, file));
    written.map_err(|error| named(file, "written", &error))
}

/// Removes what [`write()`] wrote, unless another scheduler has written there since.
pub(crate) fn remove(file: &Path, address: &str) {
    let is_ours = fs::read_to_string(file).is_ok_and(|text| parse(&text).as_deref() == Ok(address));
    if is_ours && let Err(error) = fs::remove_file(file) {
        tracing::warn!(file = %file.display(), %error, "the scheduler file stays");
    }
}

/// The address in `file`; waits until it is there, for so long.
pub(crate) async fn read(file: &Path) -> Result<String> {
    let deadline = rt::Instant::now() + PATIENCE;
    loop {
        match fs::read_to_string(file) {
            Ok(text) => {
                return parse(&text).map_err(|reason| {
                    Error::InvalidAddress(format!("in {}: {reason}", file.display()))
                });
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(named(file, "read", &error));
            }
            Err(error) if rt::Instant::now() >= deadline => {
                return Err(named(file, "read", &error));
            }
            Err(_) => rt::sleep(LOOK).await,
        }
    }
}

fn parse(text: &str) -> Result<String, String> {
    let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let text = json["address"].as_str().ok_or("it has no address")?;
    let address = address::parse(text).map_err(|error| error.to_string())?;
    Ok(address.to_string())
}

fn draft(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    name.into()
}

fn named(file: &Path, what: &str, error: &io::Error) -> Error {
    let text = format!("the scheduler file {} cannot be {what}: {error}", file.display());
    Error::Io(io::Error::new(error.kind(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written_and_removed_by_who_wrote_it() {
        let file = std::env::temp_dir().join(format!("raddle-file-{}", std::process::id()));
        write(&file, "tcp://[::1]:8786").expect("it can be written");
        let read = rt::block_on(read(&file)).expect("a runtime");
        assert_eq!(read.ok().as_deref(), Some("tcp://[::1]:8786"));
        remove(&file, "tcp://h:1");
        assert!(file.exists());
        remove(&file, "tcp://[::1]:8786");
        assert!(!file.exists());
    }

    #[test]
    fn what_is_no_address_is_an_error() {
        for text in ["", "{}", r#"{"address": 7}"#, r#"{"address": "nonsense"}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
