//! Every message, at random, every variant among them.
//!
//! This module must not know what is tested.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use raddle_net::messages::{
    ClientMessage, Compute, EventLine, Failure, Function, FunctionName, Input, Item, ItemReply,
    MemoryUse, NewTask, Note, PeerReply, PeerRequest, Query, QueryAnswer, Registration, Runtime,
    SchedulerInfo, SchedulerToClient, SchedulerToWorker, StoryLine, StoryOf, TaskInfo, TaskOptions,
    TaskSpec, WorkerInfo, WorkerMessage,
};
use raddle_net::names::{Key, Priority, RunId, Session, SpecId, WorkerId};
use raddle_net::payload::{Blob, Format, SmallValue, ValueType};

/// What a client says.
pub fn client_message() -> impl Strategy<Value = ClientMessage> {
    prop_oneof![
        (spec_id(), spec()).prop_map(|(id, spec)| ClientMessage::Define { id, spec }),
        (any::<u64>(), vec(new_task(), 0..5))
            .prop_map(|(submission, tasks)| ClientMessage::Submit { submission, tasks }),
        (vec(key(), 0..5), any::<bool>())
            .prop_map(|(keys, answer)| ClientMessage::Release { keys, answer }),
        vec(key(), 0..5).prop_map(|keys| ClientMessage::Want { keys }),
        (vec(key(), 0..5), any::<bool>())
            .prop_map(|(keys, force)| ClientMessage::Cancel { keys, force }),
        vec(key(), 0..5).prop_map(|keys| ClientMessage::Detach { keys }),
        vec(key(), 0..5).prop_map(|keys| ClientMessage::Retry { keys }),
        (key(), option::of(worker()))
            .prop_map(|(key, failed)| ClientMessage::Locate { key, failed }),
        (any::<u64>(), query()).prop_map(|(id, query)| ClientMessage::Query { id, query }),
        Just(ClientMessage::Goodbye),
    ]
}

/// What the scheduler says to a client.
pub fn scheduler_to_client() -> impl Strategy<Value = SchedulerToClient> {
    prop_oneof![
        (worker(), text()).prop_map(|(id, address)| SchedulerToClient::Peer { id, address }),
        (key(), run(), any::<u64>(), worker(), option::of(small_value())).prop_map(
            |(key, run, nbytes, worker, value)| SchedulerToClient::InMemory {
                key,
                run,
                nbytes,
                worker,
                value,
            }
        ),
        (key(), key(), failure()).prop_map(|(key, blame, failure)| SchedulerToClient::Erred {
            key,
            blame,
            failure
        }),
        key().prop_map(|key| SchedulerToClient::Recomputing { key }),
        vec(key(), 0..4).prop_map(|keys| SchedulerToClient::Released { keys }),
        (key(), run(), worker()).prop_map(|(key, run, worker)| SchedulerToClient::Send {
            key,
            run,
            worker
        }),
        (any::<u64>(), answer()).prop_map(|(id, answer)| SchedulerToClient::Answer { id, answer }),
    ]
}

/// What the scheduler says to a worker.
pub fn scheduler_to_worker() -> impl Strategy<Value = SchedulerToWorker> {
    prop_oneof![
        worker().prop_map(|worker| SchedulerToWorker::Registered { worker }),
        (spec_id(), spec()).prop_map(|(id, spec)| SchedulerToWorker::Define { id, spec }),
        (worker(), text()).prop_map(|(id, address)| SchedulerToWorker::Peer { id, address }),
        input().prop_map(SchedulerToWorker::Acquire),
        Just(SchedulerToWorker::Leave),
        compute().prop_map(SchedulerToWorker::Compute),
        (key(), run()).prop_map(|(key, run)| SchedulerToWorker::Free { key, run }),
        (key(), run()).prop_map(|(key, run)| SchedulerToWorker::Recall { key, run }),
        (key(), run(), vec(worker(), 0..9)).prop_map(|(key, run, workers)| {
            SchedulerToWorker::Holders { key, run, workers: workers.into() }
        }),
        (run(), scheduler_to_client())
            .prop_map(|(run, message)| SchedulerToWorker::ToRun { run, message }),
    ]
}

