use super::activity::Activity;
use crate::domain::limits;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

/// A TCP stream that gives up on a peer which takes nothing, and that closes in a way which lets a refused
/// peer read its answer.
#[derive(Debug)]
pub(super) struct Transport {
    open: Option<Open>,
    activity: Arc<Activity>,
    stall_max: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

#[derive(Debug)]
struct Open {
    tcp: TcpStream,
    /// The connection's place among all; a closing one keeps it.
    place: OwnedSemaphorePermit,
}

impl Transport {
    pub(super) fn new(tcp: TcpStream, place: OwnedSemaphorePermit, activity: Arc<Activity>, stall_max: Duration) -> Self {
        Self { open: Some(Open { tcp, place }), activity, stall_max, stall: None, taken: 0 }
    }

    fn tcp(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.open.as_mut().map(|open| Pin::new(&mut open.tcp)).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Passes `wrote` on; starts the stall clock when the peer takes nothing, fails when it has run out.
    fn watch(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Ready(Ok(count)) => {
                self.taken = self.taken.saturating_add(count);
                if self.taken >= limits::WRITE_PROGRESS_BYTES_MIN {
                    self.stall = None;
                    self.taken = 0;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(self.stall_max)));
                ready!(stall.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.tcp()?.poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.activity.bytes_came();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = self.tcp()?.poll_write(cx, buf);
        self.watch(cx, wrote)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let wrote = self.tcp()?.poll_write_vectored(cx, bufs);
        self.watch(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.tcp()?.poll_flush(cx))?;
        // Everything is with the kernel: no answer is waiting for the peer.
        self.stall = None;
        self.taken = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp()?.poll_shutdown(cx)
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        if self.activity.is_body_unwanted()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(linger(open));
        }
    }
}

/// Closes our direction, then reads and drops for a while. Closing with unread bytes at once would reset the
/// connection, and a peer that is still sending would see the reset instead of its answer.
async fn linger(mut open: Open) {
    let Ok(()) = open.tcp.shutdown().await else { return };
    let mut dropped = vec![0; 64 * 1_024];
    let mut left = limits::DISCARD_BYTES_MAX;
    let until_end = async {
        loop {
            match open.tcp.read(&mut dropped).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX)),
            }
            if left == 0 {
                return;
            }
        }
    };
    let _ended_or_cut = tokio::time::timeout(limits::DISCARD_TIME_MAX, until_end).await;
    drop(open.place);
}
