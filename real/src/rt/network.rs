//! The network of a simulation (`cfg(madsim)`): who listens where, which connections there are, and
//! what the weather does to them.
//!
//! It replaces the sockets of madsim, which deliver everything at once and whole: no back-pressure,
//! no partial reads and writes, no connection that breaks or goes silent, an end that crosses
//! partitions. Nodes, time and chance of tasks stay madsim's. Every decision here is a hash of the
//! seed and of what it is about. This module must not know what is sent.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use raddle_core::random::{below, hash};
use tokio::time::Instant;

/// Streams of chance.
const DELAY: u64 = 0x6465_6c61;
const PORTION: u64 = 0x706f_7274;
const TRACE: u64 = 0x7472_6163;
/// The first port that is given to whoever asks for any.
const FIRST_PORT: u16 = 40_000;

/// What the network is like, all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Climate {
    /// Of every decision.
    pub seed: u64,
    /// The least and the most that bytes travel.
    pub delay: (Duration, Duration),
    /// Of a thousand writes, those that travel slowly, and how much longer.
    pub slow: (u64, Duration),
    /// How long a byte occupies the sender's side of a connection.
    pub per_byte: Duration,
    /// Of a thousand reads and writes, those that are cut short, and to how many bytes at most.
    pub partial: (u64, usize),
    /// Bytes of one direction that may be on their way or unread; a writer waits for room. Not 0.
    pub window: usize,
}

impl Default for Climate {
    /// Fast, and never in the way.
    fn default() -> Self {
        Self {
            seed: 0,
            delay: (Duration::from_micros(50), Duration::from_micros(200)),
            slow: (0, Duration::ZERO),
            per_byte: Duration::ZERO,
            partial: (0, 1),
            window: 1 << 20,
        }
    }
}

thread_local! {
    /// Of the simulation on this thread.
    static NETWORK: RefCell<Network> = RefCell::new(Network::default());
}

#[derive(Default)]
struct Network {
    climate: Climate,
    doors: BTreeMap<SocketAddr, Arc<Mutex<Door>>>,
    cables: Vec<Weak<Mutex<Cable>>>,
    /// Connections so far between two nodes.
    made: BTreeMap<(IpAddr, IpAddr), u64>,
    /// Ways that nothing gets through, and how often each was blocked.
    blocked: BTreeMap<(IpAddr, IpAddr), u32>,
    /// Who waits for a way to be free.
    waiting: Vec<Waker>,
    ports: BTreeMap<IpAddr, u16>,
    trace: (u64, u64),
}

/// A port at which somebody listens.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// Accepted by the node, and not yet by the program.
    pub(super) arrived: VecDeque<(Arc<Mutex<Cable>>, [SocketAddr; 2])>,
    pub(super) waker: Option<Waker>,
}

/// A connection: two wires, by the side that writes.
#[derive(Debug)]
pub(super) struct Cable {
    pub(super) ends: [SocketAddr; 2],
    pub(super) wires: [Wire; 2],
    /// Reset: neither side can use it.
    pub(super) broken: bool,
    /// In decisions of chance.
    pub(super) entity: u64,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Wire {
    /// What is on its way or unread, by when it arrives.
    pub(super) chunks: VecDeque<(Instant, Bytes)>,
    pub(super) unread: usize,
    /// When the end of the stream arrives.
    pub(super) ended: Option<Instant>,
    /// When the writer learns that nobody reads any more.
    pub(super) deaf: Option<Instant>,
    /// Nothing arrives any more, and nobody says so.
    pub(super) silent: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// When the sender's side is free.
    free: Instant,
    /// When the last chunk arrives.
    last: Instant,
    writes: u64,
    reads: u64,
}

/// Begins a network in which nobody listens, for the simulation on this thread.
pub fn start(climate: Climate) {
    NETWORK.set(Network { climate, ..Network::default() });
}

/// The address of a node.
#[must_use]
pub fn address(node: madsim::task::NodeId) -> IpAddr {
    let number: u32 = node.to_string().parse().expect("a node is shown as a number");
    let [_, a, b, c] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, a, b, c))
}

/// How often anything was written so far; and a hash of when, where and what.
#[must_use]
pub fn trace() -> (u64, u64) {
    NETWORK.with_borrow(|network| network.trace)
}

/// A node starts anew: it gives ports to whoever asks for any as it did before.
pub fn reboot(ip: IpAddr) {
    NETWORK.with_borrow_mut(|network| network.ports.remove(&ip));
}

/// Any node, where faults name two.
pub const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Nothing gets from one node to the other, until [`unblock`] is said as often.
pub fn block(from: IpAddr, to: IpAddr) {
    NETWORK.with_borrow_mut(|network| *network.blocked.entry((from, to)).or_default() += 1);
}

