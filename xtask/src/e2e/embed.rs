//! `hindsight-embed` in a home of its own: daemons start, are shared, end by themselves, and come back.

mod idle;
mod limits;
mod logs;
mod rivals;
mod stops;

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::transcript::{self, Changing};
use crate::checks::{Checks, at, holds, same};
use crate::daemon::{Home, Signal, output_of, signal};

const TRANSCRIPT: &str = "xtask/e2e/hindsight-embed.transcript";
/// Calls at the same instant.
const CALLS: usize = 20;

pub(super) async fn check(checks: &mut Checks, root: &Path, program: &Path, update: bool) -> Result<()> {
    let home = Home::new(root, program)?;
    let changing = Changing::new(vec![
        (home.path().display().to_string(), "[home]"),
        (env!("CARGO_PKG_VERSION").to_owned(), "[version]"),
    ])?;
    transcript::check(checks, &root.join(TRANSCRIPT), &changing, update, |line| home.shell(line))?;
    checks.note("embed: calls at the same instant share one daemon", shared(&home));
    checks.note("embed: a killed daemon is replaced, its memories are there", killed(&home));
    idle::check(checks, &home).await;
    rivals::check(checks, &home);
    stops::check(checks, &home);
    checks.note("embed: a log is rotated and followed", logs::followed(&home));
    checks.note("embed: files of dead daemons mean nothing", leftovers(&home));
    checks.note("embed: another program on the port", foreign(&home));
    checks.note("embed: settings that cannot be read", unreadable(&home));
    checks.note("embed: all daemons stop", all_stop(&home));
    limits::check(checks, root, program)
}

