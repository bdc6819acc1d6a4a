//! `hindsight memory`.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};
use chrono::{DateTime, Local, TimeZone};
use hindsight_client::types::memories::MemoryResponse;
use hindsight_client::types::recall::{
    ChunkIncludeOptions, IncludeOptions, RecallRequest, RecallResponse, RecallResult, TemporalWindow, Types,
};
use hindsight_client::types::retain::{Content, MemoryItem, RetainRequest, Tags, Timestamp};
use hindsight_client::{Client, MemoryFilter};
use uuid::Uuid;

use super::{Outcome, curate, files, operation};
use crate::args::{ListArguments, MemoryCommand, RecallArguments, RetainArguments};
use crate::output::{Output, counted, day, dim, plain, strong, verdict};

pub(crate) async fn run(client: &Client, output: &Output, command: MemoryCommand) -> Result<Outcome> {
    match command {
        MemoryCommand::Retain(arguments) => retain(client, output, arguments).await,
        MemoryCommand::RetainFiles(arguments) => files::retain(client, output, arguments).await,
        MemoryCommand::Recall(arguments) => recall(client, output, arguments).await,
        MemoryCommand::Reflect(arguments) => super::reflect::run(client, output, arguments).await,
        MemoryCommand::List(arguments) => list(client, output, arguments).await,
        MemoryCommand::Get { bank, id } => {
            output.answer(&client.get_memory(&bank, &id).await?, print_memory)?;
            Ok(Outcome::Good)
        }
        MemoryCommand::Edit(arguments) => curate::edit(client, output, arguments).await,
        MemoryCommand::Invalidate { bank, id, reason } => {
            curate::set_state(client, output, (&bank, &id), "invalidated", reason).await
        }
        MemoryCommand::Revert { bank, id } => {
            curate::set_state(client, output, (&bank, &id), "valid", None).await
        }
        MemoryCommand::History { bank, id } => curate::history(client, output, &bank, &id).await,
        MemoryCommand::ClearObservations { bank, id, yes } => {
            curate::clear_observations(client, output, (&bank, &id), yes).await
        }
        MemoryCommand::Clear { bank, fact_type, yes } => {
            let what = fact_type.map_or_else(|| "all".to_owned(), |fact_type| format!("the {fact_type}"));
            if !output.confirm(&format!("delete {what} memories of bank {}?", plain(&bank)), yes)? {
                return Ok(Outcome::Bad);
            }
            let deleted = client.delete_memories(&bank, fact_type).await?;
            output.answer(&deleted, |out, deleted| {
                let memories = counted(deleted.deleted_count.unwrap_or_default(), "memory", "memories");
                writeln!(out, "{memories} deleted")
            })?;
            Ok(Outcome::Good)
        }
    }
}

pub(crate) async fn retain(client: &Client, output: &Output, arguments: RetainArguments) -> Result<Outcome> {
    let metadata = arguments.metadata.into_iter().collect();
    let item = MemoryItem {
        content: Content::Text(arguments.content),
        timestamp: arguments.timestamp.unwrap_or(Timestamp::Now),
        context: arguments.context,
        document_id: arguments.document_id,
        tags: Tags(arguments.tags),
        metadata: Some(metadata),
        ..MemoryItem::new("")
    };
    let request = RetainRequest {
        items: vec![item],
        run_async: arguments.run_async,
        document_tags: None,
        operation_id: None,
    };
    let busy = output.busy("retaining");
    let retained = client.retain_batch(&arguments.bank, &request).await?;
    drop(busy);
    if arguments.wait
        && let Some(id) = &retained.operation_id
    {
        let operation = operation::wait_for(client, output, &retained.bank_id, id).await?;
        output.answer(&operation, operation::print_operation)?;
        return Ok(operation::outcome_of(operation.status));
    }
    output.answer(&retained, |out, retained| match &retained.operation_id {
        Some(id) => writeln!(out, "handed over for bank {} as operation {id}", plain(&retained.bank_id)),
        None => writeln!(out, "retained in bank {}", plain(&retained.bank_id)),
    })?;
    Ok(Outcome::Good)
}

/// Reads the text from standard input where the command line says so, and names the document
/// where it does not: once and for all, so that a second try sends the same.
pub(crate) fn read_input(arguments: &mut RetainArguments) -> Result<()> {
    if arguments.content == "-" {
        arguments.content =
            io::read_to_string(io::stdin().lock()).context("cannot read the text from standard input")?;
    }
    arguments.document_id.get_or_insert_with(|| new_document(&Local::now()));
    Ok(())
}

/// A name for a document from the time on the wall. The end tells those of one second apart: one
/// would replace the other.
fn new_document<Z: TimeZone<Offset: Display>>(now: &DateTime<Z>) -> String {
    let end = Uuid::new_v4().simple().to_string();
    format!("cli_put_{}_{}", now.format("%Y%m%d_%H%M%S"), end.get(..8).unwrap_or(&end))
}

