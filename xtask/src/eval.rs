//! `cargo xtask eval`: how much of the evidence for a question recall brings back.
//!
//! Dated dialogues with gold questions are retained without a language model, session by session or turn by
//! turn; every question that has evidence is asked at several token budgets. Reported are evidence recall (the
//! share of a question's evidence turns among the results, averaged over questions) and MRR (one over the rank
//! of the first), in all with 95 % intervals and for each category of question; and which arms of recall found
//! the evidence. What an arm is worth shows when a second run goes without it.

mod arms;
mod data;
mod report;
mod score;
mod unit;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use hindsight_client::Client;
use hindsight_client::types::recall::{IncludeOptions, RecallRequest};
use hindsight_client::types::retain::RetainRequest;

use crate::daemon::{Daemon, Home, build};
use arms::{Switch, bank_without};
use data::{Dialogue, Question};
use report::Report;
use unit::{Unit, turns_in};

/// Documents in one retain. Their order is the order of requests, so these are sent one after the other.
const BATCH: usize = 50;

/// Where dialogues may lie, seen from the checkout.
const BESIDE: &str = "../shared/data/locomo-dev.json";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Dialogues with gold questions; without it those beside the checkout, if there are any
    #[arg(long)]
    data: Option<PathBuf>,
    /// A server that runs already; its banks named eval-… are replaced
    #[arg(long, conflicts_with = "bin")]
    url: Option<String>,
    /// The program to start; without it the development build
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Take only the first dialogues
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    setting: Setting,
    /// Where to write the report as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What the figures depend on besides server and dialogues.
#[derive(Debug, Args)]
struct Setting {
    /// What is one document
    #[arg(long, value_enum, default_value_t = Unit::Session)]
    unit: Unit,
    /// Tokens that an answer may have, in rising order
    #[arg(long, value_delimiter = ',', default_values_t = [512, 1024, 2048, 4096, 8192])]
    max_tokens: Vec<i64>,
    /// Arms of recall that the banks go without
    #[arg(long, value_enum, value_delimiter = ',')]
    without: Vec<Switch>,
}

/// Measures and prints the report.
pub(crate) async fn run(root: &Path, options: Options) -> Result<()> {
    if !options.setting.max_tokens.is_sorted() {
        bail!("give --max-tokens in rising order");
    }
    let data = match options.data {
        Some(data) => data,
        None => {
            let data = root.join(BESIDE);
            if !data.exists() {
                println!(
                    "eval: SKIPPED, there are no dialogues at {}: name a file with --data",
                    data.display()
                );
                return Ok(());
            }
            data
        }
    };
    let mut dialogues = data::read(&data)?;
    dialogues.truncate(options.limit.unwrap_or(usize::MAX));

    let setting = &options.setting;
    let report = match &options.url {
        Some(url) => measure(&Client::new(url)?, &dialogues, setting).await?,
        None => {
            let program = match options.bin {
                Some(program) => program.canonicalize().context("--bin names no program")?,
                None => build(root)?,
            };
            let home = Home::new(root, &program)?;
            let server = Daemon::start(&home).await?;
            let report = measure(&server.client, &dialogues, setting).await;
            server.terminate()?;
            report?
        }
    };
    report.print();
    if let Some(out) = options.out {
        std::fs::write(&out, report.json(root, &data, setting)?).context("cannot write the report")?;
    }
    Ok(())
}

async fn measure(client: &Client, dialogues: &[Dialogue], setting: &Setting) -> Result<Report> {
    let mut report = Report::new(&setting.max_tokens);
    for dialogue in dialogues {
        let bank = format!("eval-{}", dialogue.id);
        client.delete_bank(&bank).await?;
        client.create_bank(&bank, &bank_without(&setting.without)).await?;
        let begin = Instant::now();
        for items in setting.unit.items(dialogue).chunks(BATCH) {
            let items = items.to_vec();
            let request = RetainRequest { items, run_async: false, document_tags: None, operation_id: None };
            client.retain_batch(&bank, &request).await?;
        }
        report.retained(dialogue.turns.len(), begin.elapsed());
        println!(
            "{}: {} turns retained in {:.1} s",
            dialogue.id,
            dialogue.turns.len(),
            begin.elapsed().as_secs_f64()
        );
        let mut took = Vec::new();
        for (budget, scores) in report.budgets() {
            for question in &dialogue.questions {
                let request = request(dialogue, question, *budget);
                let begin = Instant::now();
                let found = client.recall(&bank, &request).await?;
                took.push(begin.elapsed());
                let ranked: Vec<Vec<&str>> =
                    found.results.iter().map(|memory| turns_in(dialogue, memory)).collect();
                scores.add(question.category, &question.evidence, &ranked);
            }
        }
        for took in took {
            report.asked(took);
        }
        explain(client, &bank, dialogue, setting, &mut report).await?;
    }
    Ok(report)
}

/// Asks once more at the largest budget, for the traces: to write one takes time, which the others are spared.
async fn explain(
    client: &Client,
    bank: &str,
    dialogue: &Dialogue,
    setting: &Setting,
    report: &mut Report,
) -> Result<()> {
    let budget = setting.max_tokens.last().copied().context("give at least one number as --max-tokens")?;
    for question in &dialogue.questions {
        let request = RecallRequest { trace: true, ..request(dialogue, question, budget) };
        let found = client.recall(bank, &request).await?;
        let holds = |index: usize| {
            let memory = found.results.get(index);
            let turns = memory.map(|memory| turns_in(dialogue, memory)).unwrap_or_default();
            turns.iter().any(|turn| question.evidence.iter().any(|evidence| evidence == turn))
        };
        report.finders().add(&found, holds)?;
    }
    Ok(())
}

fn request(dialogue: &Dialogue, question: &Question, max_tokens: i64) -> RecallRequest {
    RecallRequest {
        max_tokens,
        query_timestamp: Some(dialogue.last_date().to_rfc3339()),
        include: IncludeOptions { entities: None, ..IncludeOptions::default() },
        ..RecallRequest::new(&question.text)
    }
}
