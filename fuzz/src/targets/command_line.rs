//! What people type: the command line, the configuration, keys. It is understood, or refused in words.

use raddle_net::names::Key;

/// A line an argument.
pub fn command_line(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let arguments = std::iter::once("raddle").chain(text.lines());
    if let Err(refusal) = raddle::cli::understand(arguments) {
        assert!(!refusal.is_empty());
    }
    for word in text.split_whitespace() {
        if let Ok(key) = word.parse::<Key>() {
            assert_eq!(key.to_string().parse(), Ok(key), "a key reads what it prints");
        }
    }
}

/// What divides a file from the arguments that follow it.
const DIVIDES: &str = "\n---\n";

/// The text of a configuration file, and then arguments, a line each.
pub fn configuration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (file, lines) = text.split_once(DIVIDES).unwrap_or((text, "status"));
    let arguments = || std::iter::once("raddle").chain(lines.lines());
    let configured = raddle::cli::understand_configured(file, arguments());
    if let Err(refusal) = &configured {
        assert!(!refusal.is_empty());
    }
    let nothing = raddle::cli::understand_configured("", arguments());
    assert_eq!(nothing, raddle::cli::understand(arguments()), "an empty file says nothing");
}
