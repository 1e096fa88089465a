//! Sockets of a simulation (`cfg(madsim)`), with the faces of tokio's: bytes come late, in pieces or
//! never, writers wait for room, connections break.
//!
//! What happens to the bytes is decided in [`network`](super::network). This module must not know
//! what they mean.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::network::{self, Cable, Door, lock};

/// Bytes of one write.
const MOST: usize = 1 << 14;

/// A port at which connections arrive.
#[derive(Debug)]
pub(crate) struct FaultyListener {
    at: SocketAddr,
    door: Arc<Mutex<Door>>,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct FaultyStream {
    cable: Arc<Mutex<Cable>>,
    /// Which of its ends: 0 has dialled.
    side: usize,
    reads: Timer,
    writes: Timer,
}

/// Wakes a half of a stream at a point in time, to the nanosecond: the runtime's own sleep is a
/// millisecond at least.
#[derive(Debug, Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl FaultyListener {
    /// Listens at this address of the node; port 0 is any free one.
    pub(crate) async fn bind((host, port): (&str, u16)) -> io::Result<Self> {
        std::future::ready(()).await;
        let (at, door) = network::listen(SocketAddr::new(parse(host)?, port))?;
        Ok(Self { at, door })
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<(FaultyStream, SocketAddr)> {
        let (cable, [peer, _]) = poll_fn(|cx| {
            let mut door = lock(&self.door);
            door.waker = Some(cx.waker().clone());
            door.arrived.pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        Ok((FaultyStream::new(cable, 1), peer))
    }
}

impl Drop for FaultyListener {
    fn drop(&mut self) {
        network::close(self.at);
        let arrived = std::mem::take(&mut lock(&self.door).arrived);
        arrived.iter().for_each(|(cable, _)| lock(cable).leave(1, Instant::now()));
    }
}

impl FaultyStream {
    fn new(cable: Arc<Mutex<Cable>>, side: usize) -> Self {
        Self { cable, side, reads: Timer::default(), writes: Timer::default() }
    }

    /// Connects; never, while nothing gets through.
    pub(crate) async fn connect((host, port): (&str, u16)) -> io::Result<Self> {
        let peer = SocketAddr::new(parse(host)?, port);
        let here = network::address(madsim::plugin::node());
        crossed(here, peer.ip()).await;
        pause(network::travel(here, peer.ip())).await;
        let stream = Self::new(network::dial(here, peer)?, 0);
        crossed(peer.ip(), here).await;
        pause(network::travel(peer.ip(), here)).await;
        Ok(stream)
    }

    /// Nothing is held back here.
    pub(crate) fn set_nodelay(&self, _nodelay: bool) -> io::Result<()> {
        Ok(())
    }

    /// The other end.
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(lock(&self.cable).ends[1 - self.side])
    }

    /// This end.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(lock(&self.cable).ends[self.side])
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let mut cable = lock(&this.cable);
            if cable.broken {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            cable.wires[1 - this.side].reader = Some(cx.waker().clone());
            let silent = cable.wires[1 - this.side].silent;
            if silent || cable.is_blocked(this.side) {
                return Poll::Pending;
            }
            match cable.read(this.side, buf.remaining(), Instant::now()) {
                Ok(bytes) => {
                    buf.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(None) => return Poll::Pending,
                Err(Some(at)) => {
                    drop(cable);
                    ready!(this.reads.poll(at, cx));
                }
            }
        }
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let mut cable = lock(&this.cable);
            if cable.broken {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let wire = &mut cable.wires[this.side];
            let (now, deaf) = (Instant::now(), wire.deaf);
            wire.writer = Some(cx.waker().clone());
            if deaf.is_some_and(|deaf| deaf <= now) && !cable.is_blocked(this.side) {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if let Some(written) = cable.write(this.side, buf, now) {
                return Poll::Ready(Ok(written));
            }
            let Some(deaf) = deaf.filter(|deaf| *deaf > now) else { return Poll::Pending };
            drop(cable);
            ready!(this.writes.poll(deaf, cx));
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Written as one, so that a write may end within any of them; and of many bytes the first.
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).take(MOST);
        self.poll_write(cx, &bytes.collect::<Vec<_>>())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.cable).end(self.side, Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        // The other end hears of it after a while, if anything gets there.
        lock(&self.cable).leave(self.side, Instant::now());
    }
}

impl Timer {
    fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.as_ref().is_none_or(|timer| timer.deadline() != at) {
            self.0 = Some(exactly(at));
        }
        let timer = self.0.as_mut().expect("it was set above");
        timer.as_mut().poll(cx)
    }
}

/// A sleep that ends then, not a millisecond from now at the least.
fn exactly(at: Instant) -> Pin<Box<Sleep>> {
    let mut timer = Box::pin(sleep(Duration::ZERO));
    timer.as_mut().reset(at);
    timer
}

/// Waits for so long, to the nanosecond.
pub(crate) async fn pause(time: Duration) {
    exactly(Instant::now() + time).await;
}

/// Until something gets from one node to the other.
async fn crossed(from: IpAddr, to: IpAddr) {
    poll_fn(|cx| match network::is_blocked(from, to, Some(cx.waker())) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

fn parse(host: &str) -> io::Result<IpAddr> {
    host.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not an IP address"))
}
