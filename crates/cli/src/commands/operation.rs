//! `hindsight operation`, and waiting for what was handed to the background.

use std::io::{self, Write};

use anyhow::{Result, bail};
use hindsight_client::types::operations::{
    OperationChangeResponse, OperationProgress, OperationStatus, OperationStatusResponse,
    OperationsListResponse,
};
use hindsight_client::{Client, OperationFilter};

use super::Outcome;
use crate::args::OperationCommand;
use crate::output::{Output, day, dim, plain, strong, table, verdict};

pub(crate) async fn run(client: &Client, output: &Output, command: OperationCommand) -> Result<Outcome> {
    match command {
        OperationCommand::List { bank, status, limit, offset } => {
            let filter = OperationFilter {
                status,
                limit: Some(limit),
                offset: Some(offset),
                ..OperationFilter::default()
            };
            output.answer(&client.list_operations(&bank, &filter).await?, print_list)?;
        }
        OperationCommand::Get { bank, id, wait } => {
            let operation = if wait {
                wait_for(client, output, &bank, &id).await?
            } else {
                client.get_operation(&bank, &id).await?
            };
            output.answer(&operation, print_operation)?;
            return Ok(outcome_of(operation.status));
        }
        OperationCommand::Cancel { bank, id } => {
            output.answer(&client.cancel_operation(&bank, &id).await?, print_change)?;
        }
        OperationCommand::Retry { bank, id } => {
            output.answer(&client.retry_operation(&bank, &id).await?, print_change)?;
        }
        OperationCommand::Delete { bank, id, yes } => {
            if !output.confirm(&format!("forget operation {}?", plain(&id)), yes)? {
                return Ok(Outcome::Bad);
            }
            output.answer(&client.delete_operation(&bank, &id).await?, print_change)?;
        }
    }
    Ok(Outcome::Good)
}

/// Waits until an operation has come to its end and shows how it goes.
pub(crate) async fn wait_for(
    client: &Client,
    output: &Output,
    bank: &str,
    id: &str,
) -> Result<OperationStatusResponse> {
    let busy = output.busy("waiting");
    let ended = client.wait_for_operation(bank, id, |operation| busy.say(&stage(operation))).await?;
    drop(busy);
    if ended.status == OperationStatus::NotFound {
        bail!("no operation {} in bank {}", plain(id), plain(bank));
    }
    Ok(ended)
}

/// Waits until the text of a file is retained, or will not be, and shows how it goes.
pub(crate) async fn wait_for_file(
    client: &Client,
    output: &Output,
    bank: &str,
    id: &str,
) -> Result<OperationStatusResponse> {
    let busy = output.busy("waiting");
    let ended = client.wait_for_file(bank, id, |operation| busy.say(&stage(operation))).await?;
    drop(busy);
    Ok(ended)
}

/// What failed or was called off is bad news.
pub(crate) fn outcome_of(status: OperationStatus) -> Outcome {
    match status {
        OperationStatus::Pending | OperationStatus::Processing | OperationStatus::Completed => Outcome::Good,
        OperationStatus::Failed | OperationStatus::Cancelled | OperationStatus::NotFound => Outcome::Bad,
    }
}

/// Where an operation is, in a few words.
fn stage(operation: &OperationStatusResponse) -> String {
    let children = operation.child_operations.as_deref().unwrap_or_default();
    let done = children.iter().filter(|child| child.status.is_terminal()).count();
    match (&operation.progress, children.len()) {
        (Some(progress), _) => told(progress),
        (None, parts) if parts > 1 => format!("{}, {done} of {parts} parts", operation.status),
        _ => operation.status.to_string(),
    }
}

fn told(progress: &OperationProgress) -> String {
    match (progress.processed, progress.total) {
        (Some(processed), Some(total)) => format!("{}, {processed} of {total}", plain(&progress.stage)),
        _ => plain(&progress.stage),
    }
}

fn print_list(out: &mut dyn Write, page: &OperationsListResponse) -> io::Result<()> {
    if page.operations.is_empty() {
        return writeln!(out, "no operations");
    }
    let mut rows = table(&["operation", "type", "status", "items", "created", "document"]);
    for operation in &page.operations {
        rows.add_row([
            plain(&operation.id),
            plain(&operation.task_type),
            operation.status.to_string(),
            operation.items_count.to_string(),
            day(&operation.created_at).to_owned(),
            operation.document_id.as_deref().map(plain).unwrap_or_default(),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", page.operations.len(), page.total)
}

pub(crate) fn print_operation(out: &mut dyn Write, operation: &OperationStatusResponse) -> io::Result<()> {
    let is_good = outcome_of(operation.status) == Outcome::Good;
    let kind = operation.operation_type.as_deref().unwrap_or("operation");
    let status = verdict(is_good, operation.status.as_str());
    writeln!(out, "{} {} {status}", plain(kind), strong(&plain(&operation.operation_id)))?;
    if let Some(progress) = &operation.progress {
        writeln!(out, "{}", dim(&told(progress)))?;
    }
    if let Some(error) = &operation.error_message {
        writeln!(out, "{}", plain(error))?;
    }
    if let Some(time) = &operation.next_retry_at {
        writeln!(out, "{}", dim(&format!("next attempt at {}", plain(time))))?;
    }
    for child in operation.child_operations.iter().flatten() {
        let number = child.sub_batch_index.unwrap_or_default();
        let error = child.error_message.as_deref().map(|error| format!(": {}", plain(error)));
        writeln!(
            out,
            "  {number:>3}. {} {}{}",
            plain(&child.operation_id),
            child.status,
            error.unwrap_or_default()
        )?;
    }
    Ok(())
}

fn print_change(out: &mut dyn Write, change: &OperationChangeResponse) -> io::Result<()> {
    writeln!(out, "{}", plain(&change.message))
}