/// What a worker says to the scheduler.
pub fn worker_message() -> impl Strategy<Value = WorkerMessage> {
    prop_oneof![
        Just(WorkerMessage::Goodbye),
        Just(WorkerMessage::Retire),
        any::<(u64, u64, [bool; 3])>().prop_map(
            |(process, spilled, [is_full, is_disk_refusing, is_over])| {
                let memory = MemoryUse { process, spilled, is_full, is_disk_refusing, is_over };
                WorkerMessage::Memory(memory)
            }
        ),
        registration().prop_map(WorkerMessage::Register),
        (key(), run(), any::<u64>(), any::<u64>(), option::of(small_value())).prop_map(
            |(key, run, nbytes, duration, value)| WorkerMessage::Finished {
                key,
                run,
                nbytes,
                duration,
                value,
            }
        ),
        (key(), run(), option::of(key()), failure()).prop_map(|(key, run, blame, failure)| {
            WorkerMessage::Failed { key, run, blame, failure }
        }),
        (key(), run()).prop_map(|(key, run)| WorkerMessage::Started { key, run }),
        (key(), run()).prop_map(|(key, run)| WorkerMessage::Fetched { key, run }),
        (key(), run(), any::<bool>()).prop_map(|(key, run, returned)| WorkerMessage::Recalled {
            key,
            run,
            returned
        }),
        (key(), run()).prop_map(|(key, run)| WorkerMessage::Locate { key, run }),
        (
            key(),
            run(),
            prop_oneof![text().prop_map(Note::Log), any::<u16>().prop_map(Note::Progress)]
        )
            .prop_map(|(key, run, note)| WorkerMessage::Note { key, run, note }),
        (key(), run(), client_message()).prop_map(|(key, run, message)| WorkerMessage::FromRun {
            key,
            run,
            message
        }),
    ]
}

/// What is asked of a worker that holds values.
pub fn peer_request() -> impl Strategy<Value = PeerRequest> {
    prop_oneof![
        vec(item(), 0..5).prop_map(|items| PeerRequest::Get { items }),
        (item(), value_type()).prop_map(|(item, value_type)| PeerRequest::Put { item, value_type }),
    ]
}

