//! Entities and who mentions them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::copy::CopyRows;
use super::session::Session;
use super::{BankKey, StoreError, fact_type_code};
use crate::store::DocumentWrite;

/// Finds or makes the entities of the facts by name, whatever the case, and ties the
/// facts to them. Returns the number of new mentions by entity.
pub(super) async fn attach(
    transaction: &mut Session,
    bank: BankKey,
    documents: &[&DocumentWrite],
    now: DateTime<Utc>,
) -> Result<BTreeMap<Uuid, i32>, StoreError> {
    let facts = || documents.iter().flat_map(|document| &document.facts);
    let mut names: Vec<String> =
        facts().flat_map(|fact| fact.entities.iter().map(|entity| entity.name.clone())).collect();
    names.sort_unstable();
    names.dedup();
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
    let mut copy = CopyRows::new(4);
    for (entity, memory, fact_type) in rows {
        copy.row().i64(bank.0).uuid(entity).uuid(memory).i16(fact_type);
        *mentions.entry(entity).or_insert(0) += 1;
    }
    copy.send(
        &mut *transaction,
        "copy memory_entities (bank_key, entity_id, memory_id, fact_type) from stdin (format binary)",
    )
    .await?;
    Ok(mentions)
}

/// Ids by name. Lower case is the database's own, so that its unique index agrees.
async fn resolve(
    transaction: &mut Session,
    bank: BankKey,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<HashMap<String, Uuid>, StoreError> {
    let new_ids: Vec<Uuid> = names.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "insert into entities (bank_key, entity_id, name, first_seen)
         select $1, n.id, n.name, $4 from (
           select distinct on (lower(u.name)) u.name, u.id
           from unnest($2::text[], $3::uuid[]) u(name, id) order by lower(u.name), u.name
         ) n
         order by lower(n.name)
         on conflict (bank_key, lower(name)) do nothing",
        bank.0,
        names,
        &new_ids,
        now
    )
    .execute(&mut *transaction)
    .await?;
    let rows = sqlx::query!(
        r#"select u.name as "name!", e.entity_id from unnest($2::text[]) u(name)
           join entities e on e.bank_key = $1 and lower(e.name) = lower(u.name)"#,
        bank.0,
        names
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.entity_id)).collect())
}
