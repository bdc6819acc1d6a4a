//! Documents made anew from their stored texts.

use hindsight_types::decode::from_json;
use hindsight_types::documents::ReprocessDocumentResponse;
use hindsight_types::retain::MemoryItem;
use serde_json::{Map, Value, json};

use crate::store::DocumentRow;
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
        let document = self.store.document(bank.key, document_id).await?;
        let document =
            document.ok_or_else(|| EngineError::NotFound { kind: "Document", id: document_id.to_owned() })?;
        // What "now" meant when it was retained it means again.
        let said_at = document.updated_at;
        let item = item(document)?;
        let accepted = self.store.next_retain().await?;
        let (operation_id, operations) = self.plan_item(&bank, item, said_at, accepted, true).await?;
        self.store.submit(bank.key, &operations).await?;
        Ok(ReprocessDocumentResponse {
            success: true,
            operation_id: operation_id.to_string(),
            items_count: 1,
        })
    }
}

/// The item that a document was retained as.
fn item(document: DocumentRow) -> Result<MemoryItem, EngineError> {
    let id = document.document_id;
    let Some(body) = document.body else {
        return Err(EngineError::Invalid(format!(
            "the text of document '{id}' is not stored; retain it again, with store_document_text on"
        )));
    };
    let mut item = match document.retain_params {
        Some(Value::Object(params)) => params,
        _ => Map::new(),
    };
    match item.shift_remove("event_date") {
        None => {}
        Some(Value::Null) => {
            item.insert("timestamp".to_owned(), json!("unset"));
        }
        Some(time) => {
            item.insert("timestamp".to_owned(), time);
        }
    }
    item.insert("content".to_owned(), json!(body));
    item.insert("document_id".to_owned(), json!(id));
    item.insert("tags".to_owned(), json!(document.tags));
    from_json(&Value::Object(item)).map_err(|errors| {
        let problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
        EngineError::Invalid(format!("document '{id}' cannot be retained again: {}", problems.join("; ")))
    })
}
