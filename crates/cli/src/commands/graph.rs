//! `hindsight bank graph` and `hindsight bank timeseries`.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use anyhow::Result;
use hindsight_client::types::graph::{GraphDataResponse, MemoriesTimeseriesResponse, Period, SeriesTime};
use hindsight_client::{Client, GraphFilter};

use super::Outcome;
use crate::args::GraphArguments;
use crate::output::{Output, counted, plain, table};

pub(crate) async fn graph(client: &Client, output: &Output, arguments: GraphArguments) -> Result<Outcome> {
    let GraphArguments { bank, fact_type, query, document, tags, tags_match, limit } = arguments;
    let filter = GraphFilter {
        fact_type,
        search: query,
        tags_match: (!tags.is_empty()).then_some(tags_match),
        tags,
        document_id: document,
        chunk_id: None,
        limit: Some(limit),
    };
    output.answer(&client.graph(&bank, &filter).await?, print_graph)?;
    Ok(Outcome::Good)
}

pub(crate) async fn timeseries(
    client: &Client,
    output: &Output,
    bank: &str,
    period: Period,
    field: SeriesTime,
) -> Result<Outcome> {
    output.answer(&client.memories_timeseries(bank, period, field).await?, print_series)?;
    Ok(Outcome::Good)
}

fn print_graph(out: &mut dyn Write, graph: &GraphDataResponse) -> io::Result<()> {
    if graph.nodes.is_empty() {
        return writeln!(out, "no memories");
    }
    let (mut joined, mut kinds): (HashMap<&str, i64>, BTreeMap<&str, i64>) = Default::default();
    for edge in &graph.edges {
        *joined.entry(&edge.data.source).or_default() += 1;
        *joined.entry(&edge.data.target).or_default() += 1;
        *kinds.entry(&edge.data.link_type).or_default() += 1;
    }
    let mut rows = table(&["memory", "date", "entities", "edges"]);
    for row in &graph.table_rows {
        rows.add_row([
            plain(&row.text),
            plain(row.date.as_deref().unwrap_or_default()),
            plain(&row.entities),
            joined.get(row.id.as_str()).copied().unwrap_or_default().to_string(),
        ]);
    }
    writeln!(out, "{rows}")?;
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {}", plain(kind))).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let edges = counted(i64::try_from(graph.edges.len()).unwrap_or(i64::MAX), "edge", "edges");
    writeln!(out, "{} of {}, {edges}{kinds}", graph.nodes.len(), graph.total_units)
}

/// Spans without memories are left out.
fn print_series(out: &mut dyn Write, series: &MemoriesTimeseriesResponse) -> io::Result<()> {
    let mut rows = table(&["from", "world", "experience", "observation"]);
    let mut total = 0;
    for bucket in &series.buckets {
        let counts = [bucket.world, bucket.experience, bucket.observation];
        let sum: i64 = counts.iter().sum();
        if sum > 0 {
            total += sum;
            let time = bucket.time.get(..16).unwrap_or(&bucket.time).replace('T', " ");
            let [world, experience, observation] = counts.map(|count| count.to_string());
            rows.add_row([plain(&time), world, experience, observation]);
        }
    }
    if total > 0 {
        writeln!(out, "{rows}")?;
    }
    let memories = counted(total, "memory", "memories");
    writeln!(out, "{memories} in {} by {}", plain(&series.period), plain(&series.time_field))
}
