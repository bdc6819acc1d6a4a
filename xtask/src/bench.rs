//! `cargo xtask bench`: how fast and how big the program is, against the budgets of the design.
//!
//! A release build serves in a fresh home with its embedded database. A generated
//! conversation is retained without a language model until a bank has as many facts as
//! asked for; then questions about it are asked. Beside every latency stands how many of
//! the questions found their answer. Figures of processor and memory need Linux.

mod corpus;
mod embed;
mod report;
mod usage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_client::types::recall::{Budget, RecallRequest};
use hindsight_client::types::retain::{MemoryItem, RetainRequest, Timestamp};
use hindsight_client::{Client, MemoryFilter};

use crate::commands::{cargo, run as run_command};
use crate::daemon::{Daemon, Home, target_dir};
use corpus::{Question, SESSION, questions, session};
use report::{AtMost, Report};

/// Sessions in one retain.
const BATCH: usize = 5;
/// Different questions for each breadth.
const QUESTIONS: usize = 150;
/// Starts with existing data.
const STARTS: usize = 5;
/// Retains of a single short text.
const SINGLES: usize = 60;
/// Clients that ask at the same time.
const CLIENTS: usize = 4;
/// How long a server is left alone before its idle memory is read.
const REST: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Facts in the bank, in rising order
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    facts: Vec<usize>,
    /// The program to measure; without it a release build
    #[arg(long)]
    bin: Option<PathBuf>,
    /// Where to write the figures as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Measures, prints a table, and writes JSON if asked to. A missed budget is shown, not an error.
pub(crate) async fn run(root: &Path, options: Options) -> Result<()> {
    if !options.facts.is_sorted() || options.facts.iter().any(|facts| *facts < SESSION) {
        bail!("give numbers of facts in rising order, each at least {SESSION}");
    }
    let program = match options.bin {
        Some(program) => program.canonicalize().context("--bin names no program")?,
        None => {
            run_command(&mut cargo(root, &["build", "--release", "-p", "hindsight-cli"]))?;
            target_dir(root)?.join("release/hindsight")
        }
    };
    let mut report = Report::default();
    let size = std::fs::metadata(&program)?.len();
    report.add("program", size as f64 / 1e6, "MB", Some(AtMost(60.0)));

    let home = Home::new(root, &program)?;
    let server = starts(&mut report, &home).await?;
    let mut bench = Bench { report, home: &home, server, sessions: 0 };
    for facts in &options.facts {
        bench.size(*facts).await?;
    }
    let Bench { mut report, server, .. } = bench;
    server.terminate()?;
    embed::daemons(&mut report, root, &program).await?;
    report.print();
    if let Some(out) = options.out {
        std::fs::write(&out, report.json(root)?).context("cannot write the figures")?;
    }
    Ok(())
}

/// The first start of all, and starts with data.
async fn starts(report: &mut Report, home: &Home) -> Result<Daemon> {
    let begin = Instant::now();
    let mut server = Daemon::start(home).await?;
    let first = begin.elapsed().as_secs_f64();
    report.add("first start, assets there, until healthy", first, "s", Some(AtMost(4.0)));
    let mut times = Vec::new();
    for _ in 0..STARTS {
        server.terminate()?;
        let begin = Instant::now();
        server = Daemon::start(home).await?;
        times.push(begin.elapsed());
    }
    report.latencies("start with data, until healthy", &mut times, Some(AtMost(1000.0)));
    tokio::time::sleep(REST).await;
    report.add(
        "idle memory of the server, with a model",
        usage::rss_mb(server.pid())?,
        "MB",
        Some(AtMost(150.0)),
    );
    let postmaster = home.postmaster().context("no database runs")?;
    report.add("idle memory of PostgreSQL", usage::shared_mb_of_family(postmaster)?, "MB", None);
    Ok(server)
}

struct Bench<'h> {
    report: Report,
    home: &'h Home,
    server: Daemon,
    /// Sessions that were retained so far.
    sessions: usize,
}

