//! Places where nothing can be written: a home folder that is closed, and a disk that is full.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_client::types::recall::RecallRequest;
use hindsight_client::types::retain::MemoryItem;
use hindsight_client::{ClientError, MemoryFilter};
use hindsight_testkit::{audit, children, use_up_log};
use nix::unistd::Uid;

use crate::checks::{Checks, holds, same};
use crate::daemon::{Daemon, Home, Process, Signal, free_ports, output_of, signal};

/// Room for a new database and a little more.
const DISK: &str = "size=96m,mode=755";
const BANK: &str = "b";
/// More than a disk of that size holds.
const RETAINS: usize = 500;
/// Longest wait for the database to be back when there is room again.
const RECOVERY: Duration = Duration::from_mins(5);
const FULL: &str = "full disk: told, nothing half-written, and gone when there is room";

pub(super) async fn check(checks: &mut Checks, root: &Path, program: &Path) -> Result<()> {
    let home = Home::of_ordinary_user(root, program)?;
    checks
        .note("closed home: the server names it and the way out", closed(&home, "hindsight serve --port 0"));
    checks.note(
        "closed home: so does the daemon manager",
        closed(&home, "hindsight-embed -p closed daemon start"),
    );
    match obstacle() {
        Some(reason) => checks.skip(FULL, reason),
        None => checks.note(FULL, full(root, program).await),
    }
    Ok(())
}

fn closed(home: &Home, line: &str) -> Result<()> {
    fs::set_permissions(home.path(), Permissions::from_mode(0o555))?;
    let output = output_of(&mut home.shell(line));
    // Or it could not be removed.
    fs::set_permissions(home.path(), Permissions::from_mode(0o755))?;
    let output = output?;
    let reason = String::from_utf8_lossy(&output.stderr);
    same(&output.status.code(), &Some(1)).with_context(|| reason.clone().into_owned())?;
    let last = reason.lines().last().unwrap_or_default();
    holds(last, &format!("cannot create {}/.", home.path().display()))?;
    holds(last, "set HOME to a folder where it may")
}

/// Why no disk can be made here that only one server sees.
fn obstacle() -> Option<&'static str> {
    if !Uid::effective().is_root() {
        return Some("only root can make a small disk");
    }
    let mounted = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--mount-proc", "mount", "-t", "tmpfs", "none", "/mnt"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = mounted.is_ok_and(|status| status.success());
    (!works).then_some("unshare and mount do not work here")
}

async fn full(root: &Path, program: &Path) -> Result<()> {
    let home = Home::new(root, program)?;
    fs::create_dir_all(home.path().join(".pg0/instances"))?;
    let server = Boxed::start(&home).await?;
    let kept = server.retain_until_full().await?;
    server.free()?;
    server.recover("The password of the day is quince").await?;
    server.end_by_full_log().await?;
    server.free()?;
    server.recover("The word of the night is walrus").await?;

    let first = server.daemon.client.list_memories(BANK, &MemoryFilter::default()).await?;
    same(&first.total, &i64::try_from(kept + 2)?).context("what was acknowledged, and nothing else")?;
    same(&audit(&server.database).await?, &Vec::new())?;
    let told = server.daemon.log_text().matches("no space left for the database in").count();
    same(&told, &1).context("how often the log says that the database does not come back")?;
    server.start_on_full_disk(&home)?;
    server.end()
}

/// A server with processes and a small disk of its own, which all go with it.
struct Boxed {
    daemon: Daemon,
    /// The server, seen from outside.
    pid: u32,
    /// URL of its database.
    database: String,
    /// Fills what is left of its disk.
    filler: PathBuf,
}

