//! `hindsight directive`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use hindsight_client::types::directives::{
    CreateDirectiveRequest, DirectiveListResponse, DirectiveResponse, UpdateDirectiveRequest,
};
use hindsight_client::{Client, DirectiveFilter};

use super::Outcome;
use crate::args::DirectiveCommand;
use crate::output::{Output, dim, plain, strong, table};

pub(crate) async fn run(client: &Client, output: &Output, command: DirectiveCommand) -> Result<Outcome> {
    match command {
        DirectiveCommand::List { bank, tags, tags_match, all, page } => {
            let filter = DirectiveFilter {
                tags,
                tags_match: Some(tags_match),
                active_only: Some(!all),
                limit: Some(page.limit),
                offset: Some(page.offset),
            };
            output.answer(&client.list_directives(&bank, &filter).await?, print_list)?;
        }
        DirectiveCommand::Get { bank, id } => {
            output.answer(&client.get_directive(&bank, &id).await?, print_directive)?;
        }
        DirectiveCommand::Create { bank, name, content, priority, inactive, tags } => {
            let request = CreateDirectiveRequest { name, content, priority, is_active: !inactive, tags };
            output.answer(&client.create_directive(&bank, &request).await?, print_directive)?;
        }
        DirectiveCommand::Update { bank, id, name, content, priority, active, tags } => {
            // An empty tag is how a shell says none.
            let tags = tags.map(|tags| tags.into_iter().filter(|tag| !tag.is_empty()).collect());
            let request = UpdateDirectiveRequest { name, content, priority, is_active: active, tags };
            if request == UpdateDirectiveRequest::default() {
                bail!("nothing to change: give at least one field, see --help");
            }
            output.answer(&client.update_directive(&bank, &id, &request).await?, print_directive)?;
        }
        DirectiveCommand::Delete { bank, id, yes } => {
            if !output.confirm(&format!("delete directive {}?", plain(&id)), yes)? {
                return Ok(Outcome::Bad);
            }
            client.delete_directive(&bank, &id).await?;
            let deleted = serde_json::json!({"status": "deleted"});
            output.answer(&deleted, |out, _| writeln!(out, "directive {} deleted", strong(&plain(&id))))?;
        }
    }
    Ok(Outcome::Good)
}

fn print_list(out: &mut dyn Write, directives: &DirectiveListResponse) -> io::Result<()> {
    if directives.items.is_empty() {
        return writeln!(out, "no directives");
    }
    let mut rows = table(&["directive", "priority", "followed", "tags", "id"]);
    for directive in &directives.items {
        rows.add_row([
            plain(&directive.name),
            directive.priority.to_string(),
            if directive.is_active { "yes" } else { "no" }.to_owned(),
            plain(&directive.tags.join(", ")),
            plain(&directive.id),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", directives.items.len(), directives.total)
}

fn print_directive(out: &mut dyn Write, directive: &DirectiveResponse) -> io::Result<()> {
    writeln!(out, "{} {}", strong(&plain(&directive.name)), dim(&plain(&directive.id)))?;
    writeln!(out, "{}", plain(&directive.content))?;
    let state = if directive.is_active { "followed" } else { "not followed" };
    let tags = if directive.tags.is_empty() { "all questions".to_owned() } else { directive.tags.join(", ") };
    writeln!(out, "{}", dim(&plain(&format!("priority {}, {state}, for {tags}", directive.priority))))
}
