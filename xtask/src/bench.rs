//! `cargo xtask bench`: how fast and how big the program is, against the budgets of the design.
//!
//! A release build serves in a fresh home with its embedded database. A generated
//! conversation is retained without a language model until a bank has as many facts as
//! asked for; then questions about it are asked, by one client and by many. Beside every
//! latency stands how many of the questions found their answer. With `--embeddings hashed` the
//! vectors come from a service of this task that costs next to nothing, so that large banks are
//! filled soon. Figures of processor and memory need Linux.

mod corpus;
mod embed;
mod recalls;
mod report;
mod size;
mod wake;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use hindsight_testkit::EmbeddingService;
use serde::Serialize;

use crate::commands::{cargo, run as run_command};
use crate::daemon::{Daemon, Home, target_dir};
use crate::{load, usage};
use corpus::{SESSION, questions};
use report::Bound::AtMost;
use report::Report;
use size::{BANK, Bench};

/// Starts with existing data.
const STARTS: usize = 5;
/// How long a server is left alone before its idle memory is read.
const REST: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Facts in the bank, in rising order
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    facts: Vec<usize>,
    /// Where the vectors come from
    #[arg(long, value_enum, default_value_t = Embeddings::Local)]
    embeddings: Embeddings,
    /// Seconds of many clients at the end, one of which hangs up in the middle of each request
    #[arg(long)]
    load: Option<u64>,
    /// The program to measure; without it a release build
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Where to write the figures as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Where the vectors come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Embeddings {
    /// The model on this machine.
    Local,
    /// A service with vectors of hashed words: nothing is said about the model.
    Hashed,
}

/// Measures, prints a table, and writes JSON if asked to. A missed budget is shown, not an error.
pub(crate) async fn run(root: &Path, options: Options) -> Result<()> {
    if !options.facts.is_sorted() || options.facts.iter().any(|facts| *facts < SESSION) {
        bail!("give numbers of facts in rising order, each at least {SESSION}");
    }
    let program = match &options.bin {
        Some(program) => program.canonicalize().context("--bin names no program")?,
        None => {
            run_command(&mut cargo(root, &["build", "--release", "-p", "hindsight-cli"]))?;
            target_dir(root)?.join("release/hindsight")
        }
    };
    let mut report = Report::default();
    let size = std::fs::metadata(&program)?.len();
    report.add("program", size as f64 / 1e6, "MB", Some(AtMost(60.0)));

    let service = match options.embeddings {
        Embeddings::Local => None,
        Embeddings::Hashed => Some(EmbeddingService::start().await?),
    };
    let home = Home::new(root, &program)?;
    let server = starts(&mut report, &home, service.as_ref()).await?;
    let mut bench = Bench::new(report, &home, server, options.embeddings);
    for facts in &options.facts {
        bench.size(*facts).await?;
    }
    let Bench { mut report, server, .. } = bench;
    wake::idle(&mut report, &server.client).await?;
    if let (Some(seconds), Some(facts)) = (options.load, options.facts.last()) {
        let asked: Vec<String> = questions(*facts, 100).map(|question| question.text).collect();
        let ended = load::run(&server, &home, BANK, &asked, Duration::from_secs(seconds)).await?;
        add_load(&mut report, &ended);
    }
    server.terminate()?;
    if options.embeddings == Embeddings::Local {
        embed::daemons(&mut report, root, &program).await?;
    }
    report.print();
    if options.embeddings == Embeddings::Local {
        println!(
            "\nnot measured: the rate of the embedding engine alone. It takes the crates of models and engine, \
             on which this task must not depend: it makes the descriptions that the engine compiles from"
        );
    }
    if let Some(out) = &options.out {
        std::fs::write(out, report.json(root, &options)?).context("cannot write the figures")?;
    }
    Ok(())
}

fn add_load(report: &mut Report, ended: &load::Ended) {
    let name = |what| format!("under load of {} clients, {what}", load::CLIENTS);
    report.add(name("answered"), ended.answered as f64 / ended.took.as_secs_f64(), "recalls/s", None);
    report.add(name("refused with Retry-After"), ended.refused as f64, "recalls", None);
    report.add(name("hung up"), ended.hung_up as f64, "recalls", None);
    report.add(name("database connections before"), ended.before.open as f64, "", None);
    report.add(name("database connections after"), ended.after.open as f64, "", None);
    report.add(name("growth of the server's memory"), ended.growth_mb, "MB", None);
}

/// The first start of all, and starts with data.
async fn starts(report: &mut Report, home: &Home, service: Option<&EmbeddingService>) -> Result<Daemon> {
    let url = service.map(EmbeddingService::url).unwrap_or_default();
    let settings: &[(&str, &str)] = match service {
        None => &[],
        Some(_) => {
            &[("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "tei"), ("HINDSIGHT_API_EMBEDDINGS_TEI_URL", &url)]
        }
    };
    let (name, memory) = if service.is_none() { ("with a model", 150.0) } else { ("without a model", 40.0) };
    let begin = Instant::now();
    let mut server = Daemon::start_with(home, settings).await?;
    let first = begin.elapsed().as_secs_f64();
    report.add("first start, assets there, until healthy", first, "s", Some(AtMost(4.0)));
    let mut times = Vec::new();
    for _ in 0..STARTS {
        server.terminate()?;
        let begin = Instant::now();
        server = Daemon::start_with(home, settings).await?;
        times.push(begin.elapsed());
    }
    report.latencies("start with data, until healthy", &mut times, Some(AtMost(1000.0)));
    tokio::time::sleep(REST).await;
    let idle = usage::rss_mb(server.pid())?;
    report.add(format!("idle memory of the server, {name}"), idle, "MB", Some(AtMost(memory)));
    let postmaster = home.postmaster().context("no database runs")?;
    report.add("idle memory of PostgreSQL", usage::shared_mb_of_family(postmaster)?, "MB", None);
    Ok(server)
}