/// Takes one [`block`] back.
pub fn unblock(from: IpAddr, to: IpAddr) {
    NETWORK.with_borrow_mut(|network| {
        if let Some(times) = network.blocked.get_mut(&(from, to)) {
            *times -= 1;
            if *times == 0 {
                network.blocked.remove(&(from, to));
            }
        }
    });
    wake_all();
}

/// Breaks every connection between these nodes, at both ends. Returns how many.
pub fn reset(a: IpAddr, b: IpAddr) -> usize {
    between(a, b, |cable| {
        cable.broken = true;
        cable.wake();
    })
}

/// From now on nothing arrives on the connections from one node to the other, and nobody says so.
/// Returns how many.
pub fn silence(from: IpAddr, to: IpAddr) -> usize {
    between(from, to, |cable| {
        let writer = usize::from(cable.ends[0].ip() != from);
        cable.wires[writer].silent = true;
    })
}

fn between(a: IpAddr, b: IpAddr, mut act: impl FnMut(&mut Cable)) -> usize {
    let cables = NETWORK.with_borrow_mut(|network| {
        network.cables.retain(|cable| cable.strong_count() > 0);
        network.cables.iter().filter_map(Weak::upgrade).collect::<Vec<_>>()
    });
    let mut count = 0;
    for cable in cables {
        let mut cable = lock(&cable);
        let [x, y] = cable.ends.map(|end| end.ip());
        let is = |fault: IpAddr, end: IpAddr| fault == ANY || fault == end;
        if is(a, x) && is(b, y) || is(a, y) && is(b, x) {
            act(&mut cable);
            count += 1;
        }
    }
    count
}

/// Everybody who waits looks again.
fn wake_all() {
    let (waiting, cables) = NETWORK.with_borrow_mut(|network| {
        let cables = network.cables.iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
        (std::mem::take(&mut network.waiting), cables)
    });
    waiting.into_iter().for_each(Waker::wake);
    cables.iter().for_each(|cable| lock(cable).wake());
}

/// Whether nothing gets from one node to the other; if so, `waker` is woken when it may.
pub(super) fn is_blocked(from: IpAddr, to: IpAddr, waker: Option<&Waker>) -> bool {
    NETWORK.with_borrow_mut(|network| {
        let ways = [(from, to), (from, ANY), (ANY, to)];
        let blocked = ways.iter().any(|way| network.blocked.contains_key(way));
        network.waiting.extend(waker.filter(|_| blocked).cloned());
        blocked
    })
}

/// Listens; any port if it is 0.
pub(super) fn listen(at: SocketAddr) -> io::Result<(SocketAddr, Arc<Mutex<Door>>)> {
    NETWORK.with_borrow_mut(|network| {
        let at = if at.port() == 0 { network.any_port(at.ip()) } else { at };
        if network.doors.contains_key(&at) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let door = Arc::new(Mutex::new(Door::default()));
        network.doors.insert(at, Arc::clone(&door));
        Ok((at, door))
    })
}

/// Nobody listens there any more.
pub(super) fn close(at: SocketAddr) {
    // A thread that ends has no network any more.
    let _ = NETWORK.try_with(|network| network.borrow_mut().doors.remove(&at));
}

/// A connection to whoever listens at `to`, as it is accepted.
pub(super) fn dial(from: IpAddr, to: SocketAddr) -> io::Result<Arc<Mutex<Cable>>> {
    let (cable, ends, door) = NETWORK.with_borrow_mut(|network| {
        let door = network.doors.get(&to).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
        let count = network.made.entry((from, to.ip())).or_default();
        *count += 1;
        let entity = hash(number(from), DELAY, number(to.ip()), *count);
        let ends = [network.any_port(from), to];
        let wires = [Wire::new(), Wire::new()];
        let cable = Arc::new(Mutex::new(Cable { ends, wires, broken: false, entity }));
        network.cables.push(Arc::downgrade(&cable));
        Ok::<_, io::Error>((cable, ends, door))
    })?;
    let mut door = lock(&door);
    door.arrived.push_back((Arc::clone(&cable), ends));
    if let Some(waker) = door.waker.take() {
        waker.wake();
    }
    Ok(cable)
}

/// How long one packet without content travels between two nodes.
pub(super) fn travel(from: IpAddr, to: IpAddr) -> Duration {
    NETWORK.with_borrow_mut(|network| {
        let count = *network.made.entry((from, to)).or_default();
        network.climate.delay(hash(number(from), DELAY, number(to), 0), count)
    })
}

impl Network {
    fn any_port(&mut self, ip: IpAddr) -> SocketAddr {
        let port = self.ports.entry(ip).or_insert(FIRST_PORT);
        loop {
            *port += 1;
            let at = SocketAddr::new(ip, *port);
            if !self.doors.contains_key(&at) {
                return at;
            }
        }
    }
}

