//! A network between two programs that breaks, or is slow, when the test wants it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use raddle::Result;
use raddle_core::random::{below, hash};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Passes on what comes to its address, both ways, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    network: Arc<Network>,
    accepts: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepts.abort();
        self.cut();
    }
}

#[derive(Debug)]
struct Network {
    target: String,
    /// Connections that break by themselves, after so many bytes each.
    fragile: usize,
    bytes: usize,
    /// Connections that broke by themselves.
    broken: AtomicUsize,
    /// Whether connections are passed on at all.
    up: AtomicBool,
    /// Whether what is passed on arrives nowhere, and nobody is told.
    swallows: AtomicBool,
    /// How long everything that is passed on is held up, in microseconds.
    delay: AtomicU64,
    cut: Notify,
    /// Whoever waits until connections are passed on again.
    opens: Notify,
}

impl Proxy {
    /// To `target`, from any free port of this machine. The first `fragile` connections break after about `bytes` bytes, in the middle of
    /// whatever is passed on then.
    ///
    /// # Errors
    ///
    /// If there is no port.
    pub async fn new(target: &str, fragile: usize, bytes: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("tcp://{}", listener.local_addr()?);
        let network = Arc::new(Network {
            target: target.trim_start_matches("tcp://").to_owned(),
            fragile,
            bytes,
            broken: AtomicUsize::new(0),
            up: AtomicBool::new(true),
            swallows: AtomicBool::new(false),
            delay: AtomicU64::new(0),
            cut: Notify::new(),
            opens: Notify::new(),
        });
        let accepts = tokio::spawn(Arc::clone(&network).accept(listener));
        Ok(Self { address, network, accepts })
    }

    /// Where it listens, `tcp://host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How many connections broke by themselves.
    #[must_use]
    pub fn broken(&self) -> usize {
        self.network.broken.load(Ordering::SeqCst)
    }

    /// Breaks the connections that there are.
    pub fn cut(&self) {
        self.network.cut.notify_waiters();
    }

    /// As [`Self::cut`], and for now nobody gets through.
    pub fn go_down(&self) {
        self.network.up.store(false, Ordering::SeqCst);
        self.cut();
    }

    /// From now on, or no more, everything that is said is lost, and no connection breaks: as when a
    /// machine is switched off.
    pub fn swallow(&self, swallows: bool) {
        self.network.swallows.store(swallows, Ordering::SeqCst);
    }

    /// From now on everything that is passed on is held up for so long.
    pub fn slow_down(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.network.delay.store(micros, Ordering::SeqCst);
    }

    /// Whoever comes now gets through.
    pub fn go_up(&self) {
        self.network.up.store(true, Ordering::SeqCst);
        self.network.opens.notify_waiters();
    }

    /// Waits until those who come get through.
    pub async fn until_up(&self) {
        let opens = self.network.opens.notified();
        if !self.network.up.load(Ordering::SeqCst) {
            opens.await;
        }
    }
}

impl Network {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let network = Arc::clone(&self);
            tokio::spawn(async move {
                let cut = network.cut.notified();
                if !network.up.load(Ordering::SeqCst) {
                    return;
                }
                tokio::select! {
                    biased;
                    () = cut => {}
                    // However it ends, the connection is dropped.
                    _ = network.pass_on(number, stream) => {}
                }
            });
        }
    }

    async fn pass_on(&self, number: usize, mut near: TcpStream) -> Result<()> {
        let mut far = TcpStream::connect(&self.target).await?;
        // Small pieces travel at once, as they do without a proxy.
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let mut left = usize::MAX;
        if number < self.fragile {
            let more = below(hash(7, 0, number as u64, 0), self.bytes as u64);
            left = self.bytes / 2 + usize::try_from(more).expect("below a usize");
        }
        let (mut there, mut back) = (vec![0; 16 << 10], vec![0; 16 << 10]);
        // No network loses bytes from the middle of a connection: nothing comes after what was lost.
        let mut mute = false;
        while left > 0 {
            let (bytes, to) = tokio::select! {
                biased;
                read = near.read(&mut there) => (&there[..read?], &mut far),
                read = far.read(&mut back) => (&back[..read?], &mut near),
            };
            let delay = self.delay.load(Ordering::SeqCst);
            if delay > 0 {
                tokio::time::sleep(Duration::from_micros(delay)).await;
            }
            mute |= self.swallows.load(Ordering::SeqCst);
            let passed = bytes.len().min(left);
            if !mute {
                to.write_all(&bytes[..passed]).await?;
            }
            if passed == 0 {
                return Ok(());
            }
            left -= passed;
        }
        self.broken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
