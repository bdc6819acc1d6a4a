//! What a service has shown that it does not take, so that it is asked wrongly once only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hindsight_engine::ports::ToolChoice;

use super::options::JsonMode;
use super::wire::{Question, Wanted};

/// Names of schemas that are remembered; the engine has a handful.
const MAX_SCHEMAS: usize = 64;
/// No bound on the length of answers is below this.
const LEAST_TOKENS: u32 = 256;
/// Words of a complaint about something that is not known by that name.
const UNKNOWN: [&str; 5] = ["unsupported", "not supported", "unrecognized", "unknown", "instead"];
/// Words of a complaint about the way in which JSON was asked for.
const ABOUT_JSON: [&str; 17] = [
    "response_format",
    "json_schema",
    "json_object",
    "json mode",
    "schema",
    "structured",
    "output_config",
    "output_format",
    "mime",
    "grammar",
    "tool_choice",
    "tool use",
    "unknown field",
    "unknown name",
    "unrecognized",
    "extra inputs",
    "not supported",
];

/// Ways in which a service is to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Habits {
    /// Steps down in the ways of asking for JSON.
    pub(super) json_step: usize,
    /// Whether the temperature is left out.
    pub(super) without_temperature: bool,
    /// Whether the longest answer goes by its other name.
    pub(super) other_token_name: bool,
    /// Tokens that an answer may have at most.
    pub(super) max_tokens: Option<u32>,
    /// Tokens that are left for the answer to this one question.
    pub(super) room: Option<u32>,
    /// How it is said that a tool has to be called.
    pub(super) forcing: Forcing,
}

/// How it is said that a tool has to be called. Each is a step down from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Forcing {
    /// By its name.
    #[default]
    Named,
    /// As the only one that is offered, of which one has to be called.
    Alone,
    /// Not at all; it is the only one that is offered.
    Unsaid,
}

/// Habits that have worked, shared by all who ask the same model.
#[derive(Debug, Default)]
pub(super) struct Learned {
    general: Mutex<Habits>,
    /// A schema may be refused for its own sake, so the step is kept for each.
    json_steps: Mutex<HashMap<String, usize>>,
}

impl Learned {
    /// How to ask, for JSON of the schema of this name if one is named.
    pub(super) fn habits(&self, schema: Option<&str>) -> Habits {
        let json_step = schema.and_then(|name| lock(&self.json_steps).get(name).copied()).unwrap_or_default();
        Habits { json_step, ..lock(&self.general).clone() }
    }

