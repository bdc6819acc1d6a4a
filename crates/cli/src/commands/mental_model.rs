//! `hindsight mental-model`.

use std::io::{self, Write};

use anyhow::{Result, anyhow, bail};
use hindsight_client::types::decode::from_json;
use hindsight_client::types::mental_models::{
    AsyncOperationSubmitResponse, CreateMentalModelRequest, CreateMentalModelResponse, MentalModelDryRun,
    MentalModelHistoryEntry, MentalModelListResponse, MentalModelResponse, MentalModelTrigger, TriggerChange,
    UpdateMentalModelRequest,
};
use hindsight_client::{Client, MentalModelFilter};
use serde_json::{Map, Value, json};

use super::Outcome;
use super::operation::{outcome_of, print_operation, wait_for};
use crate::args::{MentalModelCommand, TriggerArguments};
use crate::output::{Output, day, dim, plain, strong, table};

pub(crate) async fn run(client: &Client, output: &Output, command: MentalModelCommand) -> Result<Outcome> {
    match command {
        MentalModelCommand::List { bank, tags, tags_match, page } => {
            let filter = MentalModelFilter {
                tags,
                tags_match: Some(tags_match),
                limit: Some(page.limit),
                offset: Some(page.offset),
                ..MentalModelFilter::default()
            };
            output.answer(&client.list_mental_models(&bank, &filter).await?, print_list)?;
        }
        MentalModelCommand::Get { bank, id } => {
            output.answer(&client.get_mental_model(&bank, &id).await?, print_model)?;
        }
        MentalModelCommand::Create { bank, name, source_query, id, tags, max_tokens, trigger, wait } => {
            let trigger: MentalModelTrigger = read(&stated(trigger))?;
            let request = CreateMentalModelRequest { id, name, source_query, tags, max_tokens, trigger };
            let made = client.create_mental_model(&bank, &request).await?;
            if wait {
                return ended(client, output, &bank, &made.operation_id).await;
            }
            output.answer(&made, print_made)?;
        }
        MentalModelCommand::Update { bank, id, name, source_query, tags, max_tokens, trigger } => {
            // An empty tag is how a shell says none.
            let tags = tags.map(|tags| tags.into_iter().filter(|tag| !tag.is_empty()).collect());
            let stated = stated(trigger);
            let trigger = if stated.is_empty() { None } else { Some(read::<TriggerChange>(&stated)?) };
            let request = UpdateMentalModelRequest { name, source_query, max_tokens, tags, trigger };
            if request == UpdateMentalModelRequest::default() {
                bail!("nothing to change: give at least one field, see --help");
            }
            output.answer(&client.update_mental_model(&bank, &id, &request).await?, print_model)?;
        }
        MentalModelCommand::Refresh { bank, id, full, wait } => {
            let queued = client.refresh_mental_model(&bank, &id, full).await?;
            if wait {
                return ended(client, output, &bank, &queued.operation_id).await;
            }
            output.answer(&queued, print_queued)?;
        }
        MentalModelCommand::DryRun { bank, id } => {
            let busy = output.busy("trying");
            let tried = client.dry_run_refresh_mental_model(&bank, &id).await?;
            drop(busy);
            output.answer(&tried, print_tried)?;
        }
        MentalModelCommand::Clear { bank, id, yes } => {
            if !output.confirm(&format!("take the content of mental model {} away?", plain(&id)), yes)? {
                return Ok(Outcome::Bad);
            }
            output.answer(&client.clear_mental_model(&bank, &id).await?, print_model)?;
        }
        MentalModelCommand::History { bank, id } => {
            output.answer(&client.mental_model_history(&bank, &id).await?, |out, history| {
                print_history(out, history)
            })?;
        }
        MentalModelCommand::Delete { bank, id, yes } => {
            if !output.confirm(&format!("delete mental model {}?", plain(&id)), yes)? {
                return Ok(Outcome::Bad);
            }
            client.delete_mental_model(&bank, &id).await?;
            let deleted = json!({"status": "deleted"});
            output
                .answer(&deleted, |out, _| writeln!(out, "mental model {} deleted", strong(&plain(&id))))?;
        }
    }
    Ok(Outcome::Good)
}

