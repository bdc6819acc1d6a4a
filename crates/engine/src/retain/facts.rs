//! From documents to facts with all that ranking needs but their vectors.

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use uuid::Uuid;

use super::chunk::{ChunkLimits, chunk};
use super::extracted::ExtractedFact;
use super::plain;
use super::source::{Part, Source, entity_mentions};
use super::strategy::Plans;
use crate::config::{ExtractionMode, Settings};
use crate::hash::sha256;
use crate::store::{ChunkWrite, DocumentWrite, EntityMention, FactWrite};
use crate::text::terms::{Language, analyze, text_hash};
use crate::text::{signals, tokens};

/// A document that is cut into chunks.
#[derive(Debug)]
pub(super) struct CutDocument {
    /// The document.
    pub(super) source: Source,
    /// Its chunks, in order.
    pub(super) chunks: Vec<CutChunk>,
}

/// A chunk of a document.
#[derive(Debug)]
pub(super) struct CutChunk {
    /// The item it is of, by its place in the document.
    pub(super) part: usize,
    /// Its text.
    pub(super) text: String,
    /// Its facts; none yet for a chunk that a language model has to read.
    pub(super) facts: Option<Vec<ExtractedFact>>,
}

/// A document on its way to the store.
#[derive(Debug)]
pub(super) struct DraftDocument {
    /// What will be written; its facts lack their vectors and places at first.
    pub(super) document: DocumentWrite,
    /// The items the facts come from, in order.
    pub(super) runs: Vec<PartRun>,
}

/// The facts of one item: consecutive ones of a document.
#[derive(Clone, Debug)]
pub(super) struct PartRun {
    /// Place of the item in the request.
    pub(super) index: usize,
    /// Hash of its context.
    pub(super) context_hash: Vec<u8>,
    /// When it was said, if the caller named the time.
    pub(super) dated: Option<DateTime<Utc>>,
    /// Number of its facts.
    pub(super) facts: usize,
}

/// Cuts the documents, and makes facts of every chunk that no language model has to read.
pub(super) fn cut_documents(sources: Vec<Source>, plans: &Plans, has_model: bool) -> Vec<CutDocument> {
    sources.into_iter().map(|source| cut(source, plans, has_model)).collect()
}

fn cut(source: Source, plans: &Plans, has_model: bool) -> CutDocument {
    let mut chunks = Vec::new();
    for (place, part) in source.parts.iter().enumerate() {
        let settings = plans.settings(part.strategy.as_deref());
        let limits = ChunkLimits {
            chunk_size: settings.chunk_size,
            structured_chunk_size: settings.structured_chunk_size.unwrap_or(settings.chunk_size),
        };
        // Each item is cut on its own, so that every chunk has one provenance.
        chunks.extend(chunk(&part.text, limits).into_iter().map(|text| {
            let facts = facts_by_rules(&text, part, settings, has_model);
            CutChunk { part: place, text, facts }
        }));
    }
    CutDocument { source, chunks }
}

/// The facts of a chunk, unless a language model is to read it.
fn facts_by_rules(
    chunk: &str,
    part: &Part,
    settings: &Settings,
    has_model: bool,
) -> Option<Vec<ExtractedFact>> {
    match settings.extraction_mode {
        ExtractionMode::Chunks => {
            Some(vec![ExtractedFact { text: chunk.trim().to_owned(), ..ExtractedFact::default() }])
        }
        _ if has_model => None,
        // These want a language model; without one, the plain rules make the facts.
        ExtractionMode::Concise
        | ExtractionMode::Verbose
        | ExtractionMode::Custom
        | ExtractionMode::Verbatim => {
            Some(plain::extract(chunk, part.said_at).into_iter().map(ExtractedFact::from).collect())
        }
    }
}

/// What is to be written of documents whose chunks have been read.
pub(super) fn draft_documents(
    documents: Vec<CutDocument>,
    plans: &Plans,
    language: Language,
) -> Vec<DraftDocument> {
    documents.into_iter().map(|document| draft(document, plans, language)).collect()
}

