//! The model: tokens in, one vector of length 1 out.

use std::fs;
use std::path::Path;

use hindsight_engine::ports::EmbedError;
use ort::environment::Environment;
use ort::ep;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::Tensor;
use tokenizers::Tokenizer;

use super::worker::Encode;
use super::{LoadError, LocalOptions, tokens, weights};

/// Numbers in a vector.
pub(super) const DIMENSION: u32 = 384;

/// Two computations of one text may differ by this much in their cosine.
const REPEATABLE: f32 = 1e-4;

pub(super) struct Model {
    tokenizer: Tokenizer,
    session: Session,
}

impl Model {
    /// Loads the model and sees to it that it gives usable, repeatable vectors.
    pub(super) fn load(
        environment: &Environment,
        file: &Path,
        options: LocalOptions,
    ) -> Result<Self, LoadError> {
        let failed = |reason: String| LoadError::Model { path: file.to_owned(), reason };
        let bytes = fs::read(file).map_err(|error| failed(error.to_string()))?;
        let bytes = weights::keep_in_8_bits(&bytes).unwrap_or_else(|| {
            tracing::warn!("the embedding model is built in an unknown way, it will take more memory");
            bytes
        });
        let session = session_options(environment, options.threads)
            .and_then(|mut builder| builder.commit_from_memory(&bytes));
        drop(bytes);
        let mut model = Self {
            tokenizer: tokens::tokenizer(options.max_tokens).map_err(|error| failed(error.to_string()))?,
            session: session.map_err(|error| failed(error.to_string()))?,
        };
        model.check().map_err(|error| failed(error.to_string()))?;
        Ok(model)
    }

    /// Computes one text alone and among others.
    fn check(&mut self) -> Result<(), EmbedError> {
        let text = self.tokens("The quick brown fox jumps over the lazy dog.")?;
        let other = self.tokens("Memory")?;
        let alone = self.encode(&[&text])?;
        let among = self.encode(&[&other, &text])?;
        match (alone.as_slice(), among.as_slice()) {
            ([first], [_, second]) if cosine(first, second) > 1.0 - REPEATABLE => Ok(()),
            _ => Err(EmbedError::Failed("it gives different vectors for one text".to_owned())),
        }
    }
}

fn session_options(environment: &Environment, threads: usize) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(environment)?
        .with_log_level(LogLevel::Error)?
        .with_intra_threads(threads)?
        // The arena keeps the memory of the largest batch, which is small here. Without it the C
        // library keeps more, and with recorded patterns so does the arena.
        .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?
        .with_memory_pattern(false)?)
}

impl Encode for Model {
    fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        tokens::encode(&self.tokenizer, text).map_err(|error| EmbedError::Failed(error.to_string()))
    }

    fn encode(&mut self, batch: &[&[u32]]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let states =
            hidden_states(&mut self.session, batch).map_err(|error| EmbedError::Failed(error.to_string()))?;
        let width = batch.iter().map(|text| text.len()).max().unwrap_or_default() * DIMENSION as usize;
        if states.len() != batch.len() * width {
            return Err(EmbedError::Failed(format!("it has no vectors of {DIMENSION} numbers")));
        }
        batch.iter().zip(states.chunks_exact(width.max(1))).map(|(text, row)| pool(row, text.len())).collect()
    }
}

/// The model's output for every token, texts one after the other, padded to the longest.
fn hidden_states(session: &mut Session, batch: &[&[u32]]) -> ort::Result<Vec<f32>> {
    let longest = batch.iter().map(|text| text.len()).max().unwrap_or_default();
    let shape = [batch.len(), longest];
    let size = batch.len() * longest;
    let (mut ids, mut mask) = (Vec::with_capacity(size), Vec::with_capacity(size));
    for text in batch {
        let padding = longest - text.len();
        ids.extend(text.iter().map(|&id| i64::from(id)).chain(std::iter::repeat_n(0, padding)));
        mask.extend(std::iter::repeat_n(1_i64, text.len()).chain(std::iter::repeat_n(0, padding)));
    }
    let outputs = session.run(ort::inputs![
        "input_ids" => Tensor::from_array((shape, ids))?,
        "attention_mask" => Tensor::from_array((shape, mask))?,
        "token_type_ids" => Tensor::from_array((shape, vec![0_i64; size]))?,
    ])?;
    let output =
        outputs.get("last_hidden_state").ok_or_else(|| ort::Error::new("it has no token vectors"))?;
    Ok(output.try_extract_tensor::<f32>()?.1.to_vec())
}

/// The mean of the first `tokens` vectors in `row`, scaled to length 1.
fn pool(row: &[f32], tokens: usize) -> Result<Vec<f32>, EmbedError> {
    let mut sum = vec![0.0; DIMENSION as usize];
    for token in row.chunks_exact(DIMENSION as usize).take(tokens) {
        for (total, value) in sum.iter_mut().zip(token) {
            *total += value;
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    // Also false for a length that is not a number.
    if !(length > 0.0 && length.is_finite()) {
        return Err(EmbedError::Failed("a vector is not made of finite numbers".to_owned()));
    }
    for value in &mut sum {
        *value /= length;
    }
    Ok(sum)
}

/// Cosine of two vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
