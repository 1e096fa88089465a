//! The static order of a submitted graph: which task goes first where the scheduler has the choice.
//!
//! # What it is for
//!
//! A value occupies memory from when its task ends until all its dependents have ended. A good order
//! keeps few values alive: it finishes what is begun, lets inputs go early, works depth-first
//! towards a goal, and makes values that meet in one task close together.
//!
//! # How
//!
//! Tasks are emitted one by one, by four rules, the first that applies:
//!
//! 1. *A task that costs nothing goes at once.* Its inputs are there, and it is the last dependent
//!    of one of them at least: one value comes, one or more go. Whatever else is planned, memory is
//!    never the worse for it. So chains run through, and the twin of a task (same inputs, another
//!    output) follows it.
//! 2. *Depth-first towards a goal.* A goal is a task without dependents. Of the inputs that a task
//!    still lacks, the one goes first whose computation needs most room, ties in the order of
//!    submission. While the others are computed this one's result occupies room for 1, so the
//!    demanding ones belong first: for trees this is optimal (R. Sethi, J. D. Ullman: "The
//!    Generation of Optimal Code for Arithmetic Expressions", JACM 1970). The need of a task is
//!    theirs, too: with inputs in this order, the largest of (need of the i-th input + i). In a
//!    graph with shared inputs it is an estimate, too high.
//! 3. *The next goal is near what is there.* When a goal is reached, the next one is found from a
//!    task whose inputs are all there, the one that has been so for longest; else from a dependent
//!    of the oldest value in memory; from there upwards through first dependents. So values that
//!    several goals share are used while they are there, and the oldest are got rid of first.
//! 4. *With nothing in memory, the first goal of the submission* that is left.
//!
//! Every list is walked once and never backwards; only the inputs of a task are sorted: O(n + e log
//! d) for n tasks, e edges and at most d inputs a task. Nothing recurses: chains may be as long as
//! memory allows.

use std::cmp::Reverse;
use std::collections::VecDeque;

/// Tasks by position, with the positions of other tasks: dependencies, or dependents.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Where the list of each task ends in `edges`.
    ends: Vec<usize>,
    edges: Vec<u32>,
}

impl Graph {
    /// Adds a task that depends on tasks added before. Naming one twice is naming it once.
    ///
    /// # Panics
    ///
    /// If a dependency was not added before.
    pub fn push(&mut self, dependencies: &[u32]) {
        let start = self.edges.len();
        self.edges.extend_from_slice(dependencies);
        self.edges[start..].sort_unstable();
        // `dedup` of the last list alone.
        let mut end = start;
        for index in start..self.edges.len() {
            if index == start || self.edges[index] != self.edges[end - 1] {
                self.edges[end] = self.edges[index];
                end += 1;
            }
        }
        self.edges.truncate(end);
        let last = self.edges[start..].last();
        assert!(last.is_none_or(|last| (*last as usize) < self.len()), "dependencies come first");
        self.ends.push(end);
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The list of a task.
    #[must_use]
    pub fn of(&self, task: u32) -> &[u32] {
        &self.edges[self.start(task)..self.ends[task as usize]]
    }

    fn start(&self, task: u32) -> usize {
        if task == 0 { 0 } else { self.ends[task as usize - 1] }
    }

    fn tasks(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.len()).expect("a graph that fits in memory")
    }

    /// The same edges, seen from the other side. Its lists ascend.
    fn reversed(&self) -> Self {
        let mut ends = vec![0; self.len()];
        for &to in &self.edges {
            ends[to as usize] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            total += *end;
            *end = total - *end;
        }
        // `ends` are starts now, and grow to be ends while the lists are filled.
        let mut edges = vec![0; total];
        for from in self.tasks() {
            for &to in self.of(from) {
                edges[ends[to as usize]] = from;
                ends[to as usize] += 1;
            }
        }
        Self { ends, edges }
    }

    /// Sorts the inputs of each task: those whose computation needs most room first.
    fn sort_by_need(&mut self) {
        let mut needs: Vec<u32> = Vec::with_capacity(self.len());
        for task in self.tasks() {
            let (start, end) = (self.start(task), self.ends[task as usize]);
            let inputs = &mut self.edges[start..end];
            inputs.sort_unstable_by_key(|&input| (Reverse(needs[input as usize]), input));
            let held = (0_u32..).zip(&*inputs);
            let need = held.map(|(held, &input)| needs[input as usize].saturating_add(held)).max();
            needs.push(need.unwrap_or(1));
        }
    }
}

/// The rank of each task, by position: a permutation of `0..n` in which every task comes after its
/// dependencies. The module's documentation says what it is good for and how it is made.
#[must_use]
pub fn static_order(dependencies: &Graph) -> Vec<u32> {
    let mut inputs = dependencies.clone();
    inputs.sort_by_need();
    let mut orderer = Orderer::new(&inputs);
    while let Some(goal) = orderer.next_goal() {
        orderer.descend(goal);
    }
    orderer.ranks
}

/// So many different lengths of the way to the end count.
const LENGTHS: u64 = 32;

