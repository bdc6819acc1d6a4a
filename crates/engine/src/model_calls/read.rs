//! What clients see of records.

use chrono::TimeDelta;
use hindsight_types::llm_requests::{
    CallType, LlmRequestEntry, LlmRequestListResponse, LlmRequestStatsBucket, LlmRequestStatsResponse,
    LlmRequestTokenSums,
};
use hindsight_types::time;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::store::{ModelCallDay, ModelCallFilter, ModelCallRow};
use crate::{Engine, EngineError};

impl Engine {
    /// One page of the records of a bank's calls, the newest first. With `by_run` pages are of
    /// runs, each with all of its records, as far as there is room.
    pub async fn list_model_calls(
        &self,
        bank_id: &str,
        filter: &ModelCallFilter,
        by_run: bool,
        limit: i64,
        offset: i64,
    ) -> Result<LlmRequestListResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        // Whoever has an answer finds its records.
        self.settle_model_calls().await;
        let (rows, total) = if by_run {
            self.store.model_calls_by_run(bank.key, filter, limit, offset).await?
        } else {
            self.store.model_calls(bank.key, filter, limit, offset).await?
        };
        let items = rows.into_iter().map(|row| entry(&bank.bank_id, row)).collect();
        Ok(LlmRequestListResponse { bank_id: bank.bank_id, total, limit, offset, items })
    }

    /// Counts the calls of the last days, day by day.
    pub async fn model_call_stats(
        &self,
        bank_id: &str,
        operation: Option<&str>,
        call_type: Option<CallType>,
        days: u16,
    ) -> Result<LlmRequestStatsResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        self.settle_model_calls().await;
        let start = self.clock.now() - TimeDelta::days(days.into());
        let buckets = self.store.model_call_days(bank.key, operation, call_type, start).await?;
        Ok(LlmRequestStatsResponse {
            bank_id: bank.bank_id,
            period: format!("{days}d"),
            trunc: "day".to_owned(),
            start: time::format(start),
            buckets: buckets.iter().map(bucket).collect(),
        })
    }
}

fn entry(bank_id: &str, row: ModelCallRow) -> LlmRequestEntry {
    let mut metadata = object(row.metadata.0);
    let ids = |ids: Vec<Uuid>| json!(ids.iter().map(Uuid::to_string).collect::<Vec<_>>());
    if let Some(document_id) = row.document_id {
        metadata.insert("document_id".to_owned(), json!(document_id));
    }
    if !row.memory_ids.is_empty() {
        metadata.insert("memory_ids".to_owned(), ids(row.memory_ids));
    }
    if !row.source_memory_ids.is_empty() {
        metadata.insert("source_memory_ids".to_owned(), ids(row.source_memory_ids));
    }
    LlmRequestEntry {
        id: row.request_id.to_string(),
        bank_id: Some(bank_id.to_owned()),
        operation: Some(row.operation),
        scope: Some(row.scope),
        trace_id: Some(row.trace_id),
        span_id: Some(row.span_id),
        parent_span_id: Some(row.parent_span_id),
        provider: Some(row.provider),
        model: Some(row.model),
        status: if row.error.is_none() { "success" } else { "error" }.to_owned(),
        started_at: Some(time::format(row.started_at)),
        ended_at: Some(time::format(row.ended_at)),
        duration_ms: Some((row.ended_at - row.started_at).num_milliseconds()),
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        cached_tokens: row.cached_tokens,
        thoughts_tokens: row.thoughts_tokens,
        total_tokens: row.total_tokens,
        input: row.input.0,
        output: row.output.map_or(Value::Null, |output| output.0),
        error: row.error,
        llm_info: object(row.llm_info.0),
        metadata,
    }
}

fn bucket(day: &ModelCallDay) -> LlmRequestStatsBucket {
    let statuses = [("success", day.successes), ("error", day.errors)];
    let statuses = statuses.into_iter().filter(|(_, count)| *count > 0);
    LlmRequestStatsBucket {
        time: time::format(day.day),
        statuses: statuses.map(|(status, count)| (status.to_owned(), count)).collect::<IndexMap<_, _>>(),
        total: day.successes + day.errors,
        tokens: LlmRequestTokenSums {
            input: day.input,
            output: day.output,
            cached: day.cached,
            thoughts: day.thoughts,
            total: day.total,
        },
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
