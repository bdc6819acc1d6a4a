//! Records of calls of language models.

use chrono::{DateTime, Utc};
use hindsight_types::llm_requests::CallType;
use hindsight_types::retain::TokenUsage;
use uuid::Uuid;

use super::{BankKey, Store, StoreError};

/// A record to write. What is JSON is a text of it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct NewModelCall {
    pub bank: BankKey,
    pub request_id: Uuid,
    pub operation: &'static str,
    pub scope: String,
    pub trace_id: String,
    pub span_id: String,
    pub parent_span_id: String,
    pub provider: String,
    pub model: String,
    pub error: Option<String>,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub usage: Option<TokenUsage>,
    pub input: String,
    pub output: Option<String>,
    pub llm_info: String,
    pub metadata: String,
    pub document_id: Option<String>,
    pub source_ids: Vec<Uuid>,
}

/// What came of a run: of each document the memories that were made of it.
#[derive(Clone, Debug)]
pub struct MadeMemories {
    /// The bank.
    pub bank: BankKey,
    /// The run.
    pub trace_id: String,
    /// The document, unless the run is of none.
    pub document_id: Option<String>,
    /// The memories.
    pub memory_ids: Vec<Uuid>,
}

/// The requests of one day.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "counts and sums of the columns of the table")]
pub struct ModelCallDay {
    /// Begin of the day in UTC.
    pub day: DateTime<Utc>,
    pub successes: i64,
    pub errors: i64,
    pub input: i64,
    pub output: i64,
    pub cached: i64,
    pub thoughts: Option<i64>,
    pub total: i64,
}

impl Store {
    /// Writes records; those of banks that are gone are left out.
    pub(crate) async fn write_model_calls(&self, calls: &[NewModelCall]) -> Result<(), StoreError> {
        /// A column of the records.
        fn column<'c, T>(calls: &'c [NewModelCall], value: impl Fn(&'c NewModelCall) -> T) -> Vec<T> {
            calls.iter().map(value).collect()
        }
        let tokens = |count: fn(&TokenUsage) -> i64| column(calls, |call| call.usage.as_ref().map(count));
        let mut session = self.session().await?;
        sqlx::query!(
            "insert into llm_requests (bank_key, request_id, operation, scope, trace_id, span_id, parent_span_id,
               provider, model, error, started_at, ended_at, input_tokens, output_tokens, cached_tokens,
               thoughts_tokens, total_tokens, input, output, llm_info, metadata, document_id, source_memory_ids)
             select b.bank_key, request_id, operation, scope, trace_id, span_id, parent_span_id, provider, model,
               error, started_at, ended_at, input_tokens, output_tokens, cached_tokens, thoughts_tokens,
               total_tokens, input::json, output::json, llm_info::json, metadata::json, document_id,
               source_ids::uuid[]
             from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
               $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::bigint[],
               $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::text[], $20::text[],
               $21::text[], $22::text[], $23::text[]) u(bank_key, request_id, operation, scope, trace_id, span_id,
               parent_span_id, provider, model, error, started_at, ended_at, input_tokens, output_tokens,
               cached_tokens, thoughts_tokens, total_tokens, input, output, llm_info, metadata, document_id,
               source_ids)
             join banks b on b.bank_key = u.bank_key
             for key share of b",
            &column(calls, |call| call.bank.0),
            &column(calls, |call| call.request_id),
            &column(calls, |call| call.operation) as _,
            &column(calls, |call| call.scope.as_str()) as _,
            &column(calls, |call| call.trace_id.as_str()) as _,
            &column(calls, |call| call.span_id.as_str()) as _,
            &column(calls, |call| call.parent_span_id.as_str()) as _,
            &column(calls, |call| call.provider.as_str()) as _,
            &column(calls, |call| call.model.as_str()) as _,
            &column(calls, |call| call.error.as_deref()) as _,
            &column(calls, |call| call.started_at),
            &column(calls, |call| call.ended_at),
            &tokens(|usage| usage.input_tokens) as _,
            &tokens(|usage| usage.output_tokens) as _,
            &tokens(|usage| usage.cached_tokens) as _,
            &tokens(|usage| usage.thoughts_tokens) as _,
            &tokens(|usage| usage.total_tokens) as _,
            &column(calls, |call| call.input.as_str()) as _,
            &column(calls, |call| call.output.as_deref()) as _,
            &column(calls, |call| call.llm_info.as_str()) as _,
            &column(calls, |call| call.metadata.as_str()) as _,
            &column(calls, |call| call.document_id.as_deref()) as _,
            &column(calls, |call| array(&call.source_ids)) as _
        )
        .execute(&mut session)
        .await?;
        session.end().await
    }

    /// Notes what came of a run in its records: the memories that are there, since of what was read
    /// some is known already.
    pub(crate) async fn note_made_memories(&self, made: &MadeMemories) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        sqlx::query!(
            "update llm_requests set memory_ids = array(
               select memory_id from memories where bank_key = $1 and memory_id = any($4) order by memory_id)
             where bank_key = $1 and request_id in (
               select request_id from llm_requests
               where bank_key = $1 and trace_id = $2 and document_id is not distinct from $3
               order by request_id for update)",
            made.bank.0,
            made.trace_id,
            made.document_id,
            &made.memory_ids
        )
        .execute(&mut session)
        .await?;
        session.end().await
    }

    /// Counts a bank's requests since `from`, day by day, the oldest first; days without any are
    /// left out.
    pub async fn model_call_days(
        &self,
        bank: BankKey,
        operation: Option<&str>,
        call_type: Option<CallType>,
        from: DateTime<Utc>,
    ) -> Result<Vec<ModelCallDay>, StoreError> {
        let days = sqlx::query_as!(
            ModelCallDay,
            r#"select date_trunc('day', started_at, 'UTC') as "day!",
                 count(*) filter (where error is null) as "successes!",
                 count(*) filter (where error is not null) as "errors!",
                 coalesce(sum(input_tokens), 0)::bigint as "input!",
                 coalesce(sum(output_tokens), 0)::bigint as "output!",
                 coalesce(sum(cached_tokens), 0)::bigint as "cached!",
                 sum(thoughts_tokens)::bigint as thoughts,
                 coalesce(sum(total_tokens), 0)::bigint as "total!"
               from llm_requests
               where bank_key = $1 and started_at >= $2 and ($3::text is null or operation = $3)
                 and ($4::text is null or $4 = case when scope like 'embedding\_%' then 'embedding'
                   when scope = 'rerank' then scope when scope like 'decision\_%' then 'decision' else 'llm' end)
               group by 1 order by 1"#,
            bank.0,
            from,
            operation,
            call_type.map(CallType::as_str)
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(days)
    }

    /// Removes some records of calls, in all banks, that began before `before`. Returns their
    /// number; 0 when none is left.
    pub(crate) async fn sweep_model_calls(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut session = self.session().await?;
        let swept = sqlx::query!(
            "delete from llm_requests r using (
               select bank_key, request_id from llm_requests where started_at < $1
               order by started_at limit 1000 for update skip locked
             ) old
             where r.bank_key = old.bank_key and r.request_id = old.request_id",
            before
        )
        .execute(&mut session)
        .await?
        .rows_affected();
        session.end().await?;
        Ok(swept)
    }
}

/// Ids as the text of an array.
fn array(ids: &[Uuid]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}