/// The rank of each task, as from [`static_order`], where it is known how many nanoseconds each takes:
/// the one with the longest way to the end goes first (its bottom level, as in list scheduling); among
/// those of about the same length, the one that [`static_order`] puts first.
#[must_use]
pub fn order_by_level(dependencies: &Graph, nanos: &[u64]) -> Vec<u32> {
    let mut levels = nanos.to_vec();
    for task in dependencies.tasks().rev() {
        for &input in dependencies.of(task) {
            let way = levels[task as usize].saturating_add(nanos[input as usize]);
            levels[input as usize] = levels[input as usize].max(way);
        }
    }
    let longest = levels.iter().copied().max().unwrap_or(0);
    let grain = (longest / LENGTHS).max(1);
    let mut ranks = static_order(dependencies);
    let mut order: Vec<u32> = dependencies.tasks().collect();
    order.sort_unstable_by_key(|&task| {
        (Reverse(levels[task as usize] / grain), ranks[task as usize])
    });
    for (rank, task) in (0..).zip(order) {
        ranks[task as usize] = rank;
    }
    ranks
}

/// The rank of a task that has none yet.
const NONE: u32 = u32::MAX;

struct Orderer<'a> {
    inputs: &'a Graph,
    dependents: Graph,
    ranks: Vec<u32>,
    next_rank: u32,
    /// For each task, inputs without a rank.
    missing: Vec<u32>,
    /// For each task, dependents without a rank: how many, and the xor of their positions, which is
    /// the last one's when one is left.
    left: Vec<(u32, u32)>,
    /// Tasks that rule 1 is for.
    free: Vec<u32>,
    /// Tasks of which the inputs have ranks, the oldest first; some have a rank themselves.
    ready: VecDeque<u32>,
    /// Values, the oldest first; some are not in memory any more.
    values: VecDeque<u32>,
    /// For each task, dependents below this place in its list have ranks.
    seen: Vec<usize>,
    /// Goals below this position have ranks.
    first_goal: u32,
}

impl<'a> Orderer<'a> {
    fn new(inputs: &'a Graph) -> Self {
        let dependents = inputs.reversed();
        let count = |list: &[u32]| u32::try_from(list.len()).expect("fewer than tasks");
        let left = |task| {
            let list = dependents.of(task);
            (count(list), list.iter().fold(0, |xor, dependent| xor ^ dependent))
        };
        Self {
            inputs,
            ranks: vec![NONE; inputs.len()],
            next_rank: 0,
            missing: inputs.tasks().map(|task| count(inputs.of(task))).collect(),
            left: inputs.tasks().map(left).collect(),
            free: Vec::new(),
            ready: VecDeque::new(),
            values: VecDeque::new(),
            seen: vec![0; inputs.len()],
            first_goal: 0,
            dependents,
        }
    }

    fn has_rank(&self, task: u32) -> bool {
        self.ranks[task as usize] != NONE
    }

    /// Rules 3 and 4.
    fn next_goal(&mut self) -> Option<u32> {
        while let Some(task) = self.ready.pop_front() {
            if !self.has_rank(task) {
                return Some(self.above(task));
            }
        }
        while let Some(&value) = self.values.front() {
            if let Some(dependent) = self.first_dependent(value) {
                return Some(self.above(dependent));
            }
            self.values.pop_front();
        }
        let mut rest = (self.first_goal..).take_while(|task| (*task as usize) < self.ranks.len());
        let goal = rest.find(|task| self.left[*task as usize].0 == 0 && !self.has_rank(*task))?;
        self.first_goal = goal + 1;
        Some(goal)
    }

    /// The goal that is reached from `task` through first dependents. All on the way are inputs of
    /// inputs of that goal, so each gets its rank before the next walk: the walks are no longer than
    /// the graph, together.
    fn above(&mut self, mut task: u32) -> u32 {
        while let Some(dependent) = self.first_dependent(task) {
            task = dependent;
        }
        task
    }

    /// The first dependent without a rank.
    fn first_dependent(&mut self, task: u32) -> Option<u32> {
        let list = self.dependents.of(task);
        let seen = &mut self.seen[task as usize];
        while list.get(*seen).is_some_and(|dependent| self.ranks[*dependent as usize] != NONE) {
            *seen += 1;
        }
        list.get(*seen).copied()
    }

    /// Rule 2: emits `goal` after what it lacks.
    fn descend(&mut self, goal: u32) {
        let mut path = vec![(goal, 0)];
        while let Some((task, next)) = path.last_mut() {
            if let Some(&input) = self.inputs.of(*task).get(*next) {
                *next += 1;
                if !self.has_rank(input) {
                    path.push((input, 0));
                }
                continue;
            }
            let task = *task;
            path.pop();
            // Rule 1 may have been faster.
            if !self.has_rank(task) {
                self.free.push(task);
                self.drain();
            }
        }
    }

    /// Rule 1: emits what is free, and what that sets free.
    fn drain(&mut self) {
        while let Some(task) = self.free.pop() {
            if !self.has_rank(task) {
                self.emit(task);
            }
        }
    }

    fn emit(&mut self, task: u32) {
        self.ranks[task as usize] = self.next_rank;
        self.next_rank += 1;
        for &input in self.inputs.of(task) {
            let (count, xor) = &mut self.left[input as usize];
            *count -= 1;
            *xor ^= task;
            if *count == 1 && self.missing[*xor as usize] == 0 {
                self.free.push(*xor);
            }
        }
        let (count, _) = self.left[task as usize];
        if count > 0 {
            self.values.push_back(task);
        }
        let free = self.free.len();
        for &dependent in self.dependents.of(task) {
            self.missing[dependent as usize] -= 1;
            if self.missing[dependent as usize] > 0 {
                continue;
            }
            let inputs = self.inputs.of(dependent);
            if inputs.iter().any(|input| self.left[*input as usize].0 == 1) {
                self.free.push(dependent);
            } else {
                self.ready.push_back(dependent);
            }
        }
        // What is pushed last is popped first.
        self.free[free..].reverse();
    }
}

#[cfg(test)]
mod tests;
