//! The official Python client, as its users install it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::checks::Checks;
use crate::commands::{run, run_and_see};
use crate::daemon::{Daemon, cache_dir};

/// The newest client of the wire's version, and the oldest that has to work.
const CLIENTS: [&str; 2] = [NEWEST, "0.6.1"];
/// The client of the wire's version.
pub(super) const NEWEST: &str = "1.1.0";
const SCRIPT: &str = "xtask/e2e/client.py";

pub(super) fn check(checks: &mut Checks, root: &Path, server: &Daemon) -> Result<()> {
    CLIENTS.iter().try_for_each(|version| check_client(checks, root, server, version))
}

fn check_client(checks: &mut Checks, root: &Path, server: &Daemon, version: &str) -> Result<()> {
    let client = format!("hindsight-client=={version}");
    let python = install(root, &format!("python-{version}"), &client)?;
    let mut command = Command::new(python);
    command.arg(root.join(SCRIPT)).arg(server.url());
    run_script(command).note(checks, "python: the script");
    Ok(())
}

/// What a script of checks has shown.
pub(super) struct Script {
    passed: usize,
    failed: usize,
    ended: Result<()>,
}

/// Runs a script that prints a line for every check, `ok …` or `FAILED …`.
pub(super) fn run_script(mut command: Command) -> Script {
    let (mut passed, mut failed) = (0, 0);
    let ended = run_and_see(&mut command, |line| {
        if line.starts_with("ok ") {
            passed += 1;
        } else if line.starts_with("FAILED ") {
            failed += 1;
        }
    });
    Script { passed, failed, ended }
}

impl Script {
    /// Counts its checks. A script that ends badly without saying which failed, or that makes none, is a
    /// failure of its own.
    pub(super) fn note(self, checks: &mut Checks, name: &str) {
        let Self { passed, failed, ended } = self;
        checks.passed += passed;
        checks.failed += failed;
        if let Err(error) = ended
            && failed == 0
        {
            checks.note(name, Err(error));
        } else if passed == 0 {
            checks.note(name, Err(anyhow!("it made no checks")));
        }
    }
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
