//! The model: pairs of a query and a document in, one score for each out.

use std::borrow::Cow;

use hindsight_engine::ports::RerankError;
use ort::environment::Environment;
use ort::ep;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use tokenizers::{Tokenizer, TruncationParams, TruncationStrategy};

use super::CrossEncoderOptions;
use super::worker::{Pair, Score};
use crate::files::ModelFiles;
use crate::rerank::sigmoid;

/// Fewest tokens of a pair that make sense.
const FEWEST_TOKENS: usize = 16;
/// Bytes of a document that are looked at: far more than 512 tokens of real text have.
const MAX_BYTES: usize = 32 * 1024;
/// Two scores of one batch may differ by this much from one computation to the next.
const REPEATABLE: f64 = 1e-4;
/// And the score of a pair by this much with its neighbours: weights of 8 bits round by batch.
const ALIKE: f64 = 0.1;

pub(super) struct Model {
    tokenizer: Tokenizer,
    session: Session,
    /// Whether the model wants to know which tokens are the query's.
    wants_kinds: bool,
    output: String,
    /// Token number for what is no text.
    padding: i64,
    /// Tokens of a query that are kept, so that there is room for a document.
    max_query_tokens: usize,
}

impl Model {
    /// Loads the model and sees to it that it gives usable, repeatable scores.
    pub(super) fn load(
        environment: &Environment,
        files: &ModelFiles,
        options: CrossEncoderOptions,
    ) -> Result<Self, String> {
        let session = session(environment, files, options.threads).map_err(|error| error.to_string())?;
        let inputs: Vec<_> = session.inputs().iter().map(|input| input.name().to_owned()).collect();
        let known = ["input_ids", "attention_mask", "token_type_ids"];
        if let Some(other) = inputs.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("it wants an input '{other}' that text does not give"));
        }
        let outputs: Vec<_> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
        let output = outputs.iter().find(|name| *name == "logits").or(outputs.first());
        let output = output.ok_or("it has no output")?.clone();
        let max_tokens = options.max_tokens.max(FEWEST_TOKENS);
        let (tokenizer, padding) = tokenizer(files, max_tokens).map_err(|error| error.to_string())?;
        let mut model = Self {
            tokenizer,
            session,
            wants_kinds: inputs.iter().any(|name| name == "token_type_ids"),
            output,
            padding,
            max_query_tokens: max_tokens / 4 * 3,
        };
        model.check().map_err(|error| error.to_string())?;
        Ok(model)
    }

    /// Scores one pair twice, and among others.
    fn check(&mut self) -> Result<(), RerankError> {
        let query = "Where does the fox live?";
        let first = self.pair(query, "The quick brown fox jumps over the lazy dog.")?;
        let other = self.pair(query, &"It rains in the mountains. ".repeat(8))?;
        let alone = self.score(std::slice::from_ref(&first))?;
        let again = self.score(std::slice::from_ref(&first))?;
        let among = self.score(&[other, first])?;
        match (alone.as_slice(), again.as_slice(), among.as_slice()) {
            ([alone], [again], [_, among])
                if (alone - again).abs() < REPEATABLE && (alone - among).abs() < ALIKE =>
            {
                Ok(())
            }
            _ => Err(RerankError::Failed("it gives different scores for one pair".to_owned())),
        }
    }

    fn run(&mut self, batch: &[Pair]) -> ort::Result<Vec<f32>> {
        let longest = batch.iter().map(|pair| pair.ids.len()).max().unwrap_or_default();
        let shape = [batch.len(), longest];
        let padded = |of: fn(&Pair) -> Cow<'_, [i64]>, padding: i64| {
            let mut numbers = Vec::with_capacity(batch.len() * longest);
            for pair in batch {
                numbers.extend_from_slice(&of(pair));
                numbers.extend(std::iter::repeat_n(padding, longest - pair.ids.len()));
            }
            Tensor::from_array((shape, numbers))
        };
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
            ("input_ids", padded(|pair| Cow::Borrowed(&pair.ids), self.padding)?.into()),
            ("attention_mask", padded(|pair| Cow::Owned(vec![1; pair.ids.len()]), 0)?.into()),
        ];
        if self.wants_kinds {
            inputs.push(("token_type_ids", padded(|pair| Cow::Borrowed(&pair.kinds), 0)?.into()));
        }
        let outputs = self.session.run(inputs)?;
        let output = outputs.get(&self.output).ok_or_else(|| ort::Error::new("it gave no logits"))?;
        Ok(output.try_extract_tensor::<f32>()?.1.to_vec())
    }
}

