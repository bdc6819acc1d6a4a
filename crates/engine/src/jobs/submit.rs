//! Handing a retain to the background.

use std::iter::repeat_with;

use chrono::{DateTime, Utc};
use hindsight_types::retain::{Content, ContentBlock, MemoryItem, RetainRequest, RetainResponse, UpdateMode};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Value, json};
use uuid::Uuid;

use super::attached::lay_down;
use super::{BATCH_RETAIN, RETAIN, RetainPayload};
use crate::attachments::{Attached, Attachment};
use crate::retain::source::{attach, document_id, gather};
use crate::store::{BankRow, NewOperation, Submission};
use crate::text::{sanitize, tokens};
use crate::{Engine, EngineError};

/// Items of one part, what is attached to each, and how many tokens they have.
#[derive(Debug, Default)]
struct Part {
    items: Vec<MemoryItem>,
    attached: Attached,
    /// When each was said before that is undated; empty for items that are new.
    said: Vec<Option<DateTime<Utc>>>,
    tokens: usize,
}

/// An item with what is attached to it.
type Sent = (MemoryItem, Vec<Attachment>);

/// What parts have in common.
#[derive(Clone, Copy, Debug)]
struct Terms {
    /// When they were handed over.
    now: DateTime<Utc>,
    /// Their number in the order of all retains; a new one for each if none is given.
    accepted: Option<i64>,
    /// Whether what is stored already is read anew.
    is_forced: bool,
}

/// Operations to store, with the bytes of what is attached to them.
#[derive(Debug, Default)]
struct Planned {
    operations: Vec<NewOperation>,
    files: Vec<(Uuid, Vec<u8>)>,
}

impl Engine {
    /// Stores a retain to be done later; when this returns, it is stored durably. The same
    /// operation id again finds the work that was handed over with it.
    pub async fn submit_retain(
        &self,
        bank_id: &str,
        request: RetainRequest,
    ) -> Result<RetainResponse, EngineError> {
        let now = self.clock.now();
        let (mut request, attached) = self.take_attachments(request).await?;
        // What cannot be done is refused now and not in the background.
        let mut sources = gather(request.clone(), now)?;
        attach(&mut sources, attached.clone())?;
        self.plans(bank_id, &sources).await?;
        refuse_repeated_documents(&request.items)?;
        let document_tags = request.document_tags.take().unwrap_or_default();
        for item in &mut request.items {
            item.tags.0.extend(document_tags.iter().cloned());
            // As the document will be called: work on one stands in line by its name.
            item.document_id = document_id(item)?;
        }
        let items_count = count(request.items.len());
        if request.items.is_empty() {
            return Ok(answer(bank_id.to_owned(), items_count, &[]));
        }
        let groups = by_strategy(request.items, attached);
        let given_id = request.operation_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
        if given_id.is_some() && groups.len() > 1 {
            return Err(EngineError::Invalid(
                "operation_id cannot be used with items of different strategies: send them apart".to_owned(),
            ));
        }
        let bank = self.bank_for_writing(bank_id).await?;
        let most = self.settings.of_bank(&bank.config).batch_tokens;
        let mut parents = Vec::new();
        let mut planned = Planned::default();
        let terms = Terms { now, accepted: None, is_forced: false };
        for group in groups {
            let parent_id = given_id.unwrap_or_else(Uuid::now_v7);
            let parts = tokio::task::spawn_blocking(move || pack(group, most)).await?;
            parents.push(parent_id);
            self.plan(parent_id, &parts, terms, &mut planned).await?;
        }
        match self.store.submit_with_files(bank.key, &planned.operations, &planned.files).await? {
            Submission::New | Submission::Known => Ok(answer(bank.bank_id, items_count, &parents)),
            Submission::Taken => Err(EngineError::Conflict(
                "operation_id is already used by other work; choose another one".to_owned(),
            )),
        }
    }

