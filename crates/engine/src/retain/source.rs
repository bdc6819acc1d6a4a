//! From the items of a request to documents: which texts belong together.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use hindsight_types::retain::{
    Content, ContentBlock, EntityInput, MemoryItem, ObservationScopes, RetainRequest, Timestamp, UpdateMode,
};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::chunk::json;
use super::keys::repeated_key;
use crate::EngineError;
use crate::attachments::{Attached, Attachment};
use crate::store::EntityMention;
use crate::text::sanitize;

/// Longer document ids would not fit into an index.
const MAX_DOCUMENT_ID_BYTES: usize = 1024;
/// Longer names are no names.
const MAX_ENTITY_CHARS: usize = 512;

/// A document as the caller handed it over: one or more items in order.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) document_id: String,
    /// Whether it is added to what is stored, rather than put in its place.
    pub(crate) appends: bool,
    pub(crate) parts: Vec<Part>,
    /// What its marks may name: sent with it, or found beside the stored document.
    pub(crate) attachments: Vec<Attachment>,
}

/// One item of a document. Each keeps its own provenance.
#[derive(Debug)]
pub(crate) struct Part {
    /// Place in the request.
    pub(crate) index: usize,
    pub(crate) text: String,
    /// When it was said; `None` = undated.
    pub(crate) said_at: Option<DateTime<Utc>>,
    /// Whether the caller named the time.
    pub(crate) is_dated: bool,
    pub(crate) context: Option<String>,
    pub(crate) metadata: Option<Value>,
    pub(crate) entities: Vec<String>,
    /// Whether those may be taken for similar entities of the bank.
    pub(crate) resolve_entities: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) observation_scopes: Option<Value>,
    /// Every given field of the item but its text, document and tags: to be shown, and to be
    /// retained by again.
    pub(crate) params: Map<String, Value>,
    /// Strategy of the bank that it is retained by.
    pub(crate) strategy: Option<String>,
}

/// Puts items of the same document together, in the order of the request.
///
/// Without any document id in the request all items are one new document; when some have
/// one, each item without becomes a document of its own. The first item of a document decides
/// whether the items replace it or are added to it; one that would replace what an item before
/// it has added is refused.
pub(crate) fn gather(request: RetainRequest, now: DateTime<Utc>) -> Result<Vec<Source>, EngineError> {
    let document_tags = request.document_tags.unwrap_or_default();
    let ids: Vec<Option<String>> = request.items.iter().map(document_id).collect::<Result<_, _>>()?;
    let shared_id = ids.iter().all(Option::is_none).then(Uuid::new_v4);
    let mut sources: IndexMap<String, Source> = IndexMap::new();
    for ((index, item), id) in request.items.into_iter().enumerate().zip(ids) {
        let appends = item.update_mode == Some(UpdateMode::Append);
        check(&item, index, id.is_some())?;
        let document_id = match (id, shared_id) {
            (Some(id), _) => id,
            (None, Some(shared)) => shared.to_string(),
            (None, None) => Uuid::new_v4().to_string(),
        };
        let source = sources.entry(document_id.clone()).or_insert_with(|| Source {
            document_id,
            appends,
            parts: Vec::new(),
            attachments: Vec::new(),
        });
        if source.appends && !appends {
            return Err(EngineError::Invalid(format!(
                "items[{index}] would replace document '{}', which an item before it appends to; send them in two requests, or all with update_mode 'append'",
                source.document_id
            )));
        }
        source.parts.push(part(index, &item, &document_tags, now));
    }
    Ok(sources.into_values().collect())
}

/// Gives undated items the times at which they were said, where these are known: what "now" meant
/// for them.
pub(crate) fn keep_times(sources: &mut [Source], said: &[Option<DateTime<Utc>>]) {
    for part in sources.iter_mut().flat_map(|source| &mut source.parts).filter(|part| !part.is_dated) {
        if let (Some(said_at), Some(Some(known))) = (&mut part.said_at, said.get(part.index)) {
            *said_at = *known;
        }
    }
}

