//! Changing single facts: what was read, what becomes of it, written in one transaction.
//!
//! What is made outside of the transaction, vectors above all, is made of a fact as it was read;
//! under the lock of its document it must still be that one, else nothing is written.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use uuid::Uuid;

use super::banks::hold;
use super::events::{self, Event};
use super::fact_rows::{
    Changes, insert_mentions, insert_postings, remove_postings, replace_mentions, write_fact, write_vector,
};
use super::observations::withdrawn;
use super::remove::{Outgoing, Removed, remove_memories};
use super::session::Session;
use super::statistics::write_statistics;
use super::{
    BankKey, EntityMention, Store, StoreError, archive, consolidation, entities, fact_type_code, links,
};
use crate::text::terms::{Terms, analyze};

/// A memory as it stands, for somebody who wants to change it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFact {
    /// Its id.
    pub memory_id: Uuid,
    /// Its document.
    pub document_id: Option<String>,
    /// Number of its type.
    pub fact_type: i16,
    /// Its text.
    pub body: String,
    /// Where it comes from.
    pub context: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
    /// Who says it.
    pub author: Option<String>,
    /// Whether it was declared invalid.
    pub is_archived: bool,
}

/// What ranking needs of a text.
#[derive(Clone, Debug)]
pub struct TextFeatures {
    /// Its vector.
    pub embedding: Vec<f32>,
    /// Its terms.
    pub terms: Terms,
    /// Its length in tokens (o200k).
    pub tokens: i32,
    /// Share of it that asks, 0 to 1.
    pub question_share: f32,
    /// Whether it names a time.
    pub has_time: bool,
    /// Hash of it; equal texts have equal ones.
    pub text_hash: i64,
}

/// What becomes of a fact by an edit.
#[derive(Clone, Debug)]
pub struct FactChange {
    /// Its type.
    pub fact_type: FactType,
    /// Its text, when it is another one.
    pub text: Option<(String, TextFeatures)>,
    /// Where it comes from.
    pub context: Option<String>,
    /// Begin of what it tells of.
    pub occurred_start: Option<DateTime<Utc>>,
    /// End of what it tells of.
    pub occurred_end: Option<DateTime<Utc>>,
    /// When it was said.
    pub mentioned_at: Option<DateTime<Utc>>,
    /// Who says it.
    pub author: Option<String>,
    /// What it mentions, in place of what it did.
    pub entities: Option<Vec<EntityMention>>,
}

impl FactChange {
    /// Whether it is like other memories from now on.
    fn moves(&self, read: &StoredFact) -> bool {
        self.text.is_some() || fact_type_code(self.fact_type) != read.fact_type
    }
}

