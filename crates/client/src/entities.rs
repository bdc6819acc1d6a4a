//! Entities: list, read, and which are named together.

use hindsight_types::entities::{EntityDetailResponse, EntityGraphResponse, EntityListResponse};
use hindsight_types::tags::TagsMatch;
use reqwest::Method;

use crate::transport::{Query, bank_path, segment};
use crate::{Client, ClientError};

/// Which entities to list.
#[derive(Clone, Debug, Default)]
pub struct EntityFilter {
    /// Tags of the memories that count.
    pub tags: Vec<String>,
    /// How the tags select.
    pub tags_match: Option<TagsMatch>,
    /// Page size.
    pub limit: Option<i64>,
    /// Entities to skip.
    pub offset: Option<i64>,
}

impl Client {
    /// Lists entities, those with the most mentions first.
    pub async fn list_entities(
        &self,
        bank_id: &str,
        filter: &EntityFilter,
    ) -> Result<EntityListResponse, ClientError> {
        let query = Query::default()
            .add_each("tags", &filter.tags)
            .add("tags_match", filter.tags_match)
            .add("limit", filter.limit)
            .add("offset", filter.offset);
        self.send(Method::GET, &bank_path(bank_id, "/entities")?, &query).await
    }

    /// Reads one entity.
    pub async fn get_entity(
        &self,
        bank_id: &str,
        entity_id: &str,
    ) -> Result<EntityDetailResponse, ClientError> {
        let path = bank_path(bank_id, &format!("/entities/{}", segment(entity_id)?))?;
        self.send(Method::GET, &path, &Query::default()).await
    }

    /// Reads which entities at least `min_count` memories name together, at most `limit` pairs.
    pub async fn entity_graph(
        &self,
        bank_id: &str,
        limit: Option<i64>,
        min_count: Option<i64>,
    ) -> Result<EntityGraphResponse, ClientError> {
        let query = Query::default().add("limit", limit).add("min_count", min_count);
        self.send(Method::GET, &bank_path(bank_id, "/entities/graph")?, &query).await
    }
}