/// Puts the attachments of each item of the request to its document.
pub(crate) fn attach(sources: &mut [Source], mut attached: Attached) -> Result<(), EngineError> {
    for source in sources {
        let mut known: HashMap<String, Vec<u8>> = HashMap::new();
        for part in &source.parts {
            for attachment in attached.get_mut(part.index).map(std::mem::take).unwrap_or_default() {
                match known.get(&attachment.id) {
                    None => {
                        known.insert(attachment.id.clone(), attachment.hash.clone());
                        source.attachments.push(attachment);
                    }
                    Some(hash) if *hash == attachment.hash => {}
                    Some(_) => {
                        return Err(EngineError::Invalid(format!(
                            "items[{}].content[{}]: it cannot be told from another attachment of document '{}'; change it",
                            part.index, attachment.block, source.document_id
                        )));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The id the caller gave; an empty one counts as not given.
pub(crate) fn document_id(item: &MemoryItem) -> Result<Option<String>, EngineError> {
    let id = item.document_id.as_deref().map(|id| sanitize(id).into_owned()).filter(|id| !id.is_empty());
    match id {
        Some(id) if id.len() > MAX_DOCUMENT_ID_BYTES => Err(EngineError::Invalid(format!(
            "document_id must not be longer than {MAX_DOCUMENT_ID_BYTES} bytes"
        ))),
        id => Ok(id),
    }
}

/// Refuses what cannot be done, rather than doing something else.
fn check(item: &MemoryItem, index: usize, is_named: bool) -> Result<(), EngineError> {
    if item.update_mode == Some(UpdateMode::Append) {
        if !is_named {
            return Err(EngineError::Invalid(format!(
                "items[{index}]: update_mode 'append' requires a document_id"
            )));
        }
        if let Content::Text(text) = &item.content
            && json::array(text).is_some()
            && let Some(key) = repeated_key(text)
        {
            return Err(EngineError::Invalid(format!(
                "items[{index}].content: an object has the key '{key}' twice, so it cannot be added to an array; send each key once"
            )));
        }
    }
    Ok(())
}

fn part(index: usize, item: &MemoryItem, document_tags: &[String], now: DateTime<Utc>) -> Part {
    let text = match &item.content {
        Content::Text(text) => sanitize(text).into_owned(),
        Content::Blocks(blocks) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| match block {
                    ContentBlock::Text { text } => Some(text.as_str()),
                    ContentBlock::Image { .. } | ContentBlock::File { .. } => None,
                })
                .collect();
            sanitize(&texts.join("\n")).into_owned()
        }
    };
    Part {
        index,
        text,
        said_at: match item.timestamp {
            Timestamp::Now => Some(now),
            Timestamp::Unset => None,
            Timestamp::At(time) => Some(time),
        },
        is_dated: matches!(item.timestamp, Timestamp::At(_)),
        context: item.context.as_deref().map(|context| sanitize(context).into_owned()),
        metadata: item.metadata.as_ref().map(clean_metadata),
        entities: item.entities.iter().flatten().map(|entity| entity.text.clone()).collect(),
        resolve_entities: item.resolve_entities,
        tags: clean_tags(item.tags.0.iter().chain(document_tags)),
        observation_scopes: item.observation_scopes.as_ref().map(scopes_value),
        params: retain_params(item),
        strategy: item.strategy.clone().filter(|strategy| !strategy.is_empty()),
    }
}

/// Entities as stored, from names with whether each is a label and whether it is literal: white
/// space folded, blank and overlong names dropped, each once whatever its case. Of two mentions
/// of a name the later one decides what it is.
pub(crate) fn entity_mentions<'n>(
    mentions: impl Iterator<Item = (&'n String, bool, bool)>,
) -> Vec<EntityMention> {
    let mut kept: IndexMap<String, EntityMention> = IndexMap::new();
    for (name, is_label, is_literal) in mentions {
        let name = sanitize(name).split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() || name.chars().count() > MAX_ENTITY_CHARS {
            continue;
        }
        let known =
            kept.entry(name.to_lowercase()).or_insert_with(|| EntityMention { name, is_label, is_literal });
        (known.is_label, known.is_literal) = (is_label, is_literal);
    }
    kept.into_values().collect()
}

/// Tags as stored: each once, in the order given.
pub(crate) fn clean_tags<'t>(given: impl Iterator<Item = &'t String>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in given {
        let tag = sanitize(tag);
        if !tags.iter().any(|known| **known == *tag) {
            tags.push(tag.into_owned());
        }
    }
    tags
}

fn clean_metadata(metadata: &IndexMap<String, String>) -> Value {
    let clean = |text: &String| sanitize(text).into_owned();
    Value::Object(metadata.iter().map(|(key, value)| (clean(key), Value::String(clean(value)))).collect())
}

pub(crate) fn scopes_value(scopes: &ObservationScopes) -> Value {
    match scopes {
        ObservationScopes::Rule(rule) => json!(rule.as_str()),
        ObservationScopes::Sets(sets) => {
            let clean = |set: &Vec<String>| set.iter().map(|tag| json!(sanitize(tag))).collect::<Value>();
            sets.iter().map(clean).collect()
        }
    }
}

/// Every given field of the item but its text, document and tags.
fn retain_params(item: &MemoryItem) -> Map<String, Value> {
    let mut params = Map::new();
    let mut put = |name: &str, value: Value| {
        params.insert(name.to_owned(), value);
    };
    match item.timestamp {
        Timestamp::Now => {}
        Timestamp::Unset => put("event_date", Value::Null),
        Timestamp::At(time) => put("event_date", json!(hindsight_types::time::format(time))),
    }
    if let Some(context) = &item.context {
        put("context", json!(sanitize(context)));
    }
    if let Some(metadata) = &item.metadata {
        put("metadata", clean_metadata(metadata));
    }
    if let Some(entities) = &item.entities {
        let entity = |entity: &EntityInput| json!({"text": sanitize(&entity.text), "type": entity.kind.as_deref().map(sanitize)});
        put("entities", entities.iter().map(entity).collect());
    }
    if !item.resolve_entities {
        put("resolve_entities", json!(false));
    }
    if let Some(scopes) = &item.observation_scopes {
        put("observation_scopes", scopes_value(scopes));
    }
    if let Some(strategy) = &item.strategy {
        put("strategy", json!(strategy));
    }
    params
}