impl Climate {
    fn delay(&self, entity: u64, count: u64) -> Duration {
        let bits = hash(self.seed, DELAY, entity, count);
        let (least, most) = self.delay;
        let spread = most.saturating_sub(least).as_nanos() as u64;
        let (per_mille, slow) = self.slow;
        let is_slow = below(hash(self.seed, DELAY, bits, 0), 1_000) < per_mille;
        let extra = if is_slow { slow } else { Duration::ZERO };
        least + Duration::from_nanos(below(bits, spread + 1)) + extra
    }

    /// How many of `wanted` bytes are read or written at once.
    fn portion(&self, entity: u64, count: u64, wanted: usize) -> usize {
        let bits = hash(self.seed, PORTION, entity, count);
        let (per_mille, most) = self.partial;
        if below(bits, 1_000) >= per_mille {
            return wanted;
        }
        let cut = 1 + below(hash(self.seed, PORTION, bits, 0), most.max(1) as u64);
        wanted.min(cut as usize)
    }
}

impl Cable {
    /// Whether nothing gets to this side.
    pub(super) fn is_blocked(&self, side: usize) -> bool {
        is_blocked(self.ends[1 - side].ip(), self.ends[side].ip(), None)
    }

    /// Takes in some of `bytes` from the side that writes; `None`: there is no room.
    pub(super) fn write(&mut self, side: usize, bytes: &[u8], now: Instant) -> Option<usize> {
        let entity = self.entity ^ side as u64;
        let wire = &mut self.wires[side];
        let climate = NETWORK.with_borrow(|network| network.climate);
        let room = climate.window.saturating_sub(wire.unread).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return None;
        }
        wire.writes += 1;
        let length = climate.portion(entity, 2 * wire.writes, room);
        wire.free = wire.free.max(now) + climate.per_byte * length as u32;
        wire.last = wire.last.max(wire.free + climate.delay(entity, wire.writes));
        let chunk = Bytes::copy_from_slice(&bytes[..length]);
        record(entity, wire.last, &chunk);
        // What nobody will read is lost.
        if wire.deaf.is_none() {
            wire.unread += length;
            wire.chunks.push_back((wire.last, chunk));
        }
        if let Some(reader) = wire.reader.take() {
            reader.wake();
        }
        Some(length)
    }

    /// Hands out what has arrived for the side that reads, up to `room` bytes. `Err` says when there
    /// may be more; nothing: at the next write.
    pub(super) fn read(
        &mut self,
        side: usize,
        room: usize,
        now: Instant,
    ) -> Result<Bytes, Option<Instant>> {
        let entity = self.entity ^ side as u64;
        let wire = &mut self.wires[1 - side];
        let Some((arrives, chunk)) = wire.chunks.front_mut() else {
            return match wire.ended {
                Some(ended) if ended <= now => Ok(Bytes::new()),
                ended => Err(ended),
            };
        };
        if *arrives > now {
            return Err(Some(*arrives));
        }
        wire.reads += 1;
        let climate = NETWORK.with_borrow(|network| network.climate);
        let length = climate.portion(entity, 2 * wire.reads + 1, room.min(chunk.len()));
        let bytes = chunk.split_to(length);
        if chunk.is_empty() {
            wire.chunks.pop_front();
        }
        wire.unread -= length;
        if let Some(writer) = wire.writer.take() {
            writer.wake();
        }
        Ok(bytes)
    }

    /// This side writes nothing more.
    pub(super) fn end(&mut self, side: usize, now: Instant) {
        let entity = self.entity ^ side as u64;
        let climate = NETWORK.try_with(|network| network.borrow().climate).unwrap_or_default();
        let wire = &mut self.wires[side];
        if wire.ended.is_none() {
            wire.last = wire.last.max(now + climate.delay(entity, 0));
            wire.ended = Some(wire.last);
        }
        self.wake();
    }

    /// This side is gone: it writes nothing more, and what comes is lost.
    pub(super) fn leave(&mut self, side: usize, now: Instant) {
        self.end(side, now);
        let (left, wire) = (self.wires[side].last, &mut self.wires[1 - side]);
        wire.deaf = Some(left);
        wire.chunks.clear();
        wire.unread = 0;
        self.wake();
    }

    fn wake(&mut self) {
        for wire in &mut self.wires {
            let wakers = [wire.reader.take(), wire.writer.take()];
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

impl Wire {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            chunks: VecDeque::new(),
            unread: 0,
            ended: None,
            deaf: None,
            silent: false,
            reader: None,
            writer: None,
            free: now,
            last: now,
            writes: 0,
            reads: 0,
        }
    }
}

fn record(entity: u64, arrives: Instant, bytes: &[u8]) {
    let arrives = (arrives - Instant::now()).as_nanos() as u64 ^ crate::clock::now().as_nanos();
    let words = bytes
        .iter()
        .fold(arrives, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    NETWORK.with_borrow_mut(|network| {
        let (count, so_far) = network.trace;
        network.trace = (count + 1, hash(so_far, TRACE, entity, words));
    });
}

fn number(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip) as u64,
    }
}

/// What is behind `mutex`: one thread uses it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
