//! How many memories came when.

use chrono::{DateTime, Utc};
use hindsight_types::graph::SeriesTime;

use super::{BankKey, Store, StoreError};

/// Memories of one type in one span of time.
#[derive(Clone, Copy, Debug)]
pub struct BucketCount {
    /// The span, counted from the begin of the series.
    pub bucket: i32,
    /// Number of the type.
    pub fact_type: i16,
    /// Number of memories.
    pub memories: i64,
}

impl Store {
    /// Counts a bank's memories by type in `buckets` spans of `seconds` each, the first of which
    /// begins at `from`; spans without memories are left out. A memory without the time that is
    /// asked for counts when it was stored.
    pub async fn count_over_time(
        &self,
        bank: BankKey,
        field: SeriesTime,
        from: DateTime<Utc>,
        seconds: i32,
        buckets: i32,
    ) -> Result<Vec<BucketCount>, StoreError> {
        let counts = sqlx::query_as!(
            BucketCount,
            r#"select floor(extract(epoch from at - $2) / $4::int)::int as "bucket!", fact_type,
                 count(*) as "memories!"
               from (
                 select fact_type, coalesce(case $3 when 'mentioned_at' then mentioned_at
                   when 'occurred_start' then occurred_start end, created_at) as at
                 from memories where bank_key = $1
               ) m
               where at >= $2 and at < $2 + make_interval(secs => $4::int * $5::int)
               group by 1, 2"#,
            bank.0,
            from,
            field.as_str(),
            seconds,
            buckets
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(counts)
    }
}
