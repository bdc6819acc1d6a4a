//! The question for some facts in one scope, and the one for two observations that are alike.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use hindsight_types::time;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::strategies::ScopeRules;
use super::{schema, wording};
use crate::config::ConsolidationSettings;
use crate::ports::{About, LlmOperation, Message, Output, Prompt};
use crate::store::{ObservationRow, SourceFact, WaitingFact};
use crate::text::tokens;

/// What a model is shown and told for one scope.
#[derive(Debug)]
pub(super) struct Question<'q> {
    /// The facts to work in.
    pub(super) facts: &'q [WaitingFact],
    /// The observations that are there, the most related first.
    pub(super) observations: &'q [ObservationRow],
    /// Facts behind them.
    pub(super) sources: &'q HashMap<Uuid, SourceFact>,
    /// The rules of the scope.
    pub(super) rules: &'q ScopeRules,
    /// Observations that may still be made; none = no limit.
    pub(super) free: Option<usize>,
}

impl Question<'_> {
    /// The question.
    pub(super) fn prompt(&self, settings: &ConsolidationSettings) -> Prompt {
        let ids: Vec<Uuid> = self.facts.iter().map(|fact| fact.memory_id).collect();
        let language = wording::language(settings.output_language.as_deref());
        Prompt {
            operation: LlmOperation::Consolidation,
            messages: vec![
                Message::System(format!("{}\n{language}", wording::SYSTEM)),
                Message::User(self.message()),
            ],
            output: Output::Json {
                name: "observations".to_owned(),
                schema: schema::actions(&ids, self.free.filter(|free| *free <= self.facts.len())),
            },
            max_tokens: settings.max_completion_tokens,
            budget: None,
            temperature: None,
            about: About { source_ids: ids, ..About::scope("consolidation") },
        }
    }

    fn message(&self) -> String {
        let mission = self.rules.mission.as_deref().unwrap_or(
            "Keep whatever is worth knowing later: people, preferences, plans, events, states of things.",
        );
        let mut message = format!(
            "# Mission\nWhat this memory is for. Where it says what matters or does not, it goes before the \
             general rules.\n{mission}\n"
        );
        // Writing to a text cannot fail.
        match self.free {
            Some(0) => message.push_str(
                "\n# Room\nThere is no room for further observations: change those that are there, and make none.\n",
            ),
            Some(free) if free <= self.facts.len() => {
                let _ = write!(
                    message,
                    "\n# Room\nThere is room for {free} further observations only: change those that are there \
                     where that makes sense.\n"
                );
            }
            _ => {}
        }
        message.push_str("\n# New facts\n");
        for fact in self.facts {
            let times = times(fact.occurred_start, fact.occurred_end, fact.mentioned_at);
            let times: Vec<String> = times.iter().map(|(name, time)| format!("{name}={time}")).collect();
            let times = if times.is_empty() { String::new() } else { format!(" ({})", times.join(", ")) };
            let _ = writeln!(message, "[{}] {}{times}", fact.memory_id, one_line(&fact.body));
        }
        message.push_str("\n# Observations\n");
        if self.observations.is_empty() {
            message.push_str("none so far\n");
        }
        let mut left = Tokens(self.rules.source_tokens);
        for observation in self.observations {
            let _ = writeln!(message, "{}", self.shown(observation, &mut left));
        }
        message
    }

    fn shown(&self, observation: &ObservationRow, left: &mut Tokens) -> Value {
        let mut shown = Map::new();
        shown.insert("id".to_owned(), json!(observation.memory_id));
        shown.insert("text".to_owned(), json!(observation.body));
        shown.insert("proof_count".to_owned(), json!(observation.source_ids.len()));
        insert_times(
            &mut shown,
            times(observation.occurred_start, observation.occurred_end, observation.mentioned_at),
        );
        let mut own = Tokens(self.rules.source_tokens_each);
        let mut sources = Vec::new();
        // The newest say most about how things are.
        for fact in observation.source_ids.iter().rev().filter_map(|id| self.sources.get(id)) {
            let size = i64::try_from(tokens::count(&fact.body)).unwrap_or(i64::MAX);
            if !own.has(size) || !left.has(size) {
                break;
            }
            own.take(size);
            left.take(size);
            let mut source = Map::new();
            source.insert("text".to_owned(), json!(fact.body));
            if let Some(context) = fact.context.as_ref().filter(|context| !context.is_empty()) {
                source.insert("context".to_owned(), json!(context));
            }
            insert_times(&mut source, times(fact.occurred_start, fact.occurred_end, fact.mentioned_at));
            sources.push(Value::Object(source));
        }
        if !sources.is_empty() {
            sources.reverse();
            shown.insert("source_memories".to_owned(), Value::Array(sources));
        }
        Value::Object(shown)
    }
}

/// The question whether two observations are one.
pub(super) fn twins(first: &str, second: &str, settings: &ConsolidationSettings) -> Prompt {
    let language = wording::language(settings.output_language.as_deref());
    Prompt {
        operation: LlmOperation::Consolidation,
        messages: vec![
            Message::System(format!("{}\n{language}", wording::TWINS)),
            Message::User(format!("{}\n{}", json!({"text": first}), json!({"text": second}))),
        ],
        output: Output::Json { name: "verdict".to_owned(), schema: schema::verdict() },
        max_tokens: settings.max_completion_tokens,
        budget: None,
        temperature: None,
        about: About::scope("consolidation_dedup"),
    }
}

/// Tokens that are left; negative = without end.
struct Tokens(i64);

impl Tokens {
    fn has(&self, tokens: i64) -> bool {
        self.0 < 0 || self.0 >= tokens
    }

    fn take(&mut self, tokens: i64) {
        if self.0 >= 0 {
            self.0 -= tokens;
        }
    }
}

/// A text that cannot be taken for several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn times(
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    mentioned: Option<DateTime<Utc>>,
) -> Vec<(&'static str, String)> {
    [("occurred_start", start), ("occurred_end", end), ("mentioned_at", mentioned)]
        .into_iter()
        .filter_map(|(name, at)| Some((name, time::format(at?))))
        .collect()
}

fn insert_times(object: &mut Map<String, Value>, times: Vec<(&'static str, String)>) {
    object.extend(times.into_iter().map(|(name, time)| (name.to_owned(), json!(time))));
}

#[cfg(test)]
mod tests;
