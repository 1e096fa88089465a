//! Nodes that begin, end and suffer: workers and those who start them again, and the faults.
//!
//! It must not know what the tasks do, or what clients see.

use std::net::IpAddr;
use std::time::Duration;

use madsim::plugin;
use madsim::runtime::Handle;
use raddle::simulated::{self, network};

use super::stage::{Machine, Worker, stage};
use super::weather::{Fault, Place};
use crate::failure::Failure;
use crate::fields::Target;

/// The port of the scheduler.
pub(super) const PORT: u16 = 8786;
/// A power cut lasts at least so long.
const DARK: Duration = Duration::from_millis(20);

/// Where clients and workers find the scheduler.
pub(super) fn scheduler() -> String {
    stage(|stage| format!("tcp://{}:{PORT}", stage.scheduler.ip))
}

/// A worker joins, on a node of its own.
pub(super) fn join(threads: u32) {
    let cluster = Handle::current();
    let node = cluster.create_node().init(work).build();
    enlist(Machine { node: node.id(), ip: network::address(node.id()) }, threads);
}

fn enlist(machine: Machine, threads: u32) {
    stage(|stage| {
        stage.next_worker += 1;
        stage.workers.insert(stage.next_worker, Worker { machine, threads });
    });
}

/// What a task calls a worker that is alive, or its host: the shell has ports of its own.
pub(super) fn named(target: Target) -> Option<String> {
    let machine = |number: u32| {
        stage(|stage| {
            let number = stage.alive(u64::from(number.saturating_sub(1)))?;
            stage.workers.get(&number).map(|worker| worker.machine)
        })
    };
    match target {
        Target::Address(number) | Target::Host(number) => {
            machine(number).map(|machine| machine.ip.to_string())
        }
        Target::Name(number) => machine(number).map(|machine| name(machine.ip)),
    }
}

/// The name of the worker of this number, of those alive.
pub(super) fn names(which: u64) -> Vec<String> {
    find(Place::Worker(which)).map(|machine| name(machine.ip)).into_iter().collect()
}

/// The name of the worker of this number, which may leave from now on.
pub(super) fn retire(which: u64) -> Vec<String> {
    let names = names(which);
    if let Some(machine) = find(Place::Worker(which)) {
        stage(|stage| stage.retiring.insert(machine.node));
    }
    names
}

fn name(ip: IpAddr) -> String {
    format!("worker at {ip}")
}

/// The number of the worker on whose node this is called.
fn here() -> Option<u32> {
    let here = plugin::node();
    stage(|stage| {
        let mut workers = stage.workers.iter();
        workers.find(|(_, worker)| worker.machine.node == here).map(|(number, _)| *number)
    })
}

/// The process of a worker. It has its name and its address from its node, and so shares them with
/// those that were there before it.
async fn work() {
    let Some(number) = here() else { return };
    let threads = stage(|stage| stage.workers[&number].threads);
    let ip = network::address(plugin::node());
    let ended = simulated::worker(scheduler(), name(ip), threads as usize, ip.to_string()).await;
    let Some(worker) = stage(|stage| stage.workers.remove(&number)) else { return };
    let faulty = stage(|stage| {
        stage.oracle.killed();
        stage.faulty
    });
    let node = plugin::node();
    match ended {
        // It was to leave, and nobody starts it again.
        Ok(()) if stage(|stage| stage.retiring.remove(&node)) => return,
        // The scheduler was not reached, or does not know yet that who was there under this name
        // is gone: it tries again.
        Err(raddle::Error::Connect { .. } | raddle::Error::Refused { .. }) => {}
        // Its connection broke; the scheduler may have given it up.
        Ok(()) | Err(raddle::Error::Disconnected { .. }) if faulty => {}
        ended => stage(|stage| {
            stage.fail(Failure::Protocol(format!("worker {number} ends: {ended:?}")));
        }),
    }
    start_again(worker);
}

/// Whoever watches over workers starts another one, after a while: on another node or the same one.
fn start_again(Worker { machine, threads }: Worker) {
    let (director, moves, delay) = stage(|stage| {
        let delay = Duration::from_micros(1_000 + stage.chance(50_000));
        (stage.director.clone(), stage.chance(2) == 0, delay)
    });
    drop(director.spawn(async move {
        simulated::pause(delay).await;
        if moves {
            return join(threads);
        }
        Handle::current().kill(machine.node);
        simulated::pause(DARK).await;
        network::reboot(machine.ip);
        enlist(machine, threads);
        Handle::current().restart(machine.node);
    }));
}

/// The worker of this number, of those alive, dies, and is not started again.
pub(super) fn leave(which: u64) {
    let worker = stage(|stage| {
        let worker = stage.alive(which).and_then(|number| stage.workers.remove(&number));
        if worker.is_some() {
            stage.oracle.killed();
        }
        worker
    });
    if let Some(worker) = worker {
        Handle::current().kill(worker.machine.node);
    }
}