/// The fields of a trigger that are given; empty times take these back.
fn stated(arguments: TriggerArguments) -> Map<String, Value> {
    let TriggerArguments { mode, after_consolidation, cron, full_cron, trigger } = arguments;
    let mut stated = trigger.unwrap_or_default();
    let time = |time: String| if time.trim().is_empty() { Value::Null } else { Value::from(time) };
    let given = [
        ("mode", mode.map(|mode| json!(mode))),
        ("refresh_after_consolidation", after_consolidation.map(Value::from)),
        ("refresh_cron", cron.map(time)),
        ("full_refresh_cron", full_cron.map(time)),
    ];
    stated.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    stated
}

fn read<T: hindsight_client::types::decode::FromJson>(stated: &Map<String, Value>) -> Result<T> {
    from_json(&Value::Object(stated.clone())).map_err(|errors| {
        let problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!("the trigger is not usable: {}", problems.join("; ").replace("body", "trigger"))
    })
}

async fn ended(client: &Client, output: &Output, bank: &str, operation: &str) -> Result<Outcome> {
    let ended = wait_for(client, output, bank, operation).await?;
    output.answer(&ended, print_operation)?;
    Ok(outcome_of(ended.status))
}

fn print_list(out: &mut dyn Write, models: &MentalModelListResponse) -> io::Result<()> {
    if models.items.is_empty() {
        return writeln!(out, "no mental models");
    }
    let mut rows = table(&["mental model", "written", "state", "tags", "id"]);
    for model in &models.items {
        rows.add_row([
            plain(&model.name),
            model.last_refreshed_at.as_deref().map_or("never", day).to_owned(),
            state(model).to_owned(),
            plain(&model.tags.join(", ")),
            plain(&model.id),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", models.items.len(), models.total)
}

fn state(model: &MentalModelResponse) -> &'static str {
    match (model.last_refresh_failed_at.is_some(), model.is_stale) {
        (true, _) => "failed",
        (false, Some(true)) => "stale",
        (false, _) => "fresh",
    }
}

fn print_model(out: &mut dyn Write, model: &MentalModelResponse) -> io::Result<()> {
    writeln!(out, "{} {}", strong(&plain(&model.name)), dim(&plain(&model.id)))?;
    if let Some(question) = &model.source_query {
        writeln!(out, "{}", dim(&plain(question)))?;
    }
    match model.content.as_deref().filter(|content| !content.is_empty()) {
        Some(content) => {
            writeln!(out)?;
            for line in content.lines() {
                writeln!(out, "{}", plain(line))?;
            }
            writeln!(out)?;
        }
        None => writeln!(out, "not written yet")?,
    }
    let written = model.last_refreshed_at.as_deref().map_or("never", day);
    let tags = if model.tags.is_empty() { "all memories".to_owned() } else { model.tags.join(", ") };
    writeln!(out, "{}", dim(&plain(&format!("{}, written {written}, of {tags}", state(model)))))
}

fn print_made(out: &mut dyn Write, made: &CreateMentalModelResponse) -> io::Result<()> {
    let id = made.mental_model_id.as_deref().unwrap_or_default();
    writeln!(out, "mental model {} is written by operation {}", strong(&plain(id)), plain(&made.operation_id))
}

fn print_queued(out: &mut dyn Write, queued: &AsyncOperationSubmitResponse) -> io::Result<()> {
    writeln!(out, "it is written by operation {}", strong(&plain(&queued.operation_id)))
}

fn print_tried(out: &mut dyn Write, tried: &MentalModelDryRun) -> io::Result<()> {
    writeln!(
        out,
        "{} {}",
        strong(&plain(&tried.outcome)),
        dim(&plain(&format!("mode {}, {} tokens", tried.effective_mode, tried.usage.total_tokens)))
    )?;
    for warning in &tried.warnings {
        writeln!(out, "{}", plain(warning))?;
    }
    for line in tried.diff.lines() {
        writeln!(out, "{}", plain(line))?;
    }
    Ok(())
}

fn print_history(out: &mut dyn Write, history: &[MentalModelHistoryEntry]) -> io::Result<()> {
    if history.is_empty() {
        return writeln!(out, "no history");
    }
    for entry in history {
        writeln!(out, "{}", strong(&plain(&entry.changed_at)))?;
        let failure = entry.error_message.as_deref().or(entry.outcome.as_deref());
        for line in entry.previous_content.as_deref().or(failure).unwrap_or_default().lines() {
            writeln!(out, "  {}", plain(line))?;
        }
    }
    Ok(())
}
