//! `hindsight memory edit`, `invalidate`, `revert` and `history`.

use std::io::{self, Write};

use anyhow::Result;
use hindsight_client::Client;
use hindsight_client::types::memories::{FieldChange, ObservationVersion, UpdateMemoryRequest};

use super::Outcome;
use super::memory::print_memory;
use crate::args::{EditArguments, EditedFields};
use crate::output::{Output, counted, day, dim, plain};

pub(super) async fn edit(client: &Client, output: &Output, arguments: EditArguments) -> Result<Outcome> {
    let EditedFields { text, context, occurred_start, occurred_end, mentioned_at, fact_type, entities } =
        arguments.fields;
    let date = |date: Option<String>| date.map_or(FieldChange::Stay, FieldChange::to);
    let named = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect();
    let request = UpdateMemoryRequest {
        text,
        context,
        occurred_start: date(occurred_start),
        occurred_end: date(occurred_end),
        mentioned_at: date(mentioned_at),
        fact_type: fact_type.map(|fact_type| fact_type.to_string()),
        entities: entities.map(named),
        resolve_entities: !arguments.literal,
        ..UpdateMemoryRequest::default()
    };
    change(client, output, &arguments.bank, &arguments.id, &request).await
}

pub(super) async fn set_state(
    client: &Client,
    output: &Output,
    (bank, id): (&str, &str),
    state: &str,
    reason: Option<String>,
) -> Result<Outcome> {
    let request =
        UpdateMemoryRequest { state: Some(state.to_owned()), reason, ..UpdateMemoryRequest::default() };
    change(client, output, bank, id, &request).await
}

async fn change(
    client: &Client,
    output: &Output,
    bank: &str,
    id: &str,
    request: &UpdateMemoryRequest,
) -> Result<Outcome> {
    output.answer(&client.update_memory(bank, id, request).await?, print_memory)?;
    Ok(Outcome::Good)
}

pub(super) async fn history(client: &Client, output: &Output, bank: &str, id: &str) -> Result<Outcome> {
    let versions = client.memory_history(bank, id).await?;
    output.answer(&versions, |out, versions| print_history(out, versions))?;
    Ok(Outcome::Good)
}

fn print_history(out: &mut dyn Write, versions: &[ObservationVersion]) -> io::Result<()> {
    if versions.is_empty() {
        return writeln!(out, "no earlier versions");
    }
    for version in versions {
        let new = i64::try_from(version.new_source_memory_ids.len()).unwrap_or(i64::MAX);
        let remarks =
            format!("until {}, then {}", day(&version.changed_at), counted(new, "new fact", "new facts"));
        writeln!(out, "{}", plain(&version.previous_text))?;
        writeln!(out, "     {}", dim(&remarks))?;
    }
    Ok(())
}

pub(super) async fn clear_observations(
    client: &Client,
    output: &Output,
    (bank, id): (&str, &str),
    is_sure: bool,
) -> Result<Outcome> {
    let question = format!("delete the observations that were made of memory {}?", plain(id));
    if !output.confirm(&question, is_sure)? {
        return Ok(Outcome::Bad);
    }
    let deleted = client.delete_observations_of(bank, id).await?;
    output.answer(&deleted, |out, deleted| {
        writeln!(out, "{} deleted", counted(deleted.deleted_count, "observation", "observations"))
    })?;
    Ok(Outcome::Good)
}
