//! Routes of earlier versions that are gone, and what there is instead.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::error::ApiError;
use crate::state::State;

const BANK: &str = "/v1/default/banks/{bank_id}";

/// They ask for no key: there is nothing behind them.
pub(super) fn router() -> Router<Arc<State>> {
    let profile = gone(MethodFilter::GET, "GET /v1/default/banks lists the banks with their profiles")
        .merge(gone(MethodFilter::PUT, "use PATCH /v1/default/banks/{bank_id} with disposition_skepticism, disposition_literalism and disposition_empathy"));
    Router::new()
        .route(&format!("{BANK}/profile"), profile)
        .route(
            &format!("{BANK}/background"),
            gone(MethodFilter::POST, "use PATCH /v1/default/banks/{bank_id} with reflect_mission"),
        )
        .route(
            &format!("{BANK}/document-transfer"),
            gone(
                MethodFilter::GET,
                "use POST /v1/default/banks/{bank_id}/transfer/export where the server has it",
            ),
        )
        .route(
            &format!("{BANK}/entities/{{entity_id}}/regenerate"),
            gone(MethodFilter::POST, "entities have no observations of their own; GET /v1/default/banks/{bank_id}/memories/list with entity_id lists what is known of one"),
        )
}

fn gone(method: MethodFilter, instead: &'static str) -> MethodRouter<Arc<State>> {
    on(method, async move || ApiError::new(StatusCode::GONE, format!("this route is gone: {instead}")))
}
