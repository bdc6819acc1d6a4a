//! Directives: rules that the answers of a bank follow.

use chrono::{DateTime, Utc};
use hindsight_types::tags::DirectiveTagsMatch;
use uuid::Uuid;

use super::{BankKey, Store, StoreError};

/// A directive as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectiveRow {
    /// Its id.
    pub directive_id: Uuid,
    /// What it is called.
    pub name: String,
    /// The rule.
    pub content: String,
    /// Higher ones come first.
    pub priority: i64,
    /// Whether it is followed.
    pub is_active: bool,
    /// Requests it is for; none = all.
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What of a directive is changed; none = it stays.
#[derive(Clone, Debug, Default)]
pub struct DirectiveUpdate {
    /// What it is called.
    pub name: Option<String>,
    /// The rule.
    pub content: Option<String>,
    /// Its priority.
    pub priority: Option<i64>,
    /// Whether it is followed.
    pub is_active: Option<bool>,
    /// Requests it is for.
    pub tags: Option<Vec<String>>,
}

/// Which directives to list.
#[derive(Clone, Debug)]
pub struct DirectiveFilter {
    /// Tags, with the way they select; none = all.
    pub tags: Option<(Vec<String>, DirectiveTagsMatch)>,
    /// Whether those that are not followed are left out.
    pub active_only: bool,
}

impl Store {
    /// Adds a directive.
    pub async fn add_directive(&self, bank: BankKey, row: &DirectiveRow) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let done = sqlx::query!(
            "insert into directives (bank_key, directive_id, name, content, priority, is_active, tags, created_at, updated_at)
             select bank_key, $2, $3, $4, $5, $6, $7, $8, $9 from banks where bank_key = $1 for share",
            bank.0,
            row.directive_id,
            row.name,
            row.content,
            row.priority,
            row.is_active,
            &row.tags,
            row.created_at,
            row.updated_at
        )
        .execute(&mut session)
        .await?;
        session.end().await?;
        if done.rows_affected() == 0 { Err(StoreError::BankVanished) } else { Ok(()) }
    }

    /// One directive.
    pub async fn directive(&self, bank: BankKey, id: Uuid) -> Result<Option<DirectiveRow>, StoreError> {
        let row = sqlx::query_as!(
            DirectiveRow,
            "select directive_id, name, content, priority, is_active, tags, created_at, updated_at
             from directives where bank_key = $1 and directive_id = $2",
            bank.0,
            id
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(row)
    }

    /// Changes a directive; none when there is no such one.
    pub async fn update_directive(
        &self,
        bank: BankKey,
        id: Uuid,
        update: &DirectiveUpdate,
        now: DateTime<Utc>,
    ) -> Result<Option<DirectiveRow>, StoreError> {
        let mut session = self.session().await?;
        let row = sqlx::query_as!(
            DirectiveRow,
            "update directives set name = coalesce($3, name), content = coalesce($4, content),
               priority = coalesce($5, priority), is_active = coalesce($6, is_active),
               tags = coalesce($7, tags), updated_at = $8
             where bank_key = $1 and directive_id = $2
             returning directive_id, name, content, priority, is_active, tags, created_at, updated_at",
            bank.0,
            id,
            update.name,
            update.content,
            update.priority,
            update.is_active,
            update.tags.as_deref(),
            now
        )
        .fetch_optional(&mut session)
        .await?;
        session.end().await?;
        Ok(row)
    }

    /// Deletes a directive; false when there is no such one.
    pub async fn delete_directive(&self, bank: BankKey, id: Uuid) -> Result<bool, StoreError> {
        let mut session = self.session().await?;
        let done =
            sqlx::query!("delete from directives where bank_key = $1 and directive_id = $2", bank.0, id)
                .execute(&mut session)
                .await?;
        session.end().await?;
        Ok(done.rows_affected() > 0)
    }

    /// One page of directives, those of the highest priority first, and the number of all that
    /// match.
    pub async fn directives(
        &self,
        bank: BankKey,
        filter: &DirectiveFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<DirectiveRow>, i64), StoreError> {
        let (tags, way) = match &filter.tags {
            Some((tags, matching)) => (tags.as_slice(), matching.as_str()),
            None => (&[][..], "none"),
        };
        let mut session = self.session().await?;
        let total = sqlx::query_scalar!(
            r#"select count(*) as "count!" from directives
               where bank_key = $1 and (is_active or not $2) and case $3
                 when 'any' then tags = '{}' or tags && $4
                 when 'all' then tags = '{}' or tags @> $4
                 when 'exact' then tags @> $4 and tags <@ $4
                 else true end"#,
            bank.0,
            filter.active_only,
            way,
            tags
        )
        .fetch_one(&mut session)
        .await?;
        let rows = sqlx::query_as!(
            DirectiveRow,
            "select directive_id, name, content, priority, is_active, tags, created_at, updated_at
             from directives
             where bank_key = $1 and (is_active or not $2) and case $3
               when 'any' then tags = '{}' or tags && $4
               when 'all' then tags = '{}' or tags @> $4
               when 'exact' then tags @> $4 and tags <@ $4
               else true end
             order by priority desc, created_at desc, directive_id desc limit $5 offset $6",
            bank.0,
            filter.active_only,
            way,
            tags,
            limit,
            offset
        )
        .fetch_all(&mut session)
        .await?;
        Ok((rows, total))
    }
}
