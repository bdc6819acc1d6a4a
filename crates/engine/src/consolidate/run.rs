//! A run: the facts that wait, a group at a time for each set of scopes, until none is left or
//! it is the next run's turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use hindsight_types::operations::OperationProgress;
use hindsight_types::time;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Tally;
use super::batch::{Batch, Decision};
use super::scopes::{Scope, resolve};
use crate::config::ConsolidationSettings;
use crate::jobs::Progress;
use crate::model_calls::operation;
use crate::ports::LanguageModel;
use crate::store::{
    BankRow, ClaimedOperation, ConsolidationOutcome, ConsolidationWrite, OperationLease, ScopeWrite,
    StoreError, WaitingFact,
};
use crate::{Engine, EngineError};

/// What is under way, in words for clients.
const STAGE: &str = "consolidating";
/// How much further is looked for facts of groups that can be worked on beside one another.
const WINDOW: usize = 5;
/// How often facts are looked at that change while they are; then it is the next run's turn.
const OUTDATED: u32 = 3;

/// What was handed over.
#[derive(Debug, Deserialize)]
struct Payload {
    automatic: bool,
    /// Only facts with all tags of one of these.
    observation_scopes: Option<Value>,
}

/// How often facts that no answer mentions are asked about again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    First,
    Again,
}

/// What the provider does not take. Whether it is the fact or the whole setup is seen by others.
#[derive(Debug, Default)]
struct Rejected {
    /// Whether a question was answered since the last one that was not taken.
    is_answered: bool,
    /// Facts that were not taken alone, with nothing answered just before.
    undecided: Vec<WaitingFact>,
    /// What was said of the last of them.
    error: Option<EngineError>,
}

struct Run<'r> {
    engine: &'r Engine,
    llm: &'r dyn LanguageModel,
    settings: &'r ConsolidationSettings,
    bank: &'r BankRow,
    lease: OperationLease,
    progress: &'r Progress,
    /// Facts there were to do at the beginning.
    total: usize,
    tally: Mutex<Tally>,
    /// Facts that changed while they were looked at, and how often.
    outdated: Mutex<HashMap<Uuid, u32>>,
    rejected: Mutex<Rejected>,
    /// Scopes that are being written.
    locks: Mutex<BTreeMap<Scope, Arc<tokio::sync::Mutex<()>>>>,
}

impl Engine {
    /// Works facts that wait into observations, and completes the run.
    pub(crate) async fn consolidate_claimed(
        &self,
        claimed: &ClaimedOperation,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        let payload = Payload::deserialize(&claimed.payload)
            .map_err(|error| EngineError::Invalid(format!("the stored work cannot be read: {error}")))?;
        let bank = self.store.bank(&claimed.bank_id).await?;
        // With its bank an operation goes too; a new bank of the same name has not asked for it.
        let bank = bank.filter(|bank| claimed.lease.bank == bank.key).ok_or(StoreError::LeaseLost)?;
        let settings = self.settings.of_bank(&bank.config).consolidation;
        let Some(llm) = self.llm.as_deref().filter(|_| settings.observations) else {
            let told = Tally::default().told("disabled", 0);
            return Ok(self.store.finish_consolidation(claimed.lease, &told, None).await?);
        };
        let calls = self.run(llm, Some(bank.key), operation::CONSOLIDATION);
        let calls = calls.with("operation_id", claimed.lease.operation_id.to_string());
        let scopes = payload.observation_scopes.as_ref();
        let total = self.store.count_waiting(bank.key, scopes).await?;
        let run = Run {
            engine: self,
            llm: &calls,
            settings: &settings,
            bank: &bank,
            lease: claimed.lease,
            progress,
            total: usize::try_from(total).unwrap_or_default(),
            tally: Mutex::default(),
            outdated: Mutex::default(),
            rejected: Mutex::default(),
            locks: Mutex::default(),
        };
        let is_done = run.work(scopes).await?;
        let tally = *lock(&run.tally);
        let status = if total == 0 { "no_new_memories" } else { "completed" };
        // A run that was asked for goes on to the end; others as long as the bank wants them.
        let goes_on = !is_done && (!payload.automatic || settings.automatic);
        let next = goes_on.then_some((payload.automatic, scopes));
        let refreshed = if goes_on { 0 } else { self.refresh_models(&bank).await };
        let mut told = tally.told(status, refreshed);
        if let Some(told) = told.as_object_mut() {
            told.insert("usage".to_owned(), json!(progress.spent()));
        }
        Ok(self.store.finish_consolidation(claimed.lease, &told, next).await?)
    }
}

impl Engine {
    /// Requests refreshes of mental models that follow observations. What is missed is looked for
    /// again from time to time.
    async fn refresh_models(&self, bank: &BankRow) -> usize {
        self.refresh_after_consolidation(bank).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "mental models are not written anew now; they are later");
            0
        })
    }
}

