//! Graphs: calls by name, in any order, submitted together.
//!
//! A name stands for a value to come, as a future does; it becomes one when the graph is submitted.
//! This module must not know how calls are submitted.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use raddle_net::names::{Key, Session};

use crate::arg::{ArgWriter, IntoArg};
use crate::call::{Call, CallParts};
use crate::future::FutureHandle;
use crate::hub::{Hub, Nowhere};

/// Calls by name, which may use one another's results, also those that are added later. Nothing
/// happens until [`Client::get`](crate::Client::get) or
/// [`Client::submit_graph`](crate::Client::submit_graph): then what is asked for, and what that
/// needs, is computed.
///
/// Names mean something within their graph only. A call with a [`key`](Call::key), or a
/// [`pure`](Call::pure) one, is one task with its like elsewhere, as always.
///
/// ```
/// use raddle::Graph;
/// use raddle::prelude::*;
///
/// #[raddle::task]
/// fn load(n: u64) -> Vec<u64> {
///     (0..n).collect()
/// }
/// #[raddle::task]
/// fn total(xs: &[u64]) -> u64 {
///     xs.iter().sum()
/// }
/// #[raddle::task]
/// fn mean(total: u64, xs: &[u64]) -> f64 {
///     total as f64 / xs.len() as f64
/// }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
///
/// let mut graph = Graph::new();
/// let (sum, xs) = (graph.name("sum"), graph.name("xs")); // added below
/// graph.add("mean", mean(sum, &xs));
/// graph.add("sum", total(&xs));
/// graph.add("xs", load(5));
/// graph.add("unused", load(1_000_000)); // is not computed
/// assert_eq!(client.get::<f64>(graph, ["mean"]).await?, [2.0]);
/// # client.close().await
/// # }
/// ```
pub struct Graph {
    /// Of the futures that names stand for: it carries nothing anywhere.
    hub: Arc<Hub>,
    nodes: BTreeMap<Arc<str>, Node>,
    /// Whose key is whose.
    names: BTreeMap<Key, Arc<str>>,
    /// What was done wrong first.
    wrong: Option<GraphError>,
}

struct Node {
    handle: FutureHandle,
    /// What it is a value of, as who named it last expects.
    value: &'static str,
    call: Option<Call<()>>,
}

/// A name in a [`Graph`], which stands for a `T`: an argument wherever a `TaskFuture<T>` is one.
pub struct Named<T> {
    handle: FutureHandle,
    value: PhantomData<fn() -> T>,
}

/// What is wrong with a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Something needs itself.
    #[error("the graph goes in a circle: {}", .path.join(" → "))]
    Cycle {
        /// From a name to the same name again, each needs the next.
        path: Vec<String>,
    },
    /// A name was given to two calls.
    #[error("`{name}` is in the graph twice")]
    Duplicate {
        /// Which.
        name: String,
    },
    /// There is no call of a name.
    #[error("`{name}` is not in the graph; it is needed by {}", needed_by(.path))]
    Missing {
        /// Which.
        name: String,
        /// From what was asked for to what needs it; empty if it was asked for itself.
        path: Vec<String>,
    },
    /// A name stands for values of two types.
    #[error("`{name}` is a `{found}` in the graph, where a `{expected}` is expected")]
    WrongType {
        /// Which.
        name: String,
        /// What is expected.
        expected: String,
        /// What it is.
        found: String,
    },
}

fn needed_by(path: &[String]) -> String {
    if path.is_empty() { "whoever asked".to_owned() } else { path.join(" → ") }
}

impl Graph {
    /// A graph without calls.
    #[must_use]
    pub fn new() -> Self {
        let hub = Hub::new(Session::truncate(0), Arc::new(Nowhere));
        Self { hub, nodes: BTreeMap::new(), names: BTreeMap::new(), wrong: None }
    }

    /// Adds a call. Its result is an argument of others by what is returned, or by [`Self::name`].
    /// A name that is taken is an error of whoever submits the graph.
    pub fn add<T>(&mut self, name: &str, call: Call<T>) -> Named<T> {
        let named = self.name(name);
        let node = self.nodes.get_mut(name).expect("it was just named");
        if node.call.replace(call.erase()).is_some() {
            let wrong = || GraphError::Duplicate { name: name.to_owned() };
            self.wrong.get_or_insert_with(wrong);
        }
        named
    }

