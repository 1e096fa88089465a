//! What an observer may see of a client, for simulation and tests: sizes.
//!
//! Nothing here decides, and nothing here changes.

use super::Client;

impl Client {
    /// How large each table is that belongs to keys: all are empty when every key was released, the
    /// outbox flushed, and the scheduler has answered.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 5] {
        [
            ("futures", self.futures.len()),
            ("transfers", self.transfers.iter().count()),
            ("messages to be sent", self.outbox.messages().len()),
            ("releases to be sent", self.outbox.releases().len()),
            ("releases to be answered", self.outbox.unanswered()),
        ]
    }
}
