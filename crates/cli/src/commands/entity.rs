//! `hindsight entity`.

use std::io::{self, Write};

use anyhow::Result;
use hindsight_client::types::entities::{EntityDetailResponse, EntityListResponse};
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
