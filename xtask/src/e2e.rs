//! `cargo xtask e2e`: the built program as its users meet it.
//!
//! A server is started in a fresh home and driven with the command line, with raw HTTP and with the official
//! Python client; then server and database are killed between requests, and what was acknowledged has to be
//! there after a restart. All checks are made, whatever fails before.

mod cli;
mod faults;
mod http;
mod python;
mod starts;

use std::path::Path;

use anyhow::Result;

use crate::checks::Checks;
use crate::daemon::{Daemon, Home, build};

/// Runs all parts; the last line of output says how many checks passed.
pub(crate) async fn run(root: &Path) -> Result<()> {
    let mut checks = Checks::default();
    if let Err(error) = all(&mut checks, root).await {
        checks.note("the run itself", Err(error));
    }
    checks.finish()
}

async fn all(checks: &mut Checks, root: &Path) -> Result<()> {
    let program = build(root)?;
    let home = Home::new(root, &program)?;
    let server = Daemon::start(&home).await?;
    cli::check(checks, &home, &server);
    http::check(checks, &server).await;
    python::check(checks, root, &server)?;
    starts::check(checks, &home, &server).await;
    faults::check(checks, &home, server).await
}
