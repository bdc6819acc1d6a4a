//! Servers that cannot start say why, at once, and end with an error; two servers share a database.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_client::BankFilter;

use crate::checks::{Checks, holds, same};
use crate::daemon::{Daemon, Home, free_port};

/// Long enough for a slow machine, short enough to tell a reason from a timeout.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn check(checks: &mut Checks, home: &Home, server: &Daemon) {
    checks.note("start: the port is taken", port_taken(home, server));
    checks.note("start: the external database is away", database_away(home));
    checks.note("start: another bind without a key", open_bind(home));
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
