//! Sessions over connections that break: what each end keeps, says again, and hears once.
//!
//! It drives the stream of `raddle-net` as the shell does: a hello that says what was heard, a
//! welcome that says the same, and frames with numbers and acknowledgements. Plans without cuts do
//! without all this. It must not know what the messages mean.

use raddle_core::client::Event as ClientEvent;
use raddle_core::scheduler::{ConnectionId, Event as SchedulerEvent, PeerError};
use raddle_core::time::Duration;
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::session::{Bounds, Incoming, Outgoing};

use crate::failure::Failure;
use crate::plan::Place;
use crate::plant::Plant;
use crate::world::{Delivery, Node, World};

/// What a frame counts for, in bytes.
const FRAME: usize = 64;

/// The session of one client or worker with the scheduler, both ends.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    connection: ConnectionId,
    peer: End,
    scheduler: End,
    /// The dialling that is connected; what belongs to another one is lost.
    connected: Option<u32>,
    /// How often the peer has dialled.
    dialled: u32,
    /// Whether the scheduler has heard of it.
    opened: bool,
    /// Whether the scheduler has ended it.
    over: bool,
}

/// One end.
#[derive(Clone, Debug)]
struct End {
    /// What was said, each with its number.
    outgoing: Outgoing<(u64, Box<Delivery>)>,
    incoming: Incoming,
    /// The dialling that it speaks on, as far as it knows.
    on: Option<u32>,
}

/// What travels between the two ends.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Wire {
    /// The first hello of a session, as the scheduler hears of it.
    First(Box<Delivery>),
    /// The peer dials again, and has heard so much.
    Hello(u64),
    /// It goes on; the scheduler has heard so much.
    Welcome(u64),
    /// There is no such session.
    Refused,
    /// The number, what was heard, and the message; a bare acknowledgement has none.
    Frame(u64, u64, Option<Box<Delivery>>),
}

/// Which end something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Peer,
    Scheduler,
}

impl Line {
    /// A new session, on the connection that is the `dialled`-th of its node.
    fn new(connection: ConnectionId, dialled: u32) -> Self {
        let (outgoing, incoming) = (Outgoing::new(Bounds::default()), Incoming::default());
        let end = End { outgoing, incoming, on: Some(dialled) };
        let (peer, scheduler) = (end.clone(), End { on: None, ..end });
        let (opened, over) = (false, false);
        Self { connection, peer, scheduler, connected: Some(dialled), dialled, opened, over }
    }

    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Peer => &mut self.peer,
            Side::Scheduler => &mut self.scheduler,
        }
    }
}

impl World {
    /// A new session for this node, if sessions matter in this plan.
    pub(crate) fn open_line(&mut self, node: Node, connection: ConnectionId) {
        if self.has_sessions {
            let dialled = self.lines.get(&node).map_or(0, |line| line.dialled) + 1;
            self.lines.insert(node, Line::new(connection, dialled));
        }
    }

    /// Hands a message to its session. Returns it if it does not travel in one.
    pub(crate) fn in_session(&mut self, delivery: Delivery) -> Option<Delivery> {
        let (node, side) = match &delivery {
            Delivery::Scheduler(
                SchedulerEvent::ClientConnected { connection, .. }
                | SchedulerEvent::WorkerConnected { connection, .. },
            ) => return self.say_hello(*connection, delivery),
            Delivery::Client(client, ClientEvent::FromScheduler(_)) => {
                (Node::Client(*client), Side::Scheduler)
            }
            Delivery::Worker(worker, WorkerEvent::FromScheduler(_)) => {
                (Node::Worker(*worker), Side::Scheduler)
            }
            Delivery::Scheduler(
                SchedulerEvent::FromClient { connection, .. }
                | SchedulerEvent::FromWorker { connection, .. },
            ) => (self.behind(*connection)?, Side::Peer),
            Delivery::BodyEnds(..)
            | Delivery::Broken(..)
            | Delivery::Client(..)
            | Delivery::Depart(_)
            | Delivery::Dial(_)
            | Delivery::Die(_)
            | Delivery::Disk(..)
            | Delivery::Ended(..)
            | Delivery::Heal
            | Delivery::Join(_)
            | Delivery::Reply(..)
            | Delivery::Resume(_)
            | Delivery::Scheduler(_)
            | Delivery::Step(_)
            | Delivery::Wire(..)
            | Delivery::Worker(..) => return Some(delivery),
        };
        let Some(line) = self.lines.get_mut(&node) else { return Some(delivery) };
        let outgoing = &mut line.end(side).outgoing;
        let number = outgoing.last() + 1;
        if let Err(error) = outgoing.push((number, Box::new(delivery)), FRAME) {
            let full = format!("the session of {node:?} keeps too much: {error}");
            self.fail(Failure::Protocol(full));
        }
        self.flush_line(node, side);
        None
    }

