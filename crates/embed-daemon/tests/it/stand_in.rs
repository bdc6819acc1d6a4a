//! A home of its own, and the program that is started as a daemon there.
//!
//! The daemon writes what it does to files in the home folder, and does what files there say,
//! so that tests see it from outside and make it fail.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hindsight_client::types::errors::SERVER_STOPPING;
use hindsight_embed_daemon::{
    Config, DaemonProcess, Daemons, EmbeddedClient, Home, Profile, Program, RunFile, StartOptions,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// Longest wait for something that has to happen, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Time between two looks of a daemon at whether its test is over.
const LOOK: Duration = Duration::from_millis(200);

/// A home with the profiles and daemons of a test. Daemons end when it is gone.
pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) daemons: Daemons,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// A stage whose environment says something.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::read(&|_| None).unwrap();
        config.home = Home::new(folder.path());
        change(&mut config);
        Self { folder, daemons: Daemons::new(config) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lines of a file that daemons write, empty while there is none.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        lines(&self.path(name))
    }

    /// Makes daemons do something else than usual.
    pub(crate) fn tell(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    /// How the stand-in is started.
    pub(crate) fn options() -> StartOptions {
        let own = std::env::current_exe().unwrap();
        // The harness would take the port for an option of its own.
        let script = "exec \"$0\" stand_in::serve --exact --nocapture -- \"$@\"";
        let arguments = vec!["-c".to_owned(), script.to_owned(), own.display().to_string()];
        StartOptions::new(Program { path: "sh".into(), arguments })
    }

    pub(crate) fn client(&self, profile: &Profile) -> EmbeddedClient {
        EmbeddedClient::new(self.daemons.clone(), profile.clone(), Self::options())
    }

    pub(crate) async fn run(&self, profile: &Profile) -> RunFile {
        self.daemons.ensure_running(profile, &Self::options()).await.unwrap().run
    }
}

pub(crate) fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

pub(crate) fn send(run: &RunFile, signal: Signal) {
    kill(Pid::from_raw(run.pid), signal).unwrap();
}

/// Waits for something that another process does.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn note(path: &Path, line: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The daemon. Run as a test it does nothing.
#[tokio::test]
async fn serve() {
    let Some(process) = DaemonProcess::from_env().unwrap() else { return };
    // It is started in the folder of profiles, in the home folder.
    let home = std::env::current_dir().unwrap().parent().unwrap().to_owned();
    note(&home.join("starts"), &std::process::id().to_string());
    let port: u16 = std::env::args().next_back().unwrap().parse().unwrap();
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => listener,
        Err(error) => return process.failed(&error.to_string(), true),
    };
    process.listening(listener.local_addr().unwrap()).unwrap();
    until(|| !home.join("hold").exists()).await;
    process.ready();
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    while home.exists() {
        tokio::select! {
            _ = terminated.recv() => return,
            // The test may be over.
            () = tokio::time::sleep(LOOK) => {}
            connection = listener.accept() => {
                let (connection, _) = connection.unwrap();
                if !answer(connection, &home, &process).await {
                    return;
                }
            }
        }
    }
}

/// Answers one request on its own connection; false when the daemon is to end.
async fn answer(mut connection: TcpStream, home: &Path, process: &DaemonProcess) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if connection.read(&mut byte).await.unwrap_or(0) == 0 {
            return true;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap().to_lowercase();
    if head.starts_with("get /health ") {
        if head.contains("x-hindsight-keepalive") {
            note(&home.join("signs"), process.instance_id());
        }
        let body = format!(
            r#"{{"status":"healthy","phase":"ready","profile":"{}","instance_id":"{}","in_flight":0}}"#,
            process.profile(),
            process.instance_id()
        );
        reply(&mut connection, "200 OK", &body).await;
        return true;
    }
    let key = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("no key");
    note(&home.join("requests"), &format!("{} {key}", process.instance_id()));
    if fs::remove_file(home.join("break")).is_ok() {
        return true;
    }
    if fs::remove_file(home.join("end")).is_ok() {
        let body = format!(r#"{{"detail":"{SERVER_STOPPING}"}}"#);
        reply(&mut connection, "503 Service Unavailable", &body).await;
        return false;
    }
    reply(&mut connection, "200 OK", r#"{"banks":[],"total":0,"limit":1,"offset":0}"#).await;
    true
}

async fn reply(connection: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let head = "Content-Type: application/json\r\nConnection: close";
    let text = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    // Whoever asked may be gone.
    let _ = connection.write_all(text.as_bytes()).await;
    let _ = connection.shutdown().await;
}
