//! Servers that cannot start say why, at once, and end with an error; two servers share a database.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_client::BankFilter;
use nix::unistd::User;

use crate::checks::{Checks, holds, same};
use crate::daemon::{Daemon, Home, free_port, output_of};

/// Long enough for a slow machine, short enough to tell a reason from a timeout.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn check(checks: &mut Checks, home: &Home, server: &Daemon) {
    checks.note("start: the port is taken", port_taken(home, server));
    checks.note("start: the external database is away", database_away(home));
    checks.note("start: another bind without a key", open_bind(home));
    checks.note("start: data of another PostgreSQL", other_postgres(home));
    checks.note("start: a package that is not the pinned one", other_package(home));
    checks.note("start: a second server on the same database, with a key", second_server(home, server).await);
}

/// Standard error of a server that must not come up.
fn refusal(home: &Home, arguments: &[&str]) -> Result<String> {
    let begin = Instant::now();
    let output = home.output(&[&["serve"], arguments].concat())?;
    if begin.elapsed() > PATIENCE {
        bail!("it took {} s to give up", begin.elapsed().as_secs());
    }
    same(&output.status.code(), &Some(1))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn port_taken(home: &Home, server: &Daemon) -> Result<()> {
    let port = server.url().rsplit(':').next().context("the URL ends with a port")?;
    holds(&refusal(home, &["--port", port])?, port)
}

fn database_away(home: &Home) -> Result<()> {
    let port = free_port()?.to_string();
    let reason =
        refusal(home, &["--port", &port, "--database-url", "postgresql://me:hush@127.0.0.1:1/memories"])?;
    holds(&reason, "127.0.0.1")?;
    if reason.contains("hush") {
        bail!("the password was printed: {reason}");
    }
    Ok(())
}

fn open_bind(home: &Home) -> Result<()> {
    let port = free_port()?.to_string();
    holds(&refusal(home, &["--port", &port, "--host", "0.0.0.0"])?, "--allow-unauthenticated")
}

/// What a server that must not come up says, when that is one line besides those on what it fetches.
fn one_line(output: &Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().filter(|line| !line.starts_with("fetching ")).collect();
    let text = lines.join("\n");
    same(&output.status.code(), &Some(1)).with_context(|| text.clone())?;
    same(&lines.len(), &1).with_context(|| text.clone())?;
    if !text.starts_with("error: ") {
        bail!("that is no error: {text}");
    }
    Ok(text)
}

fn other_postgres(home: &Home) -> Result<()> {
    let data = home.path().join(".pg0/instances/foreign/data");
    fs::create_dir_all(&data)?;
    fs::write(data.join("PG_VERSION"), "12\n")?;
    if nix::unistd::Uid::effective().is_root() {
        // Root's data is refused for another reason.
        let nobody = User::from_name("nobody")?.context("there is no user nobody")?;
        std::os::unix::fs::chown(&data, Some(nobody.uid.as_raw()), None)?;
    }
    let output =
        home.output(&["serve", "--port", "0", "--log-level", "error", "--database-url", "pg0://foreign"])?;
    let reason = one_line(&output)?;
    holds(&reason, "was written by PostgreSQL 12, but only version")?;
    holds(&reason, "HINDSIGHT_PG_BIN_DIR")?;
    same(&fs::read_dir(&data)?.count(), &1).context("files beside what was there")
}

/// A package client that brings other files than asked for.
const LIAR: &str = r#"#!/bin/sh
[ "$1" = --version ] && exit 0
while [ $# -gt 0 ]; do case $1 in --dest) dest=$2;; esac; shift; done
echo 'not a package' > "$dest/package-1.0-py3-none-any.whl"
"#;

fn other_package(home: &Home) -> Result<()> {
    let folder = home.path().join(".cache/hindsight/liar");
    fs::create_dir_all(&folder)?;
    let pip = folder.join("pip");
    fs::write(&pip, LIAR)?;
    fs::set_permissions(&pip, fs::Permissions::from_mode(0o755))?;
    let mut command =
        home.shell(r"PATH=$PWD/.cache/hindsight/liar:$PATH hindsight serve --port 0 --log-level error");
    let assets = folder.join("assets");
    let reason = one_line(&output_of(command.env("HINDSIGHT_ASSETS_DIR", &assets))?)?;
    holds(&reason, "is not the expected file (SHA-256 ")?;
    let left = fs::read_dir(&assets)?.flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| !name.to_string_lossy().ends_with(".lock")).collect();
    same(&left, &Vec::new()).context("what was refused is kept")
}

async fn second_server(home: &Home, first: &Daemon) -> Result<()> {
    let second = Daemon::start_with(home, &[("HINDSIGHT_API_TENANT_API_KEY", "open sesame")]).await?;
    let list = ["bank", "list", "--url", second.url()];
    let refused = home.output(&list)?;
    same(&refused.status.code(), &Some(1))?;
    holds(&String::from_utf8_lossy(&refused.stderr), "Authentication failed: Invalid API key")?;
    let allowed = home.output(&[&list[..], &["--api-key", "open sesame"]].concat())?;
    same(&allowed.status.code(), &Some(0))?;

    // The database stays as long as somebody uses it.
    same(&second.terminate()?.code(), &Some(0))?;
    first.client.list_banks(&BankFilter::default()).await?;
    Ok(())
}
