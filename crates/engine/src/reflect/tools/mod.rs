//! What the model can look memory up with.
//!
//! A tool is one type behind [`MemoryTool`]; whoever adds one adds it to [`Toolset::of`] and
//! nothing else changes.

mod arguments;
mod expand;
mod models;
mod observations;
mod recall;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::join_all;
use hindsight_types::recall::{FactType, RecallResult};
use serde_json::{Map, Value, json};

use self::expand::Expand;
use self::models::{ReadModels, SearchModels};
use self::observations::SearchObservations;
use self::recall::Recall;
use super::question::Question;
use crate::ports::Tool;
use crate::{Engine, EngineError};

/// The argument in which a call says what it is for.
pub(super) const REASON: &str = "reason";
/// Fewest tokens of an answer that the model may ask for.
const LEAST_TOKENS: i64 = 1000;
/// Most tokens of an answer that the model may ask for.
const MOST_TOKENS: i64 = 16_000;

/// Something that memory can be looked up with.
#[async_trait]
pub(super) trait MemoryTool: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// How the model is told of it, but for the reason that every call has to give.
    fn definition(&self) -> Tool;

    /// When to use it, for the model: half a sentence.
    fn use_for(&self) -> &'static str;

    /// Fields of an answer that take the ids of what it finds, each with what they look like.
    fn cited_in(&self) -> Vec<(&'static str, &'static str)>;

    /// What it is called with before the first turn of the model; none = it is not.
    fn first_call(&self, query: &str) -> Option<Map<String, Value>>;

    /// Whether it searches, so that what it finds counts as looked for.
    fn is_search(&self) -> bool;

    /// Answers a call, in no more than about `room` tokens.
    async fn call(
        &self,
        arguments: &Map<String, Value>,
        room: i64,
    ) -> Result<Map<String, Value>, ToolFailure>;
}

/// Why a tool gave no answer.
#[derive(Debug)]
pub(super) enum ToolFailure {
    /// It cannot be called so; the model is told.
    Arguments(String),
    /// The engine failed.
    Engine(EngineError),
}

impl From<EngineError> for ToolFailure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<crate::store::StoreError> for ToolFailure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// One call of a tool.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The tool.
    pub(super) name: String,
    /// Its arguments, with ids as they are stored.
    pub(super) arguments: Map<String, Value>,
}

impl Call {
    /// Whether another call asks for the same, whatever its reason.
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        let asked = |call: &Self| {
            let given = call.arguments.iter().filter(|(name, value)| *name != REASON && !value.is_null());
            given.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
        };
        self.name == other.name && asked(self) == asked(other)
    }
}

/// A call with its answer.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The call.
    pub(super) call: Call,
    /// The answer, or `{"error": …}`.
    pub(super) output: Map<String, Value>,
    /// How long it took.
    pub(super) duration: Duration,
    /// Whether it is an answer and no error.
    pub(super) is_good: bool,
}

/// The tools of one question.
pub(super) struct Toolset<'q> {
    tools: Vec<Box<dyn MemoryTool + 'q>>,
}

impl<'q> Toolset<'q> {
    /// The tools that there are for a question, in the order in which to use them.
    pub(super) fn of(engine: &'q Engine, question: &'q Question) -> Self {
        let mut tools: Vec<Box<dyn MemoryTool + 'q>> = Vec::new();
        if let Some(without) = question.models.as_deref() {
            tools.push(Box::new(SearchModels { engine, question, without }));
            tools.push(Box::new(ReadModels { engine, question, without }));
        }
        if question.types.contains(&FactType::Observation) {
            tools.push(Box::new(SearchObservations { engine, question }));
        }
        let facts = question.types.iter().copied().filter(|kind| *kind != FactType::Observation);
        let facts: Vec<_> = facts.collect();
        if !facts.is_empty() {
            tools.push(Box::new(Recall { engine, question, types: facts }));
        }
        if question.has_texts {
            tools.push(Box::new(Expand { engine, question }));
        }
        Self { tools }
    }

