//! What bodies keep on their worker from one task to the next, by type.
//!
//! This module must not know tasks.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use crate::hub::lock;

/// One value of each type, made when it is first asked for.
#[derive(Default)]
pub(crate) struct Locals(Mutex<BTreeMap<TypeId, Place>>);

/// Filled by the first who comes; others of the same type wait for it, and nobody else does.
type Place = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

impl Locals {
    /// The value of this type; `make` makes it if there is none.
    pub(super) fn get<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let place = Arc::clone(lock(&self.0).entry(TypeId::of::<T>()).or_default());
        let value = Arc::clone(place.get_or_init(|| Arc::new(make())));
        value.downcast().expect("it is kept by its type")
    }

    /// Everything, to be dropped where user code may run.
    pub(crate) fn take(&self) -> impl Drop + use<> {
        std::mem::take(&mut *lock(&self.0))
    }
}
