//! The route of the graph of a bank's memories.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::future::ready;
use futures::stream::{once, try_unfold};
use futures::{Stream, StreamExt};
use hindsight_engine::EngineError;
use hindsight_engine::graph::{Graph, GraphPart};
use hindsight_engine::store::{GraphFilter, TagFilter};
use hindsight_types::recall::FactType;
use hindsight_types::tags::TagsMatch;
use serde::Serialize;
use serde_json::json;

use super::memories::one_of;
use super::{Limits, Ready};
use crate::admission::{Lane, admit};
use crate::error::ApiError;
use crate::extract::{FromQuery, PathParams, Query, QueryParams};
use crate::state::State;

/// Most memories of a graph where a request does not say.
const LIMIT: i64 = 1000;

/// The route, with the places of recalls: it may take as much.
pub(super) fn router(limits: &Limits) -> Router<Arc<State>> {
    let places = from_fn_with_state(limits.recall.clone(), admit);
    Router::new().route("/v1/default/banks/{bank_id}/graph", get(graph).layer(places))
}

struct GraphQuery {
    filter: GraphFilter,
    chunk_id: Option<String>,
    limit: i64,
}

impl FromQuery for GraphQuery {
    const NAMES: &'static [&'static str] =
        &["type", "limit", "q", "tags", "tags_match", "document_id", "chunk_id"];

    fn read(params: &mut QueryParams) -> Result<Self, ApiError> {
        let fact_type = one_of(params, "type", &["world", "experience", "observation"])?;
        let tags_match = params.tags_match(TagsMatch::AllStrict);
        Ok(Self {
            filter: GraphFilter {
                fact_type: fact_type.and_then(|word| FactType::from_str(&word).ok()),
                search: params.search("q"),
                document_id: params.search("document_id"),
                chunk_index: None,
                tags: TagFilter::list(params.list("tags"), tags_match),
            },
            chunk_id: params.search("chunk_id"),
            limit: params.count("limit", LIMIT),
        })
    }
}

async fn graph(
    Extension(lane): Extension<Lane>,
    Ready(engine): Ready,
    PathParams(bank_id): PathParams<String>,
    Query(GraphQuery { filter, chunk_id, limit }): Query<GraphQuery>,
) -> Result<Response, ApiError> {
    // What is asked for is found in turn; it is told as fast as the client reads it.
    let turn = lane.engine().await;
    let graph = engine.graph(&bank_id, filter, chunk_id.as_deref(), limit).await?;
    let mut writer = Writer { graph, list: List::Nodes, is_begun: false, is_done: false };
    let mut begin = String::from("{\"nodes\":[");
    writer.write_part(&mut begin).await?;
    drop(turn);
    let body = Body::from_stream(written(begin, writer));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Which list of the answer is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Nodes,
    Edges,
    Rows,
}

impl List {
    /// The list that comes after it, and what is written in between.
    fn next(self) -> (Self, &'static str) {
        match self {
            Self::Nodes => (Self::Edges, "],\"edges\":["),
            Self::Edges | Self::Rows => (Self::Rows, "],\"table_rows\":["),
        }
    }
}

/// An answer under way.
struct Writer {
    graph: Graph,
    list: List,
    /// Whether the list has something in it.
    is_begun: bool,
    is_done: bool,
}

/// The answer as JSON, a part at a time, behind its begin. When a part cannot be had the answer
/// breaks off, which clients see: it does not end as it should.
fn written(begin: String, writer: Writer) -> impl Stream<Item = Result<Bytes, EngineError>> {
    let rest = try_unfold(writer, async |mut writer: Writer| {
        if writer.is_done {
            return Ok(None);
        }
        let mut text = String::new();
        writer.write_part(&mut text).await.inspect_err(|error| {
            tracing::warn!(%error, "a graph breaks off in the middle");
        })?;
        Ok(Some((Bytes::from(text), writer)))
    });
    once(ready(Ok(Bytes::from(begin)))).chain(rest)
}

impl Writer {
    async fn write_part(&mut self, text: &mut String) -> Result<(), EngineError> {
        match self.graph.next().await? {
            Some(GraphPart::Nodes(nodes)) => self.write(text, List::Nodes, &nodes),
            Some(GraphPart::Edges(edges)) => self.write(text, List::Edges, &edges),
            Some(GraphPart::Rows(rows)) => self.write(text, List::Rows, &rows),
            None => {
                self.go_to(text, List::Rows);
                let end = json!({"total_units": self.graph.total(), "limit": self.graph.limit()}).to_string();
                text.push_str("],");
                text.push_str(end.trim_start_matches('{'));
                self.is_done = true;
            }
        }
        Ok(())
    }

    /// Ends the lists in front of this one.
    fn go_to(&mut self, text: &mut String, list: List) {
        while self.list != list {
            let (next, between) = self.list.next();
            text.push_str(between);
            (self.list, self.is_begun) = (next, false);
        }
    }

    fn write<T: Serialize>(&mut self, text: &mut String, list: List, items: &[T]) {
        self.go_to(text, list);
        for item in items {
            if std::mem::replace(&mut self.is_begun, true) {
                text.push(',');
            }
            text.push_str(&json!(item).to_string());
        }
    }
}
