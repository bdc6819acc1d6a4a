//! The answer written from what was found, outside of the conversation: for models that call no
//! tools, and for more evidence than a conversation holds.

use futures::future::join_all;

use super::calls::{CallFailure, Wanted, no_answer};
use super::conversation::{Conversation, said};
use super::done::{self, Draft};
use super::turns::Run;
use super::{pack, wording};
use crate::EngineError;
use crate::ports::{Message, Output};
use crate::text::tokens;

/// Fewest tokens of evidence in one call.
const LEAST_PART: usize = 1024;
/// Parts beyond which the log is told.
const MANY_PARTS: usize = 4;
/// Rounds in which claims are read out of claims.
const MOST_ROUNDS: usize = 3;
/// Times that an answer is asked for that can be used.
const ANSWERS: usize = 2;

impl Run<'_> {
    /// The answer from all that was found, in parts of about `limit` tokens; a share of the
    /// longest conversation if nobody says. Parts become smaller as long as the model finds them
    /// too long.
    pub(super) async fn synthesize(
        &self,
        conversation: &Conversation,
        limit: Option<usize>,
    ) -> Result<Draft, EngineError> {
        let most = self.question.settings.max_context / 5 * 4;
        let mut limit = limit.unwrap_or(most).clamp(LEAST_PART, most.max(LEAST_PART));
        loop {
            match self.read_evidence(conversation, limit).await {
                Err(Failure::Call(CallFailure::Overflow)) if limit > LEAST_PART => {
                    limit = (limit / 2).max(LEAST_PART);
                }
                Err(Failure::Call(failure)) => return Err(failure.into_error()),
                Err(Failure::Unusable(problem)) => return Err(no_answer(&problem)),
                Ok(draft) => return Ok(draft),
            }
        }
    }

    async fn read_evidence(&self, conversation: &Conversation, limit: usize) -> Result<Draft, Failure> {
        let mut parts = pack::pack(conversation.evidence(), limit);
        if parts.len() > MANY_PARTS {
            tracing::warn!(parts = parts.len(), "much evidence: an answer is read out of many parts");
        }
        let is_claims = parts.len() > 1;
        for _ in 0..MOST_ROUNDS {
            if parts.len() <= 1 {
                break;
            }
            parts = self.claims(&parts, limit).await?;
        }
        self.write(&wording::evidence(self.question, &parts.join("\n\n"), is_claims)).await
    }

    /// What the parts say about the question, in parts again.
    async fn claims(&self, parts: &[String], limit: usize) -> Result<Vec<String>, Failure> {
        let read = parts.iter().enumerate().map(|(number, part)| async move {
            let wanted =
                Wanted { is_steady: true, ..Wanted::new(format!("final_map_{}", number + 1), Output::Text) };
            let messages = [
                Message::System(wording::map(self.question)),
                Message::User(wording::part(self.question, part)),
            ];
            match self.calls.ask(&wanted, &messages).await {
                // Claims that were cut off are lost, unless there are fewer in one part.
                Ok(reply) if reply.is_cut && limit > LEAST_PART => Err(CallFailure::Overflow),
                outcome => outcome.map(|reply| reply.text),
            }
        });
        let claims: Vec<String> = join_all(read).await.into_iter().collect::<Result<_, _>>()?;
        let is_claim = |claim: &String| {
            let claim = claim.trim();
            !claim.is_empty()
                && !claim.trim_matches(['.', '*', '-', ' ']).eq_ignore_ascii_case(wording::NOTHING)
        };
        let claims: Vec<String> = claims.into_iter().filter(is_claim).collect();
        if claims.is_empty() {
            return Ok(vec![wording::NOTHING.to_owned()]);
        }
        // Longer than a part: no smaller pieces than the claims of one model can be told apart.
        let pieces = claims.into_iter().flat_map(|claims| lines(&claims, limit)).collect();
        Ok(pack::join(pieces, limit))
    }

    /// The answer to a message that holds everything, as JSON.
    async fn write(&self, message: &str) -> Result<Draft, Failure> {
        let schema = done::schema(self.question, &self.tools);
        // What a provider has learned of one of them does not hold for the other.
        let form = if self.question.document.is_some() { "document" } else { "answer" };
        let values = if self.question.schema.is_some() { "_and_values" } else { "" };
        let wanted = Wanted::new("final", Output::Json { name: format!("{form}{values}"), schema });
        let mut messages =
            vec![Message::System(wording::synthesis(self.question)), Message::User(message.to_owned())];
        let mut problem = String::new();
        for _ in 0..ANSWERS {
            let reply = self.calls.ask(&wanted, &messages).await?;
            let said = said(&reply);
            problem = match self.read(&reply.value.unwrap_or_default(), reply.is_cut) {
                Ok(draft) => return Ok(draft),
                Err(problem) => problem,
            };
            messages.push(Message::Assistant { text: said, tool_calls: Vec::new() });
            messages.push(Message::User(format!("This cannot be used: {problem}. Write it anew, complete.")));
        }
        Err(Failure::Unusable(format!("the language model wrote nothing that can be used: {problem}")))
    }
}

/// Why nothing came of the evidence.
enum Failure {
    Call(CallFailure),
    /// An answer came, and was none.
    Unusable(String),
}

impl From<CallFailure> for Failure {
    fn from(failure: CallFailure) -> Self {
        Self::Call(failure)
    }
}

/// A text in pieces of about `limit` tokens, cut between its lines.
fn lines(text: &str, limit: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut size = 0;
    for line in text.lines() {
        let more = tokens::count(line) + 1;
        match pieces.last_mut() {
            Some(piece) if size + more <= limit => {
                piece.push('\n');
                piece.push_str(line);
                size += more;
            }
            _ => {
                pieces.push(line.to_owned());
                size = more;
            }
        }
    }
    pieces
}
