//! The turns of the model: it searches, and answers when it has found enough.

use std::time::Duration;

use serde_json::{Value, json};

use super::aliases::Aliases;
use super::calls::{CallFailure, Calls, Wanted};
use super::conversation::{Conversation, Evidence};
use super::done::{self, DONE, Draft};
use super::question::Question;
use super::tools::{Answered, Call, Toolset};
use super::{pack, wording};
use crate::ports::{LlmFailure, Output, Reply, Tool, ToolCall, ToolChoice};
use crate::{Engine, EngineError};

/// Calls of one turn that are answered.
const MOST_CALLS: usize = 8;
/// Times that the last call is made for an answer that can be used.
const CLOSING_CALLS: usize = 2;

/// One question on its way to an answer.
pub(super) struct Run<'r> {
    pub(super) engine: &'r Engine,
    pub(super) question: &'r Question,
    pub(super) calls: &'r Calls<'r>,
    pub(super) tools: Toolset<'r>,
    pub(super) aliases: Aliases,
    /// What was searched, in order.
    pub(super) searched: Vec<Searched>,
}

/// One search of a run.
#[derive(Clone, Debug)]
pub(super) struct Searched {
    /// The search, with what it brought.
    pub(super) answered: Answered,
    /// Turn of the model it belongs to, from 1; 0 = before the first.
    pub(super) turn: u32,
}

/// What the turns so far mean for the next.
#[derive(Debug, Default)]
struct Course {
    /// Whether the model has searched by itself.
    has_searched: bool,
    /// Whether it was told to search before it gives up.
    was_sent_back: bool,
    /// The tool that has to be called next.
    forced: Option<&'static str>,
}

impl<'r> Run<'r> {
    /// A run that has not begun.
    pub(super) fn new(engine: &'r Engine, question: &'r Question, calls: &'r Calls<'r>) -> Self {
        let mut aliases = Aliases::default();
        aliases.reads(&question.text);
        for directive in &question.directives {
            aliases.reads(&directive.name);
            aliases.reads(&directive.content);
        }
        aliases.reads(question.bank.name.as_deref().unwrap_or(&question.bank.bank_id));
        aliases.reads(question.character.mission.as_deref().unwrap_or_default());
        for (key, value) in question.schema.iter().flatten() {
            aliases.reads(key);
            aliases.reads_value(value);
        }
        let tools = Toolset::of(engine, question);
        Self { engine, question, calls, tools, aliases, searched: Vec::new() }
    }

    /// The answer, with names in place of ids.
    pub(super) async fn answer(&mut self) -> Result<Draft, EngineError> {
        let mut conversation = Conversation::new(wording::system(self.question, &self.tools));
        self.first_search(&mut conversation).await?;
        let mut course = Course::default();
        for turn in 1..self.question.iterations() {
            if conversation.tokens() >= self.question.settings.max_context {
                return self.synthesize(&conversation, None).await;
            }
            let choice = course.forced.take();
            let choice = choice.map_or(ToolChoice::Required, |name| ToolChoice::Named(name.to_owned()));
            let wanted =
                Wanted::new(format!("agent_{turn}"), Output::Tools { tools: self.definitions(), choice });
            let reply = match self.calls.ask(&wanted, conversation.messages()).await {
                Ok(reply) => reply,
                Err(CallFailure::Overflow) => {
                    return self.synthesize(&conversation, Some(conversation.tokens() / 2)).await;
                }
                // It may be the tools that are not taken: not every model has them.
                Err(CallFailure::Failed(LlmFailure::Rejected(reason))) => {
                    tracing::warn!(reason, "tools are not taken; the answer is written from what was found");
                    return self.synthesize(&conversation, None).await;
                }
                // A model may have no calls to make and nothing to say: it may still write the answer.
                Err(CallFailure::Failed(LlmFailure::Failed(reason))) if self.aliases.has_any() => {
                    tracing::warn!(reason, "a turn failed; the answer is written from what was found");
                    return self.synthesize(&conversation, None).await;
                }
                Err(failure) => return Err(failure.into_error()),
            };
            // A model that writes instead of calling is asked in a way that it understands.
            if reply.tool_calls.is_empty() {
                return self.synthesize(&conversation, None).await;
            }
            if let Some(draft) = self.turn(&mut conversation, turn, reply, &mut course).await? {
                return Ok(draft);
            }
        }
        self.close(conversation).await
    }

    fn definitions(&self) -> Vec<Tool> {
        let mut tools = self.tools.definitions();
        tools.push(done::tool(self.question, &self.tools));
        tools
    }

    /// Searches all layers for the question as it stands, before the model is asked anything.
    async fn first_search(&mut self, conversation: &mut Conversation) -> Result<(), EngineError> {
        let calls = self.tools.first_calls(&self.question.text);
        let room = self.question.settings.max_context.saturating_sub(conversation.tokens());
        let mut found = Vec::new();
        for answered in self.tools.answer(calls, room).await? {
            let mut evidence = self.take(answered, 0);
            // The question stands above it.
            evidence.shown.retain(|key, _| key != "query");
            found.push(pack::piece(&evidence));
            conversation.keep(evidence);
        }
        conversation.user(wording::opening(self.question, &found.join("\n\n")));
        Ok(())
    }

