//! Files that an ordinary user cannot read or write: one clear line, and nothing half-written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::{out, refusal};
use crate::checks::{Checks, holds, same};
use crate::daemon::{Home, output_of};

pub(super) fn check(checks: &mut Checks, root: &Path, program: &Path) -> Result<()> {
    let home = Home::of_ordinary_user(root, program)?;
    checks.note("embed: a home that is read-only", read_only(&home));
    checks.note("embed: settings that may not be read", closed(&home));
    checks.note("embed: a disk that is full", full(&home));
    Ok(())
}

/// What a command says that must fail, which is one line.
fn line(home: &Home, command: &str) -> Result<String> {
    let reason = refusal(home, command)?;
    same(&reason.lines().count(), &1).with_context(|| reason.clone())?;
    Ok(reason)
}

fn with_mode<T>(path: &Path, mode: u32, look: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = fs::metadata(path)?.permissions();
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    let looked = look();
    fs::set_permissions(path, before)?;
    looked
}

fn read_only(home: &Home) -> Result<()> {
    with_mode(home.path(), 0o555, || {
        for command in ["retain bank text", "daemon start", "profile create new"] {
            let reason = line(home, &format!("hindsight-embed {command}"))?;
            holds(&reason, ".hindsight: Permission denied")?;
        }
        // Nothing has to be written to tell that nothing runs.
        let status = output_of(&mut home.shell("hindsight-embed daemon status"))?;
        holds(&String::from_utf8(status.stdout)?, "Status: Stopped")?;
        holds(&out(home, "hindsight-embed daemon stop")?, "is not running")
    })?;
    out(home, "hindsight-embed profile create new")?;
    let folder = home.path().join(".hindsight/profiles");
    with_mode(&folder, 0o555, || {
        holds(&line(home, "hindsight-embed profile create more")?, "Permission denied")?;
        holds(
            &line(home, "hindsight-embed profile set-env new HINDSIGHT_API_PORT 9999")?,
            "Permission denied",
        )
    })
}

fn closed(home: &Home) -> Result<()> {
    let path = home.path().join(".hindsight/profiles/new.env");
    with_mode(&path, 0o000, || {
        let set = "profile set-env new HINDSIGHT_API_LOG_LEVEL info";
        for command in ["-p new retain bank text", "-p new daemon start", set] {
            let reason = line(home, &format!("hindsight-embed {command}"))?;
            holds(&reason, "new.env: Permission denied")?;
        }
        // The others are none the worse.
        holds(&out(home, "hindsight-embed profile list")?, "new")?;
        out(home, "hindsight-embed profile create second").map(|_| ())
    })
}

/// Every write fails, as on a full disk.
fn full(home: &Home) -> Result<()> {
    let full = "trap '' XFSZ; ulimit -f 0; exec hindsight-embed";
    let folder = home.path().join(".hindsight/profiles");
    let files = || -> Result<Vec<_>> {
        let mut names: Vec<_> = fs::read_dir(&folder)?.flatten().map(|file| file.file_name()).collect();
        names.sort();
        Ok(names)
    };
    let (before, settings) = (files()?, fs::read(folder.join("new.env"))?);
    holds(&line(home, &format!("{full} profile create third"))?, "File too large")?;
    holds(
        &line(home, &format!("{full} profile set-env new HINDSIGHT_API_LOG_LEVEL info"))?,
        "File too large",
    )?;
    same(&files()?, &before).context("something half-written was left")?;
    same(&fs::read(folder.join("new.env"))?, &settings)?;
    holds(&line(home, &format!("{full} -p third retain bank text"))?, "File too large")
}