/// What that worker answers.
pub fn peer_reply() -> impl Strategy<Value = PeerReply> {
    let found = (value_type(), any::<u64>())
        .prop_map(|(value_type, nbytes)| ItemReply::Found { value_type, nbytes });
    let reply = prop_oneof![found, Just(ItemReply::Missing)];
    prop_oneof![
        Just(PeerReply::Busy),
        vec(reply, 0..5).prop_map(|replies| PeerReply::Items { replies }),
        Just(PeerReply::Stored),
        Just(PeerReply::Unexpected),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    let numbered = (any::<u64>(), any::<u64>())
        .prop_map(|(session, number)| Key::numbered(Session::truncate(session), number));
    prop_oneof![numbered, any::<u128>().prop_map(Key::hashed)]
}

fn run() -> impl Strategy<Value = RunId> {
    (any::<u32>(), any::<u64>()).prop_map(|(epoch, counter)| RunId { epoch, counter })
}

fn worker() -> impl Strategy<Value = WorkerId> {
    any::<u32>().prop_map(WorkerId)
}

fn spec_id() -> impl Strategy<Value = SpecId> {
    any::<u32>().prop_map(SpecId)
}

fn text() -> impl Strategy<Value = String> {
    ".{0,12}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn blob() -> impl Strategy<Value = Blob> {
    vec(any::<u8>(), 0..40).prop_map(Blob::from)
}

fn value_type() -> impl Strategy<Value = ValueType> {
    (prop_oneof![Just(Format::Bincode), Just(Format::Raw)], any::<u64>())
        .prop_map(|(format, fingerprint)| ValueType { format, fingerprint })
}

fn small_value() -> impl Strategy<Value = SmallValue> {
    (value_type(), blob()).prop_map(|(value_type, bytes)| SmallValue { value_type, bytes })
}

fn item() -> impl Strategy<Value = Item> {
    (key(), run()).prop_map(|(key, run)| Item { key, run })
}

fn spec() -> impl Strategy<Value = TaskSpec> {
    let runtime =
        prop_oneof![Just(Runtime::Native), Just(Runtime::Command), Just(Runtime::Receive)];
    let function = (runtime, any::<u64>(), text(), any::<u64>())
        .prop_map(|(runtime, code, name, signature)| Function { runtime, code, name, signature });
    let flags = (any::<bool>(), any::<bool>(), option::of(any::<u64>()), option::of(any::<u64>()));
    let options = (option::of(any::<u32>()), any::<u32>(), texts(), resources(), flags).prop_map(
        |(allowed_failures, retries, workers, resources, flags)| {
            let (allow_other_workers, at_most_once, timeout, expected) = flags;
            TaskOptions {
                allowed_failures,
                retries,
                workers,
                allow_other_workers,
                at_most_once,
                resources,
                timeout,
                expected,
            }
        },
    );
    (function, options).prop_map(|(function, options)| TaskSpec { function, options })
}

fn resources() -> impl Strategy<Value = Vec<(String, u64)>> {
    vec((text(), any::<u64>()), 0..3)
}

fn new_task() -> impl Strategy<Value = NewTask> {
    (key(), spec_id(), any::<i32>(), any::<u32>(), vec(key(), 0..4), blob()).prop_map(
        |(key, spec, priority, order, dependencies, args)| NewTask {
            key,
            spec,
            priority,
            order,
            dependencies: dependencies.into(),
            args,
        },
    )
}

fn priority() -> impl Strategy<Value = Priority> {
    any::<(u32, i32, i16, u64, u32)>().prop_map(|(client, negated, nesting, submission, order)| {
        Priority { negated, nesting, submission, order, client }
    })
}

fn input() -> impl Strategy<Value = Input> {
    (key(), run(), any::<u64>(), vec(worker(), 0..4))
        .prop_map(|(key, run, nbytes, holders)| Input { key, run, nbytes, holders: holders.into() })
}

fn compute() -> impl Strategy<Value = Compute> {
    let numbers = any::<(bool, u32)>();
    (key(), run(), spec_id(), priority(), numbers, vec(input(), 0..4), blob()).prop_map(
        |(key, run, spec, priority, (announce, attempt), inputs, args)| Compute {
            key,
            run,
            spec,
            priority,
            announce,
            attempt,
            inputs: inputs.into(),
            args,
        },
    )
}

fn registration() -> impl Strategy<Value = Registration> {
    let function =
        (text(), any::<u64>()).prop_map(|(name, signature)| FunctionName { name, signature });
    let numbers = (any::<u32>(), option::of(any::<u64>()));
    (text(), text(), numbers, vec(function, 0..4), resources()).prop_map(
        |(name, address, (nthreads, memory_limit), functions, resources)| Registration {
            name,
            address,
            nthreads,
            memory_limit,
            functions,
            resources,
        },
    )
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        (key(), any::<u32>()).prop_map(|(key, copies)| Query::Copies { key, copies }),
        (texts(), any::<bool>()).prop_map(|(workers, paused)| Query::Pause { workers, paused }),
        (option::of(vec(key(), 0..4)), texts())
            .prop_map(|(keys, workers)| Query::Rebalance { keys, workers }),
        texts().prop_map(Query::Retire),
        Just(Query::Shutdown),
        text().prop_map(Query::Dataset),
        Just(Query::Datasets),
        (text(), any::<u64>()).prop_map(|(topic, after)| Query::Events { topic, after }),
        key().prop_map(Query::Explain),
        (text(), text()).prop_map(|(topic, text)| Query::LogEvent { topic, text }),
        key().prop_map(Query::Logs),
        key().prop_map(Query::Task),
        (text(), vec(key(), 0..4)).prop_map(|(name, keys)| Query::Publish { name, keys }),
        text().prop_map(Query::Unpublish),
        text().prop_map(Query::HasWhat),
        Just(Query::Info),
        prop_oneof![key().prop_map(StoryOf::Key), text().prop_map(StoryOf::Worker)]
            .prop_map(Query::Story),
        (option::of(text()), option::of(key()))
            .prop_map(|(state, after)| Query::Tasks { state, after }),
        any::<u32>().prop_map(Query::WaitForWorkers),
        key().prop_map(Query::WhoHas),
    ]
}

