//! The model: tokens in, one vector of length 1 out.

use std::fs;
use std::path::Path;

use hindsight_engine::ports::EmbedError;
use ort::environment::Environment;
use ort::ep;
use ort::logging::LogLevel;
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use tokenizers::Tokenizer;

use super::folder::ModelFolder;
use super::worker::Encode;
use super::{LoadError, LocalOptions, tokens, weights};

/// Numbers in a vector of the model that is fetched.
const DIMENSION: u32 = 384;
/// What models call the vectors of the tokens.
const OUTPUT: &str = "last_hidden_state";

/// Two computations of one text may differ by this much in their cosine.
const REPEATABLE: f32 = 1e-4;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first, which stands for the whole.
    First,
}

pub(super) struct Model {
    tokenizer: Tokenizer,
    session: Session,
    dimension: usize,
    pooling: Pooling,
    /// Whether the model has an input for kinds of tokens, of which one text has one.
    wants_kinds: bool,
    /// What it calls the vectors of the tokens.
    output: String,
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
            dimension: DIMENSION as usize,
            pooling: Pooling::Mean,
            wants_kinds: true,
            output: OUTPUT.to_owned(),
        };
        model.check().map_err(|error| failed(error.to_string()))?;
        Ok(model)
    }

    /// Loads a model that somebody brings, as it is, with its own tokenizer.
    pub(super) fn load_folder(
        environment: &Environment,
        folder: &ModelFolder,
        options: LocalOptions,
    ) -> Result<Self, LoadError> {
        let failed = |reason: String| LoadError::Folder { path: folder.files.model.clone(), reason };
        let session = session_options(environment, options.threads)
            .and_then(|mut builder| builder.commit_from_file(&folder.files.model))
            .map_err(|error| failed(error.to_string()))?;
        let known = ["input_ids", "attention_mask", "token_type_ids"];
        if let Some(other) = session.inputs().iter().find(|input| !known.contains(&input.name())) {
            return Err(failed(format!("it wants an input '{}' that text does not give", other.name())));
        }
        let output = session.outputs().iter().find(|output| output.name() == OUTPUT);
        let output = output.or_else(|| session.outputs().first()).map(|output| output.name().to_owned());
        let mut model = Self {
            tokenizer: tokens::of_file(&folder.files.tokenizer, options.max_tokens.min(folder.max_tokens))
                .map_err(|error| failed(error.to_string()))?,
            dimension: 0,
            pooling: folder.pooling,
            wants_kinds: session.inputs().iter().any(|input| input.name() == "token_type_ids"),
            output: output.ok_or_else(|| failed("it has no output".to_owned()))?,
            session,
        };
        let probe = model.tokens("Memory").map_err(|error| failed(error.to_string()))?;
        model.dimension = model.token_vectors(&[&probe]).map_err(|error| failed(error.to_string()))?.0;
        model.check().map_err(|error| failed(error.to_string()))?;
        Ok(model)
    }

    /// Numbers in a vector.
    pub(super) fn dimension(&self) -> u32 {
        u32::try_from(self.dimension).unwrap_or(u32::MAX)
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
        let dimension = self.dimension;
        let (_, states) = self.token_vectors(batch).map_err(|error| EmbedError::Failed(error.to_string()))?;
        let width = batch.iter().map(|text| text.len()).max().unwrap_or_default() * dimension;
        if states.len() != batch.len() * width {
            return Err(EmbedError::Failed(format!(
                "it has no vectors of {dimension} numbers for each token"
            )));
        }
        let rows = batch.iter().zip(states.chunks_exact(width.max(1)));
        let seen = |tokens: usize| match self.pooling {
            Pooling::Mean => tokens,
            Pooling::First => 1,
        };
        rows.map(|(text, row)| pool(row, seen(text.len()), dimension)).collect()
    }
}

impl Model {
    /// Numbers in a vector, and the vector of every token, texts one after the other, padded to
    /// the longest.
    fn token_vectors(&mut self, batch: &[&[u32]]) -> ort::Result<(usize, Vec<f32>)> {
        let longest = batch.iter().map(|text| text.len()).max().unwrap_or_default();
        let shape = [batch.len(), longest];
        let size = batch.len() * longest;
        let (mut ids, mut mask) = (Vec::with_capacity(size), Vec::with_capacity(size));
        for text in batch {
            let padding = longest - text.len();
            ids.extend(text.iter().map(|&id| i64::from(id)).chain(std::iter::repeat_n(0, padding)));
            mask.extend(std::iter::repeat_n(1_i64, text.len()).chain(std::iter::repeat_n(0, padding)));
        }
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
            ("input_ids", Tensor::from_array((shape, ids))?.into()),
            ("attention_mask", Tensor::from_array((shape, mask))?.into()),
        ];
        if self.wants_kinds {
            inputs.push(("token_type_ids", Tensor::from_array((shape, vec![0_i64; size]))?.into()));
        }
        let outputs = self.session.run(inputs)?;
        let output = outputs.get(&self.output).ok_or_else(|| ort::Error::new("it has no token vectors"))?;
        let (shape, states) = output.try_extract_tensor::<f32>()?;
        let dimension = shape.last().and_then(|&size| usize::try_from(size).ok()).unwrap_or_default();
        Ok((dimension, states.to_vec()))
    }
}

/// The mean of the first `tokens` vectors in `row`, scaled to length 1.
fn pool(row: &[f32], tokens: usize, dimension: usize) -> Result<Vec<f32>, EmbedError> {
    let mut sum = vec![0.0; dimension];
    for token in row.chunks_exact(dimension.max(1)).take(tokens) {
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
