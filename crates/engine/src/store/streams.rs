//! Conversations: which items of a bank follow one another.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::banks::hold;
use super::session::Session;
use super::{BankKey, Store, StoreError};

/// A run of facts that want places in the open conversation of a context.
#[derive(Clone, Debug)]
pub struct StreamRequest {
    /// Hash of the context.
    pub context_hash: Vec<u8>,
    /// Time of the first item.
    pub first_at: DateTime<Utc>,
    /// Time of the last item.
    pub last_at: DateTime<Utc>,
    /// Number of facts.
    pub facts: i32,
    /// Id of the conversation should a new one begin.
    pub new_stream: Uuid,
}

impl Store {
    /// Takes a number in the order of accepted retains.
    pub async fn next_retain(&self) -> Result<i64, StoreError> {
        let number = sqlx::query_scalar!(r#"select nextval('retain_order') as "order!""#)
            .fetch_one(&mut self.session().await?)
            .await?;
        Ok(number)
    }

    /// Takes places in conversations, each request in turn: a request goes on with the
    /// context's open conversation when its first item is at most `gap_seconds` from the last
    /// one there.
    ///
    /// Places are taken before the texts are embedded, so that they follow the order of
    /// requests, not of commits; those of a retain that fails stay empty.
    pub async fn take_places(
        &self,
        bank: BankKey,
        requests: &[StreamRequest],
        gap_seconds: f64,
    ) -> Result<Vec<(Uuid, i32)>, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        // Locked by context in one order, placed in the order of the request.
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&i| requests.get(i).map(|request| request.context_hash.clone()));
        let mut places = vec![(Uuid::nil(), 0); requests.len()];
        for i in order {
            if let (Some(request), Some(place)) = (requests.get(i), places.get_mut(i)) {
                *place = take_place(&mut transaction, bank, request, gap_seconds).await?;
            }
        }
        transaction.end().await?;
        Ok(places)
    }
}

async fn take_place(
    transaction: &mut Session,
    bank: BankKey,
    request: &StreamRequest,
    gap_seconds: f64,
) -> Result<(Uuid, i32), StoreError> {
    let row = sqlx::query!(
        r#"insert into bank_streams as s (bank_key, context_hash, stream_id, next_pos, last_at)
           values ($1, $2, $3, $4, $6)
           on conflict (bank_key, context_hash) do update set
             stream_id = case when abs(extract(epoch from $5::timestamptz - s.last_at)) <= $7::float8
                              then s.stream_id else $3 end,
             next_pos = case when abs(extract(epoch from $5::timestamptz - s.last_at)) <= $7::float8
                             then s.next_pos else 0 end + $4,
             last_at = $6
           returning stream_id, next_pos"#,
        bank.0,
        request.context_hash,
        request.new_stream,
        request.facts,
        request.first_at,
        request.last_at,
        gap_seconds
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok((row.stream_id, row.next_pos - request.facts))
}
