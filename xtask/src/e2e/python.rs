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
    let mut command = Command::new(official(root, version)?);
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
