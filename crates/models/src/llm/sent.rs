//! Tells whoever listens of each request that was sent, also of one that nobody waits for any more.

use std::time::Instant;

use hindsight_engine::ports::{Attempt, Listener, Said};
use hindsight_types::retain::TokenUsage;

use super::options::ModelOptions;
use super::wire::{Answer, Question};

/// A request without its outcome. Dropped, it was given up.
pub(super) struct Sent<'s> {
    listener: Option<&'s dyn Listener>,
    options: &'s ModelOptions,
    question: &'s Question<'s>,
    begin: Instant,
}

impl<'s> Sent<'s> {
    /// A request that is sent now.
    pub(super) fn new(
        listener: &'s dyn Listener,
        options: &'s ModelOptions,
        question: &'s Question<'s>,
    ) -> Self {
        Self { listener: Some(listener), options, question, begin: Instant::now() }
    }

    /// It was answered; `failure` is why that is no use.
    pub(super) fn answered(mut self, answer: &Answer, failure: Option<String>) {
        let Answer { text, tool_calls, is_cut, usage, .. } = answer;
        let usage = (*usage != TokenUsage::default()).then_some(*usage);
        self.tell(Some(Said { text, tool_calls, is_cut: *is_cut }), failure, usage);
    }

    /// It was not answered.
    pub(super) fn failed(mut self, failure: String) {
        self.tell(None, Some(failure), None);
    }

    fn tell(&mut self, said: Option<Said<'_>>, failure: Option<String>, usage: Option<TokenUsage>) {
        let Some(listener) = self.listener.take() else { return };
        listener.hear(&Attempt {
            provider: &self.options.provider,
            model: &self.options.model,
            messages: &self.question.messages,
            max_tokens: self.question.max_tokens,
            temperature: self.question.temperature,
            duration: self.begin.elapsed(),
            said,
            failure,
            usage,
        });
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.tell(
            None,
            Some("the request was given up: nobody waited for its answer any more".to_owned()),
            None,
        );
    }
}
