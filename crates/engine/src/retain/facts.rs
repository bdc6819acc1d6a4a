//! From documents to facts with all that ranking needs but their vectors.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use hindsight_types::recall::FactType;
use uuid::Uuid;

use super::chunk::{ChunkLimits, chunk, chunk_with_marks};
use super::delta::{Reader, provenance};
use super::extracted::ExtractedFact;
use super::plain;
use super::source::{Part, Source, entity_mentions};
use super::strategy::Plans;
use crate::attachments::{Attachment, described, has_marks, ids};
use crate::config::{ExtractionMode, Settings};
use crate::hash::sha256;
use crate::store::{ChunkKey, ChunkWrite, DocumentWrite, EntityMention, FactWrite, PartWrite};
use crate::text::terms::{Language, analyze, text_hash};
use crate::text::{signals, tokens};

/// A document that is cut into chunks.
#[derive(Debug)]
pub(super) struct CutDocument {
    /// The document.
    pub(super) source: Source,
    /// Its chunks, in order.
    pub(super) chunks: Vec<CutChunk>,
    /// Of a document that is added to: what stands last there, if it comes from the same place.
    pub(super) before: Option<String>,
}

/// A chunk of a document.
#[derive(Clone, Debug)]
pub(super) struct CutChunk {
    /// The item it is of, by its place in the document.
    pub(super) part: usize,
    /// Its text.
    pub(super) text: String,
    /// What tells whether it is the same as a stored one.
    pub(super) key: ChunkKey,
    /// Whether a stored one is the same, so that it need not be read.
    pub(super) is_stored: bool,
    /// Its facts, once it has been read.
    pub(super) facts: Option<Vec<ExtractedFact>>,
}

impl CutChunk {
    /// Whether nobody knows its facts.
    pub(super) fn is_unread(&self) -> bool {
        self.facts.is_none() && !self.is_stored
    }
}

/// A document on its way to the store.
#[derive(Debug)]
pub(super) struct DraftDocument {
    /// What will be written; its facts lack their vectors and places at first.
    pub(super) document: DocumentWrite,
    /// The items the facts come from, in order.
    pub(super) runs: Vec<PartRun>,
    /// Facts that say what one before them says.
    pub(super) repeated: usize,
}

/// The facts of one item that are new: consecutive ones of a document.
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

/// Cuts the documents; nothing is read yet.
pub(super) fn cut_documents(sources: Vec<Source>, plans: &Plans, has_model: bool) -> Vec<CutDocument> {
    sources
        .into_iter()
        .map(|source| {
            // Each item is cut on its own, so that every chunk has one provenance.
            let cut = |part: &Part, limits, most| {
                if has_marks(&part.text) {
                    chunk_with_marks(&part.text, limits, most)
                } else {
                    chunk(&part.text, limits)
                }
            };
            let chunks = cut_parts(&source, plans, has_model, cut);
            CutDocument { source, chunks, before: None }
        })
        .collect()
}

/// The chunks of a document whose items are cut by `cut`.
pub(super) fn cut_parts(
    source: &Source,
    plans: &Plans,
    has_model: bool,
    cut: impl Fn(&Part, ChunkLimits, usize) -> Vec<String>,
) -> Vec<CutChunk> {
    let parts = source.parts.iter().enumerate();
    parts
        .flat_map(|(place, part)| {
            let settings = plans.settings(part.strategy.as_deref());
            let limits = ChunkLimits {
                chunk_size: settings.chunk_size,
                structured_chunk_size: settings.structured_chunk_size.unwrap_or(settings.chunk_size),
            };
            let provenance = provenance(part, Reader::of(settings.extraction_mode, has_model));
            cut(part, limits, settings.attachments_per_chunk).into_iter().map(move |text| CutChunk {
                part: place,
                key: ChunkKey { content_hash: sha256(&text), provenance: provenance.clone() },
                text,
                is_stored: false,
                facts: None,
            })
        })
        .collect()
}