    /// The operations of one item that was accepted as `accepted` at `now`, and the id of the
    /// first, which stands for all.
    pub(super) async fn plan_item(
        &self,
        bank: &BankRow,
        item: MemoryItem,
        now: DateTime<Utc>,
        accepted: i64,
    ) -> Result<(Uuid, Vec<NewOperation>), EngineError> {
        let most = self.settings.of_bank(&bank.config).batch_tokens;
        let parts = tokio::task::spawn_blocking(move || pack(vec![(item, Vec::new())], most)).await?;
        self.plan_parts(&parts, Terms { now, accepted: Some(accepted), is_forced: false }).await
    }

    /// The same of all items of one stored document, which is read anew as a whole. `said` is when
    /// each was said before, `now` what is taken where nobody knows.
    pub(super) async fn plan_again(
        &self,
        items: Vec<MemoryItem>,
        said: Vec<Option<DateTime<Utc>>>,
        now: DateTime<Utc>,
        accepted: i64,
    ) -> Result<(Uuid, Vec<NewOperation>), EngineError> {
        let counted = move || {
            let tokens = items.iter().map(|item| tokens_of(&item.content)).sum();
            Part { items, attached: Vec::new(), said, tokens }
        };
        let part = tokio::task::spawn_blocking(counted).await?;
        self.plan_parts(&[part], Terms { now, accepted: Some(accepted), is_forced: true }).await
    }

    async fn plan_parts(
        &self,
        parts: &[Part],
        terms: Terms,
    ) -> Result<(Uuid, Vec<NewOperation>), EngineError> {
        let parent_id = Uuid::now_v7();
        let mut planned = Planned::default();
        self.plan(parent_id, parts, terms, &mut planned).await?;
        Ok((parent_id, planned.operations))
    }

    /// The operations of one group: a parent, and a child for each part.
    async fn plan(
        &self,
        parent_id: Uuid,
        parts: &[Part],
        terms: Terms,
        planned: &mut Planned,
    ) -> Result<(), EngineError> {
        let Planned { operations, files } = planned;
        let items: usize = parts.iter().map(|part| part.items.len()).sum();
        let tokens: usize = parts.iter().map(|part| part.tokens).sum();
        let documents: IndexSet<String> = parts.iter().flat_map(|part| document_ids(&part.items)).collect();
        let mut result = json!({
            "items_count": items, "total_tokens": tokens, "num_sub_batches": parts.len(), "is_parent": true,
        });
        name_document(&mut result, &documents);
        operations.push(NewOperation {
            operation_id: parent_id,
            parent_id: None,
            operation_type: BATCH_RETAIN,
            serialization_key: None,
            payload: None,
            result,
        });
        for (index, part) in parts.iter().enumerate() {
            let accepted = match terms.accepted {
                Some(accepted) => accepted,
                None => self.store.next_retain().await?,
            };
            let (attachments, bytes) = lay_down(&part.attached);
            let payload = RetainPayload {
                items: &part.items,
                submitted_at: terms.now,
                accepted,
                is_forced: terms.is_forced,
                said: &part.said,
                attachments,
            };
            let operation_id = Uuid::now_v7();
            if !bytes.is_empty() {
                files.push((operation_id, bytes));
            }
            let mut result = json!({
                "items_count": part.items.len(), "parent_operation_id": parent_id,
                "sub_batch_index": index + 1, "total_sub_batches": parts.len(),
            });
            let documents: IndexSet<String> = document_ids(&part.items).collect();
            name_document(&mut result, &documents);
            operations.push(NewOperation {
                operation_id,
                parent_id: Some(parent_id),
                operation_type: RETAIN,
                serialization_key: (documents.len() == 1).then(|| documents.first().cloned()).flatten(),
                payload: Some(stored(&payload)?),
                result,
            });
        }
        Ok(())
    }
}

fn stored(payload: &RetainPayload) -> Result<Value, EngineError> {
    let value = serde_json::to_value(payload)
        .map_err(|error| EngineError::Invalid(format!("the items cannot be stored: {error}")))?;
    Ok(clean(value))
}

