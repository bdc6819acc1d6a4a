//! The tools that look up mental models.

use async_trait::async_trait;
use hindsight_types::mental_models::MentalModelDetail;
use hindsight_types::time;
use serde_json::{Map, Value, json};

use super::super::question::Question;
use super::{MODELS, MemoryTool, ToolFailure, arguments, object};
use crate::Engine;
use crate::ports::Tool;
use crate::store::{ListedModel, ModelState};
use crate::text::tokens;

/// Mental models that a search brings, if nobody says.
const USUAL: i64 = 5;
/// Most of them.
const MOST: i64 = 20;
/// Largest content, in tokens, that a search shows whole; only of the nearest one.
const WHOLE: usize = 4000;
/// Characters that are shown of the others.
const SNIPPET: usize = 280;
/// Size of what is read at once, in tokens, if nobody says.
const READ: i64 = 6000;

/// Why a mental model may not say what is known now.
const STALE: &str = "memories have come or changed since it was written";
/// What is said with mental models that are all up to date.
const FRESH: &str = "All of these are up to date. If one holds the answer, answer from it alone.";

/// Searches what was written down before.
pub(super) struct SearchModels<'q> {
    pub(super) engine: &'q Engine,
    pub(super) question: &'q Question,
    /// Those that are left alone.
    pub(super) without: &'q [String],
}

#[async_trait]
impl MemoryTool for SearchModels<'_> {
    fn name(&self) -> &'static str {
        "search_mental_models"
    }

    fn definition(&self) -> Tool {
        Tool {
            name: self.name().to_owned(),
            description:
                "Searches mental models: answers to standing questions that were written from memory \
                          with care and are kept up to date. The nearest comes whole, the others with their \
                          beginning. Each tells whether it is stale; where it is, look at the facts as well."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What to look for, in a few words or one sentence."},
                    "max_results": {"type": "integer", "description": "How many at most."},
                },
                "required": ["query"],
            }),
        }
    }

    fn use_for(&self) -> &'static str {
        "answers that were written down before; a fresh one may be enough, check a stale one with what is below"
    }

    fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
        vec![MODELS]
    }

    fn first_call(&self, query: &str) -> Option<Map<String, Value>> {
        Some(object(json!({ "query": query })))
    }

    fn is_search(&self) -> bool {
        true
    }

    async fn call(&self, given: &Map<String, Value>, _room: i64) -> Result<Map<String, Value>, ToolFailure> {
        let query = arguments::text(given, "query")?;
        let limit = given.get("max_results").and_then(Value::as_i64).unwrap_or(USUAL).clamp(1, MOST);
        let bank = &self.question.bank;
        let vector = self.engine.query_vector(&query).await.map_err(crate::EngineError::from)?;
        let filter = self.question.scope.filter();
        let store = &self.engine.store;
        let mut without = self.without.to_vec();
        without.extend(self.engine.hidden_models(bank, &filter, self.without).await?);
        let near = store.search_mental_models(bank.key, &filter, &without, &vector, limit).await?;
        let ids: Vec<String> = near.iter().map(|(id, _)| id.clone()).collect();
        let mut rows = store.mental_models_of(bank.key, &ids, MentalModelDetail::Content).await?;
        rows.sort_by_key(|row| ids.iter().position(|id| *id == row.state.model_id));
        let stale = self.engine.stale_models(bank, &states(&rows)).await?;
        let is_fresh = !rows.is_empty() && !stale.contains(&true);
        let shown = std::iter::zip(rows, stale).enumerate().map(|(place, (row, is_stale))| {
            let likeness =
                near.iter().find(|(id, _)| *id == row.state.model_id).map(|(_, likeness)| likeness);
            let mut item = shown(&row, is_stale);
            let content = row.content.unwrap_or_default();
            if place == 0 && tokens::count(&content) <= WHOLE {
                item.insert("content".to_owned(), json!(content));
            } else {
                let snippet: String = content.chars().take(SNIPPET).collect();
                item.insert("snippet".to_owned(), json!(snippet));
                item.insert("content_chars".to_owned(), json!(content.chars().count()));
            }
            item.insert(
                "relevance".to_owned(),
                json!(likeness.map(|likeness| (likeness * 1e3).round() / 1e3)),
            );
            Value::Object(item)
        });
        let shown: Vec<Value> = shown.collect();
        let mut found = object(json!({"query": query, "count": shown.len(), "mental_models": shown}));
        if is_fresh && self.question.budget != hindsight_types::recall::Budget::High {
            found.insert("note".to_owned(), json!(FRESH));
        }
        Ok(found)
    }
}

