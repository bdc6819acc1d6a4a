//! The route of questions.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::post;
use axum::{Json, Router};
use hindsight_types::reflect::{ReflectRequest, ReflectResponse};

use super::{Limits, Ready};
use crate::admission::admit;
use crate::error::ApiError;
use crate::extract::{Body, PathParams};
use crate::state::State;

/// The route, with places for questions.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let places = from_fn_with_state(limits.reflect.clone(), admit);
    Router::new().route("/v1/default/banks/{bank_id}/reflect", post(reflect).layer(places))
}

/// A client that hangs up drops this, and with it whatever is under way.
async fn reflect(
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Body(request): Body<ReflectRequest>,
) -> Result<Json<ReflectResponse>, ApiError> {
    Ok(Json(engine.reflect(&bank_id, &request).await?))
}
