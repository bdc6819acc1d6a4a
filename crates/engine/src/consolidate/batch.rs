//! Some facts in all scopes they go to: what a model wants done, and what is to be written of it.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::prompt::Question;
use super::reply::{self, Actions, Known};
use super::scopes::Scope;
use super::strategies::ScopeRules;
use super::twins::TwinSearch;
use super::{Tally, failure};
use crate::config::ConsolidationSettings;
use crate::jobs::Progress;
use crate::ports::{EmbedPurpose, LanguageModel};
use crate::store::{
    BankRow, ObservationChange, ObservationCreate, ObservationRemoval, ObservationRow, ObservationText,
    ScopeWrite, SourceFact, WaitingFact,
};
use crate::text::terms::{Language, analyze, text_hash};
use crate::text::{signals, tokens};
use crate::{Engine, EngineError};

/// Texts and their vectors.
pub(super) type Vectors = HashMap<String, Vec<f32>>;

/// Facts of one group, and who makes observations of them.
pub(super) struct Batch<'b> {
    pub(super) engine: &'b Engine,
    pub(super) llm: &'b dyn LanguageModel,
    pub(super) settings: &'b ConsolidationSettings,
    pub(super) bank: &'b BankRow,
    pub(super) progress: &'b Progress,
    pub(super) facts: &'b [WaitingFact],
}

/// What comes of a batch.
pub(super) enum Decision {
    /// What is to be written, in how many scopes it rests on each fact, and what was counted on
    /// the way.
    Write { scopes: Vec<ScopeWrite>, cited: HashMap<Uuid, usize>, tally: Tally },
    /// The model's answer is of no use, for this reason; fewer facts may do.
    Unusable(String),
    /// The provider finds the question itself wrong.
    Rejected(EngineError),
}

/// An answer for one scope.
enum Answer {
    Actions(Actions),
    Unusable(String),
    Rejected(EngineError),
}