fn draft(cut: CutDocument, plans: &Plans, language: Language) -> DraftDocument {
    let CutDocument { source, chunks } = cut;
    let texts: Vec<&str> = source.parts.iter().map(|part| part.text.as_str()).collect();
    let body = texts.join("\n");
    let mut tags: Vec<String> = source.parts.iter().flat_map(|part| part.tags.iter().cloned()).collect();
    tags.sort_unstable();
    tags.dedup();
    let settings = |part: &Part| plans.settings(part.strategy.as_deref());
    // Whoever does not want a text kept wants it in no form.
    let keeps_text = source.parts.iter().all(|part| settings(part).store_document_text);
    let mut document = DocumentWrite {
        document_id: source.document_id,
        body_length: i32::try_from(body.chars().count()).unwrap_or(i32::MAX),
        content_hash: sha256(&body),
        body: keeps_text.then_some(body),
        retain_params: source.retain_params,
        tags,
        chunks: Vec::new(),
        facts: Vec::new(),
    };
    let mut chunks = chunks.into_iter().peekable();
    let mut runs = Vec::new();
    for (place, part) in source.parts.iter().enumerate() {
        let before = document.facts.len();
        while let Some(chunk) = chunks.next_if(|chunk| chunk.part == place) {
            let chunk_index = i32::try_from(document.chunks.len()).unwrap_or(i32::MAX);
            let extracted = chunk.facts.unwrap_or_default();
            document.facts.extend(chunk_facts(extracted, part, chunk_index, language));
            document.chunks.push(ChunkWrite {
                content_hash: sha256(&chunk.text),
                body: if keeps_text { chunk.text } else { String::new() },
            });
        }
        runs.push(PartRun {
            index: part.index,
            context_hash: sha256(part.context.as_deref().unwrap_or_default()),
            dated: part.said_at.filter(|_| part.is_dated),
            facts: document.facts.len() - before,
        });
    }
    DraftDocument { document, runs }
}

/// The facts of a chunk, ready to be written but for what needs the store or a model.
fn chunk_facts(
    extracted: Vec<ExtractedFact>,
    part: &Part,
    chunk_index: i32,
    language: Language,
) -> Vec<FactWrite> {
    let mut facts: Vec<FactWrite> = Vec::with_capacity(extracted.len());
    for read in extracted {
        // Only what stands before can have led to it.
        let caused_by =
            read.caused_by.iter().filter_map(|&cause| Some(facts.get(cause)?.memory_id)).collect();
        facts.push(FactWrite { caused_by, ..fact(read, part, chunk_index, language) });
    }
    facts
}

fn fact(read: ExtractedFact, part: &Part, chunk_index: i32, language: Language) -> FactWrite {
    let author = read.speaker.or_else(|| signals::author(&read.text).map(str::to_owned));
    let mut tags = part.tags.clone();
    // In the caller's order, those of labels behind them.
    tags.extend(read.tags.into_iter().filter(|tag| !part.tags.contains(tag)));
    FactWrite {
        memory_id: Uuid::now_v7(),
        chunk_index,
        fact_type: read.fact_type.unwrap_or_else(|| fact_type(author.as_deref())),
        context: part.context.clone(),
        metadata: part.metadata.clone(),
        tags,
        observation_scopes: part.observation_scopes.clone(),
        occurred: read.occurred,
        mentioned_at: part.said_at,
        embedding: Vec::new(),
        terms: analyze(&read.text, language),
        text_hash: text_hash(&read.text),
        stream: None,
        tokens: i32::try_from(tokens::count(&read.text)).unwrap_or(i32::MAX),
        question_share: signals::question_share(&read.text),
        has_time: signals::has_time(&read.text),
        entities: mentions(&read.entities, &read.labels, part),
        caused_by: Vec::new(),
        author,
        body: read.text,
    }
}

/// What a fact mentions: the names in it, its labels, and what the caller knows of.
fn mentions(names: &[String], labels: &[String], part: &Part) -> Vec<EntityMention> {
    let free = names.iter().map(|name| (name, false, false));
    let labels = labels.iter().map(|name| (name, true, true));
    let given = part.entities.iter().map(|name| (name, false, !part.resolve_entities));
    entity_mentions(free.chain(labels).chain(given))
}

/// What the agent itself says is its experience, everything else is the world.
fn fact_type(author: Option<&str>) -> FactType {
    let is_agent = author.is_some_and(|author| {
        ["assistant", "agent", "ai"].iter().any(|name| author.eq_ignore_ascii_case(name))
    });
    if is_agent { FactType::Experience } else { FactType::World }
}
