//! Entities and who mentions them.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::copy::copy;
use super::session::Session;
use super::{BankKey, EntityName, Store, StoreError, fact_type_code};
use crate::store::DocumentWrite;

/// Kinds of entities.
const REGULAR: i16 = 1;
const LABEL: i16 = 2;
/// Newest mentions of an entity that tell its circle.
const NEWEST: i64 = 100;

/// A stored entity whose name is similar to one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimilarEntity {
    /// Place of the name that was asked for.
    pub asked: usize,
    /// Its id.
    pub entity_id: Uuid,
    /// Its name.
    pub name: String,
}

/// Who is named together with an entity.
#[derive(Clone, Debug, Default)]
pub struct Circle {
    /// Entities that its newest mentions name too.
    pub partners: HashSet<Uuid>,
    /// When the latest of these mentions happened or was said.
    pub last_at: Option<DateTime<Utc>>,
}

/// Finds or makes the entities of the facts by name, whatever the case, and ties the
/// facts to them. Returns the number of new mentions by entity.
pub(super) async fn attach(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[&DocumentWrite],
    now: DateTime<Utc>,
) -> Result<BTreeMap<Uuid, i32>, StoreError> {
    let facts = || documents.iter().flat_map(|document| &document.facts);
    let mut names: BTreeMap<&str, bool> = BTreeMap::new();
    for entity in facts().flat_map(|fact| &fact.entities) {
        *names.entry(&entity.name).or_default() |= entity.is_label;
    }
    let mut mentions = BTreeMap::new();
    if names.is_empty() {
        return Ok(mentions);
    }
    let ids = resolve(transaction, bank, &names, now).await?;
    let mut rows: Vec<(Uuid, Uuid, i16)> = facts()
        .flat_map(|fact| {
            let code = fact_type_code(fact.fact_type);
            let ids = fact.entities.iter().filter_map(|entity| ids.get(&entity.name));
            ids.map(move |entity| (*entity, fact.memory_id, code))
        })
        .collect();
    rows.sort_unstable();
    // Two spellings of one fact may be the same entity to the database.
    rows.dedup();
    for (entity, ..) in &rows {
        *mentions.entry(*entity).or_insert(0) += 1;
    }
    let statement =
        "copy memory_entities (bank_key, entity_id, memory_id, fact_type) from stdin (format binary)";
    copy(transaction, statement, 4, &rows, |copy, (entity, memory, fact_type)| {
        copy.row().i64(bank.0).uuid(*entity).uuid(*memory).i16(*fact_type);
    })
    .await?;
    Ok(mentions)
}

/// Ids by name. Lower case is the database's own, so that its unique index agrees. Entities go
/// with their bank only, which the transaction holds, so that every name is found.
pub(super) async fn resolve(
    transaction: &mut Session,
    bank: BankKey,
    entities: &BTreeMap<&str, bool>,
    now: DateTime<Utc>,
) -> Result<HashMap<String, Uuid>, StoreError> {
    let names: Vec<String> = entities.keys().map(|name| (*name).to_owned()).collect();
    let kinds: Vec<i16> = entities.values().map(|is_label| if *is_label { LABEL } else { REGULAR }).collect();
    let new_ids: Vec<Uuid> = names.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "insert into entities (bank_key, entity_id, name, kind, first_seen)
         select $1, n.id, n.name, n.kind, $5 from (
           select distinct on (lower(u.name)) u.name, u.id, u.kind
           from unnest($2::text[], $3::uuid[], $4::smallint[]) u(name, id, kind)
           order by lower(u.name), u.name
         ) n
         order by lower(n.name)
         on conflict (bank_key, lower(name)) do nothing",
        bank.0,
        &names,
        &new_ids,
        &kinds,
        now
    )
    .execute(&mut *transaction)
    .await?;
    let rows = sqlx::query!(
        r#"select u.name as "name!", e.entity_id from unnest($2::text[]) u(name)
           join entities e on e.bank_key = $1 and lower(e.name) = lower(u.name)"#,
        bank.0,
        &names
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.entity_id)).collect())
}

