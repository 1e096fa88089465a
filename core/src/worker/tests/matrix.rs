//! What happens in a cell is what its class says. Every event of every test is judged.

use std::collections::BTreeSet;

use super::super::Cell;
use super::*;
use crate::matrix::Class;

/// What the cells of an event say of it, before it is handled.
pub struct Prediction {
    cells: Vec<Cell>,
    /// The worker, if nothing may follow.
    before: Option<String>,
}

impl Prediction {
    pub fn of(worker: &Worker, now: Instant, event: &Event) -> Self {
        let mut cells = Vec::new();
        worker.cells(now, event, &mut |cell| cells.push(cell));
        let is_ignored = cells.iter().all(|cell| cell.class() == Class::Ignored);
        Self { cells, before: is_ignored.then(|| format!("{worker:?}")) }
    }

    pub fn holds(&self, worker: &Worker, out: &[Effect]) {
        let Self { cells, before } = self;
        let impossible = cells.iter().find(|cell| matches!(cell.class(), Class::Impossible(_)));
        assert!(impossible.is_none(), "{} is visited", impossible.expect("a cell"));
        if let Some(before) = before {
            assert_eq!((out, &format!("{worker:?}")), (&[][..], before), "{cells:?}");
        }
        let is_closed = out.iter().any(|effect| matches!(effect, Effect::Close { .. }));
        let mut classes = cells.iter().map(|cell| cell.class());
        let closes = classes.any(|class| matches!(class, Class::Breach | Class::Refused));
        assert_eq!(is_closed, closes, "{cells:?}");
    }
}

#[test]
fn cells_are_numbered_in_order() {
    assert!(Cell::all().map(Cell::index).eq(0..Cell::COUNT));
    let names: BTreeSet<String> = Cell::all().map(|cell| cell.to_string()).collect();
    assert_eq!(names.len(), Cell::COUNT);
}