impl Bench<'_> {
    /// Fills the bank up to so many facts and measures there.
    async fn size(&mut self, facts: usize) -> Result<()> {
        const BANK: &str = "bench";
        println!("\n{facts} facts");
        self.fill(BANK, facts).await?;
        self.singles(facts).await?;
        for (name, breadth) in [("low", Budget::Low), ("mid", Budget::Mid), ("high", Budget::High)] {
            self.recalls(BANK, facts, name, breadth).await?;
        }
        self.listing(BANK, facts).await?;
        let memory = usage::rss_mb(self.server.pid())?;
        self.report.add(format!("{facts} facts: memory of the server after all"), memory, "MB", None);
        Ok(())
    }

    async fn fill(&mut self, bank: &str, facts: usize) -> Result<()> {
        let before = self.total(bank).await?;
        let begin = Instant::now();
        let cpu = usage::cpu_seconds(self.server.pid())?;
        let mut total = before;
        while total < facts {
            let missing = (facts - total).div_ceil(SESSION).min(BATCH);
            let items = (self.sessions..self.sessions + missing).map(|number| {
                let (text, time) = session(number);
                MemoryItem {
                    timestamp: Timestamp::At(time),
                    document_id: Some(format!("session-{number}")),
                    ..MemoryItem::new(text.as_str())
                }
            });
            let request = RetainRequest {
                items: items.collect(),
                run_async: false,
                document_tags: None,
                operation_id: None,
            };
            self.server.client.retain_batch(bank, &request).await?;
            self.sessions += missing;
            total = self.total(bank).await?;
        }
        let retained = (total - before) as f64;
        let rate = retained / begin.elapsed().as_secs_f64();
        let cpu = usage::cpu_seconds(self.server.pid())? - cpu;
        let name = |what| format!("{facts} facts: retain in batches of {} turns, {what}", BATCH * SESSION);
        self.report.add(name("with local embedding"), rate, "facts/s", None);
        self.report.add(name("server CPU"), cpu * 1000.0 / retained, "ms/fact", None);
        Ok(())
    }

    async fn total(&self, bank: &str) -> Result<usize> {
        let filter = MemoryFilter { limit: Some(1), ..MemoryFilter::default() };
        match self.server.client.list_memories(bank, &filter).await {
            Ok(page) => Ok(usize::try_from(page.total)?),
            Err(error) if error.status() == Some(404) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Single short texts, into a bank of their own.
    async fn singles(&mut self, facts: usize) -> Result<()> {
        let mut times = Vec::new();
        for number in 0..SINGLES {
            let item = MemoryItem::new(format!("Parcel {number} of {facts} weighs {} kilograms", number * 3));
            let begin = Instant::now();
            self.server.client.retain("bench-singles", item).await?;
            times.push(begin.elapsed());
        }
        self.report.latencies(&format!("{facts} facts: retain of one sentence"), &mut times, None);
        Ok(())
    }

    /// The same questions twice: the second time the vectors of the questions are cached.
    async fn recalls(&mut self, bank: &str, facts: usize, name: &str, breadth: Budget) -> Result<()> {
        // No breadth may profit from questions that another one has asked.
        let asked: Vec<Question> = questions(facts, QUESTIONS)
            .map(|question| Question { text: format!("{} ({name} {facts})", question.text), ..question })
            .collect();
        let client = self.server.client.clone();
        let (mut first, found) = ask(&client, bank, breadth, &asked).await?;
        let postmaster = self.home.postmaster().context("no database runs")?;
        let cpu = || {
            anyhow::Ok([usage::cpu_seconds(self.server.pid())?, usage::cpu_seconds_of_family(postmaster)?])
        };
        let before = cpu()?;
        let (mut cached, _) = ask(&client, bank, breadth, &asked).await?;
        let after = cpu()?;

        let label = format!("{facts} facts: recall {name}");
        let is_budget = facts == 10_000 && breadth == Budget::Mid;
        let report = &mut self.report;
        report.latencies(&format!("{label}, new question"), &mut first, None);
        report.latencies(&label, &mut cached, is_budget.then_some(AtMost(30.0)));
        let share = found as f64 / asked.len() as f64;
        report.add(format!("{label}, questions that found their answer"), share * 100.0, "%", None);
        for ((what, bound), (before, after)) in
            [("server", 2.0), ("database", 25.0)].into_iter().zip(before.into_iter().zip(after))
        {
            let each = (after - before) * 1000.0 / asked.len() as f64;
            report.add(format!("{label}, {what} CPU"), each, "ms", is_budget.then_some(AtMost(bound)));
        }
        if breadth == Budget::Mid {
            self.crowd(bank, &label, asked).await?;
        }
        Ok(())
    }

    /// Several clients at once, vectors cached.
    async fn crowd(&mut self, bank: &str, label: &str, asked: Vec<Question>) -> Result<()> {
        let begin = Instant::now();
        let asked = std::sync::Arc::new(asked);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (client, bank, asked) = (self.server.client.clone(), bank.to_owned(), asked.clone());
                tokio::spawn(async move { ask(&client, &bank, Budget::Mid, &asked).await })
            })
            .collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.await??.0);
        }
        let rate = times.len() as f64 / begin.elapsed().as_secs_f64();
        self.report.latencies(&format!("{label}, {CLIENTS} clients"), &mut times, None);
        self.report.add(format!("{label}, {CLIENTS} clients"), rate, "recalls/s", None);
        Ok(())
    }

    async fn listing(&mut self, bank: &str, facts: usize) -> Result<()> {
        let mut times = Vec::new();
        for _ in 0..50 {
            let begin = Instant::now();
            self.server.client.list_memories(bank, &MemoryFilter::default()).await?;
            times.push(begin.elapsed());
        }
        self.report.latencies(&format!("{facts} facts: list of 100 memories"), &mut times, None);
        Ok(())
    }
}

/// Asks every question and counts the answers that are among the results.
async fn ask(
    client: &Client,
    bank: &str,
    breadth: Budget,
    asked: &[Question],
) -> Result<(Vec<Duration>, usize)> {
    let mut times = Vec::new();
    let mut found = 0;
    for question in asked {
        let request = RecallRequest { budget: breadth, ..RecallRequest::new(question.text.as_str()) };
        let begin = Instant::now();
        let answer = client.recall(bank, &request).await?;
        times.push(begin.elapsed());
        found += usize::from(answer.results.iter().any(|memory| memory.text.contains(&question.answer)));
    }
    Ok((times, found))
}