impl Store {
    /// The entities of these names, whatever the case: place of the name and entity, for those
    /// that there are.
    pub async fn entities_by_name(
        &self,
        bank: BankKey,
        names: &[String],
    ) -> Result<Vec<(usize, Uuid)>, StoreError> {
        let rows = sqlx::query!(
            r#"select u.place as "place!", e.entity_id as "entity_id!"
               from unnest($2::text[]) with ordinality u(name, place)
               cross join lateral (
                 select entity_id from entities where bank_key = $1 and lower(name) = lower(u.name) offset 0
               ) e"#,
            bank.0,
            names
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(rows.into_iter().map(|row| (place(row.place), row.entity_id)).collect())
    }

    /// All entities of a bank, labels aside; none when there are more than `limit`.
    pub async fn regular_entities(&self, bank: BankKey, limit: i64) -> Result<Vec<EntityName>, StoreError> {
        let entities = sqlx::query_as!(
            EntityName,
            "select entity_id, name from entities where bank_key = $1 and kind = 1 and (
               select count(*) from (select from entities where bank_key = $1 and kind = 1 limit $2::bigint + 1) n
             ) <= $2::bigint",
            bank.0,
            limit
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        Ok(entities)
    }

    /// Entities, labels aside, whose names have trigrams in common with these names: a share of
    /// `least` at least, the `most` nearest of each name. None where the database lacks `pg_trgm`.
    pub async fn similar_entities(
        &self,
        bank: BankKey,
        names: &[String],
        least: f64,
        most: i64,
    ) -> Result<Vec<SimilarEntity>, StoreError> {
        if !self.has_trigrams {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin().await?;
        // What the operator % takes for similar.
        sqlx::query!("select set_config('pg_trgm.similarity_threshold', $1, true)", least.to_string())
            .fetch_one(&mut transaction)
            .await?;
        let rows = sqlx::query!(
            r#"select u.place as "place!", e.entity_id as "entity_id!", e.name as "name!"
               from unnest($2::text[]) with ordinality u(name, place)
               cross join lateral (
                 select entity_id, name from entities
                 where bank_key = $1 and kind = 1 and lower(name) % lower(u.name)
                 order by similarity(lower(name), lower(u.name)) desc, entity_id limit $3
               ) e"#,
            bank.0,
            names,
            most
        )
        .fetch_all(&mut transaction)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| SimilarEntity { asked: place(row.place), entity_id: row.entity_id, name: row.name })
            .collect())
    }

    /// With whom these entities are named, by their newest mentions.
    pub async fn circles(
        &self,
        bank: BankKey,
        entities: &[Uuid],
    ) -> Result<HashMap<Uuid, Circle>, StoreError> {
        let rows = sqlx::query!(
            r#"select u.entity_id as "entity_id!", c.partners as "partners!", c.last_at
               from unnest($2::uuid[]) u(entity_id)
               cross join lateral (
                 with newest as materialized (
                   select memory_id from memory_entities where bank_key = $1 and entity_id = u.entity_id
                   order by memory_id desc limit $3
                 )
                 select array(
                     select distinct p.entity_id from newest cross join lateral (
                       select entity_id from memory_entities
                       where bank_key = $1 and memory_id = newest.memory_id offset 0
                     ) p where p.entity_id <> u.entity_id
                   ) as partners,
                   (select max(v.event_at) from newest cross join lateral (
                      select event_at from memory_vectors
                      where bank_key = $1 and memory_id = newest.memory_id offset 0
                    ) v) as last_at
               ) c"#,
            bank.0,
            entities,
            NEWEST
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let circle =
            |partners: Vec<Uuid>, last_at| Circle { partners: partners.into_iter().collect(), last_at };
        Ok(rows.into_iter().map(|row| (row.entity_id, circle(row.partners, row.last_at))).collect())
    }
}

/// Ordinals count from 1.
fn place(ordinal: i64) -> usize {
    usize::try_from(ordinal - 1).unwrap_or(usize::MAX)
}
