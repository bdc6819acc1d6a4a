//! Virtual environments of Python below the target folder, which survive between runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::commands::run;
use crate::daemon::cache_dir;

/// The newest official client of the wire's version, and the oldest that has to work.
pub(crate) const CLIENTS: [&str; 2] = ["1.1.0", "0.6.1"];

/// The Python of an environment with this version of the official client, and nothing else.
pub(crate) fn official(root: &Path, version: &str) -> Result<PathBuf> {
    install(root, &format!("python-{version}"), &[&official_package(version)])
}

/// The official client as pip is asked for it.
pub(crate) fn official_package(version: &str) -> String {
    format!("hindsight-client=={version}")
}

/// The Python of a virtual environment that has these packages.
pub(crate) fn install(root: &Path, environment: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache_dir(root)?.join(environment);
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .context("the checks need python3 with its venv module")?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(install).args(packages))
        .with_context(|| format!("cannot install {}", packages.join(", ")))?;
    Ok(python)
}

/// The same for an environment that is made anew.
pub(crate) fn install_anew(root: &Path, environment: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache_dir(root)?.join(environment);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    install(root, environment, packages)
}
