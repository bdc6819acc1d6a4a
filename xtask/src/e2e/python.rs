//! The official Python client, as its users install it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::checks::Checks;
use crate::commands::{run, run_and_see};
use crate::daemon::{Daemon, cache_dir};

/// The newest client of the wire's version, and the oldest that has to work.
const CLIENTS: [&str; 2] = ["1.1.0", "0.6.1"];
const SCRIPT: &str = "xtask/e2e/client.py";

pub(super) fn check(checks: &mut Checks, root: &Path, server: &Daemon) -> Result<()> {
    CLIENTS.iter().try_for_each(|version| check_client(checks, root, server, version))
}

fn check_client(checks: &mut Checks, root: &Path, server: &Daemon, version: &str) -> Result<()> {
    let client = format!("hindsight-client=={version}");
    let python = install(root, &format!("python-{version}"), &client)?;
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

/// The Python of a virtual environment that has a package.
pub(super) fn install(root: &Path, environment: &str, package: &str) -> Result<PathBuf> {
    let folder = cache_dir(root)?.join(environment);
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .context("the checks need python3 with its venv module")?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package];
    run(Command::new(&python).args(install)).with_context(|| format!("cannot install {package}"))?;
    Ok(python)
}