fn session(environment: &Environment, files: &ModelFiles, threads: usize) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_log_level(LogLevel::Error)?
        .with_intra_threads(threads)?
        .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?
        .with_memory_pattern(false)?
        .commit_from_file(&files.model)
}

/// The tokenizer, cutting documents only, and the token number that it pads with.
fn tokenizer(files: &ModelFiles, max_tokens: usize) -> tokenizers::Result<(Tokenizer, i64)> {
    let mut tokenizer = Tokenizer::from_file(&files.tokenizer)?;
    let padding = tokenizer.get_padding().map_or(0, |padding| i64::from(padding.pad_id));
    tokenizer.with_padding(None).with_truncation(Some(TruncationParams {
        max_length: max_tokens,
        strategy: TruncationStrategy::OnlySecond,
        ..TruncationParams::default()
    }))?;
    Ok((tokenizer, padding))
}

/// The beginning of a text, of at most so many bytes.
fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text)
}

impl Score for Model {
    fn query(&self, query: &str) -> Result<String, RerankError> {
        let query = beginning(query);
        // A token has a byte at least, so most queries need no look.
        if query.len() <= self.max_query_tokens {
            return Ok(query.to_owned());
        }
        // Only the second text of a pair is cut by the tokenizer, and a lone text is the first.
        let mut whole = self.tokenizer.clone();
        whole.with_truncation(None).map_err(|error| RerankError::Failed(error.to_string()))?;
        let tokens = whole.encode(query, false).map_err(|error| RerankError::Failed(error.to_string()))?;
        let Some(&(end, _)) = tokens.get_offsets().get(self.max_query_tokens) else {
            return Ok(query.to_owned());
        };
        Ok(query.get(..end).unwrap_or(query).to_owned())
    }

    fn pair(&self, query: &str, document: &str) -> Result<Pair, RerankError> {
        let tokens = self
            .tokenizer
            .encode_fast((query, beginning(document)), true)
            .map_err(|error| RerankError::Failed(error.to_string()))?;
        let numbers = |ids: &[u32]| ids.iter().map(|&id| i64::from(id)).collect();
        Ok(Pair { ids: numbers(tokens.get_ids()), kinds: numbers(tokens.get_type_ids()) })
    }

    fn score(&mut self, batch: &[Pair]) -> Result<Vec<f64>, RerankError> {
        let logits = self.run(batch).map_err(|error| RerankError::Failed(error.to_string()))?;
        let classes = logits.len() / batch.len().max(1);
        if !matches!(classes, 1 | 2) || logits.len() != classes * batch.len() {
            return Err(RerankError::Failed(format!(
                "it gives {} numbers for {} pairs, which is neither one nor two for each",
                logits.len(),
                batch.len()
            )));
        }
        let score = |logits: &[f32]| match *logits {
            [no, yes] => sigmoid(f64::from(yes) - f64::from(no)),
            [logit] => sigmoid(f64::from(logit)),
            _ => f64::NAN,
        };
        let scores: Vec<f64> = logits.chunks_exact(classes).map(score).collect();
        if scores.iter().all(|score| score.is_finite()) {
            return Ok(scores);
        }
        Err(RerankError::Failed("a score is not a finite number".to_owned()))
    }
}
