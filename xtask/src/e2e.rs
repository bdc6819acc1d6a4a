//! `cargo xtask e2e`: the built program as its users meet it.
//!
//! A server is started in a fresh home and driven with the command line, with raw HTTP and with the official
//! Python client; then server and database are killed between requests, and what was acknowledged has to be
//! there after a restart. Homes that are closed and disks that are full are told. In a home of its own `hindsight-embed` starts and shares daemons. All checks are
//! made, whatever fails before.

mod answers;
mod embed;
mod faults;
mod http;
mod load;
mod pg0;
mod places;
mod python;
mod remote;
mod starts;
mod transcript;

use std::path::Path;

use anyhow::Result;

use crate::checks::Checks;
use crate::daemon::{Daemon, Home, build};
use transcript::Changing;

/// What the command line written down has to print.
const HINDSIGHT: &str = "xtask/e2e/hindsight.transcript";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the transcripts anew instead of comparing them; look at the changes before they are committed
    #[arg(long)]
    update: bool,
}

/// Runs all parts; the last line of output says how many checks passed.
pub(crate) async fn run(root: &Path, options: &Options) -> Result<()> {
    let mut checks = Checks::default();
    if let Err(error) = all(&mut checks, root, options.update).await {
        checks.note("the run itself", Err(error));
    }
    checks.finish("e2e")
}

async fn all(checks: &mut Checks, root: &Path, update: bool) -> Result<()> {
    let program = build(root)?;
    let home = Home::new(root, &program)?;
    let server = Daemon::start(&home).await?;
    let changing = Changing::new(vec![
        (home.path().display().to_string(), "[home]"),
        (server.url().to_owned(), "[url]"),
        (env!("CARGO_PKG_VERSION").to_owned(), "[version]"),
    ])?;
    transcript::check(checks, &root.join(HINDSIGHT), &changing, update, |line| {
        let mut command = home.shell(line);
        command.env("HINDSIGHT_API_URL", server.url());
        command
    })?;
    remote::check(checks, root, &program, update).await?;
    http::check(checks, &server).await;
    python::check(checks, root, &server)?;
    answers::check(checks, root, &program).await?;
    load::check(checks, &home, &server).await;
    starts::check(checks, &home, &server).await;
    faults::check(checks, &home, server).await?;
    pg0::check(checks, root, &program).await?;
    places::check(checks, root, &program).await?;
    embed::check(checks, root, &program, update).await
}
