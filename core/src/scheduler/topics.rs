//! Topics: what clients, runs and the scheduler itself have said, for whoever asks.
//!
//! Nothing here decides anything about tasks. Each topic is a ring that forgets the oldest first;
//! events are numbered, so that whoever reads one sees what is missing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use raddle_net::limits::{MAX_EVENT_TEXT, MAX_NAME};
use raddle_net::messages::{EventLine, QueryAnswer, SchedulerToClient};
use raddle_net::names::{Key, RunId, WorkerId};

use super::Scheduler;
use super::queries::ago;
use super::state::ClientId;
use super::turn::Turn;
use crate::time::Instant;

/// Topics at a time, those of the scheduler included.
const MAX_TOPICS: usize = 1 << 8;
/// Bytes of what is remembered of one topic.
const TOPIC_BYTES: usize = 256 << 10;
/// The same, of the logs of runs.
const LOG_BYTES: usize = 16 << 20;
/// What an event takes besides its text.
const EVENT_BYTES: usize = 128;
/// Events of one answer.
const MAX_EVENTS: usize = 1 << 10;
/// Questions that wait on one topic.
const MAX_WAITING: usize = 1 << 10;

/// What runs log.
pub(super) const LOGS: &str = "logs";
/// Workers that come and go.
pub(super) const WORKERS: &str = "workers";
/// Clients that come and go.
pub(super) const CLIENTS: &str = "clients";

/// What was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Topics {
    by_name: BTreeMap<String, Topic>,
    /// Questions that wait, on all topics together: mostly none, and then clients go at no cost.
    waiting: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Topic {
    lines: VecDeque<Line>,
    /// What the lines take.
    bytes: usize,
    /// The number of the last event; 0 if there was none.
    last: u64,
    /// Who waits for the next one, with the number of the question.
    waiting: Vec<(ClientId, u64)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Line {
    number: u64,
    at: Instant,
    source: Option<Source>,
    text: Box<str>,
}

/// The run that said something.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub(super) key: Key,
    pub(super) run: RunId,
    /// Address of its worker.
    pub(super) worker: Arc<str>,
}

impl Line {
    fn nbytes(&self) -> usize {
        EVENT_BYTES + self.text.len()
    }

    fn told(&self, now: Instant) -> EventLine {
        EventLine {
            number: self.number,
            ago: ago(self.at, now),
            key: self.source.as_ref().map(|source| source.key),
            run: self.source.as_ref().map(|source| source.run),
            worker: self.source.as_ref().map(|source| source.worker.to_string()),
            text: self.text.to_string(),
        }
    }
}

impl Topics {
    /// The topic of this name; `None` if there are too many to begin one more.
    fn topic(&mut self, name: &str) -> Option<&mut Topic> {
        if !self.by_name.contains_key(name) {
            if self.by_name.len() >= MAX_TOPICS {
                return None;
            }
            self.by_name.insert(name.to_owned(), Topic::default());
        }
        self.by_name.get_mut(name)
    }

    /// A client that has gone hears nothing more.
    pub(super) fn forget(&mut self, client: ClientId) {
        if self.waiting == 0 {
            return;
        }
        for topic in self.by_name.values_mut() {
            topic.waiting.retain(|(waiting, _)| *waiting != client);
        }
        self.waiting = self.waiting().count();
        // A topic on which nothing was said was begun by those who waited.
        self.by_name.retain(|_, topic| topic.last > 0 || !topic.waiting.is_empty());
    }

    /// Who waits for events.
    pub(super) fn waiting(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.by_name.values().flat_map(|topic| &topic.waiting).map(|(client, _)| *client)
    }

    /// Whether each topic is numbered, counted and bounded as it should be.
    pub(super) fn are_sound(&self) -> bool {
        self.by_name.len() <= MAX_TOPICS
            && self.waiting == self.waiting().count()
            && self.by_name.iter().all(|(name, topic)| {
                let numbers = topic.lines.iter().rev().map(|line| line.number);
                topic.bytes == topic.lines.iter().map(Line::nbytes).sum::<usize>()
                    && (topic.bytes <= room(name) && topic.waiting.len() <= MAX_WAITING)
                    && numbers.eq((1..=topic.last).rev().take(topic.lines.len()))
            })
    }
}

/// Bytes of what is remembered of a topic.
fn room(topic: &str) -> usize {
    if topic == LOGS { LOG_BYTES } else { TOPIC_BYTES }
}

