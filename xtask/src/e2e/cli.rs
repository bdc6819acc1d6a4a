//! The command line against a running server: what it prints for programs, and how it ends.

use std::io::Write;
use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::checks::{Checks, at, holds, same};
use crate::daemon::{Daemon, Home};

/// Bank ids may hold anything but a slash.
const BANK: &str = "cli bank/ü";

pub(super) fn check(checks: &mut Checks, home: &Home, server: &Daemon) {
    let cli = Cli { home, url: server.url() };
    checks.note("cli: health and version", health_and_version(&cli));
    checks.note("cli: bank create and list", banks(&cli));
    checks.note("cli: retain and recall", retain_and_recall(&cli));
    checks.note("cli: retain from standard input", standard_input(&cli));
    checks.note("cli: filters by type and tag", filters(&cli));
    checks.note("cli: list memories", list(&cli));
    checks.note("cli: bank delete", delete(&cli));
    checks.note("cli: errors and exit codes", errors(&cli));
    checks.note("cli: assets", assets(&cli));
}

struct Cli<'a> {
    home: &'a Home,
    url: &'a str,
}

impl Cli<'_> {
    fn output(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.home.command();
        command.env("HINDSIGHT_API_URL", self.url).args(arguments);
        command.output().context("cannot run the built program")
    }

    /// The data of a command that must succeed.
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.output(&[arguments, &["--output", "json"]].concat())?;
        if !output.status.success() {
            bail!("{arguments:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?} printed no JSON"))
    }

    /// Exit code and standard error of a command that must fail and print no data.
    fn failure(&self, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        let output = self.output(arguments)?;
        same(&String::from_utf8_lossy(&output.stdout).into_owned(), &String::new())?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

/// Texts of a list of results or items.
fn texts(answer: &Value, list: &str) -> Vec<String> {
    let entries = at(answer, &format!("/{list}")).as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(|entry| at(entry, "/text").as_str().map(str::to_owned)).collect()
}

fn health_and_version(cli: &Cli) -> Result<()> {
    same(at(&cli.json(&["health"])?, "/status"), &"healthy".into())?;
    same(at(&cli.json(&["version"])?, "/api_version"), &"1.1.0".into())
}

fn banks(cli: &Cli) -> Result<()> {
    let created = cli.json(&["bank", "create", BANK, "--name", "Kitchen"])?;
    same(at(&created, "/bank_id"), &BANK.into())?;
    same(at(&created, "/name"), &"Kitchen".into())?;
    let listed = cli.json(&["bank", "list", "--query", "kitch"])?;
    same(at(&listed, "/total"), &1.into())?;
    same(at(&listed, "/banks/0/bank_id"), &BANK.into())
}

fn retain_and_recall(cli: &Cli) -> Result<()> {
    let retained = cli.json(&[
        "memory",
        "retain",
        BANK,
        "Alice works at Google as a software engineer",
        "--context",
        "career talk",
        "--timestamp",
        "2024-01-15T10:00:00Z",
        "--document-id",
        "talk-1",
        "--tag",
        "work,people",
        "--metadata",
        "source=slack",
    ])?;
    same(at(&retained, "/success"), &true.into())?;
    cli.json(&["retain", BANK, "The kettle in the office is broken", "--tag", "office"])?;

    let found = cli.json(&["memory", "recall", BANK, "What does Alice do?", "--chunks"])?;
    let first = at(&found, "/results/0");
    same(at(first, "/text"), &"Alice works at Google as a software engineer".into())?;
    same(at(first, "/document_id"), &"talk-1".into())?;
    same(at(first, "/context"), &"career talk".into())?;
    same(at(first, "/tags"), &serde_json::json!(["work", "people"]))?;
    same(at(first, "/metadata/source"), &"slack".into())?;
    holds(at(first, "/mentioned_at").as_str().unwrap_or_default(), "2024-01-15T10:00:00")?;
    let chunk = at(first, "/chunk_id").as_str().context("the result names no chunk")?;
    // The id may hold characters that mean something in a pointer.
    let chunk = at(&found, "/chunks").get(chunk).context("the chunk of the result is missing")?;
    holds(at(chunk, "/text").as_str().unwrap_or_default(), "Alice works at Google")?;

    let pretty = cli.output(&["recall", BANK, "What does Alice do?"])?;
    let pretty = String::from_utf8_lossy(&pretty.stdout).into_owned();
    holds(&pretty, "1. Alice works at Google as a software engineer")?;
    if pretty.contains('\u{1b}') {
        bail!("colours were printed to something that is no terminal");
    }
    Ok(())
}

fn standard_input(cli: &Cli) -> Result<()> {
    let mut child = cli
        .home
        .command()
        .env("HINDSIGHT_API_URL", cli.url)
        .args(["retain", BANK, "-", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("standard input was asked for")?
        .write_all("Grüße aus Zürich vom Zoo\n".as_bytes())?;
    same(&child.wait_with_output()?.status.code(), &Some(0))?;
    let found = cli.json(&["recall", BANK, "Zürich"])?;
    holds(&texts(&found, "results").join("\n"), "Grüße aus Zürich vom Zoo")
}

fn filters(cli: &Cli) -> Result<()> {
    let found =
        cli.json(&["recall", BANK, "Alice kettle", "--tag", "office", "--tags-match", "any_strict"])?;
    same(&texts(&found, "results"), &vec!["The kettle in the office is broken".to_owned()])?;
    let found = cli.json(&["recall", BANK, "Alice kettle", "--type", "observation"])?;
    same(&texts(&found, "results"), &Vec::new())?;
    let found = cli.json(&["recall", BANK, "Alice kettle", "--max-tokens", "12", "--budget", "low"])?;
    same(&texts(&found, "results").len(), &1)
}

fn list(cli: &Cli) -> Result<()> {
    let listed = cli.json(&["memory", "list", BANK, "--query", "kettle"])?;
    same(at(&listed, "/total"), &1.into())?;
    same(&texts(&listed, "items"), &vec!["The kettle in the office is broken".to_owned()])
}

fn delete(cli: &Cli) -> Result<()> {
    cli.json(&["retain", "short-lived", "Nobody will miss this"])?;
    let (code, chatter) = cli.failure(&["bank", "delete", "short-lived"])?;
    same(&code, &Some(1))?;
    holds(&chatter, "nothing deleted")?;
    same(&cli.output(&["bank", "delete", "short-lived", "--yes"])?.status.code(), &Some(0))?;
    same(at(&cli.json(&["bank", "list", "--query", "short-lived"])?, "/total"), &0.into())
}

fn errors(cli: &Cli) -> Result<()> {
    let (code, chatter) = cli.failure(&["recall", "nowhere", "anything"])?;
    same(&code, &Some(1))?;
    holds(&chatter, "Bank 'nowhere' not found")?;

    let (code, chatter) = cli.failure(&["retain", BANK, "   "])?;
    same(&code, &Some(1))?;
    holds(&chatter, "body.items.0.content")?;

    let (code, _) = cli.failure(&["recall", BANK])?;
    same(&code, &Some(2))?;

    let (code, chatter) = cli.failure(&["bank", "list", "--url", "http://127.0.0.1:1"])?;
    same(&code, &Some(1))?;
    let expected = "error: no server at http://127.0.0.1:1: start one with `hindsight serve`, or use `hindsight-embed`\n";
    same(&chatter.as_str(), &expected)
}

fn assets(cli: &Cli) -> Result<()> {
    let listed = cli.json(&["assets", "list"])?;
    let missing: Vec<&Value> = listed
        .as_array()
        .context("the list of assets is no list")?
        .iter()
        .filter(|row| at(row, "/state") == "missing")
        .map(|row| at(row, "/asset"))
        .collect();
    same(&missing, &Vec::new())?;
    let verified = cli.json(&["assets", "verify"])?;
    same(&verified.as_array().map(Vec::len), &Some(3))
}