    /// Answers calls, in their order. What was searched for before is not searched for again: models
    /// like to repeat the question, and one run sees memory as it was found first.
    async fn search(&self, calls: Vec<Call>, room: usize) -> Result<Vec<Answered>, EngineError> {
        let known: Vec<Option<Answered>> = calls.iter().map(|call| self.found_before(call)).collect();
        let new = calls.into_iter().zip(&known).filter_map(|(call, known)| known.is_none().then_some(call));
        let mut new = self.tools.answer(new.collect(), room).await?.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| new.next())).collect())
    }

    /// What a call that asks for the same has brought before.
    fn found_before(&self, call: &Call) -> Option<Answered> {
        let mut before = self.searched.iter().map(|searched| &searched.answered);
        let same = before.find(|before| before.is_good && before.call.asks_as(call))?;
        Some(Answered { call: call.clone(), duration: Duration::ZERO, ..same.clone() })
    }

    /// Notes what a search has brought, and puts it as the model sees it.
    fn take(&mut self, answered: Answered, turn: u32) -> Evidence {
        let Answered { call, output, is_good, .. } = &answered;
        let shown = if *is_good { self.aliases.show(output) } else { output.clone() };
        let evidence = Evidence { tool: call.name.clone(), shown };
        self.searched.push(Searched { answered, turn });
        evidence
    }

    /// Answers the calls of one turn; the draft, if one was handed in that counts.
    async fn turn(
        &mut self,
        conversation: &mut Conversation,
        turn: u32,
        reply: Reply,
        course: &mut Course,
    ) -> Result<Option<Draft>, EngineError> {
        let is_cut = reply.is_cut;
        let calls = conversation.called(&reply.text, reply.tool_calls);
        if calls.iter().all(|call| call.name == DONE) {
            let mut outcome = None;
            for call in calls {
                let told = match outcome {
                    None => {
                        let read = self.handed_in(&call, is_cut, course);
                        let told = read.as_ref().err().cloned().unwrap_or_default();
                        outcome = Some(read);
                        told
                    }
                    Some(_) => "one answer is enough".to_owned(),
                };
                conversation.answer(call.id, error(&told));
            }
            return Ok(outcome.and_then(Result::ok));
        }
        let room = self.question.settings.max_context.saturating_sub(conversation.tokens());
        let mut searches = Vec::new();
        let mut ids = Vec::new();
        for call in &calls {
            if call.name != DONE && searches.len() < MOST_CALLS {
                let arguments = call.arguments.as_object().cloned().unwrap_or_default();
                searches.push(Call { name: call.name.clone(), arguments: self.aliases.with_ids(&arguments) });
                ids.push(call.id.clone());
            }
        }
        let mut answered = self.search(searches, room).await?.into_iter();
        for call in calls {
            if !ids.contains(&call.id) {
                let told = if call.name == DONE {
                    "call done alone, once you have seen what your searches find"
                } else {
                    "too many calls in one turn; call it again in the next if you still need it"
                };
                conversation.answer(call.id, error(told));
            } else if let Some(answered) = answered.next() {
                let is_good = answered.is_good;
                course.has_searched |= is_good && self.tools.is_search(&call.name);
                let evidence = self.take(answered, turn);
                conversation.answer(call.id, Value::Object(evidence.shown.clone()).to_string());
                if is_good {
                    conversation.keep(evidence);
                }
            }
        }
        Ok(None)
    }

    /// Reads an answer that was handed in between searches; else what the model is told.
    fn handed_in(&self, call: &ToolCall, is_cut: bool, course: &mut Course) -> Result<Draft, String> {
        let draft = self.read(&call.arguments, is_cut)?;
        let search = self.tools.last_search().filter(|_| !course.has_searched && !course.was_sent_back);
        match search {
            Some(search) if !draft.is_found => {
                course.was_sent_back = true;
                course.forced = Some(search);
                Err(format!("before you say that there is no answer, search in other words with {search}"))
            }
            _ => Ok(draft),
        }
    }

    /// Reads an answer.
    pub(super) fn read(&self, given: &Value, is_cut: bool) -> Result<Draft, String> {
        if is_cut {
            return Err("the answer was cut off at its longest; hand in a shorter one".to_owned());
        }
        done::read(given, self.question, &self.tools, &self.aliases)
    }

    /// Asks for the answer, now that there are no more searches.
    async fn close(&self, mut conversation: Conversation) -> Result<Draft, EngineError> {
        if conversation.tokens() >= self.question.settings.max_context {
            return self.synthesize(&conversation, None).await;
        }
        conversation.user(wording::closing(self.question));
        let choice = ToolChoice::Named(DONE.to_owned());
        let wanted = Wanted::new("closing_done", Output::Tools { tools: self.definitions(), choice });
        for _ in 0..CLOSING_CALLS {
            let reply = match self.calls.ask(&wanted, conversation.messages()).await {
                Ok(reply) => reply,
                Err(CallFailure::Overflow) => {
                    return self.synthesize(&conversation, Some(conversation.tokens() / 2)).await;
                }
                Err(CallFailure::Failed(failure)) => {
                    tracing::warn!(%failure, "the last call of reflect failed; the answer is written from what was found");
                    break;
                }
            };
            let is_cut = reply.is_cut;
            let calls = conversation.called(&reply.text, reply.tool_calls);
            let Some(handed_in) = calls.iter().find(|call| call.name == DONE) else { break };
            let problem = match self.read(&handed_in.arguments, is_cut) {
                Ok(draft) => return Ok(draft),
                Err(problem) => problem,
            };
            for call in calls {
                conversation.answer(call.id, error(&problem));
            }
        }
        self.synthesize(&conversation, None).await
    }
}

/// The answer of a tool that could not do what it was called for.
fn error(told: &str) -> String {
    json!({ "error": told }).to_string()
}
