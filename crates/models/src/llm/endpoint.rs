//! One model that is asked: permits, attempts, waits, and the time for all of it.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use chrono::TimeDelta;
use hindsight_engine::ports::{Clock, Listener, LlmFailure, Output, Prompt, Reply, ToolChoice};
use hindsight_types::retain::TokenUsage;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout_at};

use super::exchange::{Exchange, Trouble};
use super::json::without_thoughts;
use super::learned::{Forcing, Habits, Learned};
use super::options::{Dialect, ModelOptions, SchemaKeywords};
use super::sent::Sent;
use super::structured::{value_of, with_complaint, with_schema, without_keywords};
use super::wire::{self, Answer, Question, Wanted};

/// Beginnings of the names of models that think before they answer and want room for it.
const THINKING: [&str; 10] =
    ["o1", "o3", "o4", "gpt-5", "gpt-6", "gpt-oss", "deepseek-r", "deepseek-v4", "qwq", "magistral"];
/// Of those, the ones that take no temperature.
const COOL: [&str; 5] = ["o1", "o3", "o4", "gpt-5", "gpt-6"];
/// What is said of an answer with nothing in it.
const EMPTY: &str = "the answer was empty";
/// Tokens that a thinking model may write at least.
const ROOM_TO_THINK: u32 = 16_000;

/// Places for calls: in the narrow room first, then in the one for all.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    pub(super) narrow: Option<Arc<Semaphore>>,
    /// For calls that nobody looks at the clock for: one of them at a time stands in line for the
    /// last room, so that the others are overtaken by who is in a hurry.
    pub(super) turnstile: Option<Arc<Semaphore>>,
    pub(super) all: Arc<Semaphore>,
}

impl Permits {
    async fn take(&self) -> Option<(Option<SemaphorePermit<'_>>, SemaphorePermit<'_>)> {
        let narrow = match &self.narrow {
            Some(narrow) => Some(narrow.acquire().await.ok()?),
            None => None,
        };
        let _turnstile = match &self.turnstile {
            Some(turnstile) => Some(turnstile.acquire().await.ok()?),
            None => None,
        };
        Some((narrow, self.all.acquire().await.ok()?))
    }
}

/// One model at one service, for calls of one kind.
pub(super) struct Endpoint {
    /// `provider/model`.
    pub(super) name: String,
    options: ModelOptions,
    exchange: Exchange,
    permits: Permits,
    learned: Arc<Learned>,
    temperature: Option<f64>,
    keywords: SchemaKeywords,
    clock: Arc<dyn Clock>,
}

/// What one call has cost so far, and who hears of its requests.
#[derive(Default)]
pub(super) struct Spent<'l> {
    pub(super) usage: TokenUsage,
    pub(super) attempts: usize,
    pub(super) listener: Option<&'l dyn Listener>,
}

/// How much may still be tried.
struct Effort<'s, 'l> {
    waits: ExponentialBackoff,
    deadline: Option<Instant>,
    spent: &'s mut Spent<'l>,
}

/// An answer with something in it.
struct Sound {
    answer: Answer,
    /// The JSON in it, where that was asked for, or why it is none.
    value: Result<Option<Value>, String>,
}

impl Endpoint {
    pub(super) fn new(
        client: reqwest::Client,
        options: ModelOptions,
        temperature: Option<f64>,
        keywords: SchemaKeywords,
        permits: Permits,
        learned: Arc<Learned>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let exchange = Exchange::new(client, &options)?;
        let name = format!("{}/{}", options.provider, options.model);
        if options.json.is_empty() {
            return Err("no way to ask for JSON is left".to_owned());
        }
        Ok(Self { name, options, exchange, permits, learned, temperature, keywords, clock })
    }

    /// The answer to a prompt, before `deadline` if there is one.
    pub(super) async fn ask(
        &self,
        prompt: &Prompt,
        deadline: Option<Instant>,
        spent: &mut Spent<'_>,
    ) -> Result<Reply, LlmFailure> {
        let waits = ExponentialBuilder::new()
            .with_min_delay(self.options.initial_backoff)
            .with_max_delay(self.options.max_backoff)
            .with_max_times(self.options.retries)
            .with_jitter()
            .build();
        let mut effort = Effort { waits, deadline, spent };
        let Output::Json { schema, .. } = &prompt.output else {
            let sound = self.answer(prompt, None, None, &mut effort).await?;
            return Ok(self.reply(sound.answer, None));
        };
        let schema = without_keywords(schema, self.keywords);
        let Sound { answer, value } = self.answer(prompt, Some(&schema), None, &mut effort).await?;
        let problem = match value {
            Ok(value) => return Ok(self.reply(answer, value)),
            Err(problem) => problem,
        };
        let complaint = Some((answer.text.as_str(), problem.as_str()));
        let Sound { answer, value } = self.answer(prompt, Some(&schema), complaint, &mut effort).await?;
        Ok(self.reply(answer, value.map_err(LlmFailure::NotJson)?))
    }

