//! `hindsight bank`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use hindsight_client::types::banks::{
    BankListItem, BankListResponse, BankProfileResponse, BankStatsResponse, CreateBankRequest, Disposition,
    Trait,
};
use hindsight_client::types::limits;
use hindsight_client::{BankFilter, Client};

use super::{Outcome, consolidation, graph};
use crate::args::{BankCommand, BankFields, Traits};
use crate::output::{Output, counted, day, plain, strong, table};

pub(crate) async fn run(client: &Client, output: &Output, command: BankCommand) -> Result<Outcome> {
    match command {
        BankCommand::List { query, page } => {
            let filter = BankFilter { search: query, limit: Some(page.limit), offset: Some(page.offset) };
            output.answer(&client.list_banks(&filter).await?, print_list)?;
        }
        BankCommand::Create { bank, fields } => {
            let profile = client.create_bank(&bank, &request(fields)).await?;
            output.answer(&profile, |out, profile| {
                writeln!(out, "bank {} is there", strong(&plain(&profile.bank_id)))
            })?;
        }
        BankCommand::Update { bank, fields } => change(client, output, &bank, fields).await?,
        BankCommand::Name { bank, name } => {
            change(client, output, &bank, BankFields { name: Some(name), ..BankFields::default() }).await?;
        }
        BankCommand::Mission { bank, mission } => {
            change(client, output, &bank, BankFields { mission: Some(mission), ..BankFields::default() })
                .await?;
        }
        BankCommand::SetDisposition { bank, traits } => {
            change(client, output, &bank, BankFields { traits, ..BankFields::default() }).await?;
        }
        BankCommand::Disposition { bank } => {
            let found = find(client, &bank).await?;
            output.answer(&found.disposition, |out, traits| print_disposition(out, traits))?;
        }
        BankCommand::Stats { bank } => {
            output.answer(&client.bank_stats(&bank).await?, print_stats)?;
        }
        BankCommand::Graph(arguments) => return graph::graph(client, output, arguments).await,
        BankCommand::Timeseries { bank, period, time_field } => {
            return graph::timeseries(client, output, &bank, period, time_field).await;
        }
        BankCommand::Consolidate(arguments) => {
            return consolidation::consolidate(client, output, arguments).await;
        }
        BankCommand::ConsolidationRecover { bank } => {
            return consolidation::recover(client, output, &bank).await;
        }
        BankCommand::Scopes { bank, page } => {
            return consolidation::scopes(client, output, &bank, (page.limit, page.offset)).await;
        }
        BankCommand::ClearObservations { bank, yes } => {
            if !output.confirm(&format!("delete all observations of bank {}?", plain(&bank)), yes)? {
                return Ok(Outcome::Bad);
            }
            let deleted = client.delete_observations(&bank).await?;
            output.answer(&deleted, |out, deleted| {
                let deleted = deleted.deleted_count.unwrap_or_default();
                writeln!(out, "{} deleted", counted(deleted, "observation", "observations"))
            })?;
        }
        BankCommand::Delete { bank, yes } => {
            if !output.confirm(&format!("delete bank {} with everything in it?", plain(&bank)), yes)? {
                return Ok(Outcome::Bad);
            }
            let deleted = client.delete_bank(&bank).await?;
            output.answer(&deleted, |out, deleted| {
                let rows = deleted.deleted_count.unwrap_or_default();
                let bank = strong(&plain(&bank));
                writeln!(out, "bank {bank} deleted: {rows} memories, entities and documents")
            })?;
        }
    }
    Ok(Outcome::Good)
}

fn request(BankFields { name, mission, traits }: BankFields) -> CreateBankRequest {
    CreateBankRequest {
        name,
        mission,
        disposition_skepticism: traits.skepticism.map(Trait),
        disposition_literalism: traits.literalism.map(Trait),
        disposition_empathy: traits.empathy.map(Trait),
        ..CreateBankRequest::default()
    }
}

/// Changes the given fields, of which there must be one.
async fn change(client: &Client, output: &Output, bank: &str, fields: BankFields) -> Result<()> {
    let Traits { skepticism, literalism, empathy } = fields.traits;
    if fields.name.is_none() && fields.mission.is_none() && [skepticism, literalism, empathy] == [None; 3] {
        bail!("nothing to change: give at least one field, see --help");
    }
    let profile = client.update_bank(bank, &request(fields)).await?;
    output.answer(&profile, print_profile)?;
    Ok(())
}

/// The bank of exactly this id.
async fn find(client: &Client, bank: &str) -> Result<BankListItem> {
    let mut filter =
        BankFilter { search: Some(bank.to_owned()), limit: Some(limits::PAGE_LIMIT), offset: Some(0) };
    loop {
        let page = client.list_banks(&filter).await?;
        let read = i64::try_from(page.banks.len())?;
        if let Some(found) = page.banks.into_iter().find(|found| found.bank_id == bank) {
            return Ok(found);
        }
        let offset = page.offset + read;
        if read == 0 || offset >= page.total {
            bail!("Bank '{bank}' not found");
        }
        filter.offset = Some(offset);
    }
}

fn print_list(out: &mut dyn Write, banks: &BankListResponse) -> io::Result<()> {
    if banks.banks.is_empty() {
        return writeln!(out, "no banks");
    }
    let mut rows = table(&["bank", "name", "memories", "last write"]);
    for bank in &banks.banks {
        rows.add_row([
            plain(&bank.bank_id),
            plain(bank.name.as_deref().unwrap_or_default()),
            bank.fact_count.to_string(),
            day(bank.last_write_at.as_deref().unwrap_or_default()).to_owned(),
        ]);
    }
    writeln!(out, "{rows}")?;
    writeln!(out, "{} of {}", banks.banks.len(), banks.total)
}

fn print_profile(out: &mut dyn Write, profile: &BankProfileResponse) -> io::Result<()> {
    writeln!(out, "{} {}", strong(&plain(&profile.bank_id)), plain(&profile.name))?;
    if !profile.mission.is_empty() {
        writeln!(out, "mission: {}", plain(&profile.mission))?;
    }
    print_disposition(out, &profile.disposition)
}

fn print_disposition(out: &mut dyn Write, disposition: &Disposition) -> io::Result<()> {
    let Disposition { skepticism, literalism, empathy } = disposition;
    writeln!(out, "skepticism {skepticism}, literalism {literalism}, empathy {empathy}")
}

fn print_stats(out: &mut dyn Write, stats: &BankStatsResponse) -> io::Result<()> {
    let kinds = |counts: &mut dyn Iterator<Item = (&String, &i64)>| {
        let counts: Vec<_> = counts.map(|(kind, count)| format!("{count} {}", plain(kind))).collect();
        if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
    };
    let memories = kinds(&mut stats.nodes_by_fact_type.iter());
    let links = kinds(&mut stats.links_by_link_type.iter());
    writeln!(out, "{}", strong(&plain(&stats.bank_id)))?;
    writeln!(out, "memories    {}{memories}", stats.total_nodes)?;
    writeln!(out, "links       {}{links}", stats.total_links)?;
    writeln!(out, "documents   {}", stats.total_documents)?;
    writeln!(out, "operations  {} pending, {} failed", stats.pending_operations, stats.failed_operations)?;
    let written = stats.last_memory_write_at.as_deref().map_or("never", day);
    writeln!(out, "last write  {written}")
}
