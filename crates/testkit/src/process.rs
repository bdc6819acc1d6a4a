//! Programs that tests start, stop for a while and kill.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// A program that runs. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Lines of its standard output and its standard error, if it was started to be heard.
    lines: Option<Receiver<String>>,
}

impl Process {
    /// Starts a program; its input and its outputs are as the command says.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child =
            command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Self { child, lines: None })
    }

    /// Starts a program whose outputs are read, for [`line`](Self::line). Its input stays
    /// open until it is [taken](Self::input).
    pub fn start_heard(command: &mut Command) -> Result<Self> {
        let outputs = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Self::start(outputs)?;
        let (sender, lines) = mpsc::channel();
        let stdout = process.child.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>);
        let stderr = process.child.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>);
        for output in [stdout, stderr].into_iter().flatten() {
            let sender = sender.clone();
            // Read to the end, whoever listens: a program must not hang on a full pipe.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        process.lines = Some(lines);
        Ok(process)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, which ends when the value is dropped; once only.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The next line it says that holds `part`. Fails with all it said instead when it ends,
    /// or when nothing comes for as long as `patience`.
    pub fn line(&mut self, part: &str, patience: Duration) -> Result<String> {
        let lines = self.lines.as_ref().context("the program was not started to be heard")?;
        let mut said = Vec::new();
        loop {
            match lines.recv_timeout(patience) {
                Ok(line) if line.contains(part) => return Ok(line),
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the program ended without “{part}”; it said:\n{}", said.join("\n"))
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "waited {} s for “{part}”; the program said:\n{}",
                        patience.as_secs(),
                        said.join("\n")
                    )
                }
            }
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end, but no longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begin.elapsed() > patience {
                bail!("process {} did not end within {} s", self.pid(), patience.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end (SIGTERM), and waits.
    pub fn terminate(&mut self, patience: Duration) -> Result<ExitStatus> {
        signal(self.pid(), Signal::SIGTERM)?;
        self.wait(patience)
    }

    /// Ends it without a chance to tidy up (SIGKILL).
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it where it is, see [`pause`].
    pub fn pause(&self) -> Result<()> {
        pause(self.pid())
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<()> {
        signal(self.pid(), Signal::SIGCONT)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Sends a signal to a process that is not one's own child, such as a PostgreSQL.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0).context("no process has such a number")?;
    nix::sys::signal::kill(Pid::from_raw(pid), signal)
        .with_context(|| format!("cannot send {signal} to process {pid}"))
}

/// Longest wait for a process to do nothing any more.
const STOPPING: Duration = Duration::from_mins(3);

/// Stops a process where it is (SIGSTOP): it keeps its files and connections and does nothing.
/// Waits until that is so: the signal reaches one of its threads first, and the others go on
/// until that one has had its turn.
pub fn pause(pid: u32) -> Result<()> {
    signal(pid, Signal::SIGSTOP)?;
    let is_stopped = |thread: &Path| {
        let stat = std::fs::read_to_string(thread.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
    };
    wait_for("the stop of a process", STOPPING, || {
        // Where there is no such folder, nobody can say.
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.map(|thread| thread.path()).all(|thread| is_stopped(&thread))
    })
}

/// Processes whose parent is `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|candidate| parent(*candidate) == Some(pid))
        .collect()
}

/// The parent of a process; none when there is no such process any more.
pub fn parent(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// Looks again and again until it is so; fails after `patience`.
pub fn wait_for(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > patience {
            bail!("waited {} s for {what} in vain", patience.as_secs());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