    /// How the model is told of them.
    pub(super) fn definitions(&self) -> Vec<Tool> {
        self.tools.iter().map(|tool| with_reason(tool.definition())).collect()
    }

    /// Names of the tools.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.tools.iter().map(|tool| tool.name()).collect()
    }

    /// Each tool with what to use it for, in the order in which to use them.
    pub(super) fn ladder(&self) -> Vec<(&'static str, &'static str)> {
        self.tools.iter().map(|tool| (tool.name(), tool.use_for())).collect()
    }

    /// Fields of an answer that take ids, each with what they look like.
    pub(super) fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for field in self.tools.iter().flat_map(|tool| tool.cited_in()) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// The tool that searches most broadly, to be called when nothing was found.
    pub(super) fn last_search(&self) -> Option<&'static str> {
        self.tools.iter().rev().find(|tool| tool.is_search()).map(|tool| tool.name())
    }

    /// Whether a tool of this name searches.
    pub(super) fn is_search(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name() == name && tool.is_search())
    }

    /// What is called before the first turn.
    pub(super) fn first_calls(&self, query: &str) -> Vec<Call> {
        let calls = self.tools.iter().filter_map(|tool| {
            Some(Call { name: tool.name().to_owned(), arguments: tool.first_call(query)? })
        });
        calls.collect()
    }

    /// Answers calls, all at once, in their order. Together they may take about `room` tokens.
    /// One whose engine failed is tried once more; an error is one that stayed.
    pub(super) async fn answer(&self, calls: Vec<Call>, room: usize) -> Result<Vec<Answered>, EngineError> {
        let each = i64::try_from(room / calls.len().max(1)).unwrap_or(i64::MAX);
        let answers = calls.into_iter().map(|call| self.answer_one(call, each));
        join_all(answers).await.into_iter().collect()
    }

    async fn answer_one(&self, call: Call, room: i64) -> Result<Answered, EngineError> {
        let begin = Instant::now();
        let outcome = match self.tools.iter().find(|tool| tool.name() == call.name) {
            None => Err(ToolFailure::Arguments(format!(
                "there is no tool '{}'; call one of {}, done",
                call.name,
                self.names().join(", ")
            ))),
            Some(tool) => match tool.call(&call.arguments, room).await {
                Err(ToolFailure::Engine(error)) => {
                    tracing::warn!(tool = call.name, %error, "a tool of reflect is called once more");
                    tool.call(&call.arguments, room).await
                }
                outcome => outcome,
            },
        };
        let (output, is_good) = match outcome {
            Ok(output) => (output, true),
            Err(ToolFailure::Arguments(problem)) => (object(json!({"error": problem})), false),
            Err(ToolFailure::Engine(error)) => return Err(error),
        };
        Ok(Answered { call, output, duration: begin.elapsed(), is_good })
    }
}

/// Field of an answer that takes the ids of facts.
const FACTS: (&str, &str) =
    ("memory_ids", "Ids of the facts that the answer rests on, like f1. Only ids you were shown.");
/// Field of an answer that takes the ids of observations.
const OBSERVATIONS: (&str, &str) = (
    "observation_ids",
    "Ids of the observations that the answer rests on, like o1. Only ids you were shown.",
);

/// Field of an answer that takes the ids of mental models.
const MODELS: (&str, &str) = (
    "mental_model_ids",
    "Ids of the mental models that the answer rests on, like p1. Only ids you were shown.",
);

/// The definition with the reason that every call gives.
fn with_reason(mut tool: Tool) -> Tool {
    let reason = json!({"type": "string", "description": "What you hope to learn from this call."});
    if let Some(properties) = tool.parameters.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(REASON.to_owned(), reason);
    }
    if let Some(required) = tool.parameters.get_mut("required").and_then(Value::as_array_mut) {
        required.push(json!(REASON));
    }
    tool
}

