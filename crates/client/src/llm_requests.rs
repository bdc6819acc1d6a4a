//! Records of calls of language models.

use hindsight_types::llm_requests::{CallType, LlmRequestListResponse, LlmRequestStatsResponse};
use reqwest::Method;

use crate::transport::{Query, bank_path};
use crate::{Client, ClientError};

/// Which records to list.
#[derive(Clone, Debug, Default)]
pub struct LlmRequestFilter {
    /// Only those with this status: `success` or `error`.
    pub status: Option<String>,
    /// Only those of this operation, for example `retain`.
    pub operation: Option<String>,
    /// Only those of this step of an operation.
    pub scope: Option<String>,
    /// Only those of this kind of model.
    pub call_type: Option<CallType>,
    /// Only those of this provider.
    pub provider: Option<String>,
    /// Only those of this run.
    pub trace_id: Option<String>,
    /// Only those of this document.
    pub document_id: Option<String>,
    /// Only those that made this memory or were shown it.
    pub memory_id: Option<String>,
    /// Whether pages are of runs, each with all of its records.
    pub group: bool,
    /// Only those from this time on, as ISO 8601.
    pub start_date: Option<String>,
    /// Only those before this time.
    pub end_date: Option<String>,
    /// Page size, 1 to 500.
    pub limit: Option<i64>,
    /// Records, or runs, to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Lists records of calls of language models, the newest first.
    pub async fn list_llm_requests(
        &self,
        bank_id: &str,
        filter: &LlmRequestFilter,
    ) -> Result<LlmRequestListResponse, ClientError> {
        let query = Query::default()
            .add("status", filter.status.as_ref())
            .add("operation", filter.operation.as_ref())
            .add("scope", filter.scope.as_ref())
            .add("call_type", filter.call_type.map(CallType::as_str))
            .add("provider", filter.provider.as_ref())
            .add("trace_id", filter.trace_id.as_ref())
            .add("document_id", filter.document_id.as_ref())
            .add("memory_id", filter.memory_id.as_ref())
            .add("group", filter.group.then_some("true"))
            .add("start_date", filter.start_date.as_ref())
            .add("end_date", filter.end_date.as_ref())
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/llm-requests")?, &query).await
    }

    /// Counts calls of language models day by day, over `period`: `1d`, `7d` (if none is given) or
    /// `30d`; those of one operation or kind of model, if asked for.
    pub async fn llm_request_stats(
        &self,
        bank_id: &str,
        period: Option<&str>,
        operation: Option<&str>,
        call_type: Option<CallType>,
    ) -> Result<LlmRequestStatsResponse, ClientError> {
        let query = Query::default()
            .add("period", period)
            .add("operation", operation)
            .add("call_type", call_type.map(CallType::as_str));
        self.send(Method::GET, &bank_path(bank_id, "/llm-requests/stats")?, &query).await
    }
}