fn answer() -> impl Strategy<Value = QueryAnswer> {
    let worker = (worker(), text(), text(), any::<(u32, u64, u64, u64)>()).prop_map(
        |(id, name, address, (nthreads, processing, values, nbytes))| WorkerInfo {
            status: name.clone(),
            note: address.clone(),
            id,
            name,
            address,
            nthreads,
            memory_limit: values.checked_sub(1),
            processing,
            values,
            nbytes,
            process_bytes: nbytes / 2,
            spilled_bytes: values / 2,
        },
    );
    let info = (vec(worker, 0..3), any::<u32>(), vec((text(), any::<u64>()), 0..3))
        .prop_map(|(workers, clients, tasks)| SchedulerInfo { workers, clients, tasks });
    prop_oneof![
        text().prop_map(QueryAnswer::Declined),
        Just(QueryAnswer::Done),
        texts().prop_map(QueryAnswer::Names),
        info.prop_map(QueryAnswer::Info),
        text().prop_map(QueryAnswer::Explanation),
        vec(key(), 0..4).prop_map(QueryAnswer::Keys),
        vec(event_line(), 0..3).prop_map(QueryAnswer::Events),
        any::<(u64, u64)>().prop_map(|(values, nbytes)| QueryAnswer::Rebalanced { values, nbytes }),
        vec(story_line(), 0..3).prop_map(QueryAnswer::Story),
        (vec(task_info(), 0..3), option::of(key()))
            .prop_map(|(tasks, next)| QueryAnswer::Tasks { tasks, next }),
        text().prop_map(QueryAnswer::Unknown),
        texts().prop_map(QueryAnswer::Workers),
    ]
}

fn event_line() -> impl Strategy<Value = EventLine> {
    (any::<(u64, u64)>(), option::of(key()), option::of(run()), option::of(text()), text())
        .prop_map(|((number, ago), key, run, worker, text)| EventLine {
            number,
            ago,
            key,
            run,
            worker,
            text,
        })
}

fn story_line() -> impl Strategy<Value = StoryLine> {
    let names = (text(), text(), option::of(text()), text());
    (any::<u64>(), option::of(key()), names, option::of(run())).prop_map(
        |(ago, key, (from, to, worker, cause), run)| StoryLine {
            ago,
            key,
            from,
            to,
            run,
            worker,
            cause,
        },
    )
}

fn task_info() -> impl Strategy<Value = TaskInfo> {
    let names = (text(), text(), texts(), option::of(text()));
    let counts = any::<(i32, u32, u32, u32, u32, u32, u16, u64)>();
    (key(), names, vec(key(), 0..3), option::of(run()), counts).prop_map(
        |(key, (state, function, workers, failure), dependencies, run, counts)| {
            let (priority, attempts, deaths, clients, ndependencies, dependents, progress, nbytes) =
                counts;
            TaskInfo {
                key,
                state,
                function,
                priority,
                attempts,
                deaths,
                clients,
                dependencies,
                ndependencies,
                dependents,
                workers,
                run,
                progress,
                nbytes,
                failure,
            }
        },
    )
}

/// Why a task has no value.
pub fn failure() -> impl Strategy<Value = Arc<Failure>> {
    let failed = (text(), texts(), any::<bool>(), option::of(text()), text(), any::<u32>())
        .prop_map(|(message, chain, panic, location, worker, attempts)| Failure::Failed {
            message,
            chain,
            panic,
            location,
            worker,
            attempts,
        });
    let exited = (option::of(any::<i32>()), option::of(any::<i32>()), text(), text()).prop_map(
        |(status, signal, stderr, worker)| Failure::Exited { status, signal, stderr, worker },
    );
    let failure = prop_oneof![
        Just(Failure::Cancelled),
        (text(), text()).prop_map(|(expected, found)| Failure::Decode { expected, found }),
        text().prop_map(|reason| Failure::Disconnected { reason }),
        exited,
        failed,
        text().prop_map(|reason| Failure::Lost { reason }),
        text().prop_map(|reason| Failure::NoWorker { reason }),
        text().prop_map(|reason| Failure::Rejected { reason }),
        Just(Failure::Reschedule),
        Just(Failure::TimedOut),
        (any::<u32>(), text(), text()).prop_map(|(deaths, last_worker, reason)| {
            Failure::WorkerDied { deaths, last_worker, reason }
        }),
    ];
    failure.prop_map(Arc::new)
}
