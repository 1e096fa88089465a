//! Logging: what the program says about itself, on standard error, when `RADDLE_LOG` asks for it.

use tracing_subscriber::EnvFilter;

/// Holds the filter, in the notation of `tracing-subscriber`: `warn`, `raddle=debug`, …
pub(crate) const VARIABLE: &str = "RADDLE_LOG";

/// Logs to standard error what `RADDLE_LOG` asks for, or `default` if it is not set. A program that
/// has installed a subscriber of its own keeps it.
pub(crate) fn install(default: Option<&str>) {
    let wanted = std::env::var(VARIABLE).ok();
    let Some(filter) = wanted.as_deref().or(default) else { return };
    let filter = match EnvFilter::try_new(filter) {
        Ok(filter) => filter,
        Err(error) => {
            complain(filter, &error);
            EnvFilter::new("warn")
        }
    };
    let colours = std::env::var_os("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .finish();
    // An error here means that there is one already: the program's own.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn complain(filter: &str, error: &tracing_subscriber::filter::ParseError) {
    use std::io::Write as _;
    // Nothing can be done if standard error is closed.
    let _ = writeln!(std::io::stderr(), "raddle: {VARIABLE}=`{filter}` is not a filter: {error}");
}
