//! Mental models: answers that are kept.
//!
//! Whoever changes one, or requests a refresh of it, locks its row before the operations that work
//! on it. Every change of what it is to answer gives it another revision; a refresh is written only
//! while the revision is the one that it has answered, and while its lease is the last one. With a
//! mental model its refreshes are called off.

mod history;
mod refresh;

use chrono::{DateTime, Utc};
use hindsight_types::mental_models::MentalModelDetail;
use hindsight_types::tags::DirectiveTagsMatch;
use pgvector::HalfVector;
use serde_json::Value;
use uuid::Uuid;

use super::banks::hold;
use super::operations::{NewOperation, OperationSignal, insert, wake};
use super::{BankKey, Store, StoreError};

pub use history::{HistoryKept, HistoryRow};
pub(crate) use refresh::REFRESH_MENTAL_MODEL;
pub use refresh::{ModelOutcome, ModelWrite, RefreshFailure, RefreshRequest};

/// What says from which memories a mental model is written, and whether it has to be written anew.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// Its id.
    pub model_id: String,
    /// The question that it answers.
    pub source_query: String,
    /// Memories it is made of; none = all.
    pub tags: Vec<String>,
    /// When and how it is written anew.
    pub trigger: Value,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub last_refreshed_at: Option<DateTime<Utc>>,
    /// The newest memory that it was written from.
    pub last_memory_seen_at: Option<DateTime<Utc>>,
    /// When it was last written as a whole.
    pub last_full_refreshed_at: Option<DateTime<Utc>>,
    /// The question that the content answers.
    pub last_refreshed_source_query: Option<String>,
}

/// A mental model with all that it takes to write or change it.
#[derive(Clone, Debug, PartialEq)]
pub struct MentalModelRow {
    /// What it is written from, and when it was.
    pub state: ModelState,
    /// What it is called.
    pub name: String,
    /// The answer; empty until it was written.
    pub content: String,
    /// The answer as sections and blocks.
    pub structure: Option<Value>,
    /// Length of the answer in tokens that is aimed for.
    pub max_tokens: i32,
    /// What the answer rests on and how it came about.
    pub reflect_response: Option<Value>,
    /// Another number with every change of what is asked.
    pub revision: i64,
}

/// A mental model as it is shown, with as much of it as was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedModel {
    /// What it is written from, and when it was.
    pub state: ModelState,
    /// What it is called.
    pub name: String,
    /// The answer; empty until it was written. None where only what is around it was asked for.
    pub content: Option<String>,
    /// Length of the answer in tokens that is aimed for.
    pub max_tokens: i32,
    /// What the answer rests on and how it came about, if everything was asked for.
    pub reflect_response: Option<Value>,
    /// When it was to be written and could not be.
    pub last_refresh_failed_at: Option<DateTime<Utc>>,
}

/// The state in a row of a statement that asks for all of its columns.
macro_rules! state {
    ($row:ident) => {
        ModelState {
            model_id: $row.model_id,
            source_query: $row.source_query,
            tags: $row.tags,
            trigger: $row.trigger,
            created_at: $row.created_at,
            last_refreshed_at: $row.last_refreshed_at,
            last_memory_seen_at: $row.last_memory_seen_at,
            last_full_refreshed_at: $row.last_full_refreshed_at,
            last_refreshed_source_query: $row.last_refreshed_source_query,
        }
    };
}

/// What is shown of a mental model in a row of a statement that asks for all of its columns.
macro_rules! listed {
    ($row:ident) => {
        ListedModel {
            name: $row.name,
            content: $row.content,
            max_tokens: $row.max_tokens,
            reflect_response: $row.reflect_response,
            last_refresh_failed_at: $row.last_refresh_failed_at,
            state: state!($row),
        }
    };
}

/// A mental model to be made.
#[derive(Clone, Debug)]
pub struct NewMentalModel {
    /// Its id.
    pub model_id: String,
    /// What it is called.
    pub name: String,
    /// The question that it answers.
    pub source_query: String,
    /// Memories it is made of; none = all.
    pub tags: Vec<String>,
    /// Length of the answer in tokens that is aimed for.
    pub max_tokens: i32,
    /// When and how it is written anew.
    pub trigger: Value,
}

/// What of a mental model is changed; none = it stays.
#[derive(Clone, Debug, Default)]
pub struct MentalModelUpdate {
    /// What it is called.
    pub name: Option<String>,
    /// The question that it answers.
    pub source_query: Option<String>,
    /// Memories it is made of.
    pub tags: Option<Vec<String>>,
    /// Length of the answer.
    pub max_tokens: Option<i32>,
    /// When and how it is written anew.
    pub trigger: Option<Value>,
    /// Vector of the new name with the content that it has.
    pub embedding: Option<Vec<f32>>,
    /// Whether it is made of other memories from now on, so that it has to be written as a whole.
    pub is_rescoped: bool,
}

/// Which mental models to list.
#[derive(Clone, Debug, Default)]
pub struct MentalModelFilter {
    /// Tags, with the way they select; none = all.
    pub tags: Option<(Vec<String>, DirectiveTagsMatch)>,
}

