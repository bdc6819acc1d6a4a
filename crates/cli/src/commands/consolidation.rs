//! `hindsight consolidate`, and what `hindsight bank` knows of observations.

use std::io::{self, Write};

use anyhow::Result;
use hindsight_client::Client;
use hindsight_client::types::consolidation::{ConsolidationRequest, ConsolidationResponse};
use hindsight_client::types::tags::ObservationScopesResponse;

use super::Outcome;
use super::operation::{outcome_of, print_operation, wait_for};
use crate::args::ConsolidateArguments;
use crate::output::{Output, plain, strong, table};

/// Requests a run, and waits for it when asked to.
pub(crate) async fn consolidate(
    client: &Client,
    output: &Output,
    arguments: ConsolidateArguments,
) -> Result<Outcome> {
    let ConsolidateArguments { bank, tags, wait } = arguments;
    let observation_scopes = (!tags.is_empty()).then(|| vec![tags]);
    let requested = client.consolidate(&bank, &ConsolidationRequest { observation_scopes }).await?;
    if !wait {
        output.answer(&requested, print_requested)?;
        return Ok(Outcome::Good);
    }
    let ended = wait_for(client, output, &bank, &requested.operation_id).await?;
    output.answer(&ended, print_operation)?;
    Ok(outcome_of(ended.status))
}

/// Lets facts wait again.
pub(crate) async fn recover(client: &Client, output: &Output, bank: &str) -> Result<Outcome> {
    output.answer(&client.recover_consolidation(bank).await?, |out, recovered| {
        writeln!(out, "{} facts wait again to go into observations", recovered.retried_count)
    })?;
    Ok(Outcome::Good)
}

/// Lists the sets of tags that observations have.
pub(crate) async fn scopes(
    client: &Client,
    output: &Output,
    bank: &str,
    (limit, offset): (i64, i64),
) -> Result<Outcome> {
    let scopes = client.observation_scopes(bank, Some(limit), Some(offset)).await?;
    output.answer(&scopes, print_scopes)?;
    Ok(Outcome::Good)
}

fn print_requested(out: &mut dyn Write, requested: &ConsolidationResponse) -> io::Result<()> {
    let known = if requested.deduplicated { " (was requested already)" } else { "" };
    writeln!(out, "observations are made by operation {}{known}", strong(&plain(&requested.operation_id)))
}

fn print_scopes(out: &mut dyn Write, page: &ObservationScopesResponse) -> io::Result<()> {
    if page.scopes.is_empty() {
        return writeln!(out, "no observations");
    }
    let mut rows = table(&["tags", "observations"]);
    for scope in &page.scopes {
        let tags = if scope.tags.is_empty() { "none".to_owned() } else { scope.tags.join(", ") };
        rows.add_row([plain(&tags), scope.count.to_string()]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", page.scopes.len(), page.total)
}
