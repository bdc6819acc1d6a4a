//! Writing a mental model by changes of what new memories bear on: these are shown with the document,
//! and nothing else of memory is.

use hindsight_types::mental_models::RefreshMode;
use hindsight_types::reflect::{ReflectBasedOn, ReflectToolCall};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::edit::{Asked, Edited};
use super::outcome::{self, Effect, Refreshed};
use super::refresh::{Plan, Refresh};
use super::reply::Names;
use super::retract::Retracted;
use super::wording;
use crate::EngineError;
use crate::document::Document;
use crate::store::{NewMemory, RefreshFailure, fact_type_of};
use crate::text::tokens;

/// Tokens of the document and the memories of one question.
const INPUT: usize = 24_000;
/// Fewest tokens of memories in one question, however long the document is.
const LEAST_INPUT: usize = 4000;
/// Questions of one refresh.
const MOST_ROUNDS: usize = 4;
/// New memories that are looked at, the nearest to the question first.
const MOST_MEMORIES: i64 = 1000;

/// What comes of changes.
pub(super) enum Changes {
    /// They were made, or not, or there were none.
    Made(Box<Refreshed>),
    /// It has to be written as a whole, for this reason.
    Whole(&'static str),
}

impl Refresh<'_> {
    /// By changes, those first that follow from memories that are gone.
    pub(super) async fn changes(&self, plan: &Plan) -> Result<Changes, EngineError> {
        let begin = std::time::Instant::now();
        let (news, total) = self.news(plan).await?;
        let id = std::slice::from_ref(&self.row.state.model_id);
        let gone = self.engine.store.gone_sources(self.bank.key, id).await?;
        let gone: Vec<Uuid> = gone.into_iter().map(|(_, memory_id)| memory_id).collect();
        let searched = searched(&news, total, plan, begin.elapsed());
        let document = Document::stored(self.row.structure.as_ref(), &self.row.content);
        let based_on = self.based_on_before();
        let is_gone = |id: &Option<String>| id.as_ref().is_some_and(|id| is_among(&gone, id));
        let is_unknown = based_on.memories.iter().any(|fact| fact.text.is_empty() && is_gone(&fact.id));
        // Where there is nothing to write the whole from, the words stay.
        if is_unknown && self.has_sources().await? {
            return Ok(Changes::Whole(outcome::GONE_UNKNOWN));
        }
        let has_news = !news.is_empty();
        // Of the document as it is: what is taken out of it makes no less room.
        let (rounds, left_out) = rounds(&document, news);
        let shown: usize = rounds.iter().map(Vec::len).sum();
        // Whatever is not shown now would count as seen, and never be looked at again.
        if left_out > 0 || usize::try_from(total).is_ok_and(|total| total > shown) {
            return Ok(Changes::Whole(outcome::TOO_MANY_NEW));
        }
        let Retracted { mut document, retraction, gone, mut operations, failure } =
            self.retract(document, &based_on, gone).await?;
        let is_retracted = retraction.as_ref().is_some_and(|retraction| retraction.applied);
        if !has_news && !is_retracted {
            let effect = failure.map_or(Effect::Preserve, Effect::Fail);
            return Ok(Changes::made(Refreshed { retraction, ..Refreshed::of(effect) }));
        }
        let warnings = failure.into_iter().map(|failure| failure.message).collect();
        let retrieved = rounds.iter().flatten().map(|fact| fact_type_of(fact.fact_type).as_str()).collect();
        let mut cited: Vec<Uuid> = Vec::new();
        let mut failure: Option<RefreshFailure> = None;
        for (number, facts) in rounds.iter().enumerate() {
            match self.work_in(&document, facts, number + 1).await? {
                Ok(edited) => {
                    document = edited.document;
                    operations.applied.extend(edited.operations.applied);
                    operations.skipped.extend(edited.operations.skipped);
                    cited.extend(edited.cited);
                }
                Err(failed) => {
                    failure = Some(failed);
                    break;
                }
            }
        }
        let candidate = document.markdown();
        let based_on = self.based_on_after(based_on, &gone, &cited).await?;
        let effect = match failure {
            Some(failure) => Effect::Fail(failure),
            // What was all taken out is no content.
            None if document.is_empty() => Effect::Fail(outcome::delta_not_applied(
                "delta_not_applied",
                "the changes would have left nothing",
            )),
            None => Effect::Write(document),
        };
        Ok(Changes::made(Refreshed {
            candidate,
            based_on,
            retrieved,
            operations: Some(operations),
            retraction,
            searched: vec![searched],
            warnings,
            ..Refreshed::of(effect)
        }))
    }

    /// Memories that it was not written from.
    async fn news(&self, plan: &Plan) -> Result<(Vec<NewMemory>, i64), EngineError> {
        let Some(newest) = plan.point.newest else { return Ok((Vec::new(), 0)) };
        let vector = self.engine.query_vector(&self.row.state.source_query).await?;
        let scope = self.scope.memories();
        let window = (plan.after, newest);
        Ok(self.engine.store.new_memories(self.bank.key, &scope, window, &vector, MOST_MEMORIES).await?)
    }

