//! Changing what a bank holds without retaining anything: labels of documents, single memories
//! ([`edit`]), memories that go, [`observations`]; and which labels there are.

mod edit;
mod observations;

use hindsight_types::banks::DeleteResponse;
use hindsight_types::documents::{UpdateDocumentRequest, UpdateDocumentResponse};
use hindsight_types::recall::FactType;
use hindsight_types::tags::{
    ListTagsResponse, ObservationScope, ObservationScopesResponse, TagItem, TagSource,
};

use crate::retain::source::{clean_tags, scopes_value};
use crate::{Engine, EngineError};

impl Engine {
    /// Gives a document other tags or scopes, and all memories that were read from it. Tags that
    /// follow from a memory's labels stay.
    pub async fn update_document(
        &self,
        bank_id: &str,
        document_id: &str,
        request: &UpdateDocumentRequest,
    ) -> Result<UpdateDocumentResponse, EngineError> {
        let missing = || EngineError::NotFound { kind: "Document", id: document_id.to_owned() };
        let bank = self.existing_bank(bank_id).await?;
        let tags = request.tags.as_ref().map(|tags| clean_tags(tags.iter()));
        let scopes = request.observation_scopes.as_ref().map(scopes_value);
        let now = self.clock.now();
        let is_there =
            self.store.relabel_document(bank.key, document_id, tags.as_deref(), scopes.as_ref(), now).await?;
        if is_there { Ok(UpdateDocumentResponse { success: true }) } else { Err(missing()) }
    }

    /// Deletes the memories of a bank, or those of one type. Documents and entities stay.
    pub async fn delete_memories(
        &self,
        bank_id: &str,
        fact_type: Option<FactType>,
    ) -> Result<DeleteResponse, EngineError> {
        let deleted = match self.store.bank(bank_id).await? {
            Some(bank) => self.store.delete_memories(bank.key, fact_type, self.clock.now()).await?,
            None => 0,
        };
        let what = fact_type.map_or_else(String::new, |fact_type| format!("{fact_type} "));
        Ok(DeleteResponse {
            success: true,
            message: Some(format!("{deleted} {what}memories deleted")),
            deleted_count: Some(deleted),
        })
    }

    /// One page of the tags of a bank; `*` in `search` stands for anything.
    pub async fn list_tags(
        &self,
        bank_id: &str,
        search: Option<&str>,
        source: TagSource,
        limit: i64,
        offset: i64,
    ) -> Result<ListTagsResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let pattern = search.map(like);
        let (tags, total) = self.store.tags(bank.key, source, pattern.as_deref(), limit, offset).await?;
        let items = tags.into_iter().map(|(tag, count)| TagItem { tag, count }).collect();
        Ok(ListTagsResponse { items, total, limit, offset })
    }

    /// One page of the sets of tags that a bank's observations have.
    pub async fn observation_scopes(
        &self,
        bank_id: &str,
        limit: i64,
        offset: i64,
    ) -> Result<ObservationScopesResponse, EngineError> {
        let bank = self.existing_bank(bank_id).await?;
        let (scopes, total) = self.store.observation_scopes(bank.key, limit, offset).await?;
        let scopes = scopes.into_iter().map(|(tags, count)| ObservationScope { tags, count }).collect();
        Ok(ObservationScopesResponse { scopes, total, limit, offset })
    }
}

/// A search with `*` in the form of SQL's `like`, for texts in lower case.
fn like(search: &str) -> String {
    let mut pattern = String::with_capacity(search.len());
    for c in search.to_lowercase().chars() {
        match c {
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            c => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_stands_for_anything() {
        assert_eq!(like("User:*"), "user:%");
        assert_eq!(like(r"100%_\x"), r"100\%\_\\x");
    }
}