impl Scheduler {
    /// Somebody says something on a topic; a text that is too long is cut. Returns whether there is
    /// room for the topic.
    pub(super) fn announce(
        &mut self,
        name: &str,
        source: Option<Source>,
        text: &str,
        turn: &mut Turn<'_>,
    ) -> bool {
        let Some(topic) = self.topics.topic(name) else { return false };
        topic.last += 1;
        let text = cut(text).into();
        let line = Line { number: topic.last, at: turn.now, source, text };
        let told = line.told(turn.now);
        topic.bytes += line.nbytes();
        topic.lines.push_back(line);
        while topic.bytes > room(name) {
            topic.bytes -= topic.lines.pop_front().map_or(0, |line| line.nbytes());
        }
        let waiting = std::mem::take(&mut topic.waiting);
        self.topics.waiting -= waiting.len();
        for (client, id) in waiting {
            let answer = QueryAnswer::Events(vec![told.clone()]);
            self.to_client(client, SchedulerToClient::Answer { id, answer }, turn);
        }
        true
    }

    /// A client says something on a topic.
    pub(super) fn log_event(&mut self, name: &str, text: &str, turn: &mut Turn<'_>) -> QueryAnswer {
        if name.len() > MAX_NAME || text.len() > MAX_EVENT_TEXT {
            let reason = format!(
                "an event has a topic of at most {MAX_NAME} bytes and a text of at most \
                 {MAX_EVENT_TEXT}"
            );
            return QueryAnswer::Declined(reason);
        }
        if [LOGS, WORKERS, CLIENTS].contains(&name) {
            return QueryAnswer::Declined(format!("only the scheduler speaks on `{name}`"));
        }
        if self.announce(name, None, text, turn) { QueryAnswer::Done } else { too_many_topics() }
    }

    /// What was said on a topic after event `after`. `None`: nothing yet, the answer follows.
    pub(super) fn events(
        &mut self,
        client: ClientId,
        id: u64,
        (name, after): (&str, u64),
        turn: &Turn<'_>,
    ) -> Option<QueryAnswer> {
        if name.len() > MAX_NAME {
            return Some(QueryAnswer::Events(Vec::new()));
        }
        let Some(topic) = self.topics.topic(name) else { return Some(too_many_topics()) };
        let first = topic.lines.partition_point(|line| line.number <= after);
        if first < topic.lines.len() {
            let lines = topic.lines.range(first..).take(MAX_EVENTS);
            return Some(QueryAnswer::Events(lines.map(|line| line.told(turn.now)).collect()));
        }
        if topic.waiting.len() >= MAX_WAITING {
            let reason = format!("{MAX_WAITING} questions wait for events on `{name}` already");
            return Some(QueryAnswer::Declined(reason));
        }
        topic.waiting.push((client, id));
        self.topics.waiting += 1;
        None
    }

    /// What the runs of a task have logged: the last lines.
    pub(super) fn logs(&self, key: Key, now: Instant) -> QueryAnswer {
        let lines =
            self.topics.by_name.get(LOGS).into_iter().flat_map(|topic| topic.lines.iter().rev());
        let is_meant = |line: &&Line| line.source.as_ref().is_some_and(|source| source.key == key);
        let lines = lines.filter(is_meant).take(MAX_EVENTS);
        let mut lines: Vec<_> = lines.map(|line| line.told(now)).collect();
        lines.reverse();
        QueryAnswer::Events(lines)
    }

    /// A worker has come or gone.
    pub(super) fn announce_worker(&mut self, worker: WorkerId, what: &str, turn: &mut Turn<'_>) {
        let Some(worker) = self.state.worker(worker) else { return };
        let text = format!("{what}: {} at {}", worker.name, worker.address);
        self.announce(WORKERS, None, &text, turn);
    }

    /// A client has come or gone; runs do so all the time, and are not worth a word.
    pub(super) fn announce_client(&mut self, client: ClientId, what: &str, turn: &mut Turn<'_>) {
        let Some(client) = self.state.client(client) else { return };
        let text = format!("{what}: {}", client.name);
        self.announce(CLIENTS, None, &text, turn);
    }
}

fn too_many_topics() -> QueryAnswer {
    QueryAnswer::Declined(format!("there are {MAX_TOPICS} topics, and no more may be"))
}

/// As much of a text as an event may have, to the last character that fits whole.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_EVENT_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