/// The process of a client dies, with all that its user holds.
pub(super) fn vanish(client: usize) {
    let node = stage(|stage| stage.clients[client].node);
    Handle::current().kill(node);
}

/// Somebody works again, if nobody does, or whoever is there may rest or be about to leave.
pub(super) fn heal() {
    let nobody = stage(|stage| {
        stage.healed = true;
        stage.ambushes.clear();
        stage.workers.is_empty() || stage.holds_back
    });
    if nobody {
        join(1);
    }
}

/// The worker of this number, of those alive, dies.
pub(super) fn kill(which: u64) {
    let Some(number) = stage(|stage| stage.alive(which)) else { return };
    let dark = stage(|stage| {
        let dark = !stage.healed && stage.chance(100) < stage.weather.dark;
        dark.then(|| DARK + Duration::from_micros(stage.chance(3_000_000)))
    });
    die(number, dark);
}

/// The worker on whose node this is called dies, as a process does that its task has killed: what
/// it said before still arrives. (A task that cuts the power before the news of its start has
/// arrived would do so for ever: nobody could know that it was begun.)
pub(super) fn die_here() {
    if let Some(number) = here() {
        die(number, None);
    }
}

/// A worker dies: by a power cut, if nobody is to hear of it for some time.
fn die(number: u32, dark: Option<Duration>) {
    let worker = stage(|stage| {
        let worker = stage.workers.remove(&number);
        if worker.is_some() {
            stage.oracle.killed();
        }
        worker
    });
    let Some(worker) = worker else { return };
    let Machine { node, ip } = worker.machine;
    let Some(dark) = dark else {
        Handle::current().kill(node);
        return start_again(worker);
    };
    disturb(async move {
        // A power cut: nobody hears of it before something answers at its address again.
        Handle::current().pause(node);
        isolate(ip);
        simulated::pause(dark).await;
        Handle::current().kill(node);
        simulated::pause(DARK).await;
        join_again(ip);
        network::reset(ip, network::ANY);
        start_again(worker);
    });
}

/// Does something that is a fault until it ends.
fn disturb(fault: impl Future<Output = ()> + Send + 'static) {
    let director = stage(|stage| {
        stage.open += 1;
        stage.director.clone()
    });
    drop(director.spawn(async move {
        fault.await;
        stage(|stage| stage.open -= 1);
    }));
}

/// A fault happens; when its time is over, it is undone.
pub(super) fn suffer(fault: Fault, lasts: Duration) {
    // Whoever is away for too long is lost, and as good as dead.
    stage(|stage| stage.oracle.killed());
    disturb(async move {
        match fault {
            Fault::Cut(from, to, both) => {
                let (Some(from), Some(to)) = (find(from), find(to)) else { return };
                let ways = [(from.ip, to.ip), (to.ip, from.ip)];
                let ways = &ways[..1 + usize::from(both)];
                ways.iter().for_each(|(from, to)| network::block(*from, *to));
                simulated::pause(lasts).await;
                ways.iter().for_each(|(from, to)| network::unblock(*from, *to));
            }
            Fault::Die(worker) => kill(worker),
            Fault::Isolate(place) => {
                let Some(machine) = find(place) else { return };
                isolate(machine.ip);
                simulated::pause(lasts).await;
                join_again(machine.ip);
            }
            Fault::Pause(place) => {
                let Some(machine) = find(place) else { return };
                Handle::current().pause(machine.node);
                simulated::pause(lasts).await;
                Handle::current().resume(machine.node);
            }
            Fault::Reset(a, b) => {
                let (Some(a), Some(b)) = (find(a), find(b)) else { return };
                break_all(a.ip, b.ip);
            }
            Fault::Silence(from, to) => {
                let (Some(from), Some(to)) = (find(from), find(to)) else { return };
                network::silence(from.ip, to.ip);
                simulated::pause(lasts).await;
                break_all(from.ip, to.ip);
            }
        }
    });
}

/// The node that is meant now.
fn find(place: Place) -> Option<Machine> {
    stage(|stage| match place {
        Place::Client(number) => {
            stage.clients.get((number % stage.clients.len().max(1) as u64) as usize).copied()
        }
        Place::Scheduler => Some(stage.scheduler),
        Place::Worker(number) => stage.alive(number).map(|number| stage.workers[&number].machine),
    })
}

fn break_all(a: IpAddr, b: IpAddr) {
    stage(|stage| {
        let of_client = |ip| stage.clients.iter().any(|client| client.ip == ip);
        stage.cut_off |= of_client(a) || of_client(b);
    });
    network::reset(a, b);
}

fn isolate(ip: IpAddr) {
    network::block(ip, network::ANY);
    network::block(network::ANY, ip);
}

fn join_again(ip: IpAddr) {
    network::unblock(ip, network::ANY);
    network::unblock(network::ANY, ip);
}
