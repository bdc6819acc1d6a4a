//! The official Python client, as its users install it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};

use crate::checks::Checks;
use crate::commands::run_and_see;
use crate::daemon::Daemon;
use crate::environments::{CLIENTS, official};

const SCRIPT: &str = "xtask/e2e/client.py";

pub(super) fn check(checks: &mut Checks, root: &Path, server: &Daemon) -> Result<()> {
    CLIENTS.iter().try_for_each(|version| check_client(checks, root, server, version))
}

fn check_client(checks: &mut Checks, root: &Path, server: &Daemon, version: &str) -> Result<()> {
    let python = official(root, version)?;
    let (passed, failed) = (checks.passed, checks.failed);
    let ended = run_and_see(Command::new(python).arg(root.join(SCRIPT)).arg(server.url()), |line| {
        if line.starts_with("ok ") {
            checks.passed += 1;
        } else if line.starts_with("FAILED ") {
            checks.failed += 1;
        }
    });
    // A script that ends badly without saying which check failed is a failure of its own.
    if let Err(error) = ended
        && checks.failed == failed
    {
        checks.note("python: the script", Err(error));
    } else if checks.passed == passed {
        checks.note("python: the script", Err(anyhow!("it made no checks")));
    }
    Ok(())
}
