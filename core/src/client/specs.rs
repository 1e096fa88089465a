//! Task specs, numbered: each crosses the wire once. This module must not know tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_net::limits;
use raddle_net::messages::TaskSpec;
use raddle_net::names::SpecId;

/// The specs that this client has defined.
#[derive(Clone, Debug, Default)]
pub(super) struct Specs {
    ids: BTreeMap<Arc<TaskSpec>, SpecId>,
    /// The spec of the last task: the next one's is often the very same allocation.
    last: Option<(Arc<TaskSpec>, SpecId)>,
}

/// A spec's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interned {
    /// It had one.
    Known(SpecId),
    /// It got one, and must be defined.
    New(SpecId),
}

impl Specs {
    /// The number of `spec`, or `None` if there are too many specs.
    pub(super) fn intern(&mut self, spec: &Arc<TaskSpec>) -> Option<Interned> {
        if let Some((last, id)) = &self.last
            && Arc::ptr_eq(last, spec)
        {
            return Some(Interned::Known(*id));
        }
        let interned = match self.ids.get(spec) {
            Some(id) => Interned::Known(*id),
            None if self.ids.len() >= limits::MAX_SPECS => return None,
            None => {
                let id = SpecId(u32::try_from(self.ids.len()).expect("MAX_SPECS fits"));
                self.ids.insert(Arc::clone(spec), id);
                Interned::New(id)
            }
        };
        let (Interned::Known(id) | Interned::New(id)) = interned;
        self.last = Some((Arc::clone(spec), id));
        Some(interned)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the numbers are `0..len`, each given once, and the last spec has its own.
    pub(super) fn are_dense(&self) -> bool {
        let mut ids: Vec<_> = self.ids.values().map(|id| id.0).collect();
        ids.sort_unstable();
        let dense = ids.into_iter().eq((0..).take(self.ids.len()));
        dense && self.last.as_ref().is_none_or(|(spec, id)| self.ids.get(spec) == Some(id))
    }
}
