//! Writing what comes of some facts: everything, and that they are done, in one transaction.
//!
//! Rows are locked in the order of the store: the facts first, then the observations. Whoever
//! deletes or changes a fact locks it before looking for the observations made of it, so that one
//! of both sees what the other has done: no observation is made of a fact that is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    ConsolidationOutcome, ConsolidationWrite, ObservationChange, ObservationRow, ObservationText, ScopeWrite,
    history, rows, withdrawn,
};
use crate::store::banks::hold;
use crate::store::remove::{Outgoing, remove_memories};
use crate::store::session::Session;
use crate::store::statistics::{Counts, write_statistics};
use crate::store::{BankKey, OperationLease, Store, StoreError, WaitingFact, links};
use crate::text::terms::{Terms, analyze};

/// What the statistics gain and lose.
#[derive(Debug, Default)]
struct Tally {
    terms: BTreeMap<i64, i32>,
    counts: Counts,
}

impl Tally {
    fn add(&mut self, terms: &Terms, sign: i32) {
        for term in &terms.terms {
            *self.terms.entry(term.hash).or_default() += sign;
        }
        self.counts.term_length += i64::from(terms.length) * i64::from(sign);
    }
}

impl Store {
    /// Writes what comes of some facts, all or nothing, while the run's lease is still its own.
    pub async fn write_observations(
        &self,
        lease: OperationLease,
        write: &ConsolidationWrite<'_>,
        now: DateTime<Utc>,
    ) -> Result<ConsolidationOutcome, StoreError> {
        let bank = lease.bank;
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        let rewritten: BTreeSet<Uuid> = write
            .scopes
            .iter()
            .flat_map(|scope| &scope.changes)
            .filter(|change| change.text.is_some())
            .map(|change| change.memory_id)
            .collect();
        for memory_id in rewritten {
            // First of all: a round that is looking for its links ends before they are taken away.
            links::queue(&mut transaction, bank, memory_id).await?;
        }
        let facts = lock_facts(&mut transaction, bank, write.facts).await?;
        let Some(facts) = facts else { return Ok(ConsolidationOutcome::Outdated) };
        let targets = lock_targets(&mut transaction, bank, write.scopes).await?;
        let Some(targets) = targets else { return Ok(ConsolidationOutcome::Outdated) };
        if !hold_merged(&mut transaction, bank, write.scopes, &targets).await? {
            return Ok(ConsolidationOutcome::Outdated);
        }
        lock_states(&mut transaction, bank, write).await?;

        let gone = write.scopes.iter().flat_map(|scope| &scope.removals).map(|removal| removal.memory_id);
        let outgoing = Outgoing::of_observations(gone.collect());
        let removed = remove_memories(&mut transaction, bank, &outgoing, self.language).await?;
        let mut tally = Tally { terms: removed.terms.clone(), counts: removed.counts() };
        for scope in write.scopes {
            for (before, change) in changes(scope, &targets) {
                let after = after(before, &change, scope, &targets, &facts);
                let new = without(&after.source_ids, &before.source_ids);
                history::keep(&mut transaction, bank, before, &new, now, write.kept_versions).await?;
                rows::update(&mut transaction, bank, &after, now).await?;
                if let Some(text) = &change.text {
                    let old = analyze(&before.body, self.language);
                    let hashes: Vec<i64> = old.terms.iter().map(|term| term.hash).collect();
                    rows::replace_text(&mut transaction, bank, before.memory_id, &hashes, text).await?;
                    tally.add(&old, -1);
                    tally.add(&text.terms, 1);
                }
            }
            for create in &scope.creates {
                let mut row = created(&scope.scope, &create.text, &create.sources, &facts, now);
                let before = withdrawn::take(&mut transaction, bank, &scope.scope, &row.source_ids).await?;
                if let Some(before) = &before {
                    row.memory_id = before.row.memory_id;
                }
                rows::insert(&mut transaction, bank, &row, &create.text, now).await?;
                if let Some(before) = &before {
                    withdrawn::restore_versions(&mut transaction, bank, before).await?;
                    let new = without(&row.source_ids, &before.row.source_ids);
                    let most = write.kept_versions;
                    history::keep(&mut transaction, bank, &before.row, &new, now, most).await?;
                }
                tally.add(&create.text.terms, 1);
                tally.counts.memories += 1;
            }
        }
        stamp(&mut transaction, bank, write, now).await?;
        let settled: Vec<Uuid> = write.done.iter().chain(write.failed).copied().collect();
        withdrawn::forget_settled(&mut transaction, bank, &settled).await?;
        write_statistics(&mut transaction, bank, &tally.terms, &removed.entities, tally.counts, now).await?;
        note_progress(&mut transaction, lease, write).await?;
        transaction.end().await?;
        Ok(ConsolidationOutcome::Written)
    }
}