/// Makes facts of the chunks that are not stored and that no language model has to read.
pub(super) fn read_by_rules(documents: &mut [CutDocument], plans: &Plans, has_model: bool) {
    for CutDocument { source, chunks, .. } in documents {
        for chunk in chunks.iter_mut().filter(|chunk| chunk.is_unread()) {
            if let Some(part) = source.parts.get(chunk.part) {
                let settings = plans.settings(part.strategy.as_deref());
                chunk.facts = facts_by_rules(&chunk.text, &source.attachments, part, settings, has_model);
            }
        }
    }
}

/// What is to be written of documents whose chunks have been read.
pub(super) fn draft_documents(
    documents: &[CutDocument],
    plans: &Plans,
    language: Language,
) -> Vec<DraftDocument> {
    documents.iter().map(|document| draft(document, plans, language)).collect()
}

fn draft(cut: &CutDocument, plans: &Plans, language: Language) -> DraftDocument {
    let CutDocument { source, chunks, .. } = cut;
    let keeps_text = keeps_text(source, plans);
    let mut document = DocumentWrite {
        document_id: source.document_id.clone(),
        appends: source.appends,
        is_reprocessed: false,
        keeps_text,
        parts: source.parts.iter().map(part_write).collect(),
        chunks: Vec::with_capacity(chunks.len()),
        facts: Vec::new(),
        attachments: source.attachments.clone(),
    };
    for chunk in chunks {
        let chunk_index = i32::try_from(document.chunks.len()).unwrap_or(i32::MAX);
        if let (Some(facts), Some(part)) = (&chunk.facts, source.parts.get(chunk.part)) {
            document.facts.extend(chunk_facts(facts, part, chunk_index, language));
        }
        document.chunks.push(ChunkWrite {
            part: chunk.part,
            body: if keeps_text { chunk.text.clone() } else { String::new() },
            key: chunk.key.clone(),
            is_read: chunk.facts.is_some(),
            is_complete: true,
        });
    }
    let repeated = drop_repeated(&mut document);
    let part_of = |fact: &FactWrite| {
        let chunk = usize::try_from(fact.chunk_index).ok().and_then(|index| chunks.get(index));
        chunk.map(|chunk| chunk.part)
    };
    let run = |(place, part): (usize, &Part)| PartRun {
        index: part.index,
        context_hash: sha256(part.context.as_deref().unwrap_or_default()),
        dated: part.said_at.filter(|_| part.is_dated),
        facts: document.facts.iter().filter(|fact| part_of(fact) == Some(place)).count(),
    };
    let runs = source.parts.iter().enumerate().map(run).collect();
    DraftDocument { document, runs, repeated }
}

/// Whoever does not want a text kept wants it in no form.
pub(super) fn keeps_text(source: &Source, plans: &Plans) -> bool {
    source.parts.iter().all(|part| plans.settings(part.strategy.as_deref()).store_document_text)
}

fn part_write(part: &Part) -> PartWrite {
    PartWrite {
        text: part.text.clone(),
        said_at: part.said_at,
        is_dated: part.is_dated,
        metadata: part.metadata.clone(),
        tags: part.tags.clone(),
        observation_scopes: part.observation_scopes.clone(),
        params: part.params.clone(),
    }
}

/// Drops facts that say the same at the same time as one before them, and counts them. The chunk
/// of such a fact is not complete without that of the other one.
fn drop_repeated(document: &mut DocumentWrite) -> usize {
    let mut known: HashMap<_, (Uuid, i32)> = HashMap::new();
    let mut replaced: HashMap<Uuid, Uuid> = HashMap::new();
    let chunks = &mut document.chunks;
    document.facts.retain(|fact| {
        // A text without a word has nothing to be told by.
        if fact.terms.length == 0 {
            return true;
        }
        let time = fact.mentioned_at.map(|time| time.timestamp_micros());
        // Different pictures may read alike.
        let said = (fact.text_hash, time, fact.fact_type, fact.attachments.clone());
        let (first, chunk_index) = *known.entry(said).or_insert((fact.memory_id, fact.chunk_index));
        if first == fact.memory_id {
            return true;
        }
        replaced.insert(fact.memory_id, first);
        let chunk = usize::try_from(fact.chunk_index).ok().and_then(|index| chunks.get_mut(index));
        if let Some(chunk) = chunk.filter(|_| chunk_index != fact.chunk_index) {
            chunk.is_complete = false;
        }
        false
    });
    for fact in &mut document.facts {
        for cause in &mut fact.caused_by {
            if let Some(first) = replaced.get(cause) {
                *cause = *first;
            }
        }
        let memory_id = fact.memory_id;
        fact.caused_by.retain(|cause| *cause != memory_id);
    }
    replaced.len()
}