pub(crate) async fn recall(client: &Client, output: &Output, arguments: RecallArguments) -> Result<Outcome> {
    let chunks = arguments.chunks.then_some(ChunkIncludeOptions { max_tokens: arguments.chunk_max_tokens });
    let (tags, tags_match) = arguments.tags.filter();
    let request = RecallRequest {
        budget: arguments.budget,
        max_tokens: arguments.max_tokens,
        types: (!arguments.types.is_empty()).then(|| Types::new(arguments.types)),
        tags,
        tags_match,
        query_timestamp: arguments.query_timestamp,
        // Where it is not said the bank decides.
        prefer_observations: arguments.prefer_observations.then_some(true),
        temporal_window: arguments
            .window_start
            .zip(arguments.window_end)
            .map(|(start, end)| TemporalWindow { start, end }),
        include: IncludeOptions { chunks, ..IncludeOptions::default() },
        trace: arguments.trace,
        ..RecallRequest::new(arguments.query)
    };
    let busy = output.busy("looking");
    let found = client.recall(&arguments.bank, &request).await?;
    drop(busy);
    let print = if output.is_brief() { print_brief } else { print_recall };
    output.answer(&found, print)?;
    Ok(Outcome::Good)
}

fn print_brief(out: &mut dyn Write, found: &RecallResponse) -> io::Result<()> {
    if found.results.is_empty() {
        return writeln!(out, "nothing found");
    }
    found
        .results
        .iter()
        .try_for_each(|memory| writeln!(out, "{} {}", verdict(true, "✓"), plain(&memory.text)))
}

fn print_recall(out: &mut dyn Write, found: &RecallResponse) -> io::Result<()> {
    if found.results.is_empty() {
        return writeln!(out, "nothing found");
    }
    for (index, memory) in found.results.iter().enumerate() {
        writeln!(out, "{} {}", strong(&format!("{:>3}.", index + 1)), plain(&memory.text))?;
        writeln!(out, "     {}", dim(&remarks(memory)))?;
        let chunks = found.chunks.as_ref();
        if let Some(chunk) = memory.chunk_id.as_ref().and_then(|id| chunks?.get(id)) {
            for line in plain(&chunk.text).lines() {
                writeln!(out, "     {}", dim(&format!("| {line}")))?;
            }
        }
    }
    if let Some(trace) = &found.trace {
        writeln!(out, "\n{}", serde_json::to_string_pretty(trace)?)?;
    }
    Ok(())
}

/// Date, type, score and document of a memory in one line.
fn remarks(memory: &RecallResult) -> String {
    let date =
        memory.occurred_start.as_deref().or(memory.mentioned_at.as_deref()).map(|time| day(time).to_owned());
    let score = memory.scores.map(|scores| format!("score {:.2}", scores.r#final));
    let document = memory.document_id.as_deref().map(plain);
    let kind = memory.fact_type.map(|fact_type| fact_type.to_string());
    [date, kind, score, document].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

async fn list(client: &Client, output: &Output, arguments: ListArguments) -> Result<Outcome> {
    let filter = MemoryFilter {
        fact_type: arguments.fact_type,
        search: arguments.query,
        state: arguments.invalidated.then(|| "invalidated".to_owned()),
        limit: Some(arguments.page.limit),
        offset: Some(arguments.page.offset),
        ..MemoryFilter::default()
    };
    let memories = client.list_memories(&arguments.bank, &filter).await?;
    output.answer(&memories, |out, memories| {
        for memory in &memories.items {
            let kind = memory.fact_type.map_or("", |fact_type| fact_type.as_str());
            writeln!(out, "{}", plain(&memory.text))?;
            writeln!(out, "     {}", dim(&format!("{}, {kind}, {}", day(&memory.date), memory.id)))?;
        }
        writeln!(out, "{} of {}", memories.items.len(), memories.total)
    })?;
    Ok(Outcome::Good)
}

pub(super) fn print_memory(out: &mut dyn Write, memory: &MemoryResponse) -> io::Result<()> {
    writeln!(out, "{}", strong(&plain(&memory.text)))?;
    let metadata: Vec<_> = memory.metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let fields = [
        ("id", Some(memory.id.as_str())),
        ("type", Some(memory.fact_type.as_str())),
        ("context", Some(memory.context.as_str())),
        ("said", memory.mentioned_at.as_deref()),
        ("happened", memory.occurred_start.as_deref()),
        ("until", memory.occurred_end.as_deref()),
        ("entities", Some(&*memory.entities.join(", "))),
        ("document", memory.document_id.as_deref()),
        ("chunk", memory.chunk_id.as_deref()),
        ("tags", Some(&*memory.tags.join(", "))),
        ("metadata", Some(&*metadata.join(", "))),
        ("state", Some(memory.state.as_str())),
        ("reason", memory.invalidation_reason.as_deref()),
        ("since", memory.invalidated_at.as_deref()),
        ("edited", memory.edited_at.as_deref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            writeln!(out, "{name:<9} {}", plain(value))?;
        }
    }
    let sources = memory.source_memories.iter().flatten();
    sources
        .into_iter()
        .try_for_each(|source| writeln!(out, "{:<9} {} {}", "made of", plain(&source.text), dim(&source.id)))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[test]
    fn documents_of_one_second_have_names_of_their_own() {
        let now = Utc.with_ymd_and_hms(2025, 3, 1, 9, 5, 7).unwrap();
        let (first, second) = (new_document(&now), new_document(&now));
        assert_eq!(first.len(), "cli_put_20250301_090507_01234567".len());
        assert!(first.starts_with("cli_put_20250301_090507_"), "{first}");
        assert_ne!(first, second);
    }
}