impl Batch<'_> {
    /// Asks for each scope. Nothing is written, so a scope that fails leaves all as it was.
    pub(super) async fn decide(&self, scopes: &[Scope]) -> Result<Decision, EngineError> {
        let ids: Vec<Uuid> = self.facts.iter().map(|fact| fact.memory_id).collect();
        let facts = self.engine.store.vectors(self.bank.key, &ids).await?;
        let (mut writes, mut cited, mut tally) = (Vec::new(), HashMap::new(), Tally::default());
        for scope in scopes {
            let rules = ScopeRules::of(scope, self.settings);
            let mut shown = self.related(scope, &facts).await?;
            let mut actions = match self.ask(scope, &rules, &shown).await? {
                Answer::Actions(actions) => actions,
                Answer::Unusable(reason) => return Ok(Decision::Unusable(reason)),
                Answer::Rejected(error) => return Ok(Decision::Rejected(error)),
            };
            let search = TwinSearch {
                engine: self.engine,
                llm: self.llm,
                settings: self.settings,
                progress: self.progress,
                bank: self.bank.key,
                scope,
            };
            let mut vectors = Vectors::new();
            self.embed(&actions, &mut vectors).await?;
            tally.merged += search.fold(&mut actions, &mut shown, &vectors).await?;
            self.embed(&actions, &mut vectors).await?;
            for fact in &actions.cited {
                *cited.entry(*fact).or_default() += 1;
            }
            tally.unresolved += actions.unresolved;
            let write = self.prepare(scope.clone(), actions, &shown, &vectors);
            tally.count(&write);
            writes.push(write);
        }
        Ok(Decision::Write { scopes: writes, cited, tally })
    }

    /// The observations of a scope that the facts may belong to, the most related first.
    async fn related(
        &self,
        scope: &Scope,
        vectors: &HashMap<Uuid, Vec<f32>>,
    ) -> Result<Vec<ObservationRow>, EngineError> {
        let mut order: Vec<Uuid> = Vec::new();
        for fact in self.facts {
            let Some(vector) = vectors.get(&fact.memory_id) else { continue };
            let related = self.engine.related_observations(&self.bank.bank_id, scope, (&fact.body, vector));
            for id in related.await? {
                if !order.contains(&id) {
                    order.push(id);
                }
            }
        }
        let mut rows: HashMap<Uuid, ObservationRow> = self
            .engine
            .store
            .observations(self.bank.key, &order)
            .await?
            .into_iter()
            .map(|row| (row.memory_id, row))
            .collect();
        Ok(order.iter().filter_map(|id| rows.remove(id)).collect())
    }

    async fn ask(
        &self,
        scope: &Scope,
        rules: &ScopeRules,
        shown: &[ObservationRow],
    ) -> Result<Answer, EngineError> {
        let store = &self.engine.store;
        let free = match rules.most {
            None => None,
            Some(most) => {
                let there = store.count_observations(self.bank.key, scope).await?;
                Some(usize::try_from(most.saturating_sub(there)).unwrap_or_default())
            }
        };
        let ids: Vec<Uuid> = shown.iter().flat_map(|row| row.source_ids.iter().copied()).collect();
        let sources: HashMap<Uuid, SourceFact> = store
            .source_facts(self.bank.key, &ids)
            .await?
            .into_iter()
            .map(|fact| (fact.memory_id, fact))
            .collect();
        let question = Question { facts: self.facts, observations: shown, sources: &sources, rules, free };
        let asked = self.llm.ask(question.prompt(self.settings)).await;
        self.progress.spend(match &asked {
            Ok(reply) => reply.usage,
            Err(error) => error.usage,
        });
        let reply = match asked {
            Ok(reply) => reply,
            Err(error) if failure::is_of_the_question(&error.failure, self.facts.len()) => {
                return Ok(Answer::Unusable(error.failure.to_string()));
            }
            Err(error) => {
                let is_rejected = matches!(error.failure, crate::ports::LlmFailure::Rejected(_));
                let error = failure::error(&error.failure, self.engine.clock.now());
                return if is_rejected { Ok(Answer::Rejected(error)) } else { Err(error) };
            }
        };
        let known = Known { facts: self.facts, observations: shown, free };
        Ok(match reply::read(&reply.value.unwrap_or_default(), known) {
            Ok(actions) => Answer::Actions(actions),
            Err(reason) => Answer::Unusable(reason),
        })
    }

    /// Gives the texts that have none their vectors.
    async fn embed(&self, actions: &Actions, vectors: &mut Vectors) -> Result<(), EngineError> {
        let created = actions.creates.iter().map(|create| &create.text);
        let changed = actions.changes.values().filter_map(|change| change.text.as_ref());
        let texts: Vec<String> =
            created.chain(changed).filter(|text| !vectors.contains_key(*text)).cloned().collect();
        if !texts.is_empty() {
            let made = self.engine.vectors(EmbedPurpose::Passage, texts.clone()).await?;
            vectors.extend(std::iter::zip(texts, made));
        }
        Ok(())
    }

    /// What is to be written, with all that is kept of the new texts.
    fn prepare(
        &self,
        scope: Scope,
        actions: Actions,
        shown: &[ObservationRow],
        vectors: &Vectors,
    ) -> ScopeWrite {
        let body = |id: &Uuid| {
            shown.iter().find(|row| row.memory_id == *id).map(|row| row.body.clone()).unwrap_or_default()
        };
        let language = self.engine.store.language();
        let text_of = |text: String| {
            let vector = vectors.get(&text).cloned().unwrap_or_default();
            observation_text(text, vector, language)
        };
        let mut write = ScopeWrite { scope, ..ScopeWrite::default() };
        for create in actions.creates {
            write.creates.push(ObservationCreate { text: text_of(create.text), sources: create.sources });
        }
        for (memory_id, change) in actions.changes {
            let text = change.text.map(text_of);
            let expected = body(&memory_id);
            write.changes.push(ObservationChange { memory_id, expected, text, sources: change.sources });
        }
        let removals: BTreeMap<Uuid, Option<Uuid>> =
            actions.removals.into_iter().map(|removal| (removal.observation, removal.merged_into)).collect();
        for (memory_id, merged_into) in removals {
            write.removals.push(ObservationRemoval { memory_id, expected: body(&memory_id), merged_into });
        }
        write
    }
}

fn observation_text(body: String, embedding: Vec<f32>, language: Language) -> ObservationText {
    ObservationText {
        terms: analyze(&body, language),
        text_hash: text_hash(&body),
        tokens: i32::try_from(tokens::count(&body)).unwrap_or(i32::MAX),
        question_share: signals::question_share(&body),
        has_time: signals::has_time(&body),
        embedding,
        body,
    }
}
