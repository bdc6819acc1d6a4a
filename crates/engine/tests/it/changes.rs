//! Short ways to look at a document that changes.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestEngine;

impl TestEngine {
    /// Id, text, chunk and place in the conversation of a document's memories, in order.
    pub(crate) async fn rows(&self, document: &str) -> Vec<(Uuid, String, i32, Option<Uuid>, Option<i32>)> {
        sqlx::query_as(
            "select m.memory_id, m.body, m.chunk_index, v.stream_id, v.stream_pos from memories m
             join memory_vectors v using (bank_key, memory_id) where m.document_id = $1 order by m.ordinal",
        )
        .bind(document)
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    pub(crate) async fn texts(&self, document: &str) -> Vec<String> {
        self.rows(document).await.into_iter().map(|row| row.1).collect()
    }

    pub(crate) async fn ids(&self, document: &str) -> Vec<Uuid> {
        self.rows(document).await.into_iter().map(|row| row.0).collect()
    }

    pub(crate) async fn body(&self, document: &str) -> String {
        self.engine.document("b", document).await.unwrap().original_text.unwrap()
    }

    /// Nothing can be read from here on that was not read before.
    pub(crate) fn read_nothing_more(&self) {
        self.embedder.fails.store(true, Ordering::Relaxed);
    }

    pub(crate) fn read_again(&self) {
        self.embedder.fails.store(false, Ordering::Relaxed);
    }
}

/// Items of document `d`.
pub(crate) fn parts(texts: &[&str]) -> Value {
    texts.iter().map(|text| json!({"content": text, "document_id": "d"})).collect()
}

pub(crate) fn append(text: &str) -> Value {
    json!([{"content": text, "document_id": "d", "update_mode": "append"}])
}
