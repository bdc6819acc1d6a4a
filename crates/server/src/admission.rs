//! How many requests of one kind are taken at one time.
//!
//! A request waits for a place before its body is read, so that a crowd costs no memory; who
//! waits too long is told to come back, and who leaves gives up its turn.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Admission;
use crate::error::ApiError;

/// Places for requests of one kind.
#[derive(Clone)]
pub(crate) struct Lane {
    /// None = no limit.
    places: Option<Arc<Semaphore>>,
    max_wait: Duration,
    /// For those that use the engine.
    engine: Arc<Semaphore>,
}

impl Lane {
    pub(crate) fn new(admission: Admission) -> Self {
        let semaphore = |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self {
            places: admission.max_in_flight.map(semaphore),
            max_wait: admission.max_wait,
            engine: semaphore(admission.max_concurrent),
        }
    }

    /// A place, or the answer for whoever gets none.
    async fn enter(&self) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        let Some(places) = &self.places else { return Ok(None) };
        // A free place is taken whatever the longest wait is.
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Ok(Some(place));
        }
        match tokio::time::timeout(self.max_wait, Arc::clone(places).acquire_owned()).await {
            // Nobody closes it.
            Ok(place) => Ok(place.ok()),
            Err(_) => Err(ApiError::unavailable("the server is busy, try again", 1)),
        }
    }

    /// The right to use the engine; waits for its turn.
    pub(crate) async fn engine(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.engine).acquire_owned().await.ok()
    }
}

/// Takes requests as the lane has places for them.
pub(crate) async fn admit(State(lane): State<Lane>, mut request: Request, next: Next) -> Response {
    match lane.enter().await {
        Ok(place) => {
            request.extensions_mut().insert(lane);
            let response = next.run(request).await;
            drop(place);
            response
        }
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn lane(max_in_flight: Option<usize>, max_wait: Duration) -> Lane {
        Lane::new(Admission { max_in_flight, max_wait, max_concurrent: 1 })
    }

    #[tokio::test]
    async fn who_leaves_gives_up_its_turn() {
        let lane = lane(Some(1), Duration::from_hours(1));
        let held = lane.enter().await.expect("free").expect("a place");
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut leaves = pin!(lane.enter());
            assert!(leaves.as_mut().poll(&mut context).is_pending());
        }
        let mut stays = pin!(lane.enter());
        assert!(stays.as_mut().poll(&mut context).is_pending());
        drop(held);
        assert!(stays.await.expect("its turn").is_some());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_to_come_back() {
        let lane = lane(Some(1), Duration::ZERO);
        let held = lane.enter().await.expect("free");
        let answer = lane.enter().await.expect_err("full").into_response();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
        drop(held);
        assert!(lane.enter().await.is_ok());
    }

    #[tokio::test]
    async fn without_a_limit_nobody_waits() {
        let lane = lane(None, Duration::ZERO);
        assert!(lane.enter().await.expect("free").is_none());
    }
}
