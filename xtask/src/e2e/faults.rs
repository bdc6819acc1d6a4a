//! What was acknowledged survives: kill -9 of the server, of the database, of both; then an orderly end.

use std::path::Path;

use anyhow::{Context, Result};
use hindsight_client::types::recall::RecallRequest;
use hindsight_client::types::retain::MemoryItem;

use crate::checks::{Checks, holds, same};
use crate::daemon::{Daemon, Home, Signal, signal};

const BANK: &str = "survivors";

/// A word of its own for every retained text, so that recall cannot mistake one for another.
const WORDS: [&str; 6] = ["quince", "walrus", "zither", "obsidian", "marzipan", "heliotrope"];

pub(super) async fn check(checks: &mut Checks, home: &Home, server: Daemon) -> Result<()> {
    let mut acknowledged = Vec::new();
    let mut server = server;
    for (round, words) in WORDS.chunks(2).enumerate() {
        let (name, kill_server, kill_database) = match round {
            0 => ("fault: the server is killed", true, false),
            1 => ("fault: the database is killed", false, true),
            _ => ("fault: both are killed", true, true),
        };
        for word in words {
            server.client.retain(BANK, MemoryItem::new(text(word))).await?;
            acknowledged.push(*word);
        }
        if kill_database {
            let postmaster = home.postmaster().context("no database runs in the home of the checks")?;
            signal(postmaster, Signal::SIGKILL)?;
        }
        if kill_server {
            server.kill()?;
        } else {
            server.terminate()?;
        }
        server = Daemon::start(home).await?;
        checks.note(name, everything_is_there(&server, &acknowledged).await);
    }
    checks.note("home: nothing but our own files", nothing_else(home));
    checks.note("fault: SIGTERM ends server and database in order", ends_in_order(home, server));
    Ok(())
}

fn text(word: &str) -> String {
    format!("The password of the day is {word}")
}

async fn everything_is_there(server: &Daemon, words: &[&str]) -> Result<()> {
    for word in words {
        let found = server.client.recall(BANK, &RecallRequest::new(*word)).await?;
        same(&found.results.first().map(|memory| memory.text.as_str()), &Some(text(word).as_str()))?;
    }
    let listed = server.client.list_memories(BANK, &hindsight_client::MemoryFilter::default()).await?;
    same(&listed.total, &i64::try_from(words.len())?)
}

/// Libraries leave no files of their own, and so report nothing to anybody.
fn nothing_else(home: &Home) -> Result<()> {
    let ours = [".pg0", ".hindsight", ".cache", "hindsight", "hindsight-embed"];
    let strange = |path: &Path, ours: &[&str]| -> Result<Vec<String>> {
        let names =
            std::fs::read_dir(path)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| !ours.contains(&name.as_str()) && !name.starts_with("server-")).collect())
    };
    same(&strange(home.path(), &ours)?, &Vec::new())?;
    let cache = home.path().join(".cache");
    if cache.exists() { same(&strange(&cache, &["hindsight"])?, &Vec::new()) } else { Ok(()) }
}

fn ends_in_order(home: &Home, server: Daemon) -> Result<()> {
    let url = server.url().to_owned();
    same(&server.terminate()?.code(), &Some(0))?;
    same(&home.postmaster(), &None)?;
    // The command line does not leave the user guessing either.
    let output = home.output(&["health", "--url", &url])?;
    same(&output.status.code(), &Some(1))?;
    holds(&String::from_utf8_lossy(&output.stderr), &format!("no server at {url}"))
}
