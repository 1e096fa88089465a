//! `raddle status`: one question to the scheduler, as a table or as JSON.

use clap::Args;
use raddle_net::frame::FrameEncoder;
use raddle_net::hello::{Hello, Role};
use raddle_net::messages::{
    ClientMessage, Query, QueryAnswer, SchedulerInfo, SchedulerToClient, WorkerInfo,
};
use raddle_net::names::Session;
use serde_json::json;

use super::say;
use super::table::align;
use super::target::Target;
use crate::client::worker_json;
use crate::conn::{self, ConnError, ConnectError, Connection};
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::rt;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_name = "ADDRESS", value_parser = super::address)]
    at: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Asks and prints.
pub(super) async fn show(args: StatusArgs) -> Result<i32> {
    let address = args.target.address(args.at.as_deref()).await?;
    let info = rt::within(conn::CONNECT_LIMIT, ask(&address)).await;
    let timed_out = || ConnectError::TimedOut { address: address.clone() };
    let info = info.unwrap_or_else(|| Err(timed_out().into()))?;
    say(&match args.json {
        true => as_json(&address, &info).to_string(),
        false => as_table(&address, &info),
    })?;
    Ok(0)
}

async fn ask(address: &str) -> Result<SchedulerInfo> {
    let mut hello = Hello::new(Role::Client, Session::truncate(rt::random()));
    hello.name = "raddle status".into();
    let (_, mut connection) = conn::connect(address, hello, &Credentials::of_process()?).await?;
    let disconnected = |error: ConnError| Error::disconnected(error.to_string());
    match converse(&mut connection).await.map_err(disconnected)? {
        Some(info) => Ok(info),
        None => Err(Error::disconnected("the scheduler did not answer")),
    }
}

async fn converse(connection: &mut Connection) -> Result<Option<SchedulerInfo>, ConnError> {
    let mut encoder = FrameEncoder::new(connection.options);
    let question = ClientMessage::Query { id: 0, query: Query::Info };
    encoder.push(&question).expect("a question is small");
    connection.writer.write(&mut encoder).await?;
    while let Some(frame) = connection.reader.next().await? {
        for message in frame.messages()? {
            if let SchedulerToClient::Answer { answer: QueryAnswer::Info(info), .. } = message {
                // Nobody is to wait for us.
                encoder.push(&ClientMessage::Goodbye).expect("a word is small");
                connection.writer.write(&mut encoder).await?;
                // We are a client, too, but nobody wants to know.
                let clients = info.clients.saturating_sub(1);
                return Ok(Some(SchedulerInfo { clients, ..info }));
            }
        }
    }
    Ok(None)
}

fn as_json(address: &str, info: &SchedulerInfo) -> serde_json::Value {
    let workers = info.workers.iter().map(worker_json);
    let tasks: serde_json::Map<_, _> =
        info.tasks.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
    json!({
        "scheduler": address,
        "clients": info.clients,
        "workers": workers.collect::<Vec<_>>(),
        "tasks": tasks,
    })
}

fn as_table(address: &str, info: &SchedulerInfo) -> String {
    let threads: u64 = info.workers.iter().map(|worker| u64::from(worker.nthreads)).sum();
    let mut lines = vec![format!(
        "scheduler {address}: workers {}, threads {threads}, clients {}",
        info.workers.len(),
        info.clients
    )];
    let tasks = info.tasks.iter().filter(|(_, count)| *count > 0);
    let tasks: Vec<_> = tasks.map(|(state, count)| format!("{state} {count}")).collect();
    lines.push(match tasks.is_empty() {
        true => "tasks: none".to_owned(),
        false => format!("tasks: {}", tasks.join(", ")),
    });
    lines.extend(worker_table(&info.workers));
    lines.join("\n")
}

/// Nothing for no workers.
pub(super) fn worker_table(workers: &[WorkerInfo]) -> Vec<String> {
    if workers.is_empty() {
        return Vec::new();
    }
    let header = [
        "WORKER",
        "ADDRESS",
        "STATUS",
        "THREADS",
        "PROCESSING",
        "VALUES",
        "BYTES",
        "SPILLED",
        "MEMORY",
    ];
    let rows = workers.iter().map(|worker| {
        [
            worker.name.clone(),
            worker.address.clone(),
            worker.status.clone(),
            worker.nthreads.to_string(),
            worker.processing.to_string(),
            worker.values.to_string(),
            worker.nbytes.to_string(),
            worker.spilled_bytes.to_string(),
            worker.process_bytes.to_string(),
        ]
    });
    let rows: Vec<_> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    align(&rows, 3)
}

#[cfg(test)]
mod tests {
    use raddle_net::names::WorkerId;

    use super::*;

    fn info() -> SchedulerInfo {
        SchedulerInfo {
            workers: vec![WorkerInfo {
                id: WorkerId(3),
                name: "worker-0".into(),
                address: "tcp://127.0.0.1:4000".into(),
                nthreads: 2,
                memory_limit: Some(1 << 30),
                processing: 1,
                values: 10,
                nbytes: 12345,
                status: "running".into(),
                note: String::new(),
                process_bytes: 34567,
                spilled_bytes: 2345,
            }],
            clients: 1,
            tasks: vec![("memory".into(), 10), ("erred".into(), 0)],
        }
    }

    #[test]
    fn people_get_a_table() {
        let expected = "\
scheduler tcp://h:1: workers 1, threads 2, clients 1
tasks: memory 10
WORKER    ADDRESS               STATUS   THREADS  PROCESSING  VALUES  BYTES  SPILLED  MEMORY
worker-0  tcp://127.0.0.1:4000  running        2           1      10  12345     2345   34567";
        assert_eq!(as_table("tcp://h:1", &info()), expected);
    }

    #[test]
    fn an_empty_cluster_is_told_in_two_lines() {
        let expected = "scheduler tcp://h:1: workers 0, threads 0, clients 0\ntasks: none";
        assert_eq!(as_table("tcp://h:1", &SchedulerInfo::default()), expected);
    }

    #[test]
    fn programs_get_json() {
        let expected = json!({
            "scheduler": "tcp://h:1",
            "clients": 1,
            "workers": [{
                "id": "w3",
                "name": "worker-0",
                "address": "tcp://127.0.0.1:4000",
                "threads": 2,
                "memory_limit": 1 << 30,
                "processing": 1,
                "values": 10,
                "bytes": 12345,
                "status": "running",
                "note": "",
                "process_bytes": 34567,
                "spilled_bytes": 2345,
            }],
            "tasks": { "memory": 10, "erred": 0 },
        });
        assert_eq!(as_json("tcp://h:1", &info()), expected);
    }
}