    fn reply(&self, answer: Answer, value: Option<Value>) -> Reply {
        let text = without_thoughts(&answer.text).trim();
        Reply {
            text: text.to_owned(),
            // A tool that stood for a mode was called in the place of an answer.
            tool_calls: if value.is_some() { Vec::new() } else { answer.tool_calls },
            value,
            is_cut: answer.is_cut,
            model: self.name.clone(),
            usage: TokenUsage::default(),
        }
    }

    /// An answer with something in it. A request that was rejected is put in other words as long
    /// as that may help; what passes is tried again as long as there are attempts and time.
    async fn answer(
        &self,
        prompt: &Prompt,
        schema: Option<&Value>,
        complaint: Option<(&str, &str)>,
        effort: &mut Effort<'_, '_>,
    ) -> Result<Sound, LlmFailure> {
        let schema_name = match &prompt.output {
            Output::Json { name, .. } => Some(name.as_str()),
            Output::Text | Output::Tools { .. } => None,
        };
        let mut habits = self.learned.habits(schema_name);
        loop {
            let question = self.question(prompt, schema, complaint, &habits);
            let (sent, outcome) = self.attempt(&question, effort).await;
            let trouble = match outcome {
                Ok(answer) => {
                    effort.spent.usage += answer.usage;
                    let judgement = judged(&answer, schema_name);
                    if let Some(sent) = sent {
                        sent.answered(&answer, problem_of(&judgement));
                    }
                    match judgement {
                        Ok(value) => {
                            self.learned.keep(&habits, schema_name);
                            return Ok(Sound { answer, value });
                        }
                        Err(Judgement::Final(failure)) => return Err(failure),
                        Err(Judgement::Empty) => Trouble::Failed(EMPTY.to_owned()),
                    }
                }
                Err(trouble) => {
                    if let Some(sent) = sent {
                        sent.failed(trouble.to_string());
                    }
                    trouble
                }
            };
            match trouble {
                Trouble::Rejected { text, reason } => {
                    match habits.cured(&question, &text, &self.options.json) {
                        Some(cured) => {
                            tracing::info!(model = self.name, reason, "a request is put in other words");
                            habits = cured;
                        }
                        None => return Err(LlmFailure::Rejected(reason)),
                    }
                }
                trouble => self.wait_after(trouble, effort).await?,
            }
        }
    }