    /// The first hello of a session goes with its connection.
    fn say_hello(&mut self, connection: ConnectionId, hello: Delivery) -> Option<Delivery> {
        let node = self.behind(connection)?;
        let Some(line) = self.lines.get(&node) else { return Some(hello) };
        self.transmit(node, Side::Peer, line.dialled, Wire::First(Box::new(hello)));
        None
    }

    /// Gives the present connection, if there is one, everything that it was not given.
    fn flush_line(&mut self, node: Node, side: Side) {
        let mut frames = Vec::new();
        let Some(line) = self.lines.get_mut(&node) else { return };
        let end = line.end(side);
        let Some(on) = end.on else { return };
        let ack = end.incoming.received();
        while let Some((number, delivery)) = end.outgoing.next_to_send() {
            frames.push(Wire::Frame(number, ack, Some(delivery)));
        }
        if !frames.is_empty() {
            end.incoming.acknowledged();
        }
        for frame in frames {
            self.transmit(node, side, on, frame);
        }
    }

    fn transmit(&mut self, node: Node, from: Side, on: u32, wire: Wire) {
        let (sender, receiver, to) = match from {
            Side::Peer => (node, Node::Scheduler, Side::Scheduler),
            Side::Scheduler => (Node::Scheduler, node, Side::Peer),
        };
        let at = self.network.arrival(sender, receiver, self.now);
        self.at(at, Delivery::Wire(node, to, on, wire));
    }

    /// Something has come over a connection; if that is no more, it has not.
    pub(crate) fn arrives(&mut self, node: Node, side: Side, on: u32, wire: Wire) {
        if side == Side::Peer && !self.lives(node) {
            return;
        }
        let Some(line) = self.lines.get_mut(&node).filter(|line| line.connected == Some(on)) else {
            return;
        };
        match wire {
            Wire::First(delivery) => {
                (line.opened, line.scheduler.on) = (true, Some(on));
                self.deliver(*delivery);
            }
            Wire::Hello(heard) => self.hello(node, on, heard),
            Wire::Welcome(heard) => {
                line.peer.on = Some(on);
                self.resumed(node, Side::Peer, heard);
            }
            Wire::Refused => {
                line.connected = None;
                self.session_lost(node);
            }
            Wire::Frame(number, ack, delivery) => {
                let end = line.end(side);
                if end.on != Some(on) {
                    return;
                }
                let news = end.outgoing.acknowledge(ack);
                let heard = delivery.map(|delivery| {
                    end.incoming.receive(number, FRAME).map(|new| new.then_some(delivery))
                });
                let due = end.incoming.is_ack_due().then(|| end.incoming.received());
                if due.is_some() {
                    end.incoming.acknowledged();
                }
                if let Some(heard) = due {
                    self.transmit(node, side, on, Wire::Frame(0, heard, None));
                }
                match (news, heard.transpose()) {
                    (Err(error), _) | (_, Err(error)) => {
                        self.fail(Failure::Protocol(format!("the stream of {node:?}: {error}")));
                    }
                    (Ok(()), Ok(Some(Some(delivery)))) => self.deliver(*delivery),
                    (Ok(()), Ok(Some(None) | None)) => {}
                }
            }
        }
    }

