//! Plans as text, to be read and edited: a line an operation, and an indented line a task.
//!
//! ```text
//! workers 2 1                          threads of each worker
//! clients 1                            how many
//! latency uniform 20 420               microseconds; or: constant N, bimodal FAST SLOW PER_MILLE
//! bandwidth 100                        bytes of values a node sends in a microsecond; 0: at once
//! grace 0                              microseconds that the scheduler waits for a lost worker
//! knobs 0                              turns limits and pauses of workers and clients; 0: as usual
//! serves 0                             requests that a worker serves at a time; 0: as many as usual
//! patience 0                           microseconds that work waits without any worker; 0: default
//! gpus 10000 0                         what workers have of a GPU, in turn, in 1/10,000; may be left out
//! memory 9000000 0                     bytes of workers, in turn; 0: any amount; may be left out
//! declared 9000000 0                   bytes that they say they have; 0: nothing; may be left out
//! starve 1000                          microseconds that a task waits for whoever may run it; may be
//!                                      left out
//! quota 5                              tasks that a client may want at a time; may be left out
//! 1 @0 submit 0                        operation 1, at 0 µs: client 0 submits
//!   1-1 salt=2a nbytes=8 micros=100      a key and what it does; a number that is 0 is left out
//!   1-2 after=1-1,1-1 retries=2          also: failures=N|always children=N priority=N poison
//!                                        reschedules=N
//!   1-4 salt=1 on=w1,h0,a2 others        may run on worker 1, by name, on host 0, and on worker 2, by
//!                                        address; on others while none of these is there
//!   1-5 salt=1 gpu=5000 limit=300 once   takes half a GPU; may take 300 µs; runs at most once
//! 2 @100 scatter 0                     one task: data
//!   1-3 salt=7 nbytes=70
//! 3 @150 release 0 1-1 1-3             client 0 drops these
//! 4 @150 cancel 0 1-2                  client 0 calls these off
//! 5 @200 kill 3                        the worker with this number, of those alive (modulo), dies
//! 6 @200 leave 1                       the same, and is not restarted
//! 7 @250 pause 1 5000                  this worker's process stands still for so many microseconds
//! 8 @250 clog w0 s 3000                what worker 0 sends to the scheduler stands still; c0: a client
//! 9 @250 cut w0 100 5000               its connection breaks; the scheduler notices after 100 µs, the
//!                                      worker dials again after 5,000
//! 9 @300 join 2                        a worker with 2 threads joins
//! 10 @300 meddle 7                     odd words, chosen by the number, that must change nothing
//! 10 @300 query 0 1-2                  client 0 asks why this is not done; or: info, workers, events,
//!                                      and `say`: says something on the topic of these events; or
//!                                      has it done: copies 1-2 3, rebalance, rest 1, wake 1, retire 1
//! 11 @300 ambush gathered 2            the worker that hears of values it asked for for the second time
//!                                      from now on dies of it, before it can say anything
//! 12 @400 goodbye 0                    client 0 closes
//! 13 @400 vanish 0                     the process of client 0 dies
//! 14 @500 retry 0 1-1                  client 0 has these run again, if they failed
//! 15 @500 force 0 1-2                  client 0 calls these off, whoever wants them
//! 16 @500 detach 0 1-2                 these run to their end, whoever stops wanting them
//! 17 @500 publish 0 7 1-1 1-2          client 0 has these kept under the name 7
//! 18 @500 take 1 7                     client 1 holds what is kept under this name
//! 19 @500 unpublish 1 7                it is kept no longer
//! ```
//!
//! Blank lines, and all from a `#` on, are skipped. This module must not know how a plan is run.

use std::fmt;
use std::str::FromStr;

use raddle_net::names::Key;

use crate::body::Body;
use crate::fields::{Fields, Target};
use crate::limits::Limits;
use crate::plan::{DiskFault, Latency, Moment, Op, Place, Plan, Question, Step, TaskDef};
use crate::wish::Wish;

/// What a duration must be.
const MICROS: &str = "microseconds";
/// What something is published under.
const NAME: &str = "a name, which is a number";