impl Boxed {
    async fn start(home: &Home) -> Result<Self> {
        let [port, database_port] = free_ports()?;
        let url = format!("me:secret@full:{database_port}");
        let script = format!(
            "mount -t tmpfs -o {DISK} none .pg0/instances && \
             exec hindsight serve --port {port} --database-url pg0://{url}"
        );
        let log = home.path().join(format!("server-{port}.log"));
        let output = File::create(&log)?;
        let mut command = Command::new("unshare");
        home.prepare(command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]));
        command.args(["sh", "-c", &script]).stdout(output.try_clone()?).stderr(output);
        let process = Process::start(&mut command)?;
        let shell = process.pid();
        let daemon = Daemon::follow(process, port, log).await?;
        let pid = *children(shell).first().context("the server runs below unshare")?;
        let filler = format!("/proc/{pid}/root{}/.pg0/instances/filler", home.path().display());
        let database = format!("postgresql://me:secret@127.0.0.1:{database_port}/hindsight");
        Ok(Self { daemon, pid, database, filler: filler.into() })
    }

    /// Writes until nothing goes any more; answers how many texts were acknowledged.
    async fn retain_until_full(&self) -> Result<usize> {
        let client = &self.daemon.client;
        let text = |number| format!("Crate {number} of the warehouse holds {number} lamps");
        client.retain(BANK, MemoryItem::new(text(0).as_str())).await?;
        self.fill()?;
        for number in 1..RETAINS {
            let Err(error) = client.retain(BANK, MemoryItem::new(text(number).as_str())).await else {
                continue;
            };
            is_about_space(&error)?;
            let mut kept = number;
            for _ in 0..10 {
                match client.retain(BANK, MemoryItem::new("Another text")).await {
                    // A short one may still fit somewhere.
                    Ok(_) => kept += 1,
                    Err(error) => is_about_space(&error)?,
                }
            }
            return Ok(kept);
        }
        bail!("{RETAINS} texts found room on a disk that is full")
    }

    /// Lets PostgreSQL run into the end of its disk where it cannot go on, and waits until health
    /// says so.
    async fn end_by_full_log(&self) -> Result<()> {
        self.fill()?;
        use_up_log(&self.database).await?;
        let begin = Instant::now();
        loop {
            match self.daemon.client.retain(BANK, MemoryItem::new("One text too many")).await {
                Ok(_) => bail!("a database that has ended took a text"),
                Err(error) => is_about_space(&error)?,
            }
            let problem = self.daemon.client.health().await?.error;
            if problem.is_some_and(|problem| problem.contains("no space left for the database in")) {
                return Ok(());
            }
            if begin.elapsed() > RECOVERY {
                bail!("health does not name the disk:\n{}", self.daemon.log_text());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Retains a text as soon as that goes again, and finds it.
    async fn recover(&self, text: &str) -> Result<()> {
        let client = &self.daemon.client;
        let begin = Instant::now();
        while let Err(error) = client.retain(BANK, MemoryItem::new(text)).await {
            same(&error.status(), &Some(503)).with_context(|| error.to_string())?;
            if begin.elapsed() > RECOVERY {
                bail!("the server did not recover: {error}\n{}", self.daemon.log_text());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let found = client.recall(BANK, &RecallRequest::new(text)).await?;
        same(&found.results.first().map(|memory| memory.text.as_str()), &Some(text))
    }

    fn fill(&self) -> Result<()> {
        let mut filler = File::create(&self.filler)?;
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(&self.filler)?)
    }

    /// A new schema finds no room either.
    fn start_on_full_disk(&self, home: &Home) -> Result<()> {
        self.fill()?;
        let url = self.database.as_str();
        let mut command = home.command();
        command.args(["serve", "--port", "0", "--log-level", "error", "--database-url", url]);
        let output = output_of(command.env("HINDSIGHT_API_DATABASE_SCHEMA", "second"))?;
        self.free()?;
        let reason = String::from_utf8_lossy(&output.stderr);
        same(&output.status.code(), &Some(1)).with_context(|| reason.clone().into_owned())?;
        holds(&reason, "no space left for the database")
    }

    fn end(self) -> Result<()> {
        // The outer process hands on no signals.
        signal(self.pid, Signal::SIGTERM)?;
        same(&self.daemon.wait()?.code(), &Some(0))
    }
}

/// 503 that names the disk.
fn is_about_space(error: &ClientError) -> Result<()> {
    match error {
        ClientError::Api { status: 503, .. } => holds(&error.to_string(), "no space left for the database"),
        other => bail!("expected 503, found {other}"),
    }
}
