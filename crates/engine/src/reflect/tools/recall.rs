//! The tool that searches facts.

use async_trait::async_trait;
use hindsight_types::recall::{ChunkIncludeOptions, FactType, IncludeOptions, RecallRequest};
use serde_json::{Map, Value, json};

use super::super::question::Question;
use super::{FACTS, MemoryTool, ToolFailure, arguments, memory, object};
use crate::Engine;
use crate::ports::Tool;

/// Searches what was said and done.
pub(super) struct Recall<'q> {
    pub(super) engine: &'q Engine,
    pub(super) question: &'q Question,
    /// Types that are searched; not empty, and none of them observation.
    pub(super) types: Vec<FactType>,
}

#[async_trait]
impl MemoryTool for Recall<'_> {
    fn name(&self) -> &'static str {
        "recall"
    }

    fn definition(&self) -> Tool {
        let mut properties = json!({
            "query": {"type": "string", "description": "What to look for, in a few words or one sentence."},
            "max_tokens": {"type": "integer", "description": "Size of the facts together, in tokens."},
        });
        let mut about = "Searches single facts: what was said, what happened, what the agent did. The ground \
                         truth; look here for details, dates, quotes, and for whatever observations leave open."
            .to_owned();
        if self.question.settings.chunks.is_some() {
            about.push_str(" Brings the passages that facts come from, too.");
            if let Some(properties) = properties.as_object_mut() {
                let size =
                    json!({"type": "integer", "description": "Size of the passages together, in tokens."});
                properties.insert("max_chunk_tokens".to_owned(), size);
            }
        }
        Tool {
            name: self.name().to_owned(),
            description: about,
            parameters: json!({"type": "object", "properties": properties, "required": ["query"]}),
        }
    }

    fn use_for(&self) -> &'static str {
        "single facts, the ground truth: details, dates, who said what, whatever is still open"
    }

    fn cited_in(&self) -> Vec<(&'static str, &'static str)> {
        vec![FACTS]
    }

    fn first_call(&self, query: &str) -> Option<Map<String, Value>> {
        Some(object(json!({ "query": query })))
    }

    fn is_search(&self) -> bool {
        true
    }

    async fn call(&self, given: &Map<String, Value>, room: i64) -> Result<Map<String, Value>, ToolFailure> {
        let query = arguments::text(given, "query")?;
        let settings = &self.question.settings;
        let max_tokens = arguments::tokens(given, "max_tokens", settings.recall, room)?;
        let chunks = match settings.chunks {
            Some(usual) => Some(arguments::tokens(given, "max_chunk_tokens", usual, room)?),
            None => None,
        };
        let request = RecallRequest {
            max_tokens,
            include: IncludeOptions {
                chunks: chunks.map(|max_tokens| ChunkIncludeOptions { max_tokens }),
                ..IncludeOptions::default()
            },
            ..self.question.scope.recall(&query, self.types.clone())
        };
        let found = self.question.search(self.engine, &request).await?;
        let memories: Vec<_> = found.results.into_iter().map(memory).collect();
        let chunks: Map<String, Value> = found
            .chunks
            .into_iter()
            .flatten()
            .map(|(id, chunk)| (id, json!({"chunk_text": chunk.text, "truncated": chunk.truncated})))
            .collect();
        Ok(object(json!({"query": query, "memories": memories, "chunks": chunks})))
    }
}
