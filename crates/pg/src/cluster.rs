//! Creating a cluster, and giving it its user and database while it is stopped.
//!
//! A cluster is made in a folder of its own and renamed to `data` when it is complete, so
//! a kill at any point leaves either no data or all of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::command::{add_settings, essence, run};
use crate::error::{IoContext, PgError, RUN, Result};
use crate::layout::{create_private_dir, give};
use crate::record::Record;

/// Marks what belongs to an initialisation or a deletion that is not finished.
pub(crate) const UNFINISHED: &str = ".tmp-";

/// How long a program may work on a cluster that is stopped: a second on most machines, but
/// one that was killed is recovered first.
const PREPARATION: Duration = Duration::from_mins(5);

/// The major version that wrote `data`; none when there is no data yet.
pub(crate) fn major_version(data: &Path) -> Result<Option<u32>> {
    let text = match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).doing("read", &data.join("PG_VERSION")),
    };
    match text.trim().parse() {
        Ok(major) => Ok(Some(major)),
        // An empty folder may be left by an installer; an unfinished one is nobody's to delete.
        Err(_) if fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none()) => Ok(None),
        Err(_) => Err(PgError::NotACluster(data.to_owned())),
    }
}

/// Creates the cluster `instance/data` with the user and database of `record`, which is
/// written before the data appears: data without its password could not be opened.
///
/// The caller holds the lock of the instance, so every unfinished one is a dead one's.
pub(crate) fn create(
    instance: &Path,
    binaries: &Binaries,
    account: Option<&Account>,
    record: &Record,
) -> Result<()> {
    remove_unfinished(instance);
    let own = std::process::id();
    let unfinished = instance.join(format!("data{UNFINISHED}{own}"));
    let password = instance.join(format!("password{UNFINISHED}{own}"));
    let made = write_password(&password, &record.password, account)
        .and_then(|()| create_private_dir(&unfinished, account))
        .and_then(|()| run_initdb(&unfinished, &password, binaries, account, record))
        .and_then(|()| give_access(&unfinished, binaries, account, record))
        .and_then(|()| record.write(instance))
        .and_then(|()| publish(&unfinished, instance));
    // Best effort: what stays is removed by the next start.
    let _ = fs::remove_file(&password);
    if made.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

fn publish(unfinished: &Path, instance: &Path) -> Result<()> {
    let data = instance.join("data");
    // Replaces an empty folder.
    fs::rename(unfinished, &data).doing("create", &data)?;
    fs::File::open(instance).and_then(|folder| folder.sync_all()).doing("write", instance)
}

fn remove_unfinished(instance: &Path) {
    for entry in fs::read_dir(instance).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().contains(UNFINISHED) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        if let Err(error) = removed {
            // An initdb that outlived its killed parent may still write there; it ends by itself.
            tracing::debug!(path = %path.display(), %error, "an unfinished database stays until the next start");
        }
    }
}

fn write_password(path: &Path, password: &str, account: Option<&Account>) -> Result<()> {
    let options = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    options().and_then(|mut file| file.write_all(password.as_bytes())).doing("write", path)?;
    account.map_or(Ok(()), |account| give(path, account))
}

fn run_initdb(
    data: &Path,
    password: &Path,
    binaries: &Binaries,
    account: Option<&Account>,
    record: &Record,
) -> Result<()> {
    let mut command = binaries.command("initdb", account);
    command
        .arg("--pgdata")
        .arg(data)
        .arg("--pwfile")
        .arg(password)
        .args(["--username", &record.username])
        .args(["--auth=scram-sha-256", "--encoding=UTF8", "--wal-segsize=1", "--data-checksums"])
        // Collation by code point, the same on every machine. The character type must know
        // UTF-8 all the same: with plain C, pg_trgm drops every letter outside ASCII.
        .args([
            "--locale=C",
            if cfg!(target_os = "macos") { "--lc-ctype=en_US.UTF-8" } else { "--lc-ctype=C.UTF-8" },
        ]);
    if binaries.major >= 17 {
        command.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    }
    let output = run(command, "", PREPARATION).doing(RUN, &binaries.bin.join("initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if is_disk_full(&said) {
        return Err(PgError::DiskFull(data.to_owned()));
    }
    Err(PgError::InitFailed { log: essence(&said) })
}

/// Makes sure that user, password and database of `record` exist in a stopped cluster.
/// May be repeated.
pub(crate) fn give_access(
    data: &Path,
    binaries: &Binaries,
    account: Option<&Account>,
    record: &Record,
) -> Result<()> {
    let Record { username, password, database, .. } = record;
    let (user, password) = (identifier(username), literal(password));
    let statements = [
        format!("CREATE ROLE {user} SUPERUSER LOGIN"),
        format!("ALTER ROLE {user} SUPERUSER LOGIN PASSWORD {password}"),
        format!("CREATE DATABASE {} OWNER {user}", identifier(database)),
    ];
    let mut command = binaries.command("postgres", account);
    command.arg("--single").arg("-D").arg(data);
    add_settings(
        &mut command,
        [("lc_messages", "C"), ("logging_collector", "off"), ("log_min_error_statement", "panic")],
    );
    command.arg("postgres");
    // One statement a line.
    let input = statements.join("\n") + "\n";
    let output = run(command, &input, PREPARATION).doing(RUN, &binaries.bin.join("postgres"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let failed = |line: &str| {
        let serious = ["ERROR:", "FATAL:", "PANIC:"].iter().any(|mark| line.contains(mark));
        serious && !line.trim_end().ends_with("already exists")
    };
    if output.status.success() && !said.lines().any(failed) {
        return Ok(());
    }
    if is_disk_full(&said) {
        return Err(PgError::DiskFull(data.to_owned()));
    }
    // The statements, one with the password, are in the output too.
    let lines: Vec<&str> = said.lines().filter(|line| failed(line)).collect();
    Err(PgError::InitFailed { log: essence(&lines.join("\n")) })
}

pub(crate) fn is_disk_full(log: &str) -> bool {
    log.contains("No space left on device") || log.contains("Disk quota exceeded")
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Where an instance keeps its cluster.
pub(crate) fn data_dir(instance: &Path) -> PathBuf {
    instance.join("data")
}
