//! What people type: the command line, keys. It is understood, or refused in words.

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
