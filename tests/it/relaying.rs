//! Workers that a client cannot reach: what it wants of them comes through the scheduler.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use raddle::prelude::*;
use raddle::{Credentials, Result};
use raddle_net::hello::{PREFIX, body_len, decode_hello};
use raddle_tests::{blob, pattern, verify};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{APP, Program, RADDLE, Scratch, test};

/// Where workers are said to be reached, and who comes there gets through or does not. The worker
/// itself listens at the same port of another address of this machine.
struct Fence {
    port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    turned_away: AtomicUsize,
    let_through: AtomicUsize,
}

impl Fence {
    /// Lets through whom `lets` lets through: it is told how many came before, and the name in the
    /// hello, if that can be read.
    async fn new(lets: fn(usize, Option<String>) -> bool, is_plain: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, counts) = (listener.local_addr()?.port(), Arc::new(Counts::default()));
        let count = Arc::clone(&counts);
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    // Whoever is turned away finds that the connection ends.
                    let _ = pass(stream, port, is_plain, |name| lets(number, name), &count).await;
                });
            }
        });
        Ok(Self { port, counts })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many came themselves, and how many were brought.
    fn counts(&self) -> (usize, usize) {
        let Counts { turned_away, let_through } = &*self.counts;
        (turned_away.load(Ordering::SeqCst), let_through.load(Ordering::SeqCst))
    }
}

async fn pass(
    mut near: TcpStream,
    port: u16,
    is_plain: bool,
    lets: impl FnOnce(Option<String>) -> bool,
    counts: &Counts,
) -> Result<()> {
    let (mut words, mut name) = (Vec::new(), None);
    if is_plain {
        let mut prefix = [0; PREFIX];
        near.read_exact(&mut prefix).await?;
        let mut body = vec![0; body_len(&prefix).expect("a hello")];
        near.read_exact(&mut body).await?;
        name = Some(decode_hello(&prefix, &body).expect("a hello").name);
        words = [&prefix[..], &body].concat();
    }
    if !lets(name) {
        counts.turned_away.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    counts.let_through.fetch_add(1, Ordering::SeqCst);
    let mut far = TcpStream::connect(("127.0.0.3", port)).await?;
    far.write_all(&words).await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

/// A scheduler, and a worker behind the fence.
fn cluster(fence: &Fence, more: &[&str]) -> Result<(Program, Program, String)> {
    let mut scheduler = Program::start(RADDLE, &[&["scheduler", "--port", "0"], more].concat())?;
    let line = scheduler.line()?;
    let address = line.strip_prefix("scheduler at ").expect("it says where").to_owned();
    let (contact, port) = (fence.address(), fence.port.to_string());
    let arguments = ["worker", &address, "--program", APP, "--threads", "2"];
    let place = ["--host", "127.0.0.3", "--port", &port, "--contact-address", &contact];
    let mut worker = Program::start(RADDLE, &[&arguments[..], &place, more].concat())?;
    let line = worker.line()?;
    assert!(line.ends_with(&contact), "{line}");
    Ok((scheduler, worker, address))
}

#[test]
fn values_of_a_worker_that_cannot_be_reached_come_and_go_through_the_scheduler() {
    test(async || {
        let of_scheduler =
            |_, name: Option<String>| name.is_some_and(|n| n.starts_with("relay of"));
        let fence = Fence::new(of_scheduler, true).await?;
        let (scheduler, worker, address) = cluster(&fence, &[])?;
        let client = Client::connect(&address).await?;
        // Made there, and larger than all buffers on the way.
        assert_eq!(client.submit(blob(9 << 20)).await?.len(), 9 << 20);
        // Brought there, and used.
        let data = client.scatter(Bytes::from(pattern()));
        assert_eq!(client.submit(verify(&data)).await?, Some(pattern().len()));
        // Many at once.
        let many = client.map(|n| blob(100_000 + n), 0..40);
        let lengths: Vec<_> = client.gather(&many).await?.iter().map(Bytes::len).collect();
        assert_eq!(lengths, (100_000..100_040).collect::<Vec<_>>());
        let (turned_away, let_through) = fence.counts();
        assert!(turned_away > 0 && let_through >= 3, "{turned_away} and {let_through}");
        client.close().await?;
        drop(worker);
        let mut scheduler = scheduler;
        scheduler.child.kill()?;
        let (_, said) = scheduler.end()?;
        assert!(said.contains("a client cannot reach a worker"), "{said}");
        Ok(())
    });
}

#[test]
fn they_do_so_with_credentials_too() {
    test(async || {
        let scratch = Scratch::new("relay")?;
        let folder = scratch.path("all").to_str().expect("text").to_owned();
        assert_eq!(Program::start(RADDLE, &["cert", "init", &folder])?.end()?.0, Some(0));
        // Nobody can read who comes: the client, before it asks the scheduler.
        let fence = Fence::new(|number, _| number > 0, false).await?;
        let (_scheduler, _worker, address) = cluster(&fence, &["--credentials", &folder])?;
        let credentials = Credentials::load(&folder)?;
        let client = Client::connect_with(&address, &credentials).await?;
        assert_eq!(client.submit(blob(3 << 20)).await?.len(), 3 << 20);
        assert_eq!(fence.counts(), (1, 1));
        Ok(())
    });
}
