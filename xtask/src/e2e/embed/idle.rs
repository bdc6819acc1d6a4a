//! Daemons that end when nobody uses them, and what counts as use.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{is_gone, out, pid, port, stalled_retain};
use crate::checks::{Checks, holds, same};
use crate::daemon::{Home, wait_for};

/// Every call of these checks.
const CALL: &str = "HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT=5 hindsight-embed -p lazy";
/// Longer than a daemon lives that is not used.
const TOO_LONG: Duration = Duration::from_secs(8);
/// Longest wait for one that has nothing to do to be gone: its 5 s, 2 s for the end of its
/// database, and what a busy machine adds.
const END: Duration = Duration::from_mins(2);

pub(super) async fn check(checks: &mut Checks, home: &Home) {
    let name = "embed: what is under way keeps a daemon, looking at it does not";
    match lives(home).await {
        Ok(gone_after) => {
            checks.note(name, Ok(()));
            println!("        gone {:.1} s after the last use, with its database", gone_after.as_secs_f64());
        }
        Err(error) => checks.note(name, Err(error)),
    }
    checks.note("embed: a daemon that has ended leaves its memories, no files", left(home));
}

async fn lives(home: &Home) -> Result<Duration> {
    out(home, &format!("{CALL} retain notes 'The lamp is green'"))?;
    let process = pid(home, "lazy")?;
    let still = |what: &'static str| same(&pid(home, "lazy")?, &process).context(what);

    let stalled = stalled_retain(port(home, "lazy")?, "The door is blue")?;
    tokio::time::sleep(TOO_LONG).await;
    still("it ended while a request came in")?;
    holds(&stalled.finish()?, "200 OK")?;

    let until = Instant::now() + TOO_LONG;
    while Instant::now() < until {
        health(port(home, "lazy")?, "X-Hindsight-Keepalive: 1\r\n")?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    still("it ended although a client said that it is wanted")?;
    let last = Instant::now();
    let at = port(home, "lazy")?;
    wait_for("the end of a daemon that is only looked at", END, || {
        let _ = health(at, "");
        is_gone(home, "lazy")
    })?;
    Ok(last.elapsed())
}

fn left(home: &Home) -> Result<()> {
    let folder = home.path().join(".hindsight");
    for file in
        ["daemon-lazy.sock", "profiles/lazy.run.json", "profiles/lazy.run.lock", "profiles/lazy.lock.owner"]
    {
        if exists(&folder, file) {
            bail!("{file} was left");
        }
    }
    holds(&out(home, &format!("{CALL} recall notes door"))?, "The door is blue")?;
    out(home, "hindsight-embed -p lazy daemon stop").map(|_| ())
}

/// Whether the file is there, once the daemon had the time to remove it.
fn exists(folder: &Path, file: &str) -> bool {
    wait_for("the end of a file", END, || !folder.join(file).exists()).is_err()
}

fn health(port: u16, header: &str) -> Result<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        connection,
        "GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}Connection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    holds(&answer, "200 OK")
}