    /// The result of the call of this name, which may be added later.
    pub fn name<T>(&mut self, name: &str) -> Named<T> {
        let value = type_name::<T>();
        if !self.nodes.contains_key(name) {
            let (key, name) = (Key::hashed(self.nodes.len() as u128), Arc::<str>::from(name));
            let handle = self.hub.adopt(&[key]).pop().expect("one key gives one future");
            self.names.insert(key, Arc::clone(&name));
            self.nodes.insert(name, Node { handle, value, call: None });
        }
        let node = &self.nodes[name];
        if node.value != value {
            let (expected, found) = (value.to_owned(), node.value.to_owned());
            let wrong = GraphError::WrongType { name: name.to_owned(), expected, found };
            self.wrong.get_or_insert(wrong);
        }
        Named { handle: node.handle.clone(), value: PhantomData }
    }

    /// How many calls there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.values().filter(|node| node.call.is_some()).count()
    }

    /// Whether there is no call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is needed for `wanted`, each after what it needs; and where in it each of `wanted` is.
    pub(crate) fn plan<T>(mut self, wanted: &[String]) -> Result<Plan, GraphError> {
        for name in wanted {
            self.name::<T>(name);
        }
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let mut order = Vec::new();
        let mut places = BTreeMap::new();
        for name in wanted {
            self.visit(name, &mut places, &mut order)?;
        }
        let places: BTreeMap<Key, usize> =
            order.iter().enumerate().map(|(place, name)| (self.key(name), place)).collect();
        let wanted = wanted.iter().map(|name| places[&self.key(name)]).collect();
        let calls: Vec<_> =
            order.iter().filter_map(|name| self.nodes.get_mut(name)?.call.take()).collect();
        Ok(Plan { hub: self.hub, calls: calls.into_iter(), places, wanted })
    }

    /// Appends `name` to `order` after all that it needs, without recursion: graphs may be deep.
    /// `done` says of each name whether it is in `order`, or on the way to there.
    fn visit(
        &self,
        name: &str,
        done: &mut BTreeMap<Arc<str>, bool>,
        order: &mut Vec<Arc<str>>,
    ) -> Result<(), GraphError> {
        let mut path: Vec<(Arc<str>, Vec<Arc<str>>)> = Vec::new();
        let mut next = Some(Arc::<str>::from(name));
        loop {
            if let Some(name) = next.take() {
                match done.get(&name) {
                    Some(true) => {}
                    Some(false) => return Err(cycle(&path, &name)),
                    None => {
                        let needs = self.needs(&name, &path)?;
                        done.insert(Arc::clone(&name), false);
                        path.push((name, needs));
                    }
                }
            }
            let Some((_, needs)) = path.last_mut() else { return Ok(()) };
            next = needs.pop();
            if next.is_none()
                && let Some((name, _)) = path.pop()
            {
                done.insert(Arc::clone(&name), true);
                order.push(name);
            }
        }
    }

    /// The names that a call needs, the first last.
    fn needs(
        &self,
        name: &Arc<str>,
        path: &[(Arc<str>, Vec<Arc<str>>)],
    ) -> Result<Vec<Arc<str>>, GraphError> {
        let Some(call) = self.nodes.get(name).and_then(|node| node.call.as_ref()) else {
            let path = path.iter().map(|(name, _)| name.to_string()).collect();
            return Err(GraphError::Missing { name: name.to_string(), path });
        };
        let ours = call.dependencies().iter().filter(|of| Arc::ptr_eq(of.hub(), &self.hub));
        Ok(ours.rev().filter_map(|of| self.names.get(&of.key())).cloned().collect())
    }

    fn key(&self, name: &str) -> Key {
        self.nodes[name].handle.key()
    }
}

fn cycle(path: &[(Arc<str>, Vec<Arc<str>>)], name: &Arc<str>) -> GraphError {
    let names = path.iter().map(|(name, _)| name).skip_while(|other| *other != name);
    GraphError::Cycle { path: names.chain([name]).map(ToString::to_string).collect() }
}