/// The facts of a chunk, unless a language model is to read it.
fn facts_by_rules(
    chunk: &str,
    attachments: &[Attachment],
    part: &Part,
    settings: &Settings,
    has_model: bool,
) -> Option<Vec<ExtractedFact>> {
    match settings.extraction_mode {
        ExtractionMode::Chunks => Some(vec![ExtractedFact {
            text: described(chunk.trim(), |id| describe(attachments, id)),
            attachments: ids(chunk),
            ..ExtractedFact::default()
        }]),
        _ if has_model => None,
        // These want a language model; without one, the plain rules make the facts.
        ExtractionMode::Concise
        | ExtractionMode::Verbose
        | ExtractionMode::Custom
        | ExtractionMode::Verbatim => Some(facts_in_plain_words(chunk, attachments, part)),
    }
}

/// First of the letters that mark where an attachment stood. Nobody writes them: they are for
/// private use.
const STAND_IN: u32 = 0xE000;

/// Facts by the plain rules, each with the attachments that stand in it.
fn facts_in_plain_words(chunk: &str, attachments: &[Attachment], part: &Part) -> Vec<ExtractedFact> {
    let facts = |text: &str| plain::extract(text, part.said_at).into_iter().map(ExtractedFact::from);
    let ids = ids(chunk);
    if ids.is_empty() {
        return facts(chunk).collect();
    }
    let stand_in = |place: usize| char::from_u32(STAND_IN + u32::try_from(place).unwrap_or_default());
    let text = described(chunk, |id| {
        let mut words = describe(attachments, id);
        let letter = ids.iter().position(|known| known == id).and_then(stand_in);
        words.extend(letter);
        words
    });
    let with_attachments = |mut fact: ExtractedFact| {
        for (place, id) in ids.iter().enumerate() {
            if let Some(letter) = stand_in(place).filter(|letter| fact.text.contains(*letter)) {
                fact.text = fact.text.replace(letter, "");
                fact.attachments.push(id.clone());
            }
        }
        fact
    };
    facts(&text).map(with_attachments).collect()
}

/// What is said of the attachment of this id.
pub(super) fn describe(attachments: &[Attachment], id: &str) -> String {
    description(attachments.iter().find(|known| known.id == id))
}

/// What is said of an attachment, which may be gone.
pub(super) fn description(attachment: Option<&Attachment>) -> String {
    attachment.map_or_else(|| "[attachment]".to_owned(), Attachment::description)
}

/// The facts of a chunk, ready to be written but for what needs the store or a model.
fn chunk_facts(
    extracted: &[ExtractedFact],
    part: &Part,
    chunk_index: i32,
    language: Language,
) -> Vec<FactWrite> {
    let mut facts: Vec<FactWrite> = Vec::with_capacity(extracted.len());
    for read in extracted {
        // Only what stands before can have led to it.
        let caused_by =
            read.caused_by.iter().filter_map(|&cause| Some(facts.get(cause)?.memory_id)).collect();
        facts.push(FactWrite { caused_by, ..fact(read.clone(), part, chunk_index, language) });
    }
    facts
}

fn fact(read: ExtractedFact, part: &Part, chunk_index: i32, language: Language) -> FactWrite {
    let author = read.speaker.or_else(|| signals::author(&read.text).map(str::to_owned));
    let mut tags = part.tags.clone();
    // In the caller's order, those of labels behind them.
    tags.extend(read.tags.iter().filter(|tag| !part.tags.contains(tag)).cloned());
    FactWrite {
        memory_id: Uuid::now_v7(),
        chunk_index,
        fact_type: read.fact_type.unwrap_or_else(|| fact_type(author.as_deref())),
        context: part.context.clone(),
        metadata: part.metadata.clone(),
        tags,
        label_tags: read.tags,
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
        attachments: read.attachments,
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