    /// Whether the process is there.
    fn lives(&self, node: Node) -> bool {
        match node {
            Node::Client(client) => !self.clients[client].gone,
            Node::Scheduler => true,
            Node::Worker(worker) => self.workers.contains_key(&worker),
        }
    }

    /// The peer dials again.
    pub(crate) fn dial(&mut self, node: Node) {
        let alive = self.lives(node);
        let Some(line) = self.lines.get_mut(&node).filter(|_| alive) else { return };
        line.dialled += 1;
        (line.connected, line.peer.on) = (Some(line.dialled), None);
        let (on, heard) = (line.dialled, line.peer.incoming.received());
        self.transmit(node, Side::Peer, on, Wire::Hello(heard));
    }

    /// The scheduler hears a hello: the newest connection of a session counts.
    fn hello(&mut self, node: Node, on: u32, heard: u64) {
        let Some(line) = self.lines.get_mut(&node) else { return };
        let connection = line.connection;
        if line.over || !line.opened {
            return self.transmit(node, Side::Scheduler, on, Wire::Refused);
        }
        if line.scheduler.on.take().is_some() {
            self.scheduler_event(broke(node, connection));
        }
        if self.lines[&node].over {
            // There is no grace: it was given up for the break.
            return self.transmit(node, Side::Scheduler, on, Wire::Refused);
        }
        let line = self.lines.get_mut(&node).expect("it was just there");
        line.scheduler.on = Some(on);
        let received = line.scheduler.incoming.received();
        self.transmit(node, Side::Scheduler, on, Wire::Welcome(received));
        self.resumed(node, Side::Scheduler, heard);
        if !self.harms(Plant::SkipResumed) {
            self.scheduler_event(match node {
                Node::Client(_) | Node::Scheduler => SchedulerEvent::ClientResumed { connection },
                Node::Worker(_) => SchedulerEvent::WorkerResumed { connection },
            });
        }
    }

    /// One end goes on from where the other says it is.
    fn resumed(&mut self, node: Node, side: Side, heard: u64) {
        let Some(line) = self.lines.get_mut(&node) else { return };
        if let Err(error) = line.end(side).outgoing.resume(heard) {
            return self.fail(Failure::Protocol(format!("{node:?} cannot go on: {error}")));
        }
        self.flush_line(node, side);
    }

    /// A connection breaks: what is under way is lost. The peer notices soon and dials again after
    /// `away`, the scheduler notices after `noticed`.
    pub(crate) fn cut(&mut self, place: Place, noticed: Duration, away: Duration) {
        let Some(node) = self.node(place) else { return };
        let Some(line) = self.lines.get_mut(&node) else { return };
        let Some(on) = line.connected.take() else { return };
        let connection = line.connection;
        let soon = Duration::from_micros(self.chance(node.number(), 2_000));
        self.at(self.now + soon, Delivery::Broken(node, Side::Peer, on));
        self.at(self.now + soon + away, Delivery::Dial(node));
        // Now and then the scheduler's side cannot go on, before or after it notices the break.
        match self.chance(node.number(), 16) {
            0 => return self.end_line(node, connection),
            1 => self.at(self.now + noticed, Delivery::Ended(node, connection)),
            2.. => {}
        }
        self.at(self.now + noticed, Delivery::Broken(node, Side::Scheduler, on));
    }

