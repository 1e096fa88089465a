//! The thread on which a worker's bulk data moves: it serves values to peers and asks for theirs, so
//! that neither stops the words between worker and scheduler.
//!
//! This module must not know what is asked for.

use std::sync::Arc;

use raddle_net::hello::{Role, Welcome};

use super::shell::Shell;
use crate::credentials::{Credentials, Part};
use crate::error::{Error, Result};
use crate::listener::Listener;
use crate::ports::Ports;
use crate::rt::{self, Handle, oneshot};
use crate::serve;

/// A port at which nobody is served yet. Dropping it closes it.
pub(super) struct Door {
    /// Where it is, `tcp://host:port` or `tls://host:port`.
    pub(super) address: String,
    /// Runs what moves data.
    pub(super) runtime: Handle,
    open: oneshot::Sender<Arc<Shell>>,
    closed: Closed,
}

/// Says nothing; its end is that of the port.
pub(super) type Closed = oneshot::Receiver<()>;

impl Door {
    /// Listens at one of these ports of `host`, on a thread of its own.
    pub(super) async fn new(host: String, ports: Ports, credentials: Credentials) -> Result<Self> {
        let (tell, told) = oneshot::channel();
        // Nobody waits for the end of the thread: it comes with that of the worker.
        drop(rt::thread("raddle-data", keep(host, ports, credentials, tell))?);
        match told.await {
            Ok(door) => door,
            Err(_) => Err(Error::Internal("the worker's data thread ended at once".to_owned())),
        }
    }

    /// From now on peers are served, until `shell` ends; soon after that nobody listens here.
    pub(super) fn open(self, shell: &Arc<Shell>) -> Closed {
        // The thread lives as long as this door: it hears of it.
        let _ = self.open.send(Arc::clone(shell));
        self.closed
    }
}

async fn keep(
    host: String,
    ports: Ports,
    credentials: Credentials,
    tell: oneshot::Sender<Result<Door>>,
) {
    let listener = match Listener::bind_within(&host, ports, Part::Worker, &credentials).await {
        Ok(listener) => listener,
        Err(error) => {
            // Nobody waits any more: then nobody needs to know.
            let _ = tell.send(Err(error));
            return;
        }
    };
    let (open, opened) = oneshot::channel();
    let (_closes, closed) = oneshot::channel();
    let (address, runtime) = (listener.address().to_owned(), Handle::current());
    // As above: then the door is dropped, and so not opened.
    let _ = tell.send(Ok(Door { address, runtime, open, closed }));
    let Ok(shell) = opened.await else { return };
    let (serving, faults) = (Arc::clone(&shell), listener.faults());
    let accept = listener.serve(&[Role::Data], move |_, visitor| {
        let (shell, faults) = (Arc::clone(&serving), Arc::clone(&faults));
        async move {
            // An error means that it has gone again.
            if let Ok(connection) = visitor.welcome(Welcome::new(0)).await {
                shell.until_end(serve::serve(&shell, connection, &faults)).await;
            }
        }
    });
    shell.until_end(accept).await;
}
