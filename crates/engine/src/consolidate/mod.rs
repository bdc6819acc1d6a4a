//! Consolidation: observations, each of what is known of one thing, made of the facts that say so.
//!
//! A run is a job. [`run`] takes the facts that wait, in groups that go to the same scopes
//! ([`scopes`]), some at a time; [`batch`] has a model say what they change ([`prompt`],
//! [`wording`], [`schema`], [`reply`]) among the observations they may belong to, [`twins`] keeps
//! what says the same from being there twice, and everything is written at once with the word that
//! the facts are done. A scope is a wall: nothing of one is shown, changed or cited in another.
//! [`strategies`] say what is done in another way in some scopes.

mod batch;
mod failure;
mod preview;
mod prompt;
mod reply;
mod requests;
mod run;
mod schema;
mod scopes;
mod strategies;
mod twins;
mod wording;

use serde_json::{Value, json};

use crate::store::ScopeWrite;

pub(crate) use strategies::{check_scope_limits, check_strategies};

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Facts that were worked in, left out or given up.
    processed: usize,
    created: usize,
    updated: usize,
    merged: usize,
    deleted: usize,
    /// Facts of which nothing is worth keeping.
    skipped: usize,
    /// Facts that a model could make nothing of.
    failed: usize,
    /// Answers that were of no use.
    unusable: usize,
    /// Entries of answers that could not be used.
    unresolved: usize,
}

impl Tally {
    /// Adds what is written in a scope.
    fn count(&mut self, write: &ScopeWrite) {
        self.created += write.creates.len();
        self.updated += write.changes.len();
        self.deleted += write.removals.len();
    }

    /// What the result of an operation says of it, and of the mental models that follow.
    fn told(&self, status: &str, refreshed: usize) -> Value {
        json!({
            "status": status,
            "memories_processed": self.processed,
            "observations_created": self.created,
            "observations_updated": self.updated,
            "observations_merged": self.merged,
            "observations_deleted": self.deleted,
            "actions_executed": self.created + self.updated + self.deleted,
            "skipped": self.skipped,
            "memories_failed": self.failed,
            "llm_batch_failures": self.unusable,
            "unresolved_actions": self.unresolved,
            "mental_models_refreshed": refreshed,
        })
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.processed += other.processed;
        self.created += other.created;
        self.updated += other.updated;
        self.merged += other.merged;
        self.deleted += other.deleted;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.unusable += other.unusable;
        self.unresolved += other.unresolved;
    }
}