    /// The scheduler's side of a session cannot go on.
    pub(crate) fn end_line(&mut self, node: Node, connection: ConnectionId) {
        let lives = |line: &&mut Line| line.connection == connection && line.opened && !line.over;
        let Some(line) = self.lines.get_mut(&node).filter(lives) else { return };
        line.over = true;
        let reason = "too much was kept".to_owned();
        let on = line.scheduler.on.take();
        match node {
            Node::Client(client) => self.client_lets_go(client),
            Node::Scheduler => {}
            Node::Worker(_) => self.oracle.killed(),
        }
        if let Some(on) = on {
            self.transmit(node, Side::Scheduler, on, Wire::Refused);
        }
        self.scheduler_event(SchedulerEvent::SessionEnded { connection, reason });
    }

    /// Whether a worker that is ambushed is given up, and does not die.
    pub(crate) fn may_be_given_up(&mut self, worker: u32) -> bool {
        let speaks = |line: &Line| {
            let on = line.connected;
            line.opened
                && !line.over
                && on.is_some()
                && line.peer.on == on
                && line.scheduler.on == on
        };
        self.lines.get(&Node::Worker(worker)).is_some_and(speaks)
            && self.chance(Node::Worker(worker).number(), 2) == 0
    }

    /// The scheduler's side of a worker's session cannot go on, and the worker hears so at once: what
    /// was on its way is lost.
    pub(crate) fn give_up(&mut self, worker: u32) {
        let node = Node::Worker(worker);
        let Some(line) = self.lines.get_mut(&node) else { return };
        let connection = line.connection;
        line.connected = None;
        self.end_line(node, connection);
        self.session_lost(node);
    }

    /// A process is no more, and the scheduler hears so, behind all that it had said.
    pub(crate) fn hang_up(&mut self, node: Node, event: SchedulerEvent) {
        let delivery = match self.lines.get(&node) {
            Some(line) => Delivery::Broken(node, Side::Scheduler, line.dialled),
            None => Delivery::Scheduler(event),
        };
        self.send(node, Node::Scheduler, delivery);
    }

    /// One end notices that its connection is no more.
    pub(crate) fn broken(&mut self, node: Node, side: Side, on: u32) {
        let Some(line) = self.lines.get_mut(&node) else { return };
        let connection = line.connection;
        let end = line.end(side);
        if end.on == Some(on) {
            end.on = None;
            if side == Side::Scheduler {
                self.scheduler_event(broke(node, connection));
            }
        }
    }

    /// The scheduler has ended a session: its peer hears so when it dials again, or at once.
    pub(crate) fn close_line(&mut self, connection: ConnectionId, reason: &PeerError) {
        let Some(node) = self.behind(connection) else { return };
        let line = self.lines.get_mut(&node).filter(|line| line.connection == connection);
        let Some(line) = line else { return };
        line.over = true;
        let on = line.scheduler.on.take();
        match node {
            Node::Client(client) => self.client_lets_go(client),
            Node::Worker(_) if *reason != PeerError::Left => self.oracle.killed(),
            Node::Scheduler | Node::Worker(_) => {}
        }
        if let Some(on) = on {
            self.transmit(node, Side::Scheduler, on, Wire::Refused);
            if *reason == PeerError::Away {
                self.fail(Failure::Protocol(format!("{node:?} is given up although it is there")));
            }
        }
    }

    /// The peer hears that its session is no more: a worker begins anew, a client's futures end.
    fn session_lost(&mut self, node: Node) {
        match node {
            Node::Client(client) => self.client_is_cut_off(client),
            Node::Scheduler => {}
            Node::Worker(worker) => self.begin_anew(worker),
        }
    }

    /// Whether what is said on this connection still reaches its node.
    pub(crate) fn is_current(&self, node: Node, connection: ConnectionId) -> bool {
        self.lines.get(&node).is_none_or(|line| line.connection == connection && !line.over)
    }
}

fn broke(node: Node, connection: ConnectionId) -> SchedulerEvent {
    match node {
        Node::Client(_) | Node::Scheduler => SchedulerEvent::ClientDisconnected { connection },
        Node::Worker(_) => {
            SchedulerEvent::WorkerDisconnected { connection, reason: "reset".to_owned() }
        }
    }
}