/// The text is not a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text ends, or a line does, where something must follow.
    #[error("line {line}: {expected} is missing")]
    Missing {
        /// Where, from 1.
        line: usize,
        /// What must follow.
        expected: &'static str,
    },
    /// More of something than there may be.
    #[error("line {line}: `{word}` is too much")]
    TooMuch {
        /// Where, from 1.
        line: usize,
        /// The first word that is too much.
        word: String,
    },
    /// A word that means nothing where it stands.
    #[error("line {line}: `{word}` is not {expected}")]
    Word {
        /// Where, from 1.
        line: usize,
        /// The word.
        word: String,
        /// What must stand there.
        expected: &'static str,
    },
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workers")?;
        self.workers.iter().try_for_each(|nthreads| write!(f, " {nthreads}"))?;
        writeln!(f, "\nclients {}\nlatency {}", self.clients, self.latency)?;
        writeln!(f, "bandwidth {}\ngrace {}", self.bandwidth, self.grace)?;
        writeln!(f, "knobs {}\nserves {}\npatience {}", self.knobs, self.serves, self.patience)?;
        let Limits { starve, quota, declared } = &self.limits;
        let lists = [("gpus", &self.gpus), ("memory", &self.memory), ("declared", declared)];
        for (name, list) in lists {
            if !list.is_empty() {
                write!(f, "{name}")?;
                list.iter().try_for_each(|amount| write!(f, " {amount}"))?;
                writeln!(f)?;
            }
        }
        for (name, number) in [("starve", *starve), ("quota", *quota as u64)] {
            if number > 0 {
                writeln!(f, "{name} {number}")?;
            }
        }
        self.ops.iter().try_for_each(|Step { id, at, op }| writeln!(f, "{id} @{at} {op}"))
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bimodal { fast, slow, per_mille } => {
                write!(f, "bimodal {fast} {slow} {per_mille}")
            }
            Self::Constant(micros) => write!(f, "constant {micros}"),
            Self::Uniform(from, to) => write!(f, "uniform {from} {to}"),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyed = |f: &mut fmt::Formatter<'_>, name: &str, client: &usize, keys: &[Key]| {
            write!(f, "{name} {client}")?;
            keys.iter().try_for_each(|key| write!(f, " {key}"))
        };
        match self {
            Self::Ambush(moment, nth) => write!(f, "ambush {moment} {nth}"),
            Self::Cancel(client, keys) => keyed(f, "cancel", client, keys),
            Self::Clog(from, to, micros) => write!(f, "clog {from} {to} {micros}"),
            Self::Cut(place, noticed, away) => write!(f, "cut {place} {noticed} {away}"),
            Self::Disk(worker, DiskFault::Full(micros)) => write!(f, "disk {worker} full {micros}"),
            Self::Disk(worker, DiskFault::Gone) => write!(f, "disk {worker} gone"),
            Self::Goodbye(client) => write!(f, "goodbye {client}"),
            Self::Join(nthreads) => write!(f, "join {nthreads}"),
            Self::Kill(worker) => write!(f, "kill {worker}"),
            Self::Leave(worker) => write!(f, "leave {worker}"),
            Self::Meddle(bits) => write!(f, "meddle {bits}"),
            Self::Pause(worker, micros) => write!(f, "pause {worker} {micros}"),
            Self::Query(client, question) => write!(f, "query {client} {question}"),
            Self::Release(client, keys) => keyed(f, "release", client, keys),
            Self::Scatter(client, task) => write!(f, "scatter {client}\n  {task}"),
            Self::Submit(client, tasks) => {
                write!(f, "submit {client}")?;
                tasks.iter().try_for_each(|task| write!(f, "\n  {task}"))
            }
            Self::Vanish(client) => write!(f, "vanish {client}"),
            Self::Wish(client, wish) => write!(f, "{} {client}{wish}", wish.word()),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => write!(f, "c{client}"),
            Self::Scheduler => write!(f, "s"),
            Self::Worker(worker) => write!(f, "w{worker}"),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies(key, copies) => write!(f, "copies {key} {copies}"),
            Self::Explain(key) => write!(f, "{key}"),
            Self::Events => write!(f, "events"),
            Self::Info => write!(f, "info"),
            Self::Say => write!(f, "say"),
            Self::Rebalance => write!(f, "rebalance"),
            Self::Rest(worker, true) => write!(f, "rest {worker}"),
            Self::Rest(worker, false) => write!(f, "wake {worker}"),
            Self::Retire(worker) => write!(f, "retire {worker}"),
            Self::Workers => write!(f, "workers"),
        }
    }
}

