//! Tasks that have to run as long as the server does.

use std::time::Duration;

use tokio::sync::watch;

/// Runs a task until `stopped`, and begins anew, after a `pause`, with one that ends before: by a
/// fault of ours, since none of them has anything else to end for.
pub(crate) async fn keep_running<T>(
    task: &'static str,
    pause: Duration,
    mut stopped: watch::Receiver<bool>,
    start: impl Fn() -> T,
) where
    T: Future<Output = ()> + Send + 'static,
{
    loop {
        let ended = tokio::spawn(start()).await;
        // A server that is gone has stopped too.
        let is_stopped = *stopped.borrow() || stopped.has_changed().is_err();
        match ended {
            Ok(()) if is_stopped => return,
            Err(error) if is_stopped => {
                tracing::error!(task, %error, "work in the background broke off");
                return;
            }
            Ok(()) => tracing::error!(task, "work in the background ended by itself; it begins anew"),
            Err(error) => tracing::error!(task, %error, "work in the background broke off; it begins anew"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Runs a task that does this at each start, counted from 1, until it is let stop.
    async fn starts<T>(run: impl Fn(usize, watch::Sender<bool>) -> T) -> usize
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let starts = Arc::new(AtomicUsize::new(0));
        keep_running("test", Duration::ZERO, stopped, || {
            run(starts.fetch_add(1, Ordering::Relaxed) + 1, stop.clone())
        })
        .await;
        starts.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_breaks_off_or_ends_by_itself_begins_anew() {
        let run = |start: usize, stop: watch::Sender<bool>| async move {
            match start {
                1 => panic!("a fault"),
                2 => {}
                _ => {
                    stop.send_replace(true);
                }
            }
        };
        assert_eq!(starts(run).await, 3);
    }

    #[tokio::test]
    async fn what_breaks_off_while_the_server_stops_does_not() {
        let run = |_, stop: watch::Sender<bool>| async move {
            stop.send_replace(true);
            panic!("a fault on the way out");
        };
        assert_eq!(starts(run).await, 1);
    }
}