    async fn work_in(
        &self,
        document: &Document,
        facts: &[NewMemory],
        number: usize,
    ) -> Result<Result<Edited, RefreshFailure>, EngineError> {
        let names = Names::new(facts.iter().map(|fact| fact.memory_id));
        let (directives, language) = self.engine.document_rules(self.bank, &self.request()).await?;
        let asked = Asked {
            scope: format!("delta_{number}"),
            system: wording::edit(&directives, language.as_deref()),
            user: wording::news(self.row, document, facts, &names),
            names: &names,
            only_takes_away: false,
        };
        self.edit(document, asked).await
    }

    /// What the content rests on so far.
    fn based_on_before(&self) -> ReflectBasedOn {
        let stored = self.row.reflect_response.as_ref().and_then(|response| response.get("based_on"));
        stored.and_then(|based_on| ReflectBasedOn::deserialize(based_on).ok()).unwrap_or_default()
    }

    /// The same without what is gone and with what came to it.
    async fn based_on_after(
        &self,
        mut based_on: ReflectBasedOn,
        gone: &[Uuid],
        cited: &[Uuid],
    ) -> Result<ReflectBasedOn, EngineError> {
        let is_gone = |id: &Option<String>| id.as_ref().is_some_and(|id| is_among(gone, id));
        based_on.memories.retain(|fact| !is_gone(&fact.id));
        for fact in self.engine.facts_and_gone(self.bank, cited, &self.scope.memories().tags).await? {
            if !based_on.memories.iter().any(|known| known.id == fact.id) {
                based_on.memories.push(fact);
            }
        }
        Ok(based_on)
    }
}

impl Changes {
    fn made(refreshed: Refreshed) -> Self {
        Self::Made(Box::new(refreshed))
    }
}

/// Whether an id is one of these.
fn is_among(ids: &[Uuid], id: &str) -> bool {
    Uuid::try_parse(id).is_ok_and(|id| ids.contains(&id))
}

/// Memories in as many questions as they need, and how many are left out.
fn rounds(document: &Document, news: Vec<NewMemory>) -> (Vec<Vec<NewMemory>>, usize) {
    let room = INPUT.saturating_sub(tokens::count(&json!(document).to_string())).max(LEAST_INPUT);
    let mut rounds: Vec<Vec<NewMemory>> = Vec::new();
    let (mut size, mut left_out) = (0, 0);
    for fact in news {
        // Its dates and what stands around them.
        let more = tokens::count(&fact.body) + fact.context.as_deref().map_or(0, tokens::count) + 80;
        let is_last = rounds.len() == MOST_ROUNDS;
        match rounds.last_mut().filter(|_| size + more <= room) {
            Some(round) => {
                round.push(fact);
                size += more;
            }
            None if is_last => left_out += 1,
            None => {
                rounds.push(vec![fact]);
                size = more;
            }
        }
    }
    (rounds, left_out)
}

/// The look for new memories, as searches are told.
fn searched(news: &[NewMemory], total: i64, plan: &Plan, took: std::time::Duration) -> ReflectToolCall {
    debug_assert!(plan.effective == RefreshMode::Delta);
    let object = |value: Value| match value {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    let memories: Vec<Value> = news
        .iter()
        .map(|fact| json!({"id": fact.memory_id, "text": fact.body, "type": fact_type_of(fact.fact_type)}))
        .collect();
    ReflectToolCall {
        tool: "new_memories".to_owned(),
        input: object(json!({"written_after": plan.after.map(hindsight_types::time::format)})),
        output: Some(object(json!({"count": total, "memories": memories}))),
        duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        iteration: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_come_in_rounds_of_a_bounded_size_and_what_is_beyond_is_counted() {
        let fact = |number: u128, words: usize| NewMemory {
            memory_id: Uuid::from_u128(number),
            body: "tea ".repeat(words),
            fact_type: 1,
            context: None,
            occurred_start: None,
            occurred_end: None,
            mentioned_at: None,
        };
        let few = rounds(&Document::of("x"), (0..5).map(|number| fact(number, 10)).collect());
        assert_eq!((few.0.len(), few.0[0].len(), few.1), (1, 5, 0));
        // Three of these fit into one question.
        let many = rounds(&Document::of("x"), (0..20).map(|number| fact(number, 7000)).collect());
        assert_eq!(many.0.iter().map(Vec::len).collect::<Vec<_>>(), [3; MOST_ROUNDS]);
        assert_eq!(many.1, 8);
        let ids: Vec<u128> = many.0.iter().flatten().map(|fact| fact.memory_id.as_u128()).collect();
        assert_eq!(ids, (0..12).collect::<Vec<_>>(), "the nearest first");
        let long = Document::of(&"word ".repeat(30_000));
        assert_eq!(rounds(&long, vec![fact(0, 10)]).0.len(), 1, "a long document leaves room for some");
    }
}
