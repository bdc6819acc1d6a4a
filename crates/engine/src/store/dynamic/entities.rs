//! Listings of entities and of the pairs that memories name together.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::TagFilter;
use crate::store::{BankKey, Store, StoreError};

/// An entity with its mentions by the memories that count.
#[derive(Clone, Debug, FromRow)]
pub struct EntityRow {
    /// Its id.
    pub entity_id: Uuid,
    /// Its name.
    pub name: String,
    /// What else is known about it.
    pub metadata: Option<Value>,
    /// Number of memories that mention it.
    pub mentions: i64,
    /// When it was first mentioned.
    pub first_seen: DateTime<Utc>,
    /// When it was last mentioned.
    pub last_seen: Option<DateTime<Utc>>,
}

/// Two entities that memories name together.
#[derive(Clone, Debug)]
pub struct EntityPair {
    /// One of them; the smaller id.
    pub one: Uuid,
    /// The other one.
    pub other: Uuid,
    /// Number of memories that name both.
    pub memories: i64,
    /// When the latest of these happened or was said.
    pub last_at: Option<DateTime<Utc>>,
}

/// Pairs of entities, and how many there are in all.
#[derive(Clone, Debug)]
pub struct EntityPairs {
    /// The most frequent ones.
    pub pairs: Vec<EntityPair>,
    /// Number of pairs.
    pub total: i64,
}

impl Store {
    /// One page of entities, those with the most mentions first, and the number of all. With a
    /// filter only memories that pass it count; entities that none mentions are left out.
    pub async fn entities(
        &self,
        bank: BankKey,
        tags: &TagFilter,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<EntityRow>, i64), StoreError> {
        let total = self.count_entities(bank, tags).await?;
        let mut query = QueryBuilder::new("");
        push_entities(&mut query, bank, tags, None);
        query.push(" order by mentions desc, name, entity_id limit ").push_bind(limit);
        query.push(" offset ").push_bind(offset);
        let rows = query.build_query_as().fetch_all(&mut self.session().await?).await?;
        Ok((rows, total))
    }

    /// Number of entities that memories which pass a filter mention.
    pub async fn count_entities(&self, bank: BankKey, tags: &TagFilter) -> Result<i64, StoreError> {
        let mut query = QueryBuilder::new("select count(*) from (");
        push_entities(&mut query, bank, tags, None);
        query.push(") x");
        Ok(query.build_query_scalar().fetch_one(&mut self.session().await?).await?)
    }

    /// These entities, as far as memories that pass a filter mention them, in no order.
    pub async fn entities_of(
        &self,
        bank: BankKey,
        tags: &TagFilter,
        ids: &[Uuid],
    ) -> Result<Vec<EntityRow>, StoreError> {
        let mut query = QueryBuilder::new("");
        push_entities(&mut query, bank, tags, Some(ids));
        Ok(query.build_query_as().fetch_all(&mut self.session().await?).await?)
    }

    /// Pairs of entities that at least `least` memories name together, the most frequent first.
    pub async fn entity_pairs(
        &self,
        bank: BankKey,
        tags: &TagFilter,
        least: i64,
        limit: i64,
    ) -> Result<EntityPairs, StoreError> {
        let mut query = QueryBuilder::new(
            "with pairs as materialized (select a.entity_id one, b.entity_id other, count(*) memories, \
             max(coalesce(m.occurred_start, m.mentioned_at, m.created_at)) last_at \
             from memory_entities a join memory_entities b on b.bank_key = a.bank_key \
               and b.memory_id = a.memory_id and b.entity_id > a.entity_id \
             join memories m on m.bank_key = a.bank_key and m.memory_id = a.memory_id where a.bank_key = ",
        );
        query.push_bind(bank.0);
        tags.push(&mut query, "m.tags");
        query.push(" group by 1, 2 having count(*) >= ").push_bind(least);
        query.push(
            ") select t.total, p.one, p.other, p.memories, p.last_at from (select count(*) total from pairs) t \
             left join (select * from pairs order by memories desc, one, other limit ",
        );
        query.push_bind(limit).push(") p on true order by p.memories desc, p.one, p.other");
        let rows = query.build().fetch_all(&mut self.session().await?).await?;
        let mut found = EntityPairs { pairs: Vec::new(), total: 0 };
        for row in rows {
            found.total = row.try_get("total")?;
            // Without pairs there is one row with their number alone.
            let Some(one) = row.try_get("one")? else { continue };
            found.pairs.push(EntityPair {
                one,
                other: row.try_get("other")?,
                memories: row.try_get("memories")?,
                last_at: row.try_get("last_at")?,
            });
        }
        Ok(found)
    }
}

fn push_entities(query: &mut QueryBuilder<Postgres>, bank: BankKey, tags: &TagFilter, ids: Option<&[Uuid]>) {
    query.push("select e.entity_id, e.name, e.metadata, s.mentions, ");
    if tags.passes_all() {
        query.push(
            "e.first_seen, s.last_seen from entities e join (select bank_key, entity_id, mentions::bigint mentions, \
             last_seen from entity_stats where mentions > 0) s using (bank_key, entity_id)",
        );
    } else {
        query.push(
            "s.first_seen, s.last_seen from entities e join (select t.bank_key, t.entity_id, count(*) mentions, \
             min(m.created_at) first_seen, max(m.created_at) last_seen from memory_entities t \
             join memories m using (bank_key, memory_id) where t.bank_key = ",
        );
        query.push_bind(bank.0);
        tags.push(query, "m.tags");
        if let Some(ids) = ids {
            query.push(" and t.entity_id = any(").push_bind(ids.to_vec()).push(")");
        }
        query.push(" group by 1, 2) s using (bank_key, entity_id)");
    }
    query.push(" where e.bank_key = ").push_bind(bank.0);
    if let Some(ids) = ids {
        query.push(" and e.entity_id = any(").push_bind(ids.to_vec()).push(")");
    }
}
