//! Records of model calls with their filters, one by one or by runs.

use chrono::{DateTime, Utc};
use hindsight_types::llm_requests::CallType;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::store::{BankKey, Store, StoreError};

/// Rows that one page of traces has at most, however many belong to them.
const ROWS_OF_TRACES: i64 = 2000;

/// Which records to list.
#[derive(Clone, Debug, Default)]
pub struct ModelCallFilter {
    /// Whether they brought something of use.
    pub is_success: Option<bool>,
    /// The operation.
    pub operation: Option<String>,
    /// The step of the operation.
    pub scope: Option<String>,
    /// The kind of model.
    pub call_type: Option<CallType>,
    /// Who was asked.
    pub provider: Option<String>,
    /// The run.
    pub trace_id: Option<String>,
    /// The document that was read.
    pub document_id: Option<String>,
    /// A memory that was made or shown.
    pub memory_id: Option<Uuid>,
    /// First instant at which they began.
    pub from: Option<DateTime<Utc>>,
    /// First instant behind the span in which they began.
    pub until: Option<DateTime<Utc>>,
}

/// A record as stored.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct ModelCallRow {
    pub request_id: Uuid,
    pub operation: String,
    pub scope: String,
    pub trace_id: String,
    pub span_id: String,
    pub parent_span_id: String,
    pub provider: String,
    pub model: String,
    pub error: Option<String>,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cached_tokens: Option<i64>,
    pub thoughts_tokens: Option<i64>,
    pub total_tokens: Option<i64>,
    pub input: Json<Value>,
    pub output: Option<Json<Value>>,
    pub llm_info: Json<Value>,
    pub metadata: Json<Value>,
    pub document_id: Option<String>,
    pub memory_ids: Vec<Uuid>,
    pub source_memory_ids: Vec<Uuid>,
}

/// The columns of a [`ModelCallRow`].
const COLUMNS: &str = "r.request_id, r.operation, r.scope, r.trace_id, r.span_id, r.parent_span_id, r.provider, \
    r.model, r.error, r.started_at, r.ended_at, r.input_tokens, r.output_tokens, r.cached_tokens, \
    r.thoughts_tokens, r.total_tokens, r.input, r.output, r.llm_info, r.metadata, r.document_id, r.memory_ids, \
    r.source_memory_ids";

/// The kind of model that a scope speaks of.
fn kind(call_type: CallType) -> &'static str {
    match call_type {
        CallType::Embedding => "r.scope like 'embedding\\_%'",
        CallType::Rerank => "r.scope = 'rerank'",
        CallType::Decision => "r.scope like 'decision\\_%'",
        CallType::Llm => {
            "not (r.scope like 'embedding\\_%' or r.scope = 'rerank' or r.scope like 'decision\\_%')"
        }
    }
}

impl ModelCallFilter {
    /// Records of a bank that it lets through.
    fn push(&self, query: &mut QueryBuilder<Postgres>, bank: BankKey) {
        query.push(" from llm_requests r where r.bank_key = ").push_bind(bank.0);
        match self.is_success {
            Some(true) => query.push(" and r.error is null"),
            Some(false) => query.push(" and r.error is not null"),
            None => query,
        };
        for (column, value) in [
            ("operation", &self.operation),
            ("scope", &self.scope),
            ("provider", &self.provider),
            ("trace_id", &self.trace_id),
            ("document_id", &self.document_id),
        ] {
            if let Some(value) = value {
                query.push(format!(" and r.{column} = ")).push_bind(value.clone());
            }
        }
        if let Some(call_type) = self.call_type {
            query.push(" and ").push(kind(call_type));
        }
        if let Some(memory) = self.memory_id {
            query.push(" and (").push_bind(memory).push(" = any(r.memory_ids) or ");
            query.push_bind(memory).push(" = any(r.source_memory_ids))");
        }
        if let Some(from) = self.from {
            query.push(" and r.started_at >= ").push_bind(from);
        }
        if let Some(until) = self.until {
            query.push(" and r.started_at < ").push_bind(until);
        }
    }
}

impl Store {
    /// One page of a bank's records, the newest first, and the number of all that match.
    pub async fn model_calls(
        &self,
        bank: BankKey,
        filter: &ModelCallFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ModelCallRow>, i64), StoreError> {
        let mut session = self.session().await?;
        let mut count = QueryBuilder::<Postgres>::new("select count(*)");
        filter.push(&mut count, bank);
        let total: i64 = count.build_query_scalar().fetch_one(&mut session).await?;
        let mut page = QueryBuilder::<Postgres>::new("select ");
        page.push(COLUMNS);
        filter.push(&mut page, bank);
        page.push(" order by r.request_id desc limit ").push_bind(limit);
        page.push(" offset ").push_bind(offset);
        Ok((page.build_query_as().fetch_all(&mut session).await?, total))
    }

    /// The same with pages of runs, those first that were last under way: all that matches of
    /// each, as far as there is room, and the number of runs.
    pub async fn model_calls_by_run(
        &self,
        bank: BankKey,
        filter: &ModelCallFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ModelCallRow>, i64), StoreError> {
        let mut session = self.session().await?;
        let mut count = QueryBuilder::<Postgres>::new("select count(distinct r.trace_id)");
        filter.push(&mut count, bank);
        let total: i64 = count.build_query_scalar().fetch_one(&mut session).await?;
        let mut page =
            QueryBuilder::<Postgres>::new("with found as materialized (select r.request_id, r.trace_id");
        filter.push(&mut page, bank);
        page.push(
            // Ids have no greatest one before PostgreSQL 18; their texts are in the same order.
            "), runs as (select trace_id, max(request_id::text collate \"C\") last_id from found group by trace_id \
             order by last_id desc limit ",
        );
        page.push_bind(limit).push(" offset ").push_bind(offset).push(") select ").push(COLUMNS);
        page.push(" from runs join found using (trace_id) join llm_requests r on r.bank_key = ");
        page.push_bind(bank.0).push(
            " and r.request_id = found.request_id \
             order by runs.last_id desc, r.request_id desc limit ",
        );
        page.push_bind(ROWS_OF_TRACES);
        Ok((page.build_query_as().fetch_all(&mut session).await?, total))
    }
}