/// A value without characters that the database refuses.
fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(sanitize(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(clean).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (sanitize(&name).into_owned(), clean(value))).collect()
        }
        other => other,
    }
}

/// Two items of one document in a request: their order would be up to chance.
fn refuse_repeated_documents(items: &[MemoryItem]) -> Result<(), EngineError> {
    let mut seen = IndexSet::new();
    for item in items {
        if let Some(id) = document_id(item)?
            && let Some(id) = seen.replace(id)
        {
            return Err(EngineError::Invalid(format!(
                "Duplicate document_id '{id}' in an asynchronous retain: send its items in requests of their own, or with async=false"
            )));
        }
    }
    Ok(())
}

/// Items with the same strategy together, in the order of their first ones.
fn by_strategy(items: Vec<MemoryItem>, attached: Attached) -> Vec<Vec<Sent>> {
    let mut groups: IndexMap<Option<String>, Vec<Sent>> = IndexMap::new();
    for (item, attachments) in items.into_iter().zip(attached.into_iter().chain(repeat_with(Vec::new))) {
        groups.entry(item.strategy.clone()).or_default().push((item, attachments));
    }
    groups.into_values().collect()
}

/// Whole items in parts of at most `most` tokens, or of one item. Items without a document get
/// one: of their own where others have one, else one for each part.
fn pack(items: Vec<Sent>, most: usize) -> Vec<Part> {
    let has_documents =
        items.iter().any(|(item, _)| item.document_id.as_deref().is_some_and(|id| !id.is_empty()));
    let mut parts: Vec<Part> = Vec::new();
    for (item, attachments) in items {
        let tokens = tokens_of(&item.content);
        // An append has to find its document as the one before left it: it stands in line by it.
        let is_append = |item: &MemoryItem| item.update_mode == Some(UpdateMode::Append);
        let fits = |part: &Part| {
            part.tokens + tokens <= most && !is_append(&item) && !part.items.iter().any(is_append)
        };
        match parts.last_mut().filter(|part| fits(part)) {
            Some(part) => {
                part.tokens += tokens;
                part.items.push(item);
                part.attached.push(attachments);
            }
            None => {
                parts.push(Part { items: vec![item], attached: vec![attachments], said: Vec::new(), tokens });
            }
        }
    }
    for part in &mut parts {
        let shared = Uuid::new_v4();
        for item in &mut part.items {
            if item.document_id.as_deref().is_none_or(str::is_empty) {
                let own = if has_documents { Uuid::new_v4() } else { shared };
                item.document_id = Some(own.to_string());
            }
        }
    }
    parts
}

fn tokens_of(content: &Content) -> usize {
    match content {
        Content::Text(text) => tokens::count(text),
        Content::Blocks(blocks) => blocks
            .iter()
            .map(|block| match block {
                ContentBlock::Text { text } => tokens::count(text),
                ContentBlock::Image { .. } | ContentBlock::File { .. } => 0,
            })
            .sum(),
    }
}

fn document_ids(items: &[MemoryItem]) -> impl Iterator<Item = String> {
    items.iter().filter_map(|item| item.document_id.clone())
}

/// Says which document it is about, when it is one.
fn name_document(result: &mut Value, documents: &IndexSet<String>) {
    if let (Some(document), 1, Some(result)) = (documents.first(), documents.len(), result.as_object_mut()) {
        result.insert("document_id".to_owned(), json!(document));
    }
}

fn answer(bank_id: String, items_count: i64, operations: &[Uuid]) -> RetainResponse {
    let ids: Vec<String> = operations.iter().map(Uuid::to_string).collect();
    RetainResponse {
        success: true,
        bank_id,
        items_count,
        run_async: true,
        operation_id: ids.first().cloned(),
        operation_ids: (ids.len() > 1).then_some(ids),
        usage: None,
        extraction: None,
    }
}

fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