/// The entries of an object that was written as one.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// Bounds on the tokens that the model may ask for.
fn most_tokens(room: i64) -> i64 {
    room.clamp(LEAST_TOKENS, MOST_TOKENS)
}

/// A memory as tools answer it: all there is to it that is not empty.
fn memory(found: RecallResult) -> Value {
    let mut memory = serde_json::to_value(found).unwrap_or_default();
    if let Some(fields) = memory.as_object_mut() {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(object) => object.is_empty(),
            _ => false,
        };
        fields.retain(|name, value| name != "scores" && !is_empty(value));
    }
    memory
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A search whose engine fails so often before it answers.
    struct Flaky {
        failures: usize,
        calls: AtomicUsize,
    }

    #[async_trait]
    impl MemoryTool for Flaky {
        fn name(&self) -> &'static str {
            "flaky"
        }

        fn definition(&self) -> Tool {
            Tool {
                name: "flaky".to_owned(),
                description: String::new(),
                parameters: json!({"type": "object", "properties": {}, "required": []}),
            }
        }

        fn use_for(&self) -> &'static str {
            "tests"
        }

        fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
            vec![FACTS, FACTS]
        }

        fn first_call(&self, query: &str) -> Option<Map<String, Value>> {
            Some(object(json!({ "query": query })))
        }

        fn is_search(&self) -> bool {
            true
        }

        async fn call(
            &self,
            _arguments: &Map<String, Value>,
            room: i64,
        ) -> Result<Map<String, Value>, ToolFailure> {
            if self.calls.fetch_add(1, Ordering::Relaxed) < self.failures {
                return Err(EngineError::Invalid("down".to_owned()).into());
            }
            Ok(object(json!({ "room": room })))
        }
    }

    fn toolset(failures: usize) -> Toolset<'static> {
        Toolset { tools: vec![Box::new(Flaky { failures, calls: AtomicUsize::new(0) })] }
    }

    fn call(name: &str) -> Call {
        Call { name: name.to_owned(), arguments: Map::new() }
    }

    #[tokio::test]
    async fn a_tool_whose_engine_fails_is_called_once_more() {
        let answered = toolset(1).answer(vec![call("flaky")], 900).await.unwrap();
        assert!(answered[0].is_good);
        assert_eq!(answered[0].output["room"], 900);
        let error = toolset(2).answer(vec![call("flaky")], 900).await.unwrap_err();
        assert_eq!(error.to_string(), "down", "one that stays down ends the question");
    }

    #[tokio::test]
    async fn calls_share_the_room_and_are_answered_in_their_order() {
        let answered =
            toolset(0).answer(vec![call("flaky"), call("other"), call("flaky")], 900).await.unwrap();
        let good: Vec<_> = answered.iter().map(|answered| answered.is_good).collect();
        assert_eq!(good, [true, false, true]);
        assert_eq!(answered[2].output["room"], 300);
        assert_eq!(answered[1].output["error"], "there is no tool 'other'; call one of flaky, done");
    }

    #[test]
    fn calls_ask_for_the_same_whatever_they_say_of_it() {
        let call =
            |name: &str, arguments: Value| Call { name: name.to_owned(), arguments: object(arguments) };
        let first = call("recall", json!({"query": "tea", "reason": "a"}));
        assert!(first.asks_as(&call("recall", json!({"reason": "b", "query": "tea", "max_tokens": null}))));
        assert!(!first.asks_as(&call("recall", json!({"query": "tea", "max_tokens": 5}))));
        assert!(!first.asks_as(&call("recall", json!({"query": "cup"}))));
        assert!(!first.asks_as(&call("search_observations", json!({"query": "tea"}))));
    }

    #[test]
    fn every_definition_asks_for_a_reason_and_every_field_stands_once() {
        let tools = toolset(0);
        assert_eq!(tools.definitions()[0].parameters["required"], json!(["reason"]));
        assert_eq!(tools.cited_in(), [FACTS]);
        assert_eq!(tools.first_calls("tea")[0].arguments["query"], "tea");
    }
}
