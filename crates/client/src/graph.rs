//! Memories as a graph, and how many came when.

use hindsight_types::graph::{GraphDataResponse, MemoriesTimeseriesResponse, Period, SeriesTime};
use hindsight_types::recall::FactType;
use hindsight_types::tags::TagsMatch;
use reqwest::Method;

use crate::transport::{Query, bank_path};
use crate::{Client, ClientError};

/// Which memories a graph shows.
#[derive(Clone, Debug, Default)]
pub struct GraphFilter {
    /// A type.
    pub fact_type: Option<FactType>,
    /// Part of the text or context.
    pub search: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// How the tags select; a server takes `all_strict` unless it is told.
    pub tags_match: Option<TagsMatch>,
    /// A document.
    pub document_id: Option<String>,
    /// A chunk they were read from.
    pub chunk_id: Option<String>,
    /// Most memories.
    pub limit: Option<i64>,
}

impl Client {
    /// Reads memories, the latest first, with what joins them.
    pub async fn graph(&self, bank_id: &str, filter: &GraphFilter) -> Result<GraphDataResponse, ClientError> {
        let query = Query::default()
            .add("type", filter.fact_type)
            .add("q", filter.search.as_ref())
            .add_each("tags", &filter.tags)
            .add("tags_match", filter.tags_match)
            .add("document_id", filter.document_id.as_ref())
            .add("chunk_id", filter.chunk_id.as_ref())
            .add("limit", filter.limit);
        self.send(Method::GET, &bank_path(bank_id, "/graph")?, &query).await
    }

    /// Counts the memories of each type that came in each span of a period until now.
    pub async fn memories_timeseries(
        &self,
        bank_id: &str,
        period: Period,
        field: SeriesTime,
    ) -> Result<MemoriesTimeseriesResponse, ClientError> {
        let query = Query::default().add("period", Some(period)).add("time_field", Some(field));
        self.send(Method::GET, &bank_path(bank_id, "/stats/memories-timeseries")?, &query).await
    }
}