impl Store {
    /// Adds a mental model with the operation that writes it for the first time. False when there
    /// is one of this id.
    pub async fn add_mental_model(
        &self,
        bank: BankKey,
        model: &NewMentalModel,
        refresh: &NewOperation,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        let added = sqlx::query!(
            "insert into mental_models (bank_key, model_id, name, source_query, tags, max_tokens, trigger, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
            bank.0,
            model.model_id,
            model.name,
            model.source_query,
            &model.tags,
            model.max_tokens,
            model.trigger,
            now
        )
        .execute(&mut transaction)
        .await?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        insert(&mut transaction, bank, refresh).await?;
        wake(&mut transaction, OperationSignal::Work).await?;
        transaction.end().await?;
        Ok(true)
    }

    /// One mental model.
    pub async fn mental_model(&self, bank: BankKey, id: &str) -> Result<Option<MentalModelRow>, StoreError> {
        let row = sqlx::query!(
            "select model_id, name, source_query, content, structure, tags, max_tokens, trigger, reflect_response,
               revision, created_at, last_refreshed_at, last_memory_seen_at, last_full_refreshed_at,
               last_refreshed_source_query
             from mental_models where bank_key = $1 and model_id = $2",
            bank.0,
            id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(row.map(|row| MentalModelRow {
            name: row.name,
            content: row.content,
            structure: row.structure,
            max_tokens: row.max_tokens,
            reflect_response: row.reflect_response,
            revision: row.revision,
            state: state!(row),
        }))
    }

    /// Whether there is a mental model of this id.
    pub async fn has_mental_model(&self, bank: BankKey, id: &str) -> Result<bool, StoreError> {
        let has = sqlx::query_scalar!(
            r#"select exists (select from mental_models where bank_key = $1 and model_id = $2) as "has!""#,
            bank.0,
            id
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        Ok(has)
    }

    /// The mental models of these ids, in no order; unknown ones are missing.
    pub async fn mental_models_of(
        &self,
        bank: BankKey,
        ids: &[String],
        detail: MentalModelDetail,
    ) -> Result<Vec<ListedModel>, StoreError> {
        let rows = sqlx::query!(
            "select model_id, name, source_query, case when $3 then content end as content, tags, max_tokens, trigger,
               case when $4 then reflect_response end as reflect_response, created_at, last_refreshed_at,
               last_memory_seen_at, last_refresh_failed_at, last_full_refreshed_at, last_refreshed_source_query
             from mental_models where bank_key = $1 and model_id = any($2)",
            bank.0,
            ids,
            detail != MentalModelDetail::Metadata,
            detail == MentalModelDetail::Full
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows.into_iter().map(|row| listed!(row)).collect())
    }

    /// Whether a bank has a mental model with an answer.
    pub async fn has_mental_models(&self, bank: BankKey) -> Result<bool, StoreError> {
        let has = sqlx::query_scalar!(
            r#"select exists (select from mental_models where bank_key = $1 and content <> '') as "has!""#,
            bank.0
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        Ok(has)
    }

    /// One page of mental models, the newest first, and the number of all that match.
    pub async fn mental_models(
        &self,
        bank: BankKey,
        filter: &MentalModelFilter,
        detail: MentalModelDetail,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ListedModel>, i64), StoreError> {
        let (tags, way) = match &filter.tags {
            Some((tags, matching)) => (tags.as_slice(), matching.as_str()),
            None => (&[][..], "none"),
        };
        let total = sqlx::query_scalar!(
            r#"select count(*) as "count!" from mental_models
               where bank_key = $1 and case $2
                 when 'any' then tags && $3
                 when 'all' then tags @> $3 and tags <> '{}'
                 when 'exact' then tags @> $3 and tags <@ $3
                 else true end"#,
            bank.0,
            way,
            tags
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let rows = sqlx::query!(
            "select model_id, name, source_query, case when $6 then content end as content, tags, max_tokens, trigger,
               case when $7 then reflect_response end as reflect_response, created_at, last_refreshed_at,
               last_memory_seen_at, last_refresh_failed_at, last_full_refreshed_at, last_refreshed_source_query
             from mental_models
             where bank_key = $1 and case $2
               when 'any' then tags && $3
               when 'all' then tags @> $3 and tags <> '{}'
               when 'exact' then tags @> $3 and tags <@ $3
               else true end
             order by created_at desc, model_id desc limit $4 offset $5",
            bank.0,
            way,
            tags,
            limit,
            offset,
            detail != MentalModelDetail::Metadata,
            detail == MentalModelDetail::Full
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok((rows.into_iter().map(|row| listed!(row)).collect(), total))
    }

    /// Changes a mental model that is as `before`; false when there is no such one, or it was changed
    /// meanwhile.
    pub async fn update_mental_model(
        &self,
        bank: BankKey,
        before: &MentalModelRow,
        update: &MentalModelUpdate,
    ) -> Result<bool, StoreError> {
        let mut session = self.session().await?;
        let embedding = update.embedding.as_deref().map(HalfVector::from_f32_slice);
        let updated = sqlx::query!(
            "update mental_models set name = coalesce($5, name), source_query = coalesce($6, source_query),
               tags = coalesce($7, tags), max_tokens = coalesce($8, max_tokens),
               trigger = coalesce($9, trigger), embedding = coalesce($10, embedding),
               last_refreshed_source_query = case when $11 then null else last_refreshed_source_query end,
               revision = revision + case when coalesce($6 <> source_query, false) or coalesce($7 <> tags, false)
                 or coalesce($8 <> max_tokens, false) or coalesce($9 <> trigger, false) then 1 else 0 end
             where bank_key = $1 and model_id = $2 and revision = $3 and content = $4",
            bank.0,
            before.state.model_id,
            before.revision,
            before.content,
            update.name,
            update.source_query,
            update.tags.as_deref(),
            update.max_tokens,
            update.trigger,
            embedding as Option<HalfVector>,
            update.is_rescoped
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Takes the answer of a mental model away; the next refresh writes it as a whole. False
    /// when there is no such one.
    pub async fn clear_mental_model(
        &self,
        bank: BankKey,
        id: &str,
        kept: HistoryKept,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        if refresh::lock(&mut transaction, bank, id).await?.is_none() {
            return Ok(false);
        }
        history::keep(&mut transaction, bank, id, "", kept, now).await?;
        sqlx::query!(
            "update mental_models set content = '', structure = null, reflect_response = null, embedding = null,
               last_refreshed_source_query = null, last_refresh_failed_at = null, revision = revision + 1
             where bank_key = $1 and model_id = $2",
            bank.0,
            id
        )
        .execute(&mut transaction)
        .await?;
        transaction.end().await?;
        Ok(true)
    }

    /// Deletes a mental model and calls its refreshes off; false when there is no such one.
    pub async fn delete_mental_model(&self, bank: BankKey, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        match hold(&mut transaction, bank).await {
            Err(StoreError::BankVanished) => return Ok(false),
            held => held?,
        }
        if refresh::lock(&mut transaction, bank, id).await?.is_none() {
            return Ok(false);
        }
        let called_off = sqlx::query_scalar!(
            "update async_operations set status = 'cancelled', lease_until = null, run_after = null,
               updated_at = now(), completed_at = now()
             where bank_key = $1 and serialization_key = $2 and status in ('pending', 'processing')
             returning operation_id",
            bank.0,
            refresh::line(id)
        )
        .fetch_all(&mut transaction)
        .await?;
        sqlx::query!("delete from mental_models where bank_key = $1 and model_id = $2", bank.0, id)
            .execute(&mut transaction)
            .await?;
        for operation_id in called_off {
            wake(&mut transaction, OperationSignal::Cancelled(operation_id)).await?;
        }
        transaction.end().await?;
        Ok(true)
    }

    /// Mental models of a bank that may be written anew by themselves: when facts have gone into
    /// observations, or at times of their own. Failed ones are left alone until somebody asks.
    pub async fn refreshing_mental_models(&self, bank: BankKey) -> Result<Vec<ModelState>, StoreError> {
        let rows = sqlx::query_as!(
            ModelState,
            "select model_id, source_query, tags, trigger, created_at, last_refreshed_at, last_memory_seen_at,
               last_full_refreshed_at, last_refreshed_source_query
             from mental_models
             where bank_key = $1
               and (trigger -> 'refresh_after_consolidation' = 'true' or trigger ->> 'refresh_cron' is not null
                 or trigger ->> 'full_refresh_cron' is not null)
               and last_refresh_failed_at is null
             order by model_id",
            bank.0
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows)
    }

    /// Memories that these mental models rest on and that are not there any more, each with the id of
    /// its mental model.
    pub async fn gone_sources(
        &self,
        bank: BankKey,
        ids: &[String],
    ) -> Result<Vec<(String, Uuid)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"select model_id, memory_id as "memory_id!" from (
                 select m.model_id, case when f ->> 'id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                   then (f ->> 'id')::uuid end as memory_id
                 from mental_models m
                   cross join jsonb_path_query(m.reflect_response, 'lax $.based_on.memories[*]') f
                 where m.bank_key = $1 and m.model_id = any($2)
               ) s
               where memory_id is not null and not exists (
                 select from memories where bank_key = $1 and memories.memory_id = s.memory_id)"#,
            bank.0,
            ids
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows.into_iter().map(|row| (row.model_id, row.memory_id)).collect())
    }

    /// Banks with mental models that may be written anew by themselves.
    pub async fn banks_with_refreshing_models(&self) -> Result<Vec<String>, StoreError> {
        let banks = sqlx::query_scalar!(
            "select b.bank_id from banks b where exists (
               select from mental_models m where m.bank_key = b.bank_key
                 and (m.trigger -> 'refresh_after_consolidation' = 'true' or m.trigger ->> 'refresh_cron' is not null
                   or m.trigger ->> 'full_refresh_cron' is not null))
             order by b.bank_key"
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(banks)
    }
}
