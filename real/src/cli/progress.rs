//! A bar on standard error, if that is a terminal, while one waits for many tasks.
//!
//! It has no colours, so there is nothing that `NO_COLOR` would change.

use std::future::Future;
use std::io::{IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::Duration;

use crate::rt;

/// Characters of the bar.
const WIDTH: usize = 30;
/// How often it is drawn anew.
const EVERY: Duration = Duration::from_millis(100);

/// Waits for `work`; meanwhile draws how many of `total` are done.
pub(super) async fn shown<T>(
    total: usize,
    done: impl Fn() -> usize,
    work: impl Future<Output = T>,
) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = pin!(work);
    loop {
        rt::select! {
            biased;
            output = &mut work => {
                draw("\r\x1b[K");
                return output;
            }
            () = rt::sleep(EVERY) => draw(&format!("\r{}", bar(done(), total))),
        }
    }
}

fn draw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody looks: then nothing is missed.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn bar(done: usize, total: usize) -> String {
    let filled = (done * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    format!("[{}{}] {done}/{total}", "#".repeat(filled), "-".repeat(WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_what_is_done() {
        assert_eq!(bar(0, 4), format!("[{}] 0/4", "-".repeat(30)));
        assert_eq!(bar(2, 4), format!("[{}{}] 2/4", "#".repeat(15), "-".repeat(15)));
        assert_eq!(bar(4, 4), format!("[{}] 4/4", "#".repeat(30)));
        assert_eq!(bar(0, 0), format!("[{}] 0/0", "#".repeat(30)));
    }
}
