//! `hindsight document`, `hindsight tag` and `hindsight chunk`.

use std::io::{self, Write};

use anyhow::Result;
use chrono::Local;
use hindsight_client::types::documents::{
    DocumentHistoryResponse, DocumentResponse, ListDocumentsResponse, UpdateDocumentRequest,
};
use hindsight_client::{Client, DocumentFilter};

use super::Outcome;
use crate::args::{ChunkCommand, DocumentCommand, TagCommand};
use crate::output::{Output, counted, day, dim, plain, strong, table};

pub(crate) async fn run(client: &Client, output: &Output, command: DocumentCommand) -> Result<Outcome> {
    match command {
        DocumentCommand::List { bank, query, date, page } => {
            let (created_from, created_until) = date.span(&Local::now()).unzip();
            let filter = DocumentFilter {
                search: query,
                created_from,
                created_until,
                limit: Some(page.limit),
                offset: Some(page.offset),
                ..DocumentFilter::default()
            };
            output.answer(&client.list_documents(&bank, &filter).await?, print_list)?;
        }
        DocumentCommand::Get { bank, id } => {
            output.answer(&client.get_document(&bank, &id).await?, print_document)?;
        }
        DocumentCommand::History { bank, id, page } => {
            let history = client.document_history(&bank, &id, Some(page.limit), Some(page.offset)).await?;
            output.answer(&history, print_history)?;
        }
        DocumentCommand::Update { bank, id, tags } => {
            let tags: Vec<String> = tags.into_iter().filter(|tag| !tag.is_empty()).collect();
            let request = UpdateDocumentRequest { tags: Some(tags), observation_scopes: None };
            let updated = client.update_document(&bank, &id, &request).await?;
            output
                .answer(&updated, |out, _| writeln!(out, "document {} has new tags", strong(&plain(&id))))?;
        }
        DocumentCommand::Delete { bank, id, yes } => {
            let question = format!("delete document {} with its memories?", plain(&id));
            if !output.confirm(&question, yes)? {
                return Ok(Outcome::Bad);
            }
            let deleted = client.delete_document(&bank, &id).await?;
            output.answer(&deleted, |out, deleted| {
                let id = strong(&plain(&deleted.document_id));
                let memories = counted(deleted.memory_units_deleted, "memory", "memories");
                writeln!(out, "document {id} deleted with {memories}")
            })?;
        }
    }
    Ok(Outcome::Good)
}

pub(crate) async fn tag(client: &Client, output: &Output, command: TagCommand) -> Result<Outcome> {
    let TagCommand::List { bank, query, page } = command;
    let tags = client.list_tags(&bank, query.as_deref(), Some(page.limit), Some(page.offset)).await?;
    output.answer(&tags, |out, tags| {
        if tags.items.is_empty() {
            return writeln!(out, "no tags");
        }
        let mut rows = table(&["tag", "memories"]);
        for item in &tags.items {
            rows.add_row([plain(&item.tag), item.count.to_string()]);
        }
        writeln!(out, "{rows}")?;
        writeln!(out, "{} of {}", tags.items.len(), tags.total)
    })?;
    Ok(Outcome::Good)
}

pub(crate) async fn chunk(client: &Client, output: &Output, command: ChunkCommand) -> Result<Outcome> {
    let ChunkCommand::Get { id } = command;
    let chunk = client.get_chunk(&id).await?;
    output.answer(&chunk, |out, chunk| {
        let place = format!("chunk {} of document {}", chunk.chunk_index, plain(&chunk.document_id));
        writeln!(out, "{}\n{}", dim(&place), plain(&chunk.chunk_text))
    })?;
    Ok(Outcome::Good)
}

fn print_list(out: &mut dyn Write, documents: &ListDocumentsResponse) -> io::Result<()> {
    if documents.items.is_empty() {
        return writeln!(out, "no documents");
    }
    let mut rows = table(&["document", "characters", "memories", "changed", "tags"]);
    for document in &documents.items {
        rows.add_row([
            plain(&document.id),
            document.text_length.to_string(),
            document.memory_unit_count.to_string(),
            day(&document.updated_at).to_owned(),
            plain(&document.tags.join(", ")),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", documents.items.len(), documents.total)
}

fn print_history(out: &mut dyn Write, history: &DocumentHistoryResponse) -> io::Result<()> {
    let mut rows = table(&["when", "what", "facts", "observations", "memory"]);
    for event in &history.items {
        let observations = [
            ("+", event.observations_created.count),
            ("~", event.observations_updated.count),
            ("-", event.observations_removed.count),
        ];
        rows.add_row([
            event.created_at.clone(),
            event.kind.clone(),
            signed(&[("+", event.facts_added), ("-", event.facts_removed)]),
            signed(&observations),
            event.fact_id.clone().unwrap_or_default(),
        ]);
    }
    if !history.items.is_empty() {
        writeln!(out, "{rows}")?;
    }
    writeln!(out, "{} of {}", history.items.len(), history.total)
}

/// Numbers with their signs, without those that are 0.
fn signed(counts: &[(&str, i64)]) -> String {
    let some = counts.iter().filter(|(_, count)| *count != 0);
    some.map(|(sign, count)| format!("{sign}{count}")).collect::<Vec<_>>().join(" ")
}

fn print_document(out: &mut dyn Write, document: &DocumentResponse) -> io::Result<()> {
    let tags = document.tags.join(", ");
    let tags = if tags.is_empty() { tags } else { format!(", tags {tags}") };
    let remarks = format!(
        "{}, created {}, changed {}{tags}",
        counted(document.memory_unit_count, "memory", "memories"),
        day(&document.created_at),
        day(&document.updated_at)
    );
    writeln!(out, "{}", strong(&plain(&document.id)))?;
    writeln!(out, "{}", dim(&plain(&remarks)))?;
    match &document.original_text {
        Some(text) => writeln!(out, "{}", plain(text)),
        None => writeln!(out, "{}", dim("its text was not stored")),
    }
}
