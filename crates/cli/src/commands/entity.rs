//! `hindsight entity`.

use std::collections::HashMap;
use std::io::{self, Write};

use anyhow::Result;
use hindsight_client::types::entities::{EntityDetailResponse, EntityGraphResponse, EntityListResponse};
use hindsight_client::{Client, EntityFilter};

use super::Outcome;
use crate::args::EntityCommand;
use crate::output::{Output, counted, day, dim, plain, strong, table};

pub(crate) async fn run(client: &Client, output: &Output, command: EntityCommand) -> Result<Outcome> {
    match command {
        EntityCommand::List { bank, page } => {
            let filter = EntityFilter {
                limit: Some(page.limit),
                offset: Some(page.offset),
                ..EntityFilter::default()
            };
            output.answer(&client.list_entities(&bank, &filter).await?, print_list)?;
        }
        EntityCommand::Get { bank, id } => {
            output.answer(&client.get_entity(&bank, &id).await?, print_entity)?;
        }
        EntityCommand::Graph { bank, limit, min_count } => {
            let graph = client.entity_graph(&bank, Some(limit), Some(min_count)).await?;
            output.answer(&graph, print_graph)?;
        }
    }
    Ok(Outcome::Good)
}

fn print_list(out: &mut dyn Write, entities: &EntityListResponse) -> io::Result<()> {
    if entities.items.is_empty() {
        return writeln!(out, "no entities");
    }
    let mut rows = table(&["entity", "memories", "first", "last", "id"]);
    for entity in &entities.items {
        rows.add_row([
            plain(&entity.canonical_name),
            entity.mention_count.to_string(),
            day(entity.first_seen.as_deref().unwrap_or_default()).to_owned(),
            day(entity.last_seen.as_deref().unwrap_or_default()).to_owned(),
            plain(&entity.id),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", entities.items.len(), entities.total)
}

fn print_graph(out: &mut dyn Write, graph: &EntityGraphResponse) -> io::Result<()> {
    if graph.edges.is_empty() {
        return writeln!(out, "no entities that are named together");
    }
    let nodes = graph.nodes.iter().map(|node| (node.data.id.as_str(), node.data.label.as_str()));
    let names: HashMap<&str, &str> = nodes.collect();
    let name = |id: &str| plain(names.get(id).copied().unwrap_or(id));
    let mut rows = table(&["entity", "with", "memories", "last"]);
    for edge in &graph.edges {
        rows.add_row([
            name(&edge.data.source),
            name(&edge.data.target),
            edge.data.weight.to_string(),
            day(edge.data.last_cooccurred.as_deref().unwrap_or_default()).to_owned(),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", graph.edges.len(), graph.total_edges)
}

fn print_entity(out: &mut dyn Write, entity: &EntityDetailResponse) -> io::Result<()> {
    let remarks = format!(
        "in {}, first seen {}, last seen {}",
        counted(entity.mention_count, "memory", "memories"),
        day(entity.first_seen.as_deref().unwrap_or_default()),
        day(entity.last_seen.as_deref().unwrap_or_default())
    );
    writeln!(out, "{}", strong(&plain(&entity.canonical_name)))?;
    writeln!(out, "{}", dim(&plain(&remarks)))
}
