//! The attachments of documents on their way to the store.

use std::collections::HashSet;

use hindsight_types::retain::{Content, RetainRequest};

use super::extract::is_media;
use super::source::Source;
use super::strategy::Plans;
use crate::attachments::{Attached, AttachmentLimits, ids, scrubbed, take};
use crate::config::ExtractionMode;
use crate::ports::{LanguageModel, LlmOperation};
use crate::store::BankKey;
use crate::{Engine, EngineError};

impl Engine {
    /// Makes texts of the blocks of all items, and gives what was attached to each.
    pub(crate) async fn take_attachments(
        &self,
        mut request: RetainRequest,
    ) -> Result<(RetainRequest, Attached), EngineError> {
        if request.items.iter().all(|item| matches!(item.content, Content::Text(_))) {
            return Ok((request, Vec::new()));
        }
        let limits =
            AttachmentLimits { bytes: self.settings.attachment_bytes, count: self.settings.attachments };
        let took = move || {
            let attached = take(&mut request.items, limits)?;
            Ok((request, attached))
        };
        tokio::task::spawn_blocking(took).await?
    }

    /// Finds what the marks of the texts name: what was sent with them, and what the stored
    /// documents have. Marks that name nothing are none any more.
    pub(super) async fn find_attachments(
        &self,
        bank: BankKey,
        sources: &mut [Source],
    ) -> Result<(), EngineError> {
        for source in sources {
            let sent: HashSet<String> = source.attachments.iter().map(|sent| sent.id.clone()).collect();
            let marked = source.parts.iter().flat_map(|part| ids(&part.text));
            let others: Vec<String> = marked.filter(|id| !sent.contains(id)).collect();
            if others.is_empty() {
                continue;
            }
            let stored = self.store.attachments_of(bank, &source.document_id, &others).await?;
            source.attachments.extend(stored);
            scrub(source);
        }
        Ok(())
    }
}

/// Takes marks out of the texts of a document that name none of its attachments.
pub(super) fn scrub(source: &mut Source) {
    let known: HashSet<&str> = source.attachments.iter().map(|known| known.id.as_str()).collect();
    let is_known = |id: &str| known.contains(id);
    for part in &mut source.parts {
        if ids(&part.text).iter().any(|id| !is_known(id)) {
            part.text = scrubbed(&part.text, is_known);
        }
    }
}

/// Fails when a language model would be shown what it cannot see.
pub(super) fn check_sight(
    sources: &[Source],
    plans: &Plans,
    llm: Option<&dyn LanguageModel>,
) -> Result<(), EngineError> {
    let Some(llm) = llm.filter(|llm| !llm.sees_media()) else { return Ok(()) };
    for source in sources {
        let media = source.attachments.iter().filter(|attachment| is_media(attachment));
        let media: HashSet<&str> = media.map(|attachment| attachment.id.as_str()).collect();
        let is_media = |id: &String| media.contains(id.as_str());
        let is_read =
            |strategy: Option<&str>| plans.settings(strategy).extraction_mode != ExtractionMode::Chunks;
        let unseen = source
            .parts
            .iter()
            .find(|part| is_read(part.strategy.as_deref()) && ids(&part.text).iter().any(is_media));
        if let Some(part) = unseen {
            return Err(EngineError::Unprocessable(format!(
                "items[{}].content: {} takes texts only; send text, or choose a model that reads pictures and files (HINDSIGHT_API_VLM_MODEL, or HINDSIGHT_API_LLM_VISION=true if it does)",
                part.index,
                llm.name(LlmOperation::RetainWithMedia)
            )));
        }
    }
    Ok(())
}
