//! What the machine's own loopback allows: relays and copies with nothing but sockets and threads.
//!
//! It must not use raddle: it is what raddle is held against.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

/// Bytes of a task on its way to the worker, about those of raddle's.
const TASK: usize = 64;
/// Bytes of a result on its way back.
const RESULT: usize = 32;
/// Bytes that a hop reads at a time.
const BUFFER: usize = 1 << 18;
/// Tasks that the client writes at a time.
const BATCH: usize = 256;

/// Two connected sockets.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let dialled = TcpStream::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    for stream in [&dialled, &accepted] {
        stream.set_nodelay(true)?;
    }
    Ok((dialled, accepted))
}

/// A hop: of each record of `size` bytes that comes it looks at the first byte and passes on
/// `passed` bytes; one write for all that are there. Ends with its input.
fn relay(mut from: TcpStream, mut to: TcpStream, size: usize, passed: usize) -> io::Result<()> {
    let (mut buffer, mut held, mut out) = (vec![0; BUFFER], 0, Vec::with_capacity(BUFFER));
    loop {
        let read = from.read(&mut buffer[held..])?;
        if read == 0 {
            return to.shutdown(Shutdown::Write);
        }
        let there = held + read;
        let whole = there - there % size;
        for record in buffer[..whole].chunks_exact_mut(size) {
            record[0] ^= 1;
            out.extend_from_slice(&record[..passed]);
        }
        buffer.copy_within(whole..there, 0);
        held = there - whole;
        to.write_all(&out)?;
        out.clear();
    }
}

/// client → scheduler → worker → client: the client's two ends.
fn three_hops() -> io::Result<(TcpStream, TcpStream)> {
    let (client, from_client) = pair()?;
    let (to_worker, worker) = pair()?;
    let (to_client, results) = pair()?;
    thread::spawn(move || relay(from_client, to_worker, TASK, TASK));
    thread::spawn(move || relay(worker, to_client, TASK, RESULT));
    Ok((client, results))
}

/// client → scheduler → worker → scheduler → client: the client's end, twice.
fn four_hops() -> io::Result<(TcpStream, TcpStream)> {
    let (client, from_client) = pair()?;
    let (to_worker, worker) = pair()?;
    let (from_worker, to_client) = (to_worker.try_clone()?, from_client.try_clone()?);
    let worker_out = worker.try_clone()?;
    // A hop that fails ends, and what it was to pass on is missed at the end.
    thread::spawn(move || relay(from_client, to_worker, TASK, TASK));
    thread::spawn(move || relay(worker, worker_out, TASK, RESULT));
    thread::spawn(move || relay(from_worker, to_client, RESULT, RESULT));
    Ok((client.try_clone()?, client))
}

/// Tasks a second through four hops with at most `window` of them on their way: as many as fit the
/// buffers of sockets, since one thread sends and receives.
pub(crate) fn windowed(tasks: usize, window: usize) -> io::Result<f64> {
    let (mut sending, mut receiving) = four_hops()?;
    let batch = vec![7; TASK * window];
    let mut buffer = vec![0; RESULT * window];
    let (mut sent, mut bytes) = (0, 0);
    let start = Instant::now();
    while bytes < tasks * RESULT {
        let room = (window + bytes / RESULT - sent).min(tasks - sent);
        sending.write_all(&batch[..room * TASK])?;
        sent += room;
        match receiving.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes += read,
        }
    }
    let elapsed = start.elapsed();
    sending.shutdown(Shutdown::Write)?;
    Ok(tasks as f64 / elapsed.as_secs_f64())
}

/// Tasks a second through four hops, sent without waiting for results.
pub(crate) fn pipelined(tasks: usize) -> io::Result<f64> {
    let (mut sending, mut receiving) = four_hops()?;
    let start = Instant::now();
    let sender = thread::spawn(move || {
        let batch = vec![7; TASK * BATCH];
        let mut left = tasks * TASK;
        while left > 0 {
            let size = left.min(batch.len());
            sending.write_all(&batch[..size])?;
            left -= size;
        }
        sending.shutdown(Shutdown::Write)
    });
    let mut buffer = vec![0; BUFFER];
    let mut received = 0;
    while received < tasks * RESULT {
        match receiving.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => received += read,
        }
    }
    let elapsed = start.elapsed();
    joined(sender)?;
    Ok(tasks as f64 / elapsed.as_secs_f64())
}

/// From send to receipt of single tasks through four hops, one after another, in microseconds.
pub(crate) fn latencies(tasks: usize) -> io::Result<Vec<f64>> {
    round_trips(tasks, four_hops()?)
}

/// As [`latencies`], the worker answering the client itself.
pub(crate) fn shorter_latencies(tasks: usize) -> io::Result<Vec<f64>> {
    round_trips(tasks, three_hops()?)
}

fn round_trips(
    tasks: usize,
    (mut sending, mut receiving): (TcpStream, TcpStream),
) -> io::Result<Vec<f64>> {
    let (task, mut result) = ([7; TASK], [0; RESULT]);
    let mut times = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        let start = Instant::now();
        sending.write_all(&task)?;
        receiving.read_exact(&mut result)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    sending.shutdown(Shutdown::Write)?;
    Ok(times)
}

/// GB a second of one value through one TCP connection into fresh memory.
pub(crate) fn copy(nbytes: usize) -> io::Result<f64> {
    copy_through(pair()?, nbytes)
}

/// As [`copy`], through a socket of this host.
#[cfg(unix)]
pub(crate) fn copy_here(nbytes: usize) -> io::Result<f64> {
    copy_through(std::os::unix::net::UnixStream::pair()?, nbytes)
}

fn copy_through<S: Read + Write + Send + 'static>(
    (mut to, mut from): (S, S),
    nbytes: usize,
) -> io::Result<f64> {
    let value = vec![7_u8; nbytes];
    let sender = thread::spawn(move || {
        // As a value, it is sent when somebody asks for it.
        to.read_exact(&mut [0])?;
        to.write_all(&value)
    });
    let start = Instant::now();
    from.write_all(&[1])?;
    let mut received = vec![0; nbytes];
    from.read_exact(&mut received)?;
    let elapsed = start.elapsed();
    joined(sender)?;
    assert!(received.iter().all(|byte| *byte == 7));
    Ok(nbytes as f64 / elapsed.as_secs_f64() / 1e9)
}

/// As [`copy`], through memory that has a file descriptor: read, not mapped.
#[cfg(target_os = "linux")]
pub(crate) fn copy_memory(nbytes: usize) -> io::Result<f64> {
    use std::os::unix::fs::FileExt;
    let memory = rustix::fs::memfd_create("value", rustix::fs::MemfdFlags::CLOEXEC)?;
    let memory = std::fs::File::from(memory);
    memory.write_all_at(&vec![7_u8; nbytes], 0)?;
    let start = Instant::now();
    let mut received = vec![0; nbytes];
    memory.read_exact_at(&mut received, 0)?;
    let elapsed = start.elapsed();
    assert!(received.iter().all(|byte| *byte == 7));
    Ok(nbytes as f64 / elapsed.as_secs_f64() / 1e9)
}

fn joined(thread: thread::JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread has panicked")))
}
