//! One kill, and what has to hold after it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hindsight_client::types::recall::RecallRequest;
use hindsight_client::{ClientError, MemoryFilter};
use hindsight_testkit::{audit_instance, children, wait_for, wait_for_write};

use super::writers::{self, Fate, LONG, Promises, VERSIONED, batches, singles, texts, versions};
use super::{INSTANCE, Target};
use crate::checks::same;
use crate::daemon::{Daemon, Home, Signal, signal};

/// Latest kill after the writers began, in milliseconds.
const LATEST: u64 = 900;
/// Longest wait for the write of a long document.
const LONG_PATIENCE: Duration = Duration::from_mins(5);
/// Longest wait for a server whose database was killed to be healthy again.
const RECOVERY: Duration = Duration::from_mins(5);
/// Largest page of a listing.
const PAGE: i64 = 1000;

/// What happened in rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Items the server promised.
    acknowledged: usize,
    /// Items without an answer, of which so many are there all the same.
    in_doubt: usize,
    kept: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.in_doubt += other.in_doubt;
        self.kept += other.kept;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} items acknowledged and all there, {} in doubt of which {} are there whole",
            self.acknowledged, self.in_doubt, self.kept
        )
    }
}

/// A server that is killed over and over.
pub(crate) struct Run<'h> {
    home: &'h Home,
    server: Option<Daemon>,
    /// Memories of every bank of the rounds so far.
    banks: BTreeMap<String, i64>,
}

impl<'h> Run<'h> {
    pub(crate) async fn start(home: &'h Home) -> Result<Self> {
        Ok(Self { home, server: Some(Daemon::start(home).await?), banks: BTreeMap::new() })
    }

    pub(crate) fn log_text(&self) -> String {
        self.server.as_ref().map(Daemon::log_text).unwrap_or_default()
    }

    fn server(&self) -> Result<&Daemon> {
        self.server.as_ref().context("the server is gone")
    }

    /// Kills while writers write, lets it recover, and looks.
    pub(crate) async fn round(
        &mut self,
        bank: &str,
        target: Target,
        is_long: bool,
        random: &mut fastrand::Rng,
    ) -> Result<Figures> {
        let to = writers::Target {
            client: self.server()?.client.clone(),
            bank: bank.to_owned(),
            is_over: Arc::default(),
        };
        let mut writers = vec![
            tokio::spawn(singles(to.clone())),
            tokio::spawn(batches(to.clone())),
            tokio::spawn(versions(to.clone(), "report")),
            tokio::spawn(versions(to.clone(), "minutes")),
        ];
        let moment = random.u64(0..LATEST);
        if is_long {
            // Most of its time goes into vectors: what is awaited is the transaction at the end.
            writers.push(tokio::spawn(versions(to.clone(), LONG)));
            let (age, patience) = (Duration::from_millis(moment / 10), LONG_PATIENCE);
            wait_for_write(self.home.path(), INSTANCE, age, patience).await?;
        } else {
            tokio::time::sleep(Duration::from_millis(moment)).await;
        }
        self.kill(target, random)?;
        // A server that lives gets its database back and would go on answering.
        to.is_over.store(true, Ordering::SeqCst);
        let mut promises = Promises::default();
        for writer in writers {
            promises.merge(writer.await?);
        }
        self.recover(target).await?;
        self.look(bank, &promises).await
    }

    fn kill(&mut self, target: Target, random: &mut fastrand::Rng) -> Result<()> {
        let postmaster = || self.home.postmaster_of(INSTANCE).context("no database runs");
        match target {
            Target::Backend => return kill_backend(postmaster()?, random),
            Target::Postgres | Target::Both => signal(postmaster()?, Signal::SIGKILL)?,
            Target::Server | Target::Herd | Target::First | Target::Worker => {}
        }
        if target != Target::Postgres {
            self.server.take().context("the server is gone")?.kill()?;
        }
        Ok(())
    }

