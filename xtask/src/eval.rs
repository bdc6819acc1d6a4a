//! `cargo xtask eval`: how much of the evidence for a question recall brings back.
//!
//! Dated dialogues with gold questions are retained turn by turn, without a language model; every question that
//! has evidence is asked at two token budgets. Reported are evidence recall (the share of a question's evidence
//! turns among the results, averaged over questions) and MRR (one over the rank of the first), in all and for
//! each category of question.

mod data;
mod report;
mod score;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use hindsight_client::Client;
use hindsight_client::types::recall::{IncludeOptions, RecallRequest, RecallResult};
use hindsight_client::types::retain::{MemoryItem, RetainRequest, Timestamp};

use crate::daemon::{Daemon, Home, build};
use data::{Dialogue, Turn};
use report::Report;
use score::Scores;

/// Token budgets that are asked for.
const BUDGETS: [i64; 2] = [1024, 4096];

/// Turns in one retain. The order of turns is the order of requests, so these are sent one after the other.
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
    /// Where to write the report as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Measures and prints the report.
pub(crate) async fn run(root: &Path, options: Options) -> Result<()> {
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

    let report = match &options.url {
        Some(url) => measure(&Client::new(url)?, &dialogues).await?,
        None => {
            let program = match options.bin {
                Some(program) => program.canonicalize().context("--bin names no program")?,
                None => build(root)?,
            };
            let home = Home::new(root, &program)?;
            let server = Daemon::start(&home).await?;
            let report = measure(&server.client, &dialogues).await;
            server.terminate()?;
            report?
        }
    };
    report.print();
    if let Some(out) = options.out {
        std::fs::write(&out, report.json(root, &data)?).context("cannot write the report")?;
    }
    Ok(())
}

async fn measure(client: &Client, dialogues: &[Dialogue]) -> Result<Report> {
    let mut report = Report::new(&BUDGETS);
    for dialogue in dialogues {
        let bank = format!("eval-{}", dialogue.id);
        client.delete_bank(&bank).await?;
        let begin = Instant::now();
        for turns in dialogue.turns.chunks(BATCH) {
            let items = turns.iter().map(|turn| item(dialogue, turn)).collect();
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

        for budget in BUDGETS {
            let mut scores = Scores::default();
            for question in &dialogue.questions {
                let request = RecallRequest {
                    max_tokens: budget,
                    query_timestamp: Some(dialogue.last_date().to_rfc3339()),
                    include: IncludeOptions { entities: None, ..IncludeOptions::default() },
                    ..RecallRequest::new(&question.text)
                };
                let begin = Instant::now();
                let found = client.recall(&bank, &request).await?;
                report.asked(begin.elapsed());
                let ranked: Vec<Vec<&str>> =
                    found.results.iter().map(|memory| turns_in(dialogue, memory)).collect();
                scores.add(question.category, &question.evidence, &ranked);
            }
            report.add(budget, scores);
        }
    }
    Ok(report)
}

fn item(dialogue: &Dialogue, turn: &Turn) -> MemoryItem {
    MemoryItem {
        timestamp: Timestamp::At(turn.date),
        document_id: Some(format!("{}/{}", dialogue.id, turn.id.replace(':', "-"))),
        context: Some(format!("conversation between {}", dialogue.speakers.join(" and "))),
        metadata: Some([("dia_id".to_owned(), turn.id.clone())].into_iter().collect()),
        ..MemoryItem::new(&turn.text)
    }
}

/// The turns that a memory holds: the one it says it is, else those whose words it contains.
fn turns_in<'d>(dialogue: &'d Dialogue, memory: &RecallResult) -> Vec<&'d str> {
    let named = memory.metadata.as_ref().and_then(|metadata| metadata.get("dia_id"));
    let text = data::normal(&memory.text);
    let is_in = |turn: &&Turn| match named {
        Some(id) => turn.id == *id,
        None => text.contains(&turn.normal),
    };
    dialogue.turns.iter().filter(is_in).map(|turn| turn.id.as_str()).collect()
}
