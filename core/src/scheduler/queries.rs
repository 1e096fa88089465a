//! Answers in lists: who holds what, which tasks there are, what has happened.
//!
//! Nothing here changes anything. Each answer is bounded, and so is the work for it.

use raddle_net::limits::{MAX_HOLDERS, MAX_KEYS};
use raddle_net::messages::{QueryAnswer, StoryLine, StoryOf, TaskInfo};
use raddle_net::names::{Key, WorkerId};

use super::Scheduler;
use super::state::{Kind, Task, TaskLine, TaskState, WorkerLine};
use crate::time::Instant;

/// Tasks of one page.
const PAGE: usize = 1 << 9;
/// Tasks looked at for one page.
const LOOKED_AT: usize = 1 << 13;
/// Inputs of one task that are listed.
const INPUTS: usize = 8;
/// Characters of a failure.
const BRIEF: usize = 200;
/// Lines of one story.
const LINES: usize = 1 << 10;

impl Scheduler {
    /// Addresses of the workers that hold the value of a key.
    pub(super) fn who_has(&self, key: Key) -> Vec<String> {
        let task = self.state.find(key).map(|task| self.state.task(task));
        match task.map(Task::state) {
            Some(TaskState::Memory { holders, .. }) => self.addresses(holders),
            Some(
                TaskState::Erred { .. }
                | TaskState::NoWorker
                | TaskState::Processing { .. }
                | TaskState::Queued
                | TaskState::Released
                | TaskState::Waiting { .. },
            )
            | None => Vec::new(),
        }
    }

    fn addresses(&self, workers: &[WorkerId]) -> Vec<String> {
        let workers = workers.iter().take(MAX_HOLDERS).filter_map(|w| self.state.worker(*w));
        workers.map(|worker| worker.address.clone()).collect()
    }

    pub(super) fn has_what(&self, name: &str) -> QueryAnswer {
        let Some(worker) = self.state.workers().find(|w| w.name == name || w.address == name)
        else {
            return no_worker(name);
        };
        let load = self.state.index().load(worker.id);
        let values = load.into_iter().flat_map(|load| load.values.iter());
        QueryAnswer::Keys(values.take(MAX_KEYS).map(|task| self.key(task)).collect())
    }

    pub(super) fn task_of(&self, key: Key) -> QueryAnswer {
        let task = self.state.find(key).map(|task| self.task_info(self.state.task(task)));
        QueryAnswer::Tasks { tasks: task.into_iter().collect(), next: None }
    }

    pub(super) fn task_page(&self, state: Option<&str>, after: Option<Key>) -> QueryAnswer {
        let kind = Kind::ALL.into_iter().find(|kind| Some(kind.name()) == state);
        if let (Some(name), None) = (state, kind) {
            let names = Kind::ALL.map(Kind::name).join(", ");
            return QueryAnswer::Unknown(format!("there is no state `{name}`: {names}"));
        }
        let mut tasks = Vec::new();
        let mut last = None;
        for (looked, task) in self.state.tasks_after(after).enumerate() {
            if looked == LOOKED_AT || tasks.len() == PAGE {
                return QueryAnswer::Tasks { tasks, next: last };
            }
            last = Some(task.key);
            if kind.is_none_or(|kind| kind == task.kind()) {
                tasks.push(self.task_info(task));
            }
        }
        QueryAnswer::Tasks { tasks, next: None }
    }

    fn task_info(&self, task: &Task) -> TaskInfo {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let dependents = task.dependents.ids().iter().filter(|id| self.state.is_known(**id));
        let info = TaskInfo {
            key: task.key,
            state: task.kind().name().to_owned(),
            function: self.state.specs().get(task.spec).spec.function.name.clone(),
            priority: task.priority.negated.saturating_neg(),
            attempts: task.attempts,
            deaths: task.deaths,
            clients: count(task.clients.len()),
            dependencies: task.dependencies.iter().take(INPUTS).map(|id| self.key(*id)).collect(),
            ndependencies: count(task.dependencies.len()),
            dependents: count(dependents.count()),
            ..TaskInfo::default()
        };
        match task.state() {
            TaskState::Erred { failure, .. } => {
                TaskInfo { failure: Some(failure.brief(BRIEF)), ..info }
            }
            TaskState::Memory { run, nbytes, holders } => TaskInfo {
                run: Some(*run),
                nbytes: *nbytes,
                workers: self.addresses(holders),
                ..info
            },
            TaskState::Processing { run, worker, progress, .. } => TaskInfo {
                run: Some(*run),
                workers: self.addresses(&[*worker]),
                progress: *progress,
                ..info
            },
            TaskState::NoWorker
            | TaskState::Queued
            | TaskState::Released
            | TaskState::Waiting { .. } => info,
        }
    }

    pub(super) fn story(&self, of: &StoryOf, now: Instant) -> QueryAnswer {
        match of {
            StoryOf::Key(key) => {
                let lines = self.state.story().tasks().rev().filter(|line| line.key == *key);
                let mut lines: Vec<_> =
                    lines.take(LINES).map(|line| self.task_line(line, now)).collect();
                lines.reverse();
                QueryAnswer::Story(lines)
            }
            StoryOf::Worker(name) => self.worker_story(name, now),
        }
    }

    /// The last worker of this name or address, with all the tasks that it had to do with.
    fn worker_story(&self, name: &str, now: Instant) -> QueryAnswer {
        let story = self.state.story();
        let is_meant = |line: &&WorkerLine| *line.name == *name || *line.address == *name;
        let Some(worker) = story.workers().rev().find(is_meant).map(|line| line.worker) else {
            return no_worker(name);
        };
        let tasks = story.tasks().rev().filter(|line| line.worker == Some(worker)).take(LINES);
        let tasks = tasks.map(|line| (line.at, self.task_line(line, now)));
        let own = story.workers().filter(|line| line.worker == worker).map(|line| {
            let (to, cause) = (line.to.to_owned(), line.cause.to_owned());
            let (ago, worker) = (ago(line.at, now), Some(line.address.to_string()));
            (line.at, StoryLine { ago, to, worker, cause, ..StoryLine::default() })
        });
        let mut lines: Vec<_> = tasks.collect();
        lines.reverse();
        lines.extend(own);
        lines.sort_by_key(|(at, _)| *at);
        QueryAnswer::Story(lines.into_iter().map(|(_, line)| line).collect())
    }

    fn task_line(&self, line: &TaskLine, now: Instant) -> StoryLine {
        let name = |kind: Option<Kind>, or| kind.map_or(or, Kind::name).to_owned();
        let worker = line.worker.map(|worker| {
            let address = self.state.worker(worker).map(|worker| worker.address.clone());
            address.unwrap_or_else(|| worker.to_string())
        });
        StoryLine {
            ago: ago(line.at, now),
            key: Some(line.key),
            from: name(line.from, ""),
            to: name(line.to, "forgotten"),
            run: line.run,
            worker,
            cause: line.cause.to_owned(),
        }
    }
}

pub(super) fn ago(at: Instant, now: Instant) -> u64 {
    u64::try_from((now - at).as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn no_worker(name: &str) -> QueryAnswer {
    QueryAnswer::Unknown(format!("there is no worker called `{name}`, and none at that address"))
}
