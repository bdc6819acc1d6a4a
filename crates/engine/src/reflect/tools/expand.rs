//! The tool that shows where memories come from.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use hindsight_types::documents::chunk_id;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::question::Question;
use super::{MemoryTool, ToolFailure, arguments, most_tokens, object};
use crate::Engine;
use crate::ports::Tool;
use crate::store::{DocumentText, HydratedMemory, fact_type_of};
use crate::text::tokens;

/// Memories that one call may ask for.
const MOST_MEMORIES: usize = 20;

/// Shows the passage or the document behind memories.
pub(super) struct Expand<'q> {
    pub(super) engine: &'q Engine,
    pub(super) question: &'q Question,
}

#[async_trait]
impl MemoryTool for Expand<'_> {
    fn name(&self) -> &'static str {
        "expand"
    }

    fn definition(&self) -> Tool {
        Tool {
            name: self.name().to_owned(),
            description: "Shows the text that facts were read from: the passage around each (chunk), or the \
                          whole document. For exact wording, and for what stands around a fact."
                .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "memory_ids": {
                        "type": "array", "items": {"type": "string"},
                        "description": format!("Ids of facts you were shown, at most {MOST_MEMORIES}."),
                    },
                    "depth": {"type": "string", "enum": ["chunk", "document"]},
                },
                "required": ["memory_ids", "depth"],
            }),
        }
    }

    fn use_for(&self) -> &'static str {
        "the text around facts you were shown, for exact words and for what stands beside them"
    }

    fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    fn first_call(&self, _query: &str) -> Option<Map<String, Value>> {
        None
    }

    fn is_search(&self) -> bool {
        false
    }

    async fn call(&self, given: &Map<String, Value>, room: i64) -> Result<Map<String, Value>, ToolFailure> {
        let wanted = arguments::texts(given, "memory_ids")?;
        let depth = match given.get("depth").and_then(Value::as_str) {
            None | Some("" | "chunk") => Depth::Chunk,
            Some("document") => Depth::Document,
            Some(_) => {
                return Err(ToolFailure::Arguments("'depth' must be chunk or document".to_owned()));
            }
        };
        if wanted.len() > MOST_MEMORIES {
            let problem = format!("'memory_ids' may have at most {MOST_MEMORIES} ids in one call");
            return Err(ToolFailure::Arguments(problem));
        }
        let sources = self.sources(&wanted, depth).await?;
        let mut left = usize::try_from(most_tokens(room)).unwrap_or(0);
        let mut told = HashSet::new();
        let results: Vec<_> =
            wanted.iter().map(|id| self.result(id, depth, &sources, &mut told, &mut left)).collect();
        Ok(object(json!({"count": results.len(), "results": results})))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Chunk,
    Document,
}

/// What is behind memories, as far as it may be seen.
struct Sources {
    memories: HashMap<Uuid, HydratedMemory>,
    documents: HashMap<String, DocumentText>,
    chunks: HashMap<(String, i32), String>,
}

impl Expand<'_> {
    async fn sources(&self, wanted: &[String], depth: Depth) -> Result<Sources, ToolFailure> {
        let bank = self.question.bank.key;
        let filter = self.question.scope.filter();
        let ids: Vec<Uuid> = wanted.iter().filter_map(|id| Uuid::try_parse(id).ok()).collect();
        let mut session = self.question.session(self.engine).await?;
        let visible = session.visible(bank, &ids, &filter).await?;
        let mut memories = session.hydrate(bank, &visible, &filter).await?;
        memories.retain(|memory| self.question.types.contains(&fact_type_of(memory.fact_type)));
        let mut names: Vec<String> =
            memories.iter().filter_map(|memory| memory.document_id.clone()).collect();
        names.sort_unstable();
        names.dedup();
        // A fact that may be seen does not open a document that may not.
        let mut documents = session.document_texts(bank, &names, depth == Depth::Document).await?;
        documents.retain(|document| filter.passes(&document.tags));
        let chunks = match depth {
            Depth::Chunk => {
                let visible: Vec<Uuid> = memories.iter().map(|memory| memory.memory_id).collect();
                session.chunks(bank, &visible, &filter).await?
            }
            Depth::Document => Vec::new(),
        };
        Ok(Sources {
            memories: memories.into_iter().map(|memory| (memory.memory_id, memory)).collect(),
            documents: documents
                .into_iter()
                .map(|document| (document.document_id.clone(), document))
                .collect(),
            chunks: chunks
                .into_iter()
                .map(|chunk| ((chunk.document_id, chunk.chunk_index), chunk.body))
                .collect(),
        })
    }

    /// What is behind one memory; each text once, and as much of all as there is room for.
    fn result(
        &self,
        id: &str,
        depth: Depth,
        sources: &Sources,
        told: &mut HashSet<(String, Option<i32>)>,
        left: &mut usize,
    ) -> Value {
        let memory = Uuid::try_parse(id).ok().and_then(|id| sources.memories.get(&id));
        let Some(memory) = memory else {
            return json!({"memory_id": id, "error": "not found"});
        };
        let mut result = object(json!({
            "memory_id": id,
            "memory": {
                "id": id, "text": memory.body, "type": fact_type_of(memory.fact_type),
                "context": memory.context,
            },
        }));
        let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
        let Some(document_id) = &memory.document_id else { return Value::Object(result) };
        let Some(document) = sources.documents.get(document_id) else {
            put("source_withheld", json!(true));
            return Value::Object(result);
        };
        let place = match depth {
            Depth::Chunk => memory.chunk_index,
            Depth::Document => None,
        };
        let text = match (depth, place) {
            (Depth::Chunk, Some(index)) => sources.chunks.get(&(document_id.clone(), index)),
            (Depth::Chunk, None) => None,
            (Depth::Document, _) => document.body.as_ref(),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Value::Object(result) };
        if !told.insert((document_id.clone(), place)) {
            put("same_source_as_above", json!(true));
            return Value::Object(result);
        }
        let shown = tokens::truncate(text, *left);
        *left = left.saturating_sub(tokens::count(shown));
        let is_cut = shown.len() < text.len();
        match place {
            Some(index) => {
                let index = i64::from(index);
                put(
                    "chunk",
                    json!({
                        "id": chunk_id(&self.question.bank.bank_id, document_id, index), "text": shown,
                        "index": index, "document_id": document_id,
                    }),
                );
            }
            None => {
                let params = document.retain_params.as_ref();
                put(
                    "document",
                    json!({
                        "id": document_id, "full_text": shown,
                        "metadata": params.and_then(|params| params.get("metadata")), "retain_params": params,
                    }),
                );
            }
        }
        if is_cut {
            put("truncated", json!(true));
        }
        Value::Object(result)
    }
}