impl fmt::Display for TaskDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, dependencies, body, retries, priority, scattered: _, fields } = self;
        let Body { salt, nbytes, micros, failures, children, poison, reschedules } = body;
        write!(f, "{key} salt={salt:x}")?;
        for (n, input) in dependencies.iter().enumerate() {
            write!(f, "{}{input}", if n == 0 { " after=" } else { "," })?;
        }
        let numbers = [
            ("nbytes", i64::from(*nbytes)),
            ("micros", i64::from(*micros)),
            ("children", i64::from(*children)),
            ("reschedules", i64::from(*reschedules)),
            ("retries", i64::from(*retries)),
            ("priority", i64::from(*priority)),
        ];
        for (name, number) in numbers.iter().filter(|(_, number)| *number != 0) {
            write!(f, " {name}={number}")?;
        }
        match *failures {
            0 => {}
            u8::MAX => write!(f, " failures=always")?,
            failures => write!(f, " failures={failures}")?,
        }
        if *poison {
            write!(f, " poison")?;
        }
        fields.fmt(f)
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workers, allow_others, gpu, limit, expected, once } = self;
        for (n, target) in workers.iter().enumerate() {
            write!(f, "{}{target}", if n == 0 { " on=" } else { "," })?;
        }
        for (name, number) in [("gpu", gpu), ("limit", limit), ("expected", expected)] {
            if *number > 0 {
                write!(f, " {name}={number}")?;
            }
        }
        for (name, is) in [("others", allow_others), ("once", once)] {
            if *is {
                write!(f, " {name}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(number) => write!(f, "a{number}"),
            Self::Host(number) => write!(f, "h{number}"),
            Self::Name(number) => write!(f, "w{number}"),
        }
    }
}

impl FromStr for Plan {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut plan = Self::default();
        for (number, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            let mut words = Words { line: number + 1, words: content.split_whitespace() };
            let is_task = content.starts_with(char::is_whitespace);
            let Some(first) = words.words.next() else { continue };
            match first {
                _ if is_task => plan.add_task(words.task(first)?, &words, first)?,
                "workers" => plan.workers = words.rest("a number of threads")?,
                // Operations that were read before name clients of before.
                "clients" if !plan.ops.is_empty() => return Err(words.wrong(first, "an operation")),
                "clients" => plan.clients = words.next("a number of clients")?,
                "latency" => plan.latency = words.latency()?,
                "bandwidth" => plan.bandwidth = words.next("bytes a microsecond")?,
                "patience" => plan.patience = words.next(MICROS)?,
                "grace" => plan.grace = words.next("microseconds")?,
                "knobs" => plan.knobs = words.next("a number")?,
                "declared" => plan.limits.declared = words.rest("a number of bytes")?,
                "starve" => plan.limits.starve = words.next(MICROS)?,
                "quota" => plan.limits.quota = words.next("a number of tasks")?,
                "memory" => plan.memory = words.rest("a number of bytes")?,
                "gpus" => plan.gpus = words.rest("units of 1/10,000")?,
                "serves" => plan.serves = words.next("a number of requests")?,
                id => {
                    let id = words.parse(id, "the number of an operation")?;
                    let op = words.step(id, plan.clients)?;
                    plan.ops.push(op);
                }
            }
            words.end()?;
        }
        Ok(plan)
    }
}

impl Plan {
    /// Puts a task into the last operation.
    fn add_task(&mut self, task: TaskDef, at: &Words<'_>, key: &str) -> Result<(), ParseError> {
        let op = self.ops.last_mut().map(|step| &mut step.op);
        if let Some(Op::Submit(_, tasks)) = op {
            tasks.push(task);
        } else if let Some(Op::Scatter(_, data)) = op
            && data.key == TaskDef::default().key
        {
            *data = TaskDef { scattered: true, ..task };
        } else {
            return Err(ParseError::TooMuch { line: at.line, word: key.to_owned() });
        }
        Ok(())
    }
}

