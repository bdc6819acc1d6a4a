//! Which tags there are.

use hindsight_types::tags::TagSource;

use super::{BankKey, Store, StoreError};

impl Store {
    /// One page of the tags of memories or of mental models, the most frequent first, each with the
    /// number of those that have it, and the number of all tags that match. `pattern` is in the form
    /// of `like`, for tags in lower case.
    pub async fn tags(
        &self,
        bank: BankKey,
        source: TagSource,
        pattern: Option<&str>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<(String, i64)>, i64), StoreError> {
        let of_models = source == TagSource::MentalModels;
        let total = sqlx::query_scalar!(
            r#"select count(distinct t.tag) as "count!" from (
                 select unnest(tags) tag from memories where bank_key = $1 and not $3
                 union all
                 select unnest(tags) from mental_models where bank_key = $1 and $3
               ) t
               where $2::text is null or lower(t.tag) like $2"#,
            bank.0,
            pattern,
            of_models
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let rows = sqlx::query!(
            r#"select t.tag as "tag!", count(*) as "count!" from (
                 select unnest(tags) tag from memories where bank_key = $1 and not $3
                 union all
                 select unnest(tags) from mental_models where bank_key = $1 and $3
               ) t
               where $2::text is null or lower(t.tag) like $2
               group by t.tag order by count(*) desc, t.tag collate "C" limit $4 offset $5"#,
            bank.0,
            pattern,
            of_models,
            limit,
            offset
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok((rows.into_iter().map(|row| (row.tag, row.count)).collect(), total))
    }

    /// One page of the sets of tags that observations have, the most frequent first, and the
    /// number of all sets.
    pub async fn observation_scopes(
        &self,
        bank: BankKey,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<(Vec<String>, i64)>, i64), StoreError> {
        let total = sqlx::query_scalar!(
            r#"select count(distinct tags) as "count!" from memories where bank_key = $1 and fact_type = 3"#,
            bank.0
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        let rows = sqlx::query!(
            r#"select tags, count(*) as "count!" from memories where bank_key = $1 and fact_type = 3
               group by tags order by count(*) desc, tags limit $2 offset $3"#,
            bank.0,
            limit,
            offset
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok((rows.into_iter().map(|row| (row.tags, row.count)).collect(), total))
    }
}