    /// Keeps habits that have brought an answer.
    pub(super) fn keep(&self, habits: &Habits, schema: Option<&str>) {
        {
            // Others may have learned something else meanwhile.
            let mut general = lock(&self.general);
            general.without_temperature |= habits.without_temperature;
            general.other_token_name |= habits.other_token_name;
            general.forcing = general.forcing.max(habits.forcing);
            general.max_tokens = [general.max_tokens, habits.max_tokens].into_iter().flatten().min();
        }
        if let Some(name) = schema.filter(|_| habits.json_step > 0) {
            let mut steps = lock(&self.json_steps);
            if steps.len() < MAX_SCHEMAS || steps.contains_key(name) {
                steps.insert(name.to_owned(), habits.json_step);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Habits {
    /// Other habits, by which a request that was rejected with these words may be taken. Every
    /// step gives up something that was there, so that this comes to an end.
    pub(super) fn cured(&self, question: &Question, complaint: &str, json: &[JsonMode]) -> Option<Self> {
        let complaint = complaint.to_lowercase();
        let says = |word: &str| complaint.contains(word);
        if question.temperature.is_some() && says("temperature") {
            return Some(Self { without_temperature: true, ..self.clone() });
        }
        if let Some(asked) = question.max_tokens {
            let own = if question.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
            let is_unknown = UNKNOWN.into_iter().any(says) && says(own);
            if is_unknown && !self.other_token_name {
                return Some(Self { other_token_name: true, ..self.clone() });
            }
            if let Some(room) = room(&complaint).filter(|room| (LEAST_TOKENS..asked).contains(room)) {
                return Some(Self { room: Some(room), ..self.clone() });
            }
            let is_about_length = ["max_tokens", "max_completion_tokens", "maxoutputtokens", "output token"];
            let bound = numbers(&complaint).filter(|number| (LEAST_TOKENS..asked).contains(number)).max();
            if let Some(bound) = bound.filter(|_| is_about_length.into_iter().any(says)) {
                return Some(Self { max_tokens: Some(bound), ..self.clone() });
            }
        }
        match &question.output {
            Wanted::Json { .. } if self.json_step + 1 < json.len() => {
                let is_about_json = complaint.trim().is_empty() || ABOUT_JSON.into_iter().any(says);
                is_about_json.then(|| Self { json_step: self.json_step + 1, ..self.clone() })
            }
            Wanted::Tools { choice: Some(ToolChoice::Named(_)), .. } if self.forcing == Forcing::Named => {
                says("tool_choice").then(|| Self { forcing: Forcing::Alone, ..self.clone() })
            }
            Wanted::Tools { choice: Some(ToolChoice::Required), .. } if self.forcing != Forcing::Unsaid => {
                says("tool_choice").then(|| Self { forcing: Forcing::Unsaid, ..self.clone() })
            }
            _ => None,
        }
    }
}

/// What is left for an answer, where a complaint tells how much model and question take.
fn room(complaint: &str) -> Option<u32> {
    let (_, behind) = complaint.split_once("context length is ")?;
    let context = numbers(behind).next()?;
    let before = ["input tokens", "in the messages", "in your prompt", "prompt tokens"]
        .into_iter()
        .find_map(|words| behind.split_once(words).map(|(before, _)| before))?;
    context.checked_sub(numbers(before).last()?)
}

/// The whole numbers in a text.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(output: Wanted<'_>) -> Question<'_> {
        Question {
            messages: Vec::new(),
            output,
            max_tokens: Some(64_000),
            completion_tokens: true,
            temperature: Some(0.1),
        }
    }

    #[test]
    fn complaints_are_understood() {
        let text = question(Wanted::Text);
        let cured = |complaint: &str| Habits::default().cured(&text, complaint, &[JsonMode::Schema]);
        assert_eq!(
            cured("max_tokens is too large: 64000. This model supports at most 16384 completion tokens"),
            Some(Habits { max_tokens: Some(16384), ..Habits::default() })
        );
        assert_eq!(
            cured("Unsupported value: 'temperature' does not support 0.1 with this model."),
            Some(Habits { without_temperature: true, ..Habits::default() })
        );
        assert_eq!(
            cured("Unrecognized request argument supplied: max_completion_tokens"),
            Some(Habits { other_token_name: true, ..Habits::default() })
        );
        for complaint in [
            "'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length is 8192 tokens and your request has 500 input tokens (64000 > 8192 - 500).",
            "This model's maximum context length is 8192 tokens. However, you requested 64500 tokens (500 in the messages, 64000 in the completion).",
        ] {
            assert_eq!(cured(complaint), Some(Habits { room: Some(7692), ..Habits::default() }));
        }
        for other in ["the model does not exist", "context length is 8192 tokens, 9000 given", ""] {
            assert_eq!(cured(other), None, "{other}");
        }
    }

    #[test]
    fn ways_of_asking_for_json_are_gone_through_once() {
        let json = Wanted::Json { name: "facts", schema: serde_json::json!({}), mode: JsonMode::Schema };
        let json = Question { max_tokens: None, temperature: None, ..question(json) };
        let ways = [JsonMode::Schema, JsonMode::Json, JsonMode::Prompt];
        let complaint = "'response_format.type' must be 'text'";
        let first = Habits::default().cured(&json, complaint, &ways).expect("a step");
        let second = first.cured(&json, complaint, &ways).expect("a step");
        assert_eq!((first.json_step, second.json_step), (1, 2));
        assert_eq!(second.cured(&json, complaint, &ways), None);
        assert_eq!(Habits::default().cured(&json, "the model does not exist", &ways), None);
    }

    #[test]
    fn what_was_learned_of_one_schema_holds_for_that_one() {
        let learned = Learned::default();
        let habits = Habits { json_step: 1, without_temperature: true, ..Habits::default() };
        learned.keep(&habits, Some("facts"));
        learned.keep(&Habits { room: Some(7), ..Habits::default() }, None);
        assert_eq!(learned.habits(Some("facts")), habits);
        assert_eq!(learned.habits(Some("other")), Habits { json_step: 0, ..habits.clone() });
        assert_eq!(learned.habits(None), Habits { json_step: 0, ..habits });
    }
}