    /// The question of a prompt, in the way that habits have it.
    fn question<'p>(
        &self,
        prompt: &'p Prompt,
        schema: Option<&Value>,
        complaint: Option<(&str, &str)>,
        habits: &Habits,
    ) -> Question<'p> {
        let mut messages = prompt.messages.clone();
        let speaks_openai = matches!(self.options.dialect, Dialect::OpenAi { .. });
        let is_deaf = matches!(self.options.dialect, Dialect::OpenAi { tool_choice: false, .. });
        let has_choice = !is_deaf && habits.forcing != Forcing::Unsaid;
        let output = match &prompt.output {
            Output::Text => Wanted::Text,
            Output::Json { name, schema: given } => {
                let last = self.options.json.last().copied();
                let mode = self.options.json.get(habits.json_step).copied().or(last);
                let mode = mode.unwrap_or(super::JsonMode::Prompt);
                let schema = schema.unwrap_or(given);
                if wire::wants_schema_in_prompt(self.options.dialect, mode) {
                    messages = with_schema(&messages, schema);
                }
                Wanted::Json { name, schema: schema.clone(), mode }
            }
            Output::Tools { tools, choice } => {
                // Named in words that all understand who speak OpenAI's: one tool, to be called.
                let is_alone = speaks_openai || habits.forcing != Forcing::Named || !has_choice;
                let (tools, choice) = match choice {
                    ToolChoice::Named(name) if is_alone => {
                        (tools.iter().filter(|tool| tool.name == *name).collect(), ToolChoice::Required)
                    }
                    choice => (tools.iter().collect(), choice.clone()),
                };
                Wanted::Tools { tools, choice: has_choice.then_some(choice) }
            }
        };
        if let Some((answer, problem)) = complaint {
            messages = with_complaint(&messages, answer, problem);
        }
        let is = |names: &[&str]| {
            let name = self.options.model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            speaks_openai && names.iter().any(|beginning| name.starts_with(beginning))
        };
        let room = if is(&THINKING) { ROOM_TO_THINK } else { 0 };
        let cap = [habits.max_tokens, habits.room].into_iter().flatten().min().unwrap_or(u32::MAX);
        let completion_tokens =
            matches!(self.options.dialect, Dialect::OpenAi { completion_tokens: true, .. });
        Question {
            messages,
            output,
            max_tokens: prompt.max_tokens.map(|max| max.max(room).min(cap)),
            completion_tokens: (completion_tokens || is(&COOL)) != habits.other_token_name,
            temperature: self
                .temperature
                .map(|usual| prompt.temperature.unwrap_or(usual))
                .filter(|_| !habits.without_temperature && !is(&COOL)),
        }
    }

    /// One request, once there is a permit for it, and its outcome.
    async fn attempt<'a, 'l: 'a>(
        &'a self,
        question: &'a Question<'a>,
        effort: &mut Effort<'_, 'l>,
    ) -> (Option<Sent<'a>>, Result<Answer, Trouble>) {
        let permits = self.permits.take();
        let permits = match effort.deadline {
            None => permits.await,
            Some(deadline) => timeout_at(deadline, permits).await.ok().flatten(),
        };
        let Some(_permits) = permits else { return (None, Err(Trouble::Late)) };
        effort.spent.attempts += 1;
        let sent = effort.spent.listener.map(|listener| Sent::new(listener, &self.options, question));
        let own_end = Instant::now() + self.options.timeout;
        let end = effort.deadline.map_or(own_end, |deadline| deadline.min(own_end));
        let is_last = effort.deadline.is_some_and(|deadline| end >= deadline);
        let outcome = self.exchange.ask(&self.options, question, end, is_last, || self.clock.now()).await;
        (sent, outcome)
    }

    /// Waits for the next attempt, if there is one after this trouble.
    async fn wait_after(&self, trouble: Trouble, effort: &mut Effort<'_, '_>) -> Result<(), LlmFailure> {
        let (failure, asked) = match trouble {
            Trouble::Refused(reason) => return Err(LlmFailure::Refused(reason)),
            Trouble::Denied(reason) => return Err(LlmFailure::Denied(reason)),
            Trouble::Rejected { reason, .. } => return Err(LlmFailure::Rejected(reason)),
            Trouble::Late => return Err(LlmFailure::Late),
            Trouble::Slow => (LlmFailure::Late, None),
            Trouble::Failed(reason) => (LlmFailure::Failed(reason), None),
            Trouble::Busy { reason, wait } => (LlmFailure::Busy(reason), wait),
        };
        let is_in_time = |wait: Duration| {
            effort
                .deadline
                .is_none_or(|deadline| Instant::now().checked_add(wait).is_some_and(|at| at < deadline))
        };
        if let Some(asked) = asked
            && (asked > self.options.max_backoff || !is_in_time(asked))
        {
            // One that never comes is as good as one that cannot be told.
            let at =
                TimeDelta::from_std(asked).ok().and_then(|wait| self.clock.now().checked_add_signed(wait));
            return Err(at.map_or(failure, LlmFailure::QuotaUntil));
        }
        let Some(own) = effort.waits.next() else { return Err(failure) };
        // Who asks for no wait at all is not asked at once by everybody.
        let wait = asked.map_or(own, |asked| asked.max(own));
        if !is_in_time(wait) {
            return Err(failure);
        }
        tracing::debug!(model = self.name, reason = %failure, "a language model is asked again");
        sleep(wait).await;
        Ok(())
    }
}

/// What is wrong with an answer that came.
enum Judgement {
    /// Nothing that asking again would change.
    Final(LlmFailure),
    /// There is nothing in it.
    Empty,
}

/// What an answer holds, if it is one.
fn judged(answer: &Answer, schema_name: Option<&str>) -> Result<Result<Option<Value>, String>, Judgement> {
    if let Some(reason) = &answer.refusal {
        return Err(Judgement::Final(LlmFailure::Refused(reason.clone())));
    }
    if schema_name.is_some() && answer.is_cut {
        return Err(Judgement::Final(LlmFailure::OutputTooLong));
    }
    let is_empty = without_thoughts(&answer.text).trim().is_empty() && answer.tool_calls.is_empty();
    // All of it may have gone into thoughts.
    if is_empty && !answer.is_cut {
        return Err(Judgement::Empty);
    }
    Ok(schema_name.map(|name| value_of(answer, name)).transpose())
}

/// What is wrong with an answer, in words.
fn problem_of(judgement: &Result<Result<Option<Value>, String>, Judgement>) -> Option<String> {
    match judgement {
        Ok(Ok(_)) => None,
        Ok(Err(problem)) => Some(LlmFailure::NotJson(problem.clone()).to_string()),
        Err(Judgement::Final(failure)) => Some(failure.to_string()),
        Err(Judgement::Empty) => Some(EMPTY.to_owned()),
    }
}
