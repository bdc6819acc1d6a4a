//! What is measured at each size of the bank.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hindsight_client::MemoryFilter;
use hindsight_client::types::recall::Budget;
use hindsight_client::types::retain::{MemoryItem, RetainRequest, Tags, Timestamp};

use super::Embeddings;
use super::corpus::{SESSION, session, tag};
use super::report::{Bound, Report};
use crate::daemon::{Daemon, Home};
use crate::usage;

/// The bank that grows.
pub(super) const BANK: &str = "bench";
/// Retains of a single short text.
const SINGLES: usize = 60;
/// Pages that are listed.
const LISTINGS: usize = 50;
/// How long what runs in the background may take, and how long one looks at it.
const PATIENCE: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_secs(1);
/// Seconds of processor in one look below which server and database have nothing to do.
const QUIET: f64 = 0.05;
/// Quiet looks after which nothing more comes: longer than the server waits before it looks for work.
const QUIET_LOOKS: u32 = 25;

/// A server with a bank that grows.
pub(super) struct Bench<'h> {
    pub(super) report: Report,
    pub(super) home: &'h Home,
    pub(super) server: Daemon,
    pub(super) embeddings: Embeddings,
    /// Sessions that were retained so far.
    sessions: usize,
}

impl<'h> Bench<'h> {
    pub(super) fn new(report: Report, home: &'h Home, server: Daemon, embeddings: Embeddings) -> Self {
        Self { report, home, server, embeddings, sessions: 0 }
    }

    /// Fills the bank up to so many facts and measures there.
    pub(super) async fn size(&mut self, facts: usize) -> Result<()> {
        println!("\n{facts} facts");
        self.fill(facts).await?;
        self.singles(facts).await?;
        self.settle().await?;
        for (name, breadth) in [("low", Budget::Low), ("mid", Budget::Mid), ("high", Budget::High)] {
            self.recalls(facts, name, breadth).await?;
        }
        self.listing(facts).await?;
        let memory = usage::rss_mb(self.server.pid())?;
        self.report.add(format!("{facts} facts: memory of the server after all"), memory, "MB", None);
        Ok(())
    }

    /// Seconds of processor that server and database have used.
    pub(super) fn cpu(&self) -> Result<[f64; 2]> {
        let postmaster = self.home.postmaster().context("no database runs")?;
        Ok([usage::cpu_seconds(self.server.pid())?, usage::cpu_seconds_of_family(postmaster)?])
    }

    async fn fill(&mut self, facts: usize) -> Result<()> {
        // Sessions in one retain, where the rate is bound.
        let (batch, source, bound) = match self.embeddings {
            Embeddings::Local => (5, "local embedding", None),
            Embeddings::Hashed => (25, "embeddings from a warm server", Some(Bound::AtLeast(1000.0))),
        };
        let before = self.total().await?;
        let cpu = self.cpu()?;
        let mut total = before;
        let mut took = Duration::ZERO;
        while total < facts {
            let missing = (facts - total).div_ceil(SESSION).min(batch);
            let request = retain(self.sessions..self.sessions + missing);
            let begin = Instant::now();
            self.server.client.retain_batch(BANK, &request).await?;
            took += begin.elapsed();
            self.sessions += missing;
            total = self.total().await?;
        }
        if total == before {
            return Ok(());
        }
        let retained = (total - before) as f64;
        let rate = retained / took.as_secs_f64();
        let used = std::iter::zip(self.cpu()?, cpu).map(|(after, before)| after - before);
        let name =
            |what: &str| format!("{facts} facts: retain in batches of {} turns, {what}", batch * SESSION);
        self.report.add(name(source), rate, "facts/s", bound);
        for (what, seconds) in ["server CPU", "database CPU"].into_iter().zip(used) {
            self.report.add(name(what), seconds * 1000.0 / retained, "ms/fact", None);
        }
        Ok(())
    }

    async fn total(&self) -> Result<usize> {
        let filter = MemoryFilter { limit: Some(1), ..MemoryFilter::default() };
        match self.server.client.list_memories(BANK, &filter).await {
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

    /// Waits until nobody works in the background: cells are made of a bank that has grown, memories are
    /// linked, and tables are vacuumed.
    async fn settle(&self) -> Result<()> {
        let begin = Instant::now();
        let mut before: f64 = self.cpu()?.iter().sum();
        let mut quiet = 0;
        while begin.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let now: f64 = self.cpu()?.iter().sum();
            // What an ended process has used is subtracted, so the difference may be negative.
            quiet = if (now - before).abs() < QUIET { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                return Ok(());
            }
            before = now;
        }
        println!("server and database were not at rest after {} s", PATIENCE.as_secs());
        Ok(())
    }

    async fn listing(&mut self, facts: usize) -> Result<()> {
        let mut times = Vec::new();
        for _ in 0..LISTINGS {
            let begin = Instant::now();
            self.server.client.list_memories(BANK, &MemoryFilter::default()).await?;
            times.push(begin.elapsed());
        }
        self.report.latencies(&format!("{facts} facts: list of 100 memories"), &mut times, None);
        Ok(())
    }
}

/// Sessions as one request, each a document.
fn retain(sessions: std::ops::Range<usize>) -> RetainRequest {
    let items = sessions.map(|number| {
        let (text, time) = session(number);
        MemoryItem {
            timestamp: Timestamp::At(time),
            document_id: Some(format!("session-{number}")),
            tags: Tags(vec![tag(number)]),
            ..MemoryItem::new(text.as_str())
        }
    });
    RetainRequest { items: items.collect(), run_async: false, document_tags: None, operation_id: None }
}