/// The words of a line that are left.
struct Words<'a> {
    line: usize,
    words: std::str::SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    fn word(&mut self, expected: &'static str) -> Result<&'a str, ParseError> {
        self.words.next().ok_or(ParseError::Missing { line: self.line, expected })
    }

    fn parse<T: FromStr>(&self, word: &str, expected: &'static str) -> Result<T, ParseError> {
        word.parse().map_err(|_| self.wrong(word, expected))
    }

    fn wrong(&self, word: &str, expected: &'static str) -> ParseError {
        ParseError::Word { line: self.line, word: word.to_owned(), expected }
    }

    fn next<T: FromStr>(&mut self, expected: &'static str) -> Result<T, ParseError> {
        let word = self.word(expected)?;
        self.parse(word, expected)
    }

    fn rest<T: FromStr>(&mut self, expected: &'static str) -> Result<Vec<T>, ParseError> {
        let words = std::mem::replace(&mut self.words, "".split_whitespace());
        words.map(|word| self.parse(word, expected)).collect()
    }

    fn end(&mut self) -> Result<(), ParseError> {
        match self.words.next() {
            Some(word) => Err(ParseError::TooMuch { line: self.line, word: word.to_owned() }),
            None => Ok(()),
        }
    }

    fn latency(&mut self) -> Result<Latency, ParseError> {
        Ok(match self.word("a distribution")? {
            "bimodal" => Latency::Bimodal {
                fast: self.next(MICROS)?,
                slow: self.next(MICROS)?,
                per_mille: self.next("a number of a thousand")?,
            },
            "constant" => Latency::Constant(self.next(MICROS)?),
            "uniform" => Latency::Uniform(self.next(MICROS)?, self.next(MICROS)?),
            other => return Err(self.wrong(other, "`bimodal`, `constant` or `uniform`")),
        })
    }

    fn step(&mut self, id: u32, clients: usize) -> Result<Step, ParseError> {
        let at = self.word("a time, @ and microseconds")?;
        let micros = at.strip_prefix('@').unwrap_or_default();
        let at = micros.parse().map_err(|_| self.wrong(at, "a time, @ and microseconds"))?;
        let op = match self.word("an operation")? {
            "ambush" => Op::Ambush(self.moment()?, self.next("a count")?),
            "cancel" => Op::Cancel(self.client(clients)?, self.rest("a key")?),
            "clog" => {
                let (from, to) = (self.place(clients)?, self.place(clients)?);
                Op::Clog(from, to, self.next(MICROS)?)
            }
            "cut" => Op::Cut(self.place(clients)?, self.next(MICROS)?, self.next(MICROS)?),
            "disk" => Op::Disk(self.next("a number of a worker")?, self.disk_fault()?),
            "detach" => Op::Wish(self.client(clients)?, Wish::Detach(self.rest("a key")?)),
            "force" => Op::Wish(self.client(clients)?, Wish::Force(self.rest("a key")?)),
            "goodbye" => Op::Goodbye(self.client(clients)?),
            "join" => Op::Join(self.next("a number of threads")?),
            "kill" => Op::Kill(self.next("a number of a worker")?),
            "leave" => Op::Leave(self.next("a number of a worker")?),
            "meddle" => Op::Meddle(self.next("a number")?),
            "pause" => Op::Pause(self.next("a number of a worker")?, self.next(MICROS)?),
            "publish" => {
                let client = self.client(clients)?;
                Op::Wish(client, Wish::Publish(self.next(NAME)?, self.rest("a key")?))
            }
            "query" => Op::Query(self.client(clients)?, self.question()?),
            "release" => Op::Release(self.client(clients)?, self.rest("a key")?),
            "retry" => Op::Wish(self.client(clients)?, Wish::Retry(self.rest("a key")?)),
            "scatter" => {
                let data = TaskDef { scattered: true, ..TaskDef::default() };
                Op::Scatter(self.client(clients)?, data)
            }
            "submit" => Op::Submit(self.client(clients)?, Vec::new()),
            "take" => Op::Wish(self.client(clients)?, Wish::Take(self.next(NAME)?)),
            "unpublish" => Op::Wish(self.client(clients)?, Wish::Unpublish(self.next(NAME)?)),
            "vanish" => Op::Vanish(self.client(clients)?),
            other => return Err(self.wrong(other, "an operation")),
        };
        Ok(Step { id, at, op })
    }

    fn disk_fault(&mut self) -> Result<DiskFault, ParseError> {
        Ok(match self.word("what befalls the disk")? {
            "full" => DiskFault::Full(self.next(MICROS)?),
            "gone" => DiskFault::Gone,
            other => return Err(self.wrong(other, "`full` or `gone`")),
        })
    }

    fn moment(&mut self) -> Result<Moment, ParseError> {
        let word = self.word("a moment")?;
        let known = Moment::ALL.into_iter().find(|moment| moment.to_string() == word);
        known.ok_or_else(|| self.wrong(word, "a moment in the life of a worker"))
    }

    fn place(&mut self, clients: usize) -> Result<Place, ParseError> {
        let word = self.word("an end of a link")?;
        let number = |at: usize| word.get(at..).and_then(|number| number.parse().ok());
        let place = match (word.as_bytes().first(), number(1)) {
            (Some(b'c'), Some(client)) if client < clients => Some(Place::Client(client)),
            (Some(b's'), None) if word.len() == 1 => Some(Place::Scheduler),
            (Some(b'w'), Some(worker)) => Some(Place::Worker(worker)),
            _ => None,
        };
        place.ok_or_else(|| self.wrong(word, "`s`, `c` and a client, or `w` and a worker"))
    }

    fn question(&mut self) -> Result<Question, ParseError> {
        Ok(match self.word("a question")? {
            "copies" => Question::Copies(self.next("a key")?, self.next("a number of copies")?),
            "events" => Question::Events,
            "info" => Question::Info,
            "rebalance" => Question::Rebalance,
            "rest" => Question::Rest(self.next("a number of a worker")?, true),
            "retire" => Question::Retire(self.next("a number of a worker")?),
            "say" => Question::Say,
            "wake" => Question::Rest(self.next("a number of a worker")?, false),
            "workers" => Question::Workers,
            key => Question::Explain(self.parse(key, "a key, `info` or another question")?),
        })
    }

    fn client(&mut self, clients: usize) -> Result<usize, ParseError> {
        let word = self.word("a client")?;
        match word.parse() {
            Ok(client) if client < clients => Ok(client),
            Ok(_) | Err(_) => Err(self.wrong(word, "the number of a client, from 0")),
        }
    }

    fn target(&self, word: &str) -> Result<Target, ParseError> {
        let number = word.get(1..).and_then(|number| number.parse().ok());
        let target = match (word.as_bytes().first(), number) {
            (Some(b'a'), Some(number)) => Some(Target::Address(number)),
            (Some(b'h'), Some(number)) => Some(Target::Host(number)),
            (Some(b'w'), Some(number)) => Some(Target::Name(number)),
            (Some(_) | None, _) => None,
        };
        target.ok_or_else(|| self.wrong(word, "`a`, `h` or `w` and a number"))
    }

    fn task(&mut self, key: &str) -> Result<TaskDef, ParseError> {
        let mut task = TaskDef { key: self.parse(key, "a key")?, ..TaskDef::default() };
        for word in std::mem::replace(&mut self.words, "".split_whitespace()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "after" => {
                    let keys = value.split(',').map(|key| self.parse(key, "a key"));
                    task.dependencies = keys.collect::<Result<_, _>>()?;
                }
                "children" => task.body.children = self.parse(value, "a number below 256")?,
                "expected" => task.fields.expected = self.parse(value, "microseconds")?,
                "failures" if value == "always" => task.body.failures = u8::MAX,
                "failures" => task.body.failures = self.parse(value, "a number, or `always`")?,
                "gpu" => task.fields.gpu = self.parse(value, "units of 1/10,000")?,
                "limit" => task.fields.limit = self.parse(value, "microseconds")?,
                "on" => {
                    let targets = value.split(',').map(|target| self.target(target));
                    task.fields.workers = targets.collect::<Result<_, _>>()?;
                }
                "once" => task.fields.once = true,
                "others" => task.fields.allow_others = true,
                "micros" => task.body.micros = self.parse(value, "microseconds")?,
                "nbytes" => task.body.nbytes = self.parse(value, "a number of bytes")?,
                "poison" => task.body.poison = true,
                "priority" => task.priority = self.parse(value, "a priority")?,
                "reschedules" => task.body.reschedules = self.parse(value, "a number below 256")?,
                "retries" => task.retries = self.parse(value, "a number of retries")?,
                "salt" => {
                    let salt = u64::from_str_radix(value, 16);
                    task.body.salt = salt.map_err(|_| self.wrong(value, "a hexadecimal number"))?;
                }
                _ => return Err(self.wrong(word, "a property of a task")),
            }
        }
        Ok(task)
    }
}
