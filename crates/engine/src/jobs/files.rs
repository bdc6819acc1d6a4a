//! Files: taken in at once, read and retained in the background.
//!
//! A file is stored with the operation that reads it. What comes of that is a retain like any
//! other, handed over in the transaction that completes the operation and forgets the file.

use chrono::{DateTime, Utc};
use hindsight_types::decode::from_json;
use hindsight_types::files::{FileMetadata, FileRetainResponse};
use hindsight_types::retain::{Content, MemoryItem, RetainRequest, Tags};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{FILE_CONVERT_RETAIN, Progress};
use crate::ports::{ConvertError, SentFile};
use crate::retain::source::{document_id, gather};
use crate::store::{ClaimedOperation, FileBytes, NewOperation, StoreError};
use crate::text::sanitize;
use crate::{Engine, EngineError};

/// Attempts after which a file is given up that has ended the process of whoever read it, or that
/// could not be looked at.
const ATTEMPTS: i32 = 3;

/// A file to be remembered.
pub struct FileUpload {
    /// Its name, with the ending that tells its kind.
    pub name: String,
    /// What its sender takes it for.
    pub media_type: Option<String>,
    /// What is in it.
    pub bytes: FileBytes,
    /// What is known of it. The parsers in it are those that were settled on.
    pub metadata: FileMetadata,
}

/// What a worker needs to read a file and to retain its text, beside the item.
#[derive(Deserialize)]
struct FilePayload {
    filename: String,
    media_type: Option<String>,
    submitted_at: DateTime<Utc>,
    accepted: i64,
    /// The item without its text.
    item: Value,
}

impl Engine {
    /// Stores files whose texts are to be remembered, all or none, in a bank that is there. When
    /// this returns they are stored durably; there is an operation for each, in their order.
    pub async fn retain_files(
        &self,
        bank_id: &str,
        files: Vec<FileUpload>,
    ) -> Result<FileRetainResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let now = self.clock.now();
        let items = files.iter().map(item).collect::<Result<Vec<_>, _>>()?;
        // What cannot be done is refused now and not in the background.
        let request =
            RetainRequest { items: items.clone(), run_async: true, document_tags: None, operation_id: None };
        let sources = gather(request, now)?;
        self.plans(bank_id, &sources).await?;
        let mut operations = Vec::new();
        for (file, item) in files.into_iter().zip(items) {
            let accepted = self.store.next_retain().await?;
            operations.push((operation(&file, &item, now, accepted), file.bytes));
        }
        let operation_ids =
            operations.iter().map(|(operation, _)| operation.operation_id.to_string()).collect();
        self.store.submit_files(bank.key, operations).await?;
        Ok(FileRetainResponse { operation_ids })
    }

    /// Reads a file and hands its text on to be retained.
    pub(super) async fn retain_file(
        &self,
        claimed: &ClaimedOperation,
        progress: &Progress,
    ) -> Result<(), EngineError> {
        let payload = FilePayload::deserialize(&claimed.payload)
            .map_err(|error| EngineError::Invalid(format!("the stored work cannot be read: {error}")))?;
        let name = &payload.filename;
        if claimed.attempt > ATTEMPTS {
            return Err(EngineError::Unprocessable(format!(
                "cannot read {name}: the process that read it ended {ATTEMPTS} times before it was done"
            )));
        }
        let Some(converter) = &self.files else {
            return Err(EngineError::Invalid("this process does not read files".to_owned()));
        };
        progress.note("converting", 0, 1, self.clock.now());
        let Some(bytes) = self.store.file(claimed.lease).await? else {
            return Err(EngineError::Unprocessable(format!(
                "{name} is not stored any more; send the file again"
            )));
        };
        let file = SentFile { name: name.clone(), media_type: payload.media_type, bytes };
        let text = converter.convert(file).await.map_err(|error| match error {
            // The last attempt tells why there will be no more.
            ConvertError::Unready(problem) if claimed.attempt >= ATTEMPTS => ConvertError::Refused(problem),
            error => error,
        })?;
        let mut item = payload.item;
        if let Some(item) = item.as_object_mut() {
            item.insert("content".to_owned(), json!(sanitize(&text)));
        }
        let item: MemoryItem = from_json(&item).map_err(|errors| {
            let problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
            EngineError::Unprocessable(format!("cannot retain {name}: {}", problems.join("; ")))
        })?;
        let bank = self.store.bank(&claimed.bank_id).await?;
        // With its bank an operation goes too; a new bank of the same name has not asked for it.
        let bank = bank.filter(|bank| claimed.lease.bank == bank.key).ok_or(StoreError::LeaseLost)?;
        let (retain_id, operations) =
            self.plan_item(&bank, item, payload.submitted_at, payload.accepted).await?;
        let result = json!({"retain_operation_id": retain_id});
        let keeps_file = !self.settings.delete_files;
        Ok(self.store.hand_on(claimed.lease, &result, &operations, keeps_file).await?)
    }
}

/// The item that the text of a file is, with its name in place of the text.
fn item(file: &FileUpload) -> Result<MemoryItem, EngineError> {
    let metadata = &file.metadata;
    let clean = |text: &String| sanitize(text).into_owned();
    let mut item = MemoryItem {
        content: Content::Text(file.name.clone()),
        timestamp: metadata.timestamp.clone(),
        context: metadata.context.as_ref().map(clean),
        metadata: metadata
            .metadata
            .as_ref()
            .map(|metadata| metadata.iter().map(|(key, value)| (clean(key), clean(value))).collect()),
        document_id: metadata.document_id.clone(),
        tags: Tags(metadata.tags.0.iter().map(clean).collect()),
        strategy: metadata.strategy.as_ref().map(clean),
        ..MemoryItem::new("")
    };
    item.document_id = Some(document_id(&item)?.unwrap_or_else(|| format!("file_{}", Uuid::new_v4())));
    Ok(item)
}

fn operation(file: &FileUpload, item: &MemoryItem, now: DateTime<Utc>, accepted: i64) -> NewOperation {
    let name = sanitize(&file.name);
    let mut stored = json!(item);
    if let Some(stored) = stored.as_object_mut() {
        stored.remove("content");
    }
    let payload = json!({
        "filename": name,
        "media_type": file.media_type.as_deref().map(sanitize),
        "parser": file.metadata.parser,
        "submitted_at": now,
        "accepted": accepted,
        "item": stored,
    });
    NewOperation {
        operation_id: Uuid::now_v7(),
        parent_id: None,
        operation_type: FILE_CONVERT_RETAIN,
        serialization_key: item.document_id.clone(),
        payload: Some(payload),
        result: json!({"items_count": 1, "filename": name, "document_id": item.document_id}),
    }
}
