//! What an observer may see of a worker: how much it has.
//!
//! Nothing here decides, and nothing here changes.

use super::Worker;

impl Worker {
    /// Bodies that have a slot. One that waits for tasks of its own has none.
    #[must_use]
    pub fn executing(&self) -> usize {
        self.state.index().slots()
    }

    /// How large each table is that belongs to runs and values: all are empty when everything was
    /// freed and every body has ended.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 7] {
        let index = self.state.index();
        [
            ("runs", self.state.runs().len()),
            ("data", self.state.data().len()),
            ("entries of the index", index.entries()),
            ("slots taken", index.slots()),
            ("peers that are asked or left alone", self.state.peers().len()),
            ("bytes on their way", usize::try_from(index.incoming()).unwrap_or(usize::MAX)),
            ("peers that are served", self.serves),
        ]
    }
}
