//! Connections that count as in use while a client has yet to take what was written for it.
//!
//! An answer leaves the routes long before its client has read it: what the kernel does not
//! take is kept by the HTTP library, megabytes perhaps. A server that ended then would cut the
//! answer off.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::activity::{Activity, InFlight};

/// Takes connections and counts those with bytes that are on their way.
pub(crate) struct Counting {
    listener: TcpListener,
    activity: Arc<Activity>,
}

impl Counting {
    pub(crate) fn new(listener: TcpListener, activity: Arc<Activity>) -> Self {
        Self { listener, activity }
    }
}

impl Listener for Counting {
    type Io = Counted<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Counted { stream, activity: Arc::clone(&self.activity), unsent: None }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection.
pub(crate) struct Counted<S> {
    stream: S,
    activity: Arc<Activity>,
    /// There while the last write has left bytes behind.
    unsent: Option<InFlight>,
}

impl<S> Counted<S> {
    /// Takes note of what became of a write of so many bytes.
    fn note(&mut self, written: &Poll<io::Result<usize>>, wanted: usize) {
        let is_left = match written {
            Poll::Pending => true,
            Poll::Ready(Ok(count)) => *count < wanted,
            Poll::Ready(Err(_)) => false,
        };
        if !is_left {
            self.unsent = None;
        } else if self.unsent.is_none() {
            // None when nothing may begin any more: then the server waits for its connections.
            self.unsent = self.activity.begin();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&written, bytes.len());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.note(&written, pieces.iter().map(|piece| piece.len()).sum());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// More than the kernel keeps for a connection.
    const LARGE: usize = 64 << 20;

    /// A server of one large answer, and a client that has asked for it and read one byte.
    async fn slow_client() -> (Arc<Activity>, TcpStream) {
        let activity = Arc::new(Activity::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        // Nothing here counts requests: only the connection does.
        let router = Router::new().route("/", get(async || vec![b'.'; LARGE]));
        let counting = Counting::new(listener, Arc::clone(&activity));
        tokio::spawn(axum::serve(counting, router).into_future());
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.expect("sent");
        client.read_u8().await.expect("an answer");
        (activity, client)
    }

    #[tokio::test]
    async fn an_answer_is_in_use_until_its_client_has_taken_it() {
        let (activity, mut client) = slow_client().await;
        assert_eq!(activity.now(), (1, None));
        let mut half = vec![0; LARGE / 2];
        client.read_exact(&mut half).await.expect("the first half");
        assert_eq!(activity.now(), (1, None));
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.expect("the rest");
        assert!(half.len() + rest.len() > LARGE, "{}", rest.len());
        assert_eq!(activity.now().0, 0);
    }

    #[tokio::test]
    async fn a_client_that_goes_before_its_answer_has_come_is_not_waited_for() {
        let (activity, client) = slow_client().await;
        assert_eq!(activity.now(), (1, None));
        drop(client);
        while activity.now().0 > 0 {
            tokio::task::yield_now().await;
        }
    }
}
