//! What the matrices of state × event are made of: [`scheduler::Cell`](crate::scheduler::Cell) and
//! [`worker::Cell`](crate::worker::Cell).
//!
//! A *cell* is a state in which something can be × what can happen to it then. A machine says which
//! cells an event visits; each has a [`Class`], so that whoever drives machines can count what was
//! tried, and knows what must never happen. This module must not know the machines.

/// What a machine does about an event in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The peer broke the protocol, and is cut off. An honest peer never visits the cell.
    Breach,
    /// Something follows, or may.
    Handled,
    /// Nothing follows: it comes late, or is said twice.
    Ignored,
    /// It cannot be, and this is why.
    Impossible(&'static str),
    /// An honest peer comes at the wrong time, or is set up wrongly: it is turned away, with a word.
    Refused,
}

/// One axis of a matrix: an enum without data whose entries have names.
macro_rules! axis {
    ($(#[$doc:meta])* $axis:ident { $($(#[$entry_doc:meta])* $entry:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $axis { $($(#[$entry_doc])* $entry,)* }

        impl $axis {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$entry,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
        }

        impl std::fmt::Display for $axis {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$entry => $name,)* })
            }
        }
    };
}
pub(crate) use axis;
