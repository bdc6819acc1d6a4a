//! `hindsight bank`.

use std::io::{self, BufRead, Write};

use anyhow::Result;
use hindsight_client::types::banks::CreateBankRequest;
use hindsight_client::{BankFilter, Client};

use super::Outcome;
use crate::args::BankCommand;
use crate::output::{Output, day, plain, strong, table};

pub(crate) async fn run(client: &Client, output: &Output, command: BankCommand) -> Result<Outcome> {
    match command {
        BankCommand::Create { bank, name, mission } => {
            let request = CreateBankRequest { name, mission, ..CreateBankRequest::default() };
            let profile = client.create_bank(&bank, &request).await?;
            output.answer(&profile, |out, profile| {
                writeln!(out, "bank {} is there", strong(&plain(&profile.bank_id)))
            })?;
        }
        BankCommand::List { query, page } => {
            let filter = BankFilter { search: query, limit: Some(page.limit), offset: Some(page.offset) };
            let banks = client.list_banks(&filter).await?;
            output.answer(&banks, |out, banks| {
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
            })?;
        }
        BankCommand::Delete { bank, yes } => {
            // Programs are never asked: they do not answer.
            if output.is_pretty() && !yes && !confirm(&format!("delete bank {bank} with everything in it?"))?
            {
                writeln!(io::stderr(), "nothing deleted")?;
                return Ok(Outcome::Bad);
            }
            let deleted = client.delete_bank(&bank).await?;
            output.answer(&deleted, |out, deleted| {
                let rows = deleted.deleted_count.unwrap_or_default();
                writeln!(
                    out,
                    "bank {} deleted: {rows} memories, entities and documents",
                    strong(&plain(&bank))
                )
            })?;
        }
    }
    Ok(Outcome::Good)
}

/// Asks on standard error; anything but a yes is a no.
fn confirm(question: &str) -> io::Result<bool> {
    let mut chatter = io::stderr();
    write!(chatter, "{question} [y/N] ")?;
    chatter.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
