//! A link between a client and a server that can be made slow, cut, or taken away.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are passed on at once.
const PIECE: usize = 16 << 10;

/// What is wrong with the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every piece of data waits so long, in both directions.
    Delay(Duration),
    /// After so many more bytes, of all connections and directions together, nothing passes
    /// until something else is set: what was held then goes on its way.
    Stall {
        /// Bytes that still pass.
        after: u64,
    },
    /// After so many more bytes, counted alike, every connection that is to carry another one
    /// is closed in order.
    Cut {
        /// Bytes that still pass.
        after: u64,
    },
    /// As [`Cut`](Self::Cut), but the client's connections are reset.
    Reset {
        /// Bytes that still pass.
        after: u64,
    },
    /// Open connections are closed, and nobody listens: new ones are refused.
    Refuse,
}

/// Where the link leads to.
#[derive(Clone, Debug)]
enum Upstream {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// The near end of the link, on a port of 127.0.0.1. Goes with its connections when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    link: Arc<Link>,
    /// The last fault that the listener follows.
    followed: watch::Receiver<u64>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Link {
    upstream: Upstream,
    /// The fault, and how many were set before.
    fault: watch::Sender<(Fault, u64)>,
    /// Bytes that still pass before the link is cut.
    left: AtomicU64,
    opened: AtomicUsize,
    /// Pieces of data that a stalled link has held.
    held: watch::Sender<usize>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

impl FaultProxy {
    /// A link to a TCP address, without fault.
    pub async fn tcp(upstream: SocketAddr) -> io::Result<Self> {
        Self::to(Upstream::Tcp(upstream)).await
    }

    /// A link to a unix socket, without fault.
    pub async fn unix(upstream: impl Into<PathBuf>) -> io::Result<Self> {
        Self::to(Upstream::Unix(upstream.into())).await
    }

    async fn to(upstream: Upstream) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let link = Arc::new(Link {
            upstream,
            fault: watch::Sender::new((Fault::None, 0)),
            left: AtomicU64::new(0),
            opened: AtomicUsize::new(0),
            held: watch::Sender::new(0),
        });
        let (follow, followed) = watch::channel(0);
        let listening = tokio::spawn(listen(Arc::clone(&link), listener, follow));
        Ok(Self { address, link, followed, listening })
    }

    /// Address that clients connect to. It stays the same whatever happens to the link.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is wrong with the link, for open connections too. When this returns, it
    /// holds for every new connection.
    pub async fn set(&self, fault: Fault) {
        if let Fault::Stall { after } | Fault::Cut { after } | Fault::Reset { after } = fault {
            self.link.left.store(after, Ordering::SeqCst);
        }
        let mut number = 0;
        self.link.fault.send_modify(|current| {
            number = current.1 + 1;
            *current = (fault, number);
        });
        let mut followed = self.followed.clone();
        // An error means that the listener is gone, which refuses everybody as well.
        let _ = followed.wait_for(|last| *last >= number).await;
    }

    /// Waits until the link holds something that will not pass. To be called once for every
    /// [`Fault::Stall`], after it was set.
    pub async fn wait_until_held(&self) {
        // The sender lives as long as this value.
        let _ = self.link.held.subscribe().wait_for(|held| *held > 0).await;
        self.link.held.send_replace(0);
    }

    /// Makes the link whole again.
    pub async fn heal(&self) {
        self.set(Fault::None).await;
    }

    /// Connections that were taken so far.
    pub fn opened(&self) -> usize {
        self.link.opened.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listening.abort();
        // Connections have tasks of their own.
        self.link.fault.send_modify(|current| *current = (Fault::Refuse, current.1 + 1));
    }
}

/// Takes connections, and gives up the port while they are refused.
async fn listen(link: Arc<Link>, first: TcpListener, follow: watch::Sender<u64>) {
    let Ok(address) = first.local_addr() else { return };
    let mut listener = Some(first);
    let mut faults = link.fault.subscribe();
    loop {
        let (fault, number) = *faults.borrow_and_update();
        if fault == Fault::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        follow.send_replace(number);
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = faults.changed() => if changed.is_err() { return },
            accepted = accepted => if let Some((client, _)) = accepted {
                link.opened.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connect(Arc::clone(&link), client));
            },
        }
    }
}

async fn connect(link: Arc<Link>, mut client: TcpStream) {
    let end = match &link.upstream {
        Upstream::Tcp(address) => match TcpStream::connect(address).await {
            Ok(upstream) => carry(&link, &mut client, upstream.into_split()).await,
            Err(_) => End::Reset,
        },
        Upstream::Unix(path) => match UnixStream::connect(path).await {
            Ok(upstream) => carry(&link, &mut client, upstream.into_split()).await,
            Err(_) => End::Reset,
        },
    };
    if end == End::Reset {
        // The connection may be gone already.
        let _ = client.set_zero_linger();
    }
}

/// Carries bytes both ways until both sides have ended or the link does.
async fn carry<R, W>(link: &Link, client: &mut TcpStream, (from_upstream, to_upstream): (R, W)) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (from_client, to_client) = client.split();
    let up = pump(link, from_client, to_upstream);
    let down = pump(link, from_upstream, to_client);
    tokio::select! {
        ends = async { tokio::try_join!(up, down) } => ends.err().unwrap_or(End::Close),
        end = link.is_down() => end,
    }
}

/// Carries bytes one way until their source ends.
async fn pump(
    link: &Link,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> Result<(), End> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = from.read(&mut buffer).await.map_err(|_| End::Reset)?;
        let mut rest = buffer.get(..count).unwrap_or_default();
        if rest.is_empty() {
            // The other side may have gone first.
            let _ = to.shutdown().await;
            return Ok(());
        }
        while !rest.is_empty() {
            let (now, later) = rest.split_at(link.pass(rest.len()).await?);
            to.write_all(now).await.map_err(|_| End::Reset)?;
            rest = later;
        }
    }
}

impl Link {
    /// Waits as long as the fault says; how many of so many bytes may go on, at least one.
    async fn pass(&self, wanted: usize) -> Result<usize, End> {
        let mut faults = self.fault.subscribe();
        loop {
            let (fault, _) = *faults.borrow_and_update();
            match fault {
                Fault::None => return Ok(wanted),
                Fault::Delay(time) => {
                    tokio::time::sleep(time).await;
                    return Ok(wanted);
                }
                Fault::Refuse => return Err(End::Close),
                Fault::Stall { .. } | Fault::Cut { .. } | Fault::Reset { .. } => {}
            }
            let take = |left: u64| Some(left.saturating_sub(wanted as u64));
            let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).unwrap_or_default();
            if left > 0 {
                return Ok(usize::try_from(left).unwrap_or(wanted).min(wanted));
            }
            match fault {
                Fault::Cut { .. } => return Err(End::Close),
                Fault::Reset { .. } => return Err(End::Reset),
                _ => self.held.send_modify(|held| *held += 1),
            }
            if faults.changed().await.is_err() {
                return Err(End::Close);
            }
        }
    }

    /// Waits until no connection may go on.
    async fn is_down(&self) -> End {
        let mut faults = self.fault.subscribe();
        let down = faults.wait_for(|(fault, _)| {
            matches!(fault, Fault::Refuse | Fault::Cut { after: 0 } | Fault::Reset { after: 0 })
        });
        match down.await.map(|fault| fault.0) {
            Ok(Fault::Reset { .. }) => End::Reset,
            Ok(_) | Err(_) => End::Close,
        }
    }
}
