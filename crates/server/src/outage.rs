//! Why the embedded database is away, as far as this server can tell.
//!
//! PostgreSQL that cannot write its log ends, and takes every connection with it: the
//! requests on them only see that it is gone. Whoever reads their answers has to know what
//! to do, so the disk is looked at once more before they are told to try again.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hindsight_pg::{Instances, PgError};

use crate::error::{ApiError, DatabaseAway, SPACE_RETRY};
use crate::state::State;

/// With less than this left, PostgreSQL cannot begin a file of its log, whose usual size it is.
const TOO_LITTLE: u64 = 16 << 20;

/// The disk of an embedded database.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) instances: Instances,
    pub(crate) instance: String,
    pub(crate) data: PathBuf,
}

impl Disk {
    /// What to tell when there is too little space.
    fn complaint(&self) -> Option<String> {
        let left = self.instances.space_left(&self.instance)?;
        (left < TOO_LITTLE).then(|| {
            format!(
                "no space left for the database ({} kB in {}); free some and try again",
                left / 1024,
                self.data.display()
            )
        })
    }
}

/// Why a database that died cannot be started again, for the people who ask it.
pub(crate) fn describe(error: &PgError) -> String {
    match error {
        PgError::DiskFull(path) => format!(
            "no space left for the database in {}; free some, and it starts again by itself",
            path.display()
        ),
        other => format!("the database could not be started again: {other}"),
    }
}

/// Names the disk in an answer whose request found no database, if that is the reason.
pub(crate) async fn name_the_cause(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<DatabaseAway>().is_none() {
        return response;
    }
    let complaint = state.outage().or_else(|| state.disk().and_then(Disk::complaint));
    match complaint {
        Some(complaint) => ApiError::unavailable(complaint, SPACE_RETRY).into_response(),
        None => response,
    }
}