/// What a command that must succeed prints.
fn out(home: &Home, line: &str) -> Result<String> {
    let output = output_of(&mut home.shell(line))?;
    if !output.status.success() {
        bail!("{line}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What a command says that must fail.
fn refusal(home: &Home, line: &str) -> Result<String> {
    let output = output_of(&mut home.shell(line))?;
    same(&output.status.code(), &Some(1))?;
    Ok(String::from_utf8(output.stderr)?)
}

fn run_file(home: &Home, profile: &str) -> Result<Value> {
    let path = home.path().join(format!(".hindsight/profiles/{profile}.run.json"));
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

fn pid(home: &Home, profile: &str) -> Result<u32> {
    let run = run_file(home, profile)?;
    Ok(u32::try_from(at(&run, "/pid").as_u64().context("the run file names no process")?)?)
}

fn port(home: &Home, profile: &str) -> Result<u16> {
    let run = run_file(home, profile)?;
    Ok(u16::try_from(at(&run, "/port").as_u64().context("the run file names no port")?)?)
}

/// A retain that has begun and goes on when its rest is written.
struct Stalled {
    connection: TcpStream,
    rest: String,
}

/// Longest wait for a server that has a request to ask for its body.
const ASKING: Duration = Duration::from_mins(3);

/// Sends a retain but for the end of its body. When this returns the server is at it: it has
/// asked for the body.
fn stalled_retain(port: u16, text: &str) -> Result<Stalled> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    let body = serde_json::json!({"items": [{"content": text}]}).to_string();
    let (first, rest) = body.split_at(20);
    let length = body.len();
    let head = "Content-Type: application/json\r\nConnection: close\r\nExpect: 100-continue";
    write!(
        connection,
        "POST /v1/default/banks/notes/memories HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\nContent-Length: {length}\r\n\r\n"
    )?;
    connection.set_read_timeout(Some(ASKING))?;
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut go_on)?;
    holds(&String::from_utf8_lossy(&go_on), "100 Continue")?;
    write!(connection, "{first}")?;
    Ok(Stalled { connection, rest: rest.to_owned() })
}

impl Stalled {
    /// The answer to the whole request.
    fn finish(mut self) -> Result<String> {
        self.connection.write_all(self.rest.as_bytes())?;
        let mut answer = String::new();
        self.connection.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn is_gone(home: &Home, profile: &str) -> bool {
    run_file(home, profile).is_err() && home.postmaster_of(&format!("hindsight-embed-{profile}")).is_none()
}

fn shared(home: &Home) -> Result<()> {
    let call = |number: usize| -> Result<Child> {
        let line = format!("hindsight-embed -p herd retain calls 'Call number {number}' -o json");
        Ok(home.shell(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    };
    let calls = (0..CALLS).map(call).collect::<Result<Vec<_>>>()?;
    for call in calls {
        let output = call.wait_with_output()?;
        if !output.status.success() {
            bail!("a call failed: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let listed = out(home, "hindsight-embed -p herd memory list calls -o json")?;
    same(at(&serde_json::from_str(&listed)?, "/total"), &CALLS.into())?;
    // Who joins a daemon needs no room on the disk.
    let full = "trap '' XFSZ; ulimit -f 0; exec hindsight-embed";
    holds(
        &out(home, &format!("{full} -p herd recall calls 'Call number 3' --max-tokens 30"))?,
        "✓ Call number 3",
    )?;
    let log = fs::read_to_string(home.path().join(".hindsight/profiles/herd.log"))?;
    same(&log.matches("ready").count(), &1)
}

fn killed(home: &Home) -> Result<()> {
    let before = pid(home, "herd")?;
    signal(before, Signal::SIGKILL)?;
    let found = out(home, "hindsight-embed -p herd recall calls 'Call number 7' --max-tokens 30")?;
    holds(&found, "✓ Call number 7\n")?;
    if pid(home, "herd")? == before {
        bail!("the daemon that was killed is still named");
    }
    out(home, "hindsight-embed -p herd daemon stop").map(|_| ())
}

/// Files that name a process that is somebody else's now.
fn leftovers(home: &Home) -> Result<()> {
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn()?;
    let looked = (|| {
        let folder = home.path().join(".hindsight/profiles");
        let run = format!(
            r#"{{"schema":1,"pid":{},"start_time":1,"port":1,"url":"http://127.0.0.1:1","version":"0.0.0",
            "instance_id":"x","profile":"stale","database":"pg0://x","started_by":"sdk","idle_timeout":0}}"#,
            stranger.id()
        );
        for text in [run.as_str(), "{broken", ""] {
            fs::write(folder.join("stale.run.json"), text)?;
            fs::write(folder.join("stale.lock"), "")?;
            fs::write(folder.join("stale.lock.owner"), format!("{}\n", stranger.id()))?;
            fs::write(folder.join("stale.run.lock"), "")?;
            let status = output_of(&mut home.shell("hindsight-embed -p stale daemon status"))?;
            holds(&String::from_utf8(status.stdout)?, "Status: Stopped")?;
            holds(&out(home, "hindsight-embed -p stale daemon stop --force --timeout 1")?, "is not running")?;
            out(home, "hindsight-embed -p stale retain bank 'Something to keep'")?;
            out(home, "hindsight-embed -p stale daemon stop")?;
        }
        if stranger.try_wait()?.is_some() {
            bail!("a process of somebody else was ended");
        }
        Ok(())
    })();
    stranger.kill()?;
    stranger.wait()?;
    looked
}

fn foreign(home: &Home) -> Result<()> {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let chosen = taken.local_addr()?.port();
    // Chosen by somebody: refused. Found before: another one is found.
    out(home, &format!("hindsight-embed profile create chosen --port {chosen}"))?;
    let reason = refusal(home, "hindsight-embed -p chosen daemon start")?;
    holds(&reason, &format!("port {chosen} of profile 'chosen' is used by another program"))?;

    let (first, taken) = port_of_a_stopped_daemon(home)?;
    out(home, "hindsight-embed -p moving daemon start")?;
    let second = port(home, "moving")?;
    drop(taken);
    let ports = BTreeSet::from([first, second]);
    same(&ports.len(), &2)?;
    out(home, "hindsight-embed -p moving daemon stop").map(|_| ())
}

/// Times that a port is found which somebody else takes before these checks do.
const TRIES: usize = 20;

/// Starts and stops a daemon; its port is taken by the listener from then on. Whatever else runs on
/// this machine may be quicker.
fn port_of_a_stopped_daemon(home: &Home) -> Result<(u16, TcpListener)> {
    for _ in 0..TRIES {
        out(home, "hindsight-embed -p moving daemon start")?;
        let found = port(home, "moving")?;
        out(home, "hindsight-embed -p moving daemon stop")?;
        match TcpListener::bind(("127.0.0.1", found)) {
            Ok(taken) => return Ok((found, taken)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("others took the port each of {TRIES} times")
}

fn unreadable(home: &Home) -> Result<()> {
    let path = home.path().join(".hindsight/profiles/odd.env");
    fs::write(&path, [0xff, 0xfe, b'=', b'1'])?;
    let reason = refusal(home, "hindsight-embed -p odd daemon start")?;
    holds(&reason, "odd.env is not UTF-8 text; correct or remove it")?;
    fs::write(&path, "HINDSIGHT_API_PORT=many\n")?;
    holds(
        &refusal(home, "hindsight-embed -p odd daemon start")?,
        "HINDSIGHT_API_PORT: 'many' is not usable",
    )?;
    fs::write(&path, "HINDSIGHT_API_LOG_LEVEL=loud\n")?;
    holds(
        &refusal(home, "hindsight-embed -p odd daemon start")?,
        "HINDSIGHT_API_LOG_LEVEL: 'loud' is not usable",
    )?;
    fs::write(&path, "HINDSIGHT_EMBED_API_DATABASE_URL=postgresql://me:hush@127.0.0.1:1/x\n")?;
    let reason = refusal(home, "hindsight-embed -p odd daemon start")?;
    holds(&reason, "cannot reach the database")?;
    if reason.contains("hush") {
        bail!("the password was printed: {reason}");
    }
    Ok(())
}

fn all_stop(home: &Home) -> Result<()> {
    let listed: Value = serde_json::from_str(&out(home, "hindsight-embed profile list -o json")?)?;
    for entry in listed.as_array().context("the profiles are no list")? {
        let name = at(entry, "/name").as_str().context("a profile without a name")?;
        out(home, &format!("hindsight-embed -p {name} daemon stop"))?;
    }
    same(&home.postmaster(), &None)
}
