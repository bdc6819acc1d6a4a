//! Whether anybody uses the server: requests under way, and when the last of them ended.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hindsight_types::errors::SERVER_STOPPING;
use http_body::{Frame, SizeHint};

use crate::error::ApiError;
use crate::state::State;

/// Counts what is under way. Background work that must not be cut off counts as well.
#[derive(Debug)]
pub(crate) struct Activity {
    use_: Mutex<Use>,
}

#[derive(Debug)]
struct Use {
    in_flight: u64,
    ended: Instant,
    is_closed: bool,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self { use_: Mutex::new(Use { in_flight: 0, ended: Instant::now(), is_closed: false }) }
    }

    fn lock(&self) -> MutexGuard<'_, Use> {
        self.use_.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something begins; none when nothing may begin any more.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<InFlight> {
        let mut used = self.lock();
        if used.is_closed {
            return None;
        }
        used.in_flight += 1;
        drop(used);
        Some(InFlight(Arc::clone(self)))
    }

    /// Somebody says that the server is still wanted.
    pub(crate) fn touch(&self) {
        self.lock().ended = Instant::now();
    }

    /// What is under way, and for how long nothing has been.
    pub(crate) fn now(&self) -> (u64, Option<Duration>) {
        let used = self.lock();
        (used.in_flight, (used.in_flight == 0).then(|| used.ended.elapsed()))
    }

    /// Lets nothing begin any more if nothing has been under way for `limit`.
    pub(crate) fn close_if_unused(&self, limit: Duration) -> bool {
        let mut used = self.lock();
        let is_unused = used.in_flight == 0 && used.ended.elapsed() >= limit;
        used.is_closed |= is_unused;
        is_unused
    }

    pub(crate) fn reopen(&self) {
        self.lock().is_closed = false;
    }
}

/// Something that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut used = self.0.lock();
        used.in_flight -= 1;
        used.ended = Instant::now();
    }
}

/// Counts a request from its head to the last byte of its answer.
pub(crate) async fn track(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let Some(in_flight) = state.activity().begin() else {
        return ApiError::unavailable(SERVER_STOPPING, 1).into_response();
    };
    next.run(request).await.map(|body| Body::new(Tracked { body, _in_flight: in_flight }))
}

/// The body of an answer that is under way as long as it is read.
struct Tracked {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_keeps_the_server_open() {
        let activity = Arc::new(Activity::new());
        let first = activity.begin().expect("open");
        let second = activity.begin().expect("open");
        drop(first);
        assert_eq!(activity.now(), (1, None));
        assert!(!activity.close_if_unused(Duration::ZERO));
        drop(second);
        assert!(activity.now().1.is_some());
        assert!(!activity.close_if_unused(Duration::from_hours(1)));
        assert!(activity.close_if_unused(Duration::ZERO));
        assert!(activity.begin().is_none());
        assert!(!activity.close_if_unused(Duration::from_hours(1)), "the limit was raised meanwhile");
        activity.reopen();
        assert!(activity.begin().is_some());
    }
}