    /// A killed server is started again; one whose database was killed brings it back itself.
    async fn recover(&mut self, target: Target) -> Result<()> {
        if !matches!(target, Target::Postgres | Target::Backend) {
            self.server = Some(Daemon::start(self.home).await?);
            return Ok(());
        }
        let server = self.server()?;
        let begin = std::time::Instant::now();
        // The last look at the database may have been before the kill: ask the database itself.
        while let Err(error) = server.client.list_memories("nobody", &MemoryFilter::default()).await {
            if matches!(error, ClientError::Api { status: 404, .. }) {
                return Ok(());
            }
            if begin.elapsed() > RECOVERY {
                bail!("the server did not find its database again: {error}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("a bank that nobody made answers")
    }

    async fn look(&mut self, bank: &str, promises: &Promises) -> Result<Figures> {
        let mut found = self.memories(bank).await?;
        let mut figures = Figures { acknowledged: promises.acknowledged(), ..Figures::default() };
        for (text, fate) in &promises.texts {
            let times = found.remove(&(None, text.clone())).unwrap_or_default();
            match (fate, times) {
                (Fate::Acknowledged, 1) | (Fate::Sent, 0) => {}
                (Fate::Sent, 1) => figures.kept += 1,
                _ => bail!("“{text}” was {fate:?} and is there {times} times"),
            }
            figures.in_doubt += usize::from(*fate == Fate::Sent);
        }
        for (document, fates) in &promises.documents {
            let in_doubt = fates.last() == Some(&Fate::Sent);
            figures.in_doubt += usize::from(in_doubt);
            let newest = fates.len() - 1;
            // The last acknowledged version, or the one after it, as a whole and alone.
            let candidates = if in_doubt {
                newest.checked_sub(1).into_iter().chain([newest]).collect()
            } else {
                vec![newest]
            };
            let there = take(&mut found, document);
            let whole = candidates.iter().find(|version| there == texts(document, **version));
            match whole {
                Some(version) => figures.kept += usize::from(in_doubt && *version == newest),
                None if there.is_empty() && in_doubt && newest == 0 => {}
                None => bail!("document {document} with {fates:?} holds {there:#?}"),
            }
        }
        if let Some(((document, text), times)) = found.into_iter().next() {
            bail!("nobody retained “{text}” ({document:?}), it is there {times} times");
        }
        self.recalls(bank, promises).await?;
        let problems = audit_instance(self.home.path(), INSTANCE).await?;
        same(&problems, &Vec::new())?;
        Ok(figures)
    }

    /// Texts of a bank by document, and how often each is there. Single texts have documents
    /// of their own, whose names nobody chose.
    async fn memories(&mut self, bank: &str) -> Result<BTreeMap<(Option<String>, String), u32>> {
        let client = &self.server()?.client;
        let mut found = BTreeMap::new();
        let mut offset = 0;
        loop {
            let filter = MemoryFilter { limit: Some(PAGE), offset: Some(offset), ..MemoryFilter::default() };
            let page = match client.list_memories(bank, &filter).await {
                // Killed before anything was written.
                Err(ClientError::Api { status: 404, .. }) => return Ok(found),
                page => page?,
            };
            offset += i64::try_from(page.items.len())?;
            for item in &page.items {
                let is_named = |id: &&String| id.starts_with("batch-") || VERSIONED.contains(&id.as_str());
                let document = item.document_id.as_ref().filter(is_named).cloned();
                *found.entry((document, item.text.clone())).or_default() += 1;
            }
            if offset >= page.total || page.items.is_empty() {
                self.banks.insert(bank.to_owned(), page.total);
                return Ok(found);
            }
        }
    }

    /// What was acknowledged is not only there, it is found.
    async fn recalls(&self, bank: &str, promises: &Promises) -> Result<()> {
        let last = promises.texts.iter().rfind(|(_, fate)| **fate == Fate::Acknowledged);
        let Some((text, _)) = last else { return Ok(()) };
        let answer = self.server()?.client.recall(bank, &RecallRequest::new(text.as_str())).await?;
        same(&answer.results.first().map(|memory| memory.text.as_str()), &Some(text.as_str()))
    }

    /// Looks once more at all banks of the run, and ends the server in order.
    pub(crate) async fn finish(mut self) -> Result<()> {
        for (bank, total) in self.banks.clone() {
            let filter = MemoryFilter { limit: Some(1), ..MemoryFilter::default() };
            let page = self.server()?.client.list_memories(&bank, &filter).await?;
            same(&page.total, &total).with_context(|| format!("bank {bank}"))?;
        }
        let server = self.server.take().context("the server is gone")?;
        same(&server.terminate()?.code(), &Some(0))
    }
}

/// Kills a process that serves a client or the database itself, and waits until PostgreSQL has
/// ended all the others, as it does because one may have left shared memory in disorder.
fn kill_backend(postmaster: u32, random: &mut fastrand::Rng) -> Result<()> {
    let title = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // The log is written by one that touches no shared memory.
    let backends: Vec<_> =
        children(postmaster).into_iter().filter(|pid| !title(*pid).contains("logger")).collect();
    let victim = random.choice(&backends).context("PostgreSQL runs alone")?;
    // It may have ended by itself; that is a kill of nothing, at a random moment as well.
    if signal(*victim, Signal::SIGKILL).is_err() {
        return Ok(());
    }
    let is_gone = |pid: &u32| !Path::new(&format!("/proc/{pid}")).exists();
    wait_for("the end of all processes of PostgreSQL", RECOVERY, || backends.iter().all(is_gone))
}

/// The texts of a document in alphabetical order, each as often as it is there.
fn take(found: &mut BTreeMap<(Option<String>, String), u32>, document: &str) -> Vec<String> {
    let keys: Vec<_> = found.keys().filter(|(id, _)| id.as_deref() == Some(document)).cloned().collect();
    let mut texts = Vec::new();
    for key in keys {
        let times = found.remove(&key).unwrap_or_default();
        texts.extend((0..times).map(|_| key.1.clone()));
    }
    texts
}