/// Reads what was written down before.
pub(super) struct ReadModels<'q> {
    pub(super) engine: &'q Engine,
    pub(super) question: &'q Question,
    /// Those that are left alone.
    pub(super) without: &'q [String],
}

#[async_trait]
impl MemoryTool for ReadModels<'_> {
    fn name(&self) -> &'static str {
        "read_mental_models"
    }

    fn definition(&self) -> Tool {
        Tool {
            name: self.name().to_owned(),
            description:
                "Shows mental models whole, in the order that you ask for them, as many as fit. Those that \
                          did not are named in not_read."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "mental_model_ids": {
                        "type": "array", "items": {"type": "string"},
                        "description": "Ids of mental models you were shown, like p1.",
                    },
                    "max_tokens": {"type": "integer", "description": "Size of all together, in tokens."},
                },
                "required": ["mental_model_ids"],
            }),
        }
    }

    fn use_for(&self) -> &'static str {
        "mental models whole that a search showed the beginning of"
    }

    fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
        vec![MODELS]
    }

    fn first_call(&self, _query: &str) -> Option<Map<String, Value>> {
        None
    }

    fn is_search(&self) -> bool {
        false
    }

    async fn call(&self, given: &Map<String, Value>, room: i64) -> Result<Map<String, Value>, ToolFailure> {
        let wanted = arguments::texts(given, "mental_model_ids")?;
        let most = arguments::tokens(given, "max_tokens", READ, room)?;
        let bank = &self.question.bank;
        let filter = self.question.scope.filter();
        let store = &self.engine.store;
        let mut rows = store.mental_models_of(bank.key, &wanted, MentalModelDetail::Content).await?;
        // What may not be seen is as if it were not there.
        rows.retain(|row| {
            let (id, tags) = (&row.state.model_id, &row.state.tags);
            !text(row).is_empty() && !self.without.contains(id) && filter.passes(tags)
        });
        let hidden = self.engine.hidden_among(bank, &filter, &states(&rows)).await?;
        rows.retain(|row| !hidden.contains(&row.state.model_id));
        rows.sort_by_key(|row| wanted.iter().position(|id| *id == row.state.model_id));
        let mut left = usize::try_from(most).unwrap_or(0);
        let mut fits = 0;
        for row in &rows {
            let size = tokens::count(text(row));
            // The first one always is read.
            if fits > 0 && size > left {
                break;
            }
            left = left.saturating_sub(size);
            fits += 1;
        }
        rows.truncate(fits);
        let stale = self.engine.stale_models(bank, &states(&rows)).await?;
        let not_read: Vec<&String> =
            wanted.iter().filter(|id| !rows.iter().any(|row| row.state.model_id == **id)).collect();
        let shown: Vec<Value> = std::iter::zip(&rows, stale)
            .map(|(row, is_stale)| {
                let mut item = shown(row, is_stale);
                item.insert("content".to_owned(), json!(text(row)));
                Value::Object(item)
            })
            .collect();
        Ok(object(json!({"count": shown.len(), "mental_models": shown, "not_read": not_read})))
    }
}

fn text(row: &ListedModel) -> &str {
    row.content.as_deref().unwrap_or_default()
}

fn states(rows: &[ListedModel]) -> Vec<&ModelState> {
    rows.iter().map(|row| &row.state).collect()
}

/// What is shown of a mental model besides its content.
fn shown(row: &ListedModel, is_stale: bool) -> Map<String, Value> {
    object(json!({
        "id": row.state.model_id,
        "name": row.name,
        "tags": row.state.tags,
        "updated_at": row.state.last_refreshed_at.map(time::format),
        "is_stale": is_stale,
        "staleness_reason": is_stale.then_some(STALE),
    }))
}
