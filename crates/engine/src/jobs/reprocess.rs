//! Documents made anew from their stored texts.

use hindsight_types::decode::from_json;
use hindsight_types::documents::ReprocessDocumentResponse;
use hindsight_types::retain::MemoryItem;
use serde_json::{Value, json};

use crate::store::DocumentItem;
use crate::{Engine, EngineError};

impl Engine {
    /// Hands over a retain of a document's stored text, with everything it was retained with. All
    /// of it is read anew; until that is done, the document stays as it is.
    /// When this returns, that is stored durably.
    pub async fn reprocess_document(
        &self,
        bank_id: &str,
        document_id: &str,
    ) -> Result<ReprocessDocumentResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let document = self.store.document_items(bank.key, document_id).await?;
        let document =
            document.ok_or_else(|| EngineError::NotFound { kind: "Document", id: document_id.to_owned() })?;
        let Some(stored) = document.items else {
            return Err(EngineError::Invalid(format!(
                "the text of document '{document_id}' is not stored; retain it again, with store_document_text on"
            )));
        };
        // What "now" meant when each was retained it means again.
        let said = stored.iter().map(|item| item.said_at).collect();
        let items: Vec<MemoryItem> =
            stored.into_iter().map(|stored| item(document_id, stored)).collect::<Result<_, _>>()?;
        let items_count = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let accepted = self.store.next_retain().await?;
        let (operation_id, operations) = self.plan_again(items, said, document.updated_at, accepted).await?;
        self.store.submit(bank.key, &operations).await?;
        Ok(ReprocessDocumentResponse { success: true, operation_id: operation_id.to_string(), items_count })
    }
}

/// An item of a document as it was retained.
fn item(document_id: &str, stored: DocumentItem) -> Result<MemoryItem, EngineError> {
    let mut item = stored.params;
    match item.shift_remove("event_date") {
        None => {}
        Some(Value::Null) => {
            item.insert("timestamp".to_owned(), json!("unset"));
        }
        Some(time) => {
            item.insert("timestamp".to_owned(), time);
        }
    }
    item.insert("content".to_owned(), json!(stored.text));
    item.insert("document_id".to_owned(), json!(document_id));
    item.insert("tags".to_owned(), json!(stored.tags));
    from_json(&Value::Object(item)).map_err(|errors| {
        let problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
        EngineError::Invalid(format!(
            "document '{document_id}' cannot be retained again: {}",
            problems.join("; ")
        ))
    })
}