/// Locks the facts against whoever would delete or change them; none when somebody has.
async fn lock_facts<'w>(
    transaction: &mut Session,
    bank: BankKey,
    facts: &'w [WaitingFact],
) -> Result<Option<HashMap<Uuid, &'w WaitingFact>>, StoreError> {
    let ids: Vec<Uuid> = facts.iter().map(|fact| fact.memory_id).collect();
    let stored = sqlx::query_as!(
        WaitingFact,
        "select memory_id, body, tags, observation_scopes, occurred_start, occurred_end, mentioned_at
         from memories where bank_key = $1 and memory_id = any($2) and fact_type < 3
         order by memory_id for key share",
        bank.0,
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    let read: HashMap<Uuid, &WaitingFact> = facts.iter().map(|fact| (fact.memory_id, fact)).collect();
    let is_same = |fact: &WaitingFact| read.get(&fact.memory_id).is_some_and(|read| *read == fact);
    Ok((stored.len() == read.len() && stored.iter().all(is_same)).then_some(read))
}

/// Locks the observations that change or go; none when one is not what it is thought to be.
async fn lock_targets(
    transaction: &mut Session,
    bank: BankKey,
    scopes: &[ScopeWrite],
) -> Result<Option<HashMap<Uuid, ObservationRow>>, StoreError> {
    let mut expected: HashMap<Uuid, (Option<&str>, &[String])> = HashMap::new();
    for scope in scopes {
        for removal in &scope.removals {
            expected.insert(removal.memory_id, (Some(&removal.expected), &scope.scope));
            if let Some(target) = removal.merged_into {
                expected.entry(target).or_insert((None, &scope.scope));
            }
        }
        for change in &scope.changes {
            expected.insert(change.memory_id, (Some(&change.expected), &scope.scope));
        }
    }
    if expected.is_empty() {
        return Ok(Some(HashMap::new()));
    }
    let ids: Vec<Uuid> = expected.keys().copied().collect();
    let stored = sqlx::query_as!(
        ObservationRow,
        r#"select memory_id, body, tags, coalesce(source_ids, '{}') as "source_ids!", occurred_start,
             occurred_end, mentioned_at
           from memories where bank_key = $1 and memory_id = any($2) and fact_type = 3
           order by memory_id for update"#,
        bank.0,
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    let is_as_expected = |row: &ObservationRow| {
        expected.get(&row.memory_id).is_some_and(|(text, scope)| {
            text.is_none_or(|text| text == row.body)
                && row.tags.iter().collect::<BTreeSet<_>>() == scope.iter().collect::<BTreeSet<_>>()
        })
    };
    if stored.len() != expected.len() || !stored.iter().all(is_as_expected) {
        return Ok(None);
    }
    Ok(Some(stored.into_iter().map(|row| (row.memory_id, row)).collect()))
}

/// Holds the facts behind observations that are merged into others; false when somebody is about
/// to delete or change one. Whoever does waits for these observations, so it is not waited for.
async fn hold_merged(
    transaction: &mut Session,
    bank: BankKey,
    scopes: &[ScopeWrite],
    targets: &HashMap<Uuid, ObservationRow>,
) -> Result<bool, StoreError> {
    let removals = scopes.iter().flat_map(|scope| &scope.removals);
    let merged = removals.filter(|removal| removal.merged_into.is_some());
    let rows = merged.filter_map(|removal| targets.get(&removal.memory_id));
    let facts: Vec<Uuid> = rows.flat_map(|row| row.source_ids.iter().copied()).collect();
    if facts.is_empty() {
        return Ok(true);
    }
    let is_held = sqlx::query_scalar!(
        r#"with held as materialized (
             select memory_id from memories where bank_key = $1 and memory_id = any($2) for key share skip locked
           )
           select not exists (select from memories where bank_key = $1 and memory_id = any($2)
             and memory_id not in (select memory_id from held)) as "is_held!""#,
        bank.0,
        &facts
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(is_held)
}

async fn lock_states(
    transaction: &mut Session,
    bank: BankKey,
    write: &ConsolidationWrite<'_>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = write.done.iter().chain(write.failed).copied().collect();
    sqlx::query!(
        "select memory_id from memory_state where bank_key = $1 and memory_id = any($2)
         order by memory_id for no key update",
        bank.0,
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    Ok(())
}

/// What changes in a scope: what is to change, and what only gets the facts of another one.
fn changes<'s>(
    scope: &'s ScopeWrite,
    targets: &'s HashMap<Uuid, ObservationRow>,
) -> Vec<(&'s ObservationRow, ObservationChange)> {
    let mut changes: BTreeMap<Uuid, ObservationChange> =
        scope.changes.iter().map(|change| (change.memory_id, change.clone())).collect();
    for target in scope.removals.iter().filter_map(|removal| removal.merged_into) {
        if let Some(row) = targets.get(&target) {
            changes.entry(target).or_insert_with(|| ObservationChange {
                memory_id: target,
                expected: row.body.clone(),
                text: None,
                sources: Vec::new(),
            });
        }
    }
    changes.into_values().filter_map(|change| Some((targets.get(&change.memory_id)?, change))).collect()
}

/// An observation behind its change. Its times only grow wider.
fn after(
    before: &ObservationRow,
    change: &ObservationChange,
    scope: &ScopeWrite,
    targets: &HashMap<Uuid, ObservationRow>,
    facts: &HashMap<Uuid, &WaitingFact>,
) -> ObservationRow {
    let mut row = before.clone();
    if let Some(text) = &change.text {
        row.body.clone_from(&text.body);
    }
    for removal in scope.removals.iter().filter(|removal| removal.merged_into == Some(before.memory_id)) {
        if let Some(merged) = targets.get(&removal.memory_id) {
            row.source_ids.extend(without(&merged.source_ids, &row.source_ids));
            widen(&mut row, merged.occurred_start, merged.occurred_end, merged.mentioned_at);
        }
    }
    add_facts(&mut row, &change.sources, facts);
    row
}

fn created(
    scope: &[String],
    text: &ObservationText,
    sources: &[Uuid],
    facts: &HashMap<Uuid, &WaitingFact>,
    now: DateTime<Utc>,
) -> ObservationRow {
    let mut row = ObservationRow {
        memory_id: Uuid::now_v7(),
        body: text.body.clone(),
        tags: scope.to_vec(),
        source_ids: Vec::new(),
        occurred_start: None,
        occurred_end: None,
        mentioned_at: None,
    };
    add_facts(&mut row, sources, facts);
    row.mentioned_at = row.mentioned_at.or(Some(now));
    row
}

fn add_facts(row: &mut ObservationRow, sources: &[Uuid], facts: &HashMap<Uuid, &WaitingFact>) {
    for fact in sources.iter().filter_map(|source| facts.get(source)) {
        if !row.source_ids.contains(&fact.memory_id) {
            row.source_ids.push(fact.memory_id);
        }
        widen(row, fact.occurred_start, fact.occurred_end, fact.mentioned_at);
    }
}

fn widen(
    row: &mut ObservationRow,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    mentioned: Option<DateTime<Utc>>,
) {
    row.occurred_start = row.occurred_start.into_iter().chain(start).min();
    row.occurred_end = row.occurred_end.into_iter().chain(end).max();
    row.mentioned_at = row.mentioned_at.into_iter().chain(mentioned).max();
}

fn without(ids: &[Uuid], known: &[Uuid]) -> Vec<Uuid> {
    ids.iter().filter(|id| !known.contains(id)).copied().collect()
}

/// Says of the facts that they wait no more.
async fn stamp(
    transaction: &mut Session,
    bank: BankKey,
    write: &ConsolidationWrite<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update memory_state set consolidated_at = case when memory_id = any($2) then $4::timestamptz end,
           consolidation_failed_at = case when memory_id = any($3) then $4::timestamptz end
         where bank_key = $1 and memory_id = any($2::uuid[] || $3::uuid[])",
        bank.0,
        write.done,
        write.failed,
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// Notes how far the run has come; fails when it is another's by now, or was called off.
async fn note_progress(
    transaction: &mut Session,
    lease: OperationLease,
    write: &ConsolidationWrite<'_>,
) -> Result<(), StoreError> {
    let noted = sqlx::query!(
        "update async_operations set progress = $4, updated_at = now()
         where bank_key = $1 and operation_id = $2 and fence = $3 and status = 'processing'",
        lease.bank.0,
        lease.operation_id,
        lease.fence(),
        write.progress
    )
    .execute(&mut *transaction)
    .await?;
    if noted.rows_affected() == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}