/// Calls in the order in which they are submitted.
pub(crate) struct Plan {
    hub: Arc<Hub>,
    calls: std::vec::IntoIter<Call<()>>,
    places: BTreeMap<Key, usize>,
    /// Which of them are asked for.
    pub(crate) wanted: Vec<usize>,
}

impl Plan {
    /// The next call; `futures` are those of the ones before.
    pub(crate) fn next(&mut self, futures: &[FutureHandle]) -> Option<CallParts> {
        let mut call = self.calls.next()?;
        for dependency in call.dependencies_mut() {
            if Arc::ptr_eq(dependency.hub(), &self.hub) {
                *dependency = futures[self.places[&dependency.key()]].clone();
            }
        }
        Some(call.into_parts())
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({} calls)", self.len())
    }
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Named")
    }
}

impl<T> IntoArg<T> for Named<T> {
    fn write(self, to: &mut ArgWriter) {
        to.input(&self.handle);
    }
}

impl<T> IntoArg<T> for &Named<T> {
    fn write(self, to: &mut ArgWriter) {
        to.input(&self.handle);
    }
}

impl<T> IntoArg<Vec<T>> for &[Named<T>] {
    fn write(self, to: &mut ArgWriter) {
        to.inputs(self.iter().map(|named| &named.handle));
    }
}

impl<T> IntoArg<Vec<T>> for Vec<Named<T>> {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

impl<T, const N: usize> IntoArg<Vec<T>> for [Named<T>; N] {
    fn write(self, to: &mut ArgWriter) {
        self[..].write(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[crate::task]
    fn join(parts: Vec<String>) -> String {
        parts.concat()
    }

    fn graph(nodes: &[(&str, &[&str])]) -> Graph {
        let mut graph = Graph::new();
        for (name, needs) in nodes {
            let needs: Vec<Named<String>> = needs.iter().map(|name| graph.name(name)).collect();
            graph.add(name, join(needs));
        }
        graph
    }

    fn planned(nodes: &[(&str, &[&str])], wanted: &[&str]) -> Result<Vec<usize>, GraphError> {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let plan = graph(nodes).plan::<String>(&wanted)?;
        assert_eq!(plan.calls.len(), plan.places.len());
        Ok(plan.wanted)
    }

    #[test]
    fn what_is_needed_comes_first_and_what_is_not_never() {
        let nodes: [(&str, &[&str]); 5] =
            [("d", &["b", "c"]), ("b", &["a"]), ("c", &["a"]), ("a", &[]), ("e", &["d", "f"])];
        assert_eq!(planned(&nodes, &["d"]), Ok(vec![3]));
        assert_eq!(planned(&nodes, &["c", "b", "c"]), Ok(vec![1, 2, 1]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wrong = planned(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])], &["a"]);
        assert_eq!(wrong, Err(GraphError::Cycle { path: names(&["b", "c", "b"]) }));
        let wrong = planned(&[("a", &["b"]), ("b", &["c"])], &["a"]);
        let (name, path) = ("c".to_owned(), names(&["a", "b"]));
        assert_eq!(wrong, Err(GraphError::Missing { name, path }));
        let wrong = planned(&[("a", &[])], &["z"]);
        assert_eq!(wrong, Err(GraphError::Missing { name: "z".to_owned(), path: vec![] }));
        let wrong = planned(&[("a", &[]), ("a", &[])], &["a"]);
        assert_eq!(wrong, Err(GraphError::Duplicate { name: "a".to_owned() }));
        let wrong = graph(&[("a", &[])]).plan::<u64>(&["a".to_owned()]).map(drop);
        let (expected, found) = (type_name::<u64>().into(), type_name::<String>().into());
        assert_eq!(wrong, Err(GraphError::WrongType { name: "a".to_owned(), expected, found }));
    }

    #[test]
    fn a_graph_may_be_deep() {
        let mut graph = Graph::new();
        let mut last = graph.add("0", join([""; 0].map(str::to_owned)));
        for n in 1..50_000 {
            last = graph.add(&n.to_string(), join([last]));
        }
        assert_eq!(
            graph.plan::<String>(&["49999".to_owned()]).map(|plan| plan.wanted),
            Ok(vec![49_999])
        );
    }
}