/// Another state for a fact.
#[derive(Clone, Copy, Debug)]
pub enum StateChange<'c> {
    /// It is not valid, for a reason.
    Invalidate(Option<&'c str>),
    /// It is valid again; what ranking needs of its text.
    Revert(&'c TextFeatures),
}

impl Store {
    /// A memory as it stands, whether it is valid or not.
    pub async fn stored_fact(
        &self,
        bank: BankKey,
        memory_id: Uuid,
    ) -> Result<Option<StoredFact>, StoreError> {
        as_it_stands(&mut self.session().await?, bank, memory_id).await
    }

    /// Changes a fact, its state or both. Observations that were made of it go, and the other
    /// facts behind them wait to be looked at again, as it does itself; unless it is not valid any
    /// more, what is made of them then goes on where these observations ended.
    ///
    /// Fails with [`StoreError::MemoryChanged`] when it is not as it was read any more.
    pub async fn curate(
        &self,
        bank: BankKey,
        read: &StoredFact,
        change: Option<&FactChange>,
        state: Option<StateChange<'_>>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        lock_document(&mut transaction, bank, read).await?;
        if matches!(state, Some(StateChange::Revert(_))) || change.is_some_and(|change| change.moves(read)) {
            // First of all: a round that is looking for its links ends before they are taken away.
            links::queue(&mut transaction, bank, read.memory_id).await?;
        }
        let is_leaving = matches!(state, Some(StateChange::Invalidate(_))) && !read.is_archived;
        let outgoing = if read.is_archived {
            Outgoing::default()
        } else if is_leaving {
            Outgoing::find(&mut transaction, bank, &[read.memory_id], &[]).await?
        } else {
            Outgoing::made_of(&mut transaction, bank, &[read.memory_id]).await?
        };
        if lock_fact(&mut transaction, bank, read).await?.as_ref() != Some(read) {
            return Err(StoreError::MemoryChanged(read.memory_id));
        }
        let mut changes = Changes::default();
        if let Some(change) = change {
            self.rewrite(&mut transaction, bank, read, change, &mut changes, now).await?;
        }
        match state {
            Some(StateChange::Invalidate(reason)) if is_leaving => {
                archive::put_away(&mut transaction, bank, read.memory_id, reason, now).await?;
            }
            Some(StateChange::Invalidate(reason)) => {
                archive::give_reason(&mut transaction, bank, read.memory_id, reason, now).await?;
            }
            Some(StateChange::Revert(features)) => {
                self.bring_back(&mut transaction, bank, read, features, &mut changes, now).await?;
            }
            None => {}
        }
        if change.is_some() && !is_leaving {
            outgoing.withdraw(&mut transaction, bank, now).await?;
        }
        let removed = remove_memories(&mut transaction, bank, &outgoing, self.language).await?;
        if let Some((last, before)) = events_of(read, change.is_some(), state).split_last() {
            events::record(&mut transaction, bank, before, &Removed::default(), now).await?;
            events::record(&mut transaction, bank, std::slice::from_ref(last), &removed, now).await?;
        }
        changes.add(&removed);
        let Changes { terms, entities, counts } = changes;
        write_statistics(&mut transaction, bank, &terms, &entities, counts, now).await?;
        consolidation::request(&mut transaction, bank, self.consolidation).await?;
        transaction.end().await
    }

    /// Deletes the observations that were made of a fact; it waits for new ones, and so do the
    /// other facts behind them. Returns their number.
    ///
    /// Fails with [`StoreError::MemoryChanged`] when it is not there any more.
    pub async fn delete_observations_of(
        &self,
        bank: BankKey,
        fact: &StoredFact,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let mut transaction = self.begin().await?;
        hold(&mut transaction, bank).await?;
        lock_document(&mut transaction, bank, fact).await?;
        let outgoing = Outgoing::made_of(&mut transaction, bank, &[fact.memory_id]).await?;
        withdrawn::forget(&mut transaction, bank, &[fact.memory_id]).await?;
        let removed = remove_memories(&mut transaction, bank, &outgoing, self.language).await?;
        let waiting = sqlx::query!(
            "update memory_state set consolidated_at = null, consolidation_failed_at = null, updated_at = $3
             where bank_key = $1 and memory_id = $2",
            bank.0,
            fact.memory_id,
            now
        )
        .execute(&mut transaction)
        .await?;
        if waiting.rows_affected() == 0 {
            return Err(StoreError::MemoryChanged(fact.memory_id));
        }
        if let Some(document_id) = &fact.document_id {
            let cleared =
                Event { fact: Some(fact.memory_id), ..Event::new(document_id, "observations_cleared") };
            events::record(&mut transaction, bank, &[cleared], &removed, now).await?;
        }
        let counts = removed.counts();
        write_statistics(&mut transaction, bank, &removed.terms, &removed.entities, counts, now).await?;
        consolidation::request(&mut transaction, bank, self.consolidation).await?;
        transaction.end().await?;
        Ok(removed.memories)
    }

    async fn rewrite(
        &self,
        transaction: &mut Session,
        bank: BankKey,
        read: &StoredFact,
        change: &FactChange,
        changes: &mut Changes,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let id = read.memory_id;
        let code = fact_type_code(change.fact_type);
        write_fact(transaction, bank, id, change, now).await?;
        write_vector(transaction, bank, id, change).await?;
        if change.moves(read) {
            let old = analyze(&read.body, self.language);
            remove_postings(transaction, bank, id, &old).await?;
            let new = change.text.as_ref().map_or(&old, |(_, features)| &features.terms);
            insert_postings(transaction, bank, id, code, new).await?;
            changes.text(&old, -1);
            changes.text(new, 1);
            // They are found anew: of another text, among memories of another type.
            links::remove_semantic(transaction, bank, id).await?;
        }
        match &change.entities {
            Some(mentions) => replace_mentions(transaction, bank, (id, code), mentions, changes, now).await?,
            None if code != read.fact_type => {
                sqlx::query!(
                    "update memory_entities set fact_type = $3 where bank_key = $1 and memory_id = $2",
                    bank.0,
                    id,
                    code
                )
                .execute(&mut *transaction)
                .await?;
            }
            None => {}
        }
        Ok(())
    }

    async fn bring_back(
        &self,
        transaction: &mut Session,
        bank: BankKey,
        read: &StoredFact,
        features: &TextFeatures,
        changes: &mut Changes,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let id = read.memory_id;
        let taken_out = archive::take_out(transaction, bank, id, features, now).await?;
        insert_postings(transaction, bank, id, read.fact_type, &features.terms).await?;
        changes.text(&features.terms, 1);
        changes.counts.memories += 1;
        // Entities that nobody has mentioned meanwhile may be gone; they are made again.
        let names = taken_out.entities.iter().map(|(name, is_label)| (name.as_str(), *is_label)).collect();
        let ids = entities::resolve(transaction, bank, &names, now).await?;
        let ids: BTreeSet<Uuid> = ids.into_values().collect();
        insert_mentions(transaction, bank, (id, read.fact_type), &ids, changes).await?;
        archive::restore_links(transaction, bank, id, &taken_out.causal_links).await
    }
}

/// What the history of the fact's document says of this.
fn events_of<'f>(read: &'f StoredFact, is_edited: bool, state: Option<StateChange<'_>>) -> Vec<Event<'f>> {
    let Some(document_id) = &read.document_id else { return Vec::new() };
    let event = |kind| Event { fact: Some(read.memory_id), ..Event::new(document_id, kind) };
    let state = match state {
        Some(StateChange::Invalidate(_)) if !read.is_archived => Some(event("fact_invalidated")),
        Some(StateChange::Revert(_)) => Some(Event { facts_added: 1, ..event("fact_restored") }),
        _ => None,
    };
    is_edited.then(|| event("fact_edited")).into_iter().chain(state).collect()
}

/// Whoever writes into a document, or deletes it, waits until this is done.
async fn lock_document(
    transaction: &mut Session,
    bank: BankKey,
    read: &StoredFact,
) -> Result<(), StoreError> {
    let Some(document_id) = &read.document_id else { return Ok(()) };
    sqlx::query_scalar!(
        "select document_id from documents where bank_key = $1 and document_id = $2 for no key update",
        bank.0,
        document_id
    )
    .fetch_optional(&mut *transaction)
    .await?
    .map(|_| ())
    .ok_or(StoreError::MemoryChanged(read.memory_id))
}

/// The fact as it is now, locked. Rounds that look for links pass over it.
async fn lock_fact(
    transaction: &mut Session,
    bank: BankKey,
    read: &StoredFact,
) -> Result<Option<StoredFact>, StoreError> {
    let id = read.memory_id;
    if read.is_archived {
        archive::lock(transaction, bank, id).await?;
    } else {
        sqlx::query_scalar!(
            "select memory_id from memories where bank_key = $1 and memory_id = $2 for update",
            bank.0,
            id
        )
        .fetch_optional(&mut *transaction)
        .await?;
    }
    as_it_stands(transaction, bank, id).await
}

async fn as_it_stands(
    session: &mut Session,
    bank: BankKey,
    memory_id: Uuid,
) -> Result<Option<StoredFact>, StoreError> {
    // In one statement: a fact whose state changes meanwhile is found in either.
    let fact = sqlx::query_as!(
        StoredFact,
        r#"select m.memory_id as "memory_id!", m.document_id, m.fact_type as "fact_type!", m.body as "body!",
             m.context, m.occurred_start, m.occurred_end, m.mentioned_at, v.author, false as "is_archived!"
           from memories m join memory_vectors v on v.bank_key = m.bank_key and v.memory_id = m.memory_id
           where m.bank_key = $1 and m.memory_id = $2
           union all
           select memory_id, document_id, fact_type, body, context, occurred_start, occurred_end, mentioned_at,
             author, true
           from archived_memories where bank_key = $1 and memory_id = $2"#,
        bank.0,
        memory_id
    )
    .fetch_optional(&mut *session)
    .await?;
    Ok(fact)
}
