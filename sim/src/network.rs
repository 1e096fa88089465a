//! Links: what is sent arrives later, in the order in which it was sent, unless a planted bug says
//! otherwise; links that stand still, and processes that do.
//!
//! It must not know what is sent.

use std::collections::BTreeMap;

use raddle_core::random::{below, hash};
use raddle_core::time::{Duration, Instant};

use crate::plan::{Latency, Place, Plan};
use crate::plant::Fate;
use crate::session::Side;
use crate::world::{Delivery, Node, World};

/// The stream of chance that belongs to delays.
const LATENCY: u64 = 1;

/// Every link, and every process that stands still.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    seed: u64,
    latency: Latency,
    bandwidth: u64,
    /// By sender, then receiver, as numbers.
    links: BTreeMap<u128, Link>,
    /// When each node has sent the values that it was asked for.
    busy: BTreeMap<Node, Instant>,
    /// Worker processes that stand still: until when, and what has come for them.
    paused: BTreeMap<u32, (Instant, Vec<Delivery>)>,
}

/// Names a link.
fn ends(from: Node, to: Node) -> u128 {
    u128::from(from.number()) << 64 | u128::from(to.number())
}

/// One direction of a link.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// When the last message that was sent arrives: the next one does not overtake it.
    last: Instant,
    /// Messages sent.
    count: u64,
}

impl Network {
    pub(crate) fn new(seed: u64, plan: &Plan) -> Self {
        Self {
            seed,
            latency: plan.latency,
            bandwidth: plan.bandwidth,
            links: BTreeMap::new(),
            busy: BTreeMap::new(),
            paused: BTreeMap::new(),
        }
    }

    /// Whether any process stands still.
    pub(crate) fn has_pauses(&self) -> bool {
        !self.paused.is_empty()
    }

    /// When a message that is sent now arrives.
    pub(crate) fn arrival(&mut self, from: Node, to: Node, now: Instant) -> Instant {
        let link = self.links.entry(ends(from, to)).or_default();
        link.count += 1;
        let which = hash(from.number(), LATENCY, to.number(), link.count);
        let delay = self.latency.nanos(hash(self.seed, LATENCY, which, 0));
        link.last = (now + Duration::from_nanos(delay)).max(link.last);
        link.last
    }

    /// How long the sender is busy with so many bytes, behind what it sends already.
    fn transmission(&mut self, from: Node, nbytes: u64, now: Instant) -> Duration {
        if self.bandwidth == 0 {
            return Duration::ZERO;
        }
        let busy = self.busy.entry(from).or_default();
        *busy = now.max(*busy) + Duration::from_micros(nbytes / self.bandwidth);
        *busy - now
    }
}

impl World {
    /// Hands over after the link's delay, behind everything that was sent on it before.
    pub(crate) fn send(&mut self, from: Node, to: Node, delivery: Delivery) {
        let delivery = match self.settings.mode.codec {
            true => self.over_the_wire(delivery),
            false => delivery,
        };
        match self.fate(&delivery) {
            Fate::Never => {}
            Fate::Once => self.carry(from, to, delivery),
            Fate::Twice => {
                self.carry(from, to, delivery.clone());
                self.carry(from, to, delivery);
            }
            Fate::Again => {
                self.carry(from, to, delivery.clone());
                self.at(self.now + Duration::from_millis(20), delivery);
            }
            Fate::Early => self.at(self.now, delivery),
        }
    }

    /// In its session, if it travels in one.
    fn carry(&mut self, from: Node, to: Node, delivery: Delivery) {
        if let Some(delivery) = self.in_session(delivery) {
            let at = self.network.arrival(from, to, self.now);
            self.at(at, delivery);
        }
    }

    /// Hands over values: each travels on a connection of its own, as fast as its sender can.
    pub(crate) fn send_values(&mut self, from: Node, to: Node, nbytes: u64, delivery: Delivery) {
        let sent = self.network.transmission(from, nbytes, self.now);
        let at = self.network.arrival(from, to, self.now) + sent;
        let delivery = match self.settings.mode.codec {
            true => self.over_the_wire(delivery),
            false => delivery,
        };
        self.at(at, delivery);
    }

    /// What `from` sends to `to` from now on does not arrive for a while.
    pub(crate) fn clog(&mut self, from: Place, to: Place, duration: Duration) {
        if let (Some(from), Some(to)) = (self.node(from), self.node(to)) {
            let link = self.network.links.entry(ends(from, to)).or_default();
            link.last = link.last.max(self.now + duration);
        }
    }

    pub(crate) fn node(&self, place: Place) -> Option<Node> {
        match place {
            Place::Client(client) => Some(Node::Client(client)),
            Place::Scheduler => Some(Node::Scheduler),
            Place::Worker(number) => self.alive(number).map(Node::Worker),
        }
    }

    /// A worker's process stands still: what comes for it waits, and what it would do.
    pub(crate) fn pause(&mut self, worker: u32, duration: Duration) {
        let until = self.now + duration;
        let (end, _) = self.network.paused.entry(worker).or_insert((until, Vec::new()));
        *end = until.max(*end);
        self.at(until, Delivery::Resume(worker));
    }

    /// The delivery, unless it is for a process that stands still.
    pub(crate) fn unless_paused(&mut self, delivery: Delivery) -> Option<Delivery> {
        let node = match &delivery {
            Delivery::BodyEnds(worker, ..)
            | Delivery::Depart(worker)
            | Delivery::Disk(worker, _)
            | Delivery::Worker(worker, _) => Some(Node::Worker(*worker)),
            Delivery::Reply(request, _) => {
                self.requests.get(request).map(|request| request.asker.node())
            }
            Delivery::Broken(node, Side::Peer, _)
            | Delivery::Dial(node)
            | Delivery::Wire(node, Side::Peer, ..) => Some(*node),
            Delivery::Broken(_, Side::Scheduler, _)
            | Delivery::Client(..)
            | Delivery::Die(_)
            | Delivery::Ended(..)
            | Delivery::Heal
            | Delivery::Join(_)
            | Delivery::Resume(_)
            | Delivery::Scheduler(_)
            | Delivery::Step(_)
            | Delivery::Wire(_, Side::Scheduler, ..) => None,
        };
        if let Some(Node::Worker(worker)) = node
            && let Some((_, waiting)) = self.network.paused.get_mut(&worker)
        {
            waiting.push(delivery);
            return None;
        }
        Some(delivery)
    }

    /// It goes on, unless it was stopped for longer since.
    pub(crate) fn resume_process(&mut self, worker: u32) {
        let now = self.now;
        if self.network.paused.get(&worker).is_some_and(|(until, _)| *until <= now)
            && let Some((_, waiting)) = self.network.paused.remove(&worker)
        {
            for delivery in waiting {
                self.deliver(delivery);
            }
        }
    }

    pub(crate) fn is_paused(&self, worker: u32) -> bool {
        self.network.paused.contains_key(&worker)
    }

    /// What waited for a process is gone with it.
    pub(crate) fn unpause(&mut self, worker: u32) {
        self.network.paused.remove(&worker);
    }
}

impl Latency {
    /// How long one message travels, from 64 random bits.
    fn nanos(self, bits: u64) -> u64 {
        match self {
            Self::Bimodal { slow, per_mille, .. } if bits % 1_000 < per_mille => slow * 1_000,
            Self::Bimodal { fast, .. } => fast * 1_000,
            Self::Constant(micros) => micros * 1_000,
            Self::Uniform(from, to) => {
                from * 1_000 + below(bits, to.saturating_sub(from).max(1) * 1_000)
            }
        }
    }
}