impl Run<'_> {
    /// Works until nothing waits any more, or this run has done its part; returns which.
    async fn work(&self, scopes: Option<&Value>) -> Result<bool, EngineError> {
        self.progress.note(STAGE, 0, self.total, self.engine.clock.now());
        loop {
            let done = lock(&self.tally).processed;
            let left = match self.settings.facts_per_run {
                0 => usize::MAX,
                most => most.saturating_sub(done),
            };
            let take = self.settings.fetch_size.max(1).min(left);
            let window =
                if self.settings.parallelism > 1 { take.saturating_mul(WINDOW) } else { take.max(1) };
            let without: Vec<Uuid> = lock(&self.outdated)
                .iter()
                .filter(|(_, times)| **times >= OUTDATED)
                .map(|(fact, _)| *fact)
                .collect();
            let limit = i64::try_from(window.max(1)).unwrap_or(i64::MAX);
            let facts = self.engine.store.waiting_facts(self.bank.key, scopes, &without, limit).await?;
            if facts.is_empty() {
                return Ok(without.is_empty());
            }
            if take == 0 {
                return Ok(false);
            }
            self.work_in_groups(self.groups(facts, take)).await?;
        }
    }

    /// Facts that go to the same scopes together, the oldest first, and no more of one group than
    /// leaves room for others.
    fn groups(&self, facts: Vec<WaitingFact>, take: usize) -> Vec<(Vec<Scope>, Vec<WaitingFact>)> {
        let each = take.div_ceil(self.settings.parallelism);
        let mut groups: Vec<(Vec<Scope>, Vec<WaitingFact>)> = Vec::new();
        let mut taken = 0;
        for fact in facts {
            if taken == take {
                break;
            }
            let wanted = fact.observation_scopes.as_ref().or(self.settings.default_scopes.as_ref());
            let scopes = resolve(&fact.tags, wanted);
            let group = match groups.iter().position(|(known, _)| *known == scopes) {
                Some(place) => groups.get_mut(place),
                None => {
                    groups.push((scopes, Vec::new()));
                    groups.last_mut()
                }
            };
            if let Some((_, group)) = group.filter(|(_, group)| group.len() < each) {
                group.push(fact);
                taken += 1;
            }
        }
        groups.retain(|(_, facts)| !facts.is_empty());
        groups
    }

    /// Works on groups beside one another. When one fails the others are given up: what they have
    /// not written, they have not begun.
    async fn work_in_groups(&self, groups: Vec<(Vec<Scope>, Vec<WaitingFact>)>) -> Result<(), EngineError> {
        let mut work: FuturesUnordered<BoxFuture<'_, Result<(), EngineError>>> = FuturesUnordered::new();
        let mut waiting = groups.into_iter();
        for (scopes, facts) in waiting.by_ref().take(self.settings.parallelism) {
            work.push(self.work_on_group(scopes, facts).boxed());
        }
        while let Some(done) = work.next().await {
            done?;
            if let Some((scopes, facts)) = waiting.next() {
                work.push(self.work_on_group(scopes, facts).boxed());
            }
        }
        lock(&self.rejected).error.take().map_or(Ok(()), Err)
    }

    async fn work_on_group(&self, scopes: Vec<Scope>, facts: Vec<WaitingFact>) -> Result<(), EngineError> {
        for batch in facts.chunks(self.settings.batch_size) {
            // Groups with a scope in common take turns; the scopes are in order, so never in a circle.
            let mut held = Vec::new();
            for scope in &scopes {
                let lock = Arc::clone(lock(&self.locks).entry(scope.clone()).or_default());
                held.push(lock.lock_owned().await);
            }
            let limit = self.settings.idle_limit;
            tokio::time::timeout(limit, self.work_on(batch.to_vec(), &scopes, Asked::First)).await.map_err(
                |_| {
                    EngineError::Unprocessable(format!(
                        "nothing was written within {} s, in stage {STAGE}",
                        limit.as_secs()
                    ))
                },
            )??;
            if lock(&self.rejected).error.is_some() {
                // Unless the other groups are answered, so is nothing of this one.
                break;
            }
        }
        Ok(())
    }

    /// Works some facts in, by halves where an answer is of no use.
    fn work_on<'a>(
        &'a self,
        facts: Vec<WaitingFact>,
        scopes: &'a [Scope],
        asked: Asked,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            if facts.is_empty() {
                return Ok(());
            }
            let batch = Batch {
                engine: self.engine,
                llm: self.llm,
                settings: self.settings,
                bank: self.bank,
                progress: self.progress,
                facts: &facts,
            };
            let is_one = facts.len() == 1;
            match batch.decide(scopes).await? {
                Decision::Write { scopes: writes, cited, tally } => {
                    self.note_answer().await?;
                    let times = |fact: &WaitingFact| cited.get(&fact.memory_id).copied().unwrap_or_default();
                    let is_done = |fact: &WaitingFact| is_one || times(fact) == scopes.len();
                    let (written, ignored): (Vec<WaitingFact>, Vec<WaitingFact>) =
                        (facts.iter().cloned()).partition(|fact| is_done(fact) || times(fact) > 0);
                    let (done, forgotten): (Vec<&WaitingFact>, Vec<&WaitingFact>) =
                        written.iter().partition(|fact| is_done(fact));
                    let done: Vec<Uuid> = done.iter().map(|fact| fact.memory_id).collect();
                    // Those that one of their scopes has forgotten are asked about again too.
                    let ignored = forgotten.into_iter().cloned().chain(ignored).collect();
                    let skipped = usize::from(is_one && writes.iter().all(is_nothing));
                    let tally = Tally { processed: done.len(), skipped, ..tally };
                    self.write(&written, &writes, (&done, &[]), tally).await?;
                    match asked {
                        Asked::First => self.work_on(ignored, scopes, Asked::Again).await,
                        Asked::Again => self.work_on_each(ignored, scopes).await,
                    }
                }
                Decision::Unusable(reason) => {
                    tracing::debug!(facts = facts.len(), reason, "an answer was of no use");
                    self.halve(facts, scopes, asked, &reason).await
                }
                Decision::Rejected(error) => {
                    let reason = error.to_string();
                    {
                        let mut rejected = lock(&self.rejected);
                        let is_answered = std::mem::take(&mut rejected.is_answered);
                        if is_one && !is_answered {
                            rejected.undecided.extend(facts);
                            rejected.error = Some(error);
                            return Ok(());
                        }
                    }
                    self.halve(facts, scopes, asked, &reason).await
                }
            }
        }
        .boxed()
    }

    async fn work_on_each(&self, facts: Vec<WaitingFact>, scopes: &[Scope]) -> Result<(), EngineError> {
        for fact in facts {
            self.work_on(vec![fact], scopes, Asked::Again).await?;
        }
        Ok(())
    }

    /// Notes that the provider takes questions: the facts that it did not take are given up.
    async fn note_answer(&self) -> Result<(), EngineError> {
        let (undecided, error) = {
            let mut rejected = lock(&self.rejected);
            rejected.is_answered = true;
            (std::mem::take(&mut rejected.undecided), rejected.error.take())
        };
        let reason = error.map(|error| error.to_string()).unwrap_or_default();
        for fact in undecided {
            self.give_up(fact, &reason).await?;
        }
        Ok(())
    }

    async fn give_up(&self, fact: WaitingFact, reason: &str) -> Result<(), EngineError> {
        tracing::warn!(memory = %fact.memory_id, reason, "no observation could be made of a fact");
        lock(&self.tally).unusable += 1;
        let failed = [fact.memory_id];
        self.write(&[fact], &[], (&[], &failed), Tally { processed: 1, failed: 1, ..Tally::default() }).await
    }

    /// Asks about each half of the facts. One alone is given up.
    async fn halve(
        &self,
        mut facts: Vec<WaitingFact>,
        scopes: &[Scope],
        asked: Asked,
        reason: &str,
    ) -> Result<(), EngineError> {
        if let [fact] = facts.as_slice() {
            return self.give_up(fact.clone(), reason).await;
        }
        lock(&self.tally).unusable += 1;
        let second = facts.split_off(facts.len() / 2);
        self.work_on(facts, scopes, asked).await?;
        self.work_on(second, scopes, asked).await
    }

    /// Writes what comes of facts, and which of them are done or have failed. Those that have
    /// changed meanwhile wait on.
    async fn write(
        &self,
        facts: &[WaitingFact],
        scopes: &[ScopeWrite],
        (done, failed): (&[Uuid], &[Uuid]),
        written: Tally,
    ) -> Result<(), EngineError> {
        if facts.is_empty() && scopes.iter().all(is_nothing) {
            lock(&self.tally).unresolved += written.unresolved;
            return Ok(());
        }
        let ids: Vec<Uuid> = facts.iter().map(|fact| fact.memory_id).collect();
        let now = self.engine.clock.now();
        let processed = lock(&self.tally).processed + written.processed;
        let progress = json!(OperationProgress {
            stage: STAGE.to_owned(),
            at: time::format(now),
            processed: i64::try_from(processed).ok(),
            total: i64::try_from(self.total.max(processed)).ok(),
            detail: None,
        });
        let kept_versions = self.settings.kept_versions;
        let write = ConsolidationWrite { facts, scopes, done, failed, kept_versions, progress: &progress };
        match self.engine.store.write_observations(self.lease, &write, now).await? {
            ConsolidationOutcome::Written => {
                let processed = {
                    let mut tally = lock(&self.tally);
                    *tally += written;
                    tally.processed
                };
                self.progress.note(STAGE, processed, self.total.max(processed), now);
            }
            ConsolidationOutcome::Outdated => {
                tracing::debug!(facts = facts.len(), "facts or observations have changed; looked at again");
                let mut outdated = lock(&self.outdated);
                for id in ids {
                    *outdated.entry(id).or_default() += 1;
                }
            }
        }
        Ok(())
    }
}

fn is_nothing(write: &ScopeWrite) -> bool {
    write.creates.is_empty() && write.changes.is_empty() && write.removals.is_empty()
}

/// Nothing panics while it holds one of these.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
