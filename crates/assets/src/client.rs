//! Runs the machine's package client: it brings one pinned package into a folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::AssetError;
use crate::error::RUN;
use crate::files::tree_size;
use crate::pins::Package;
use crate::progress::Progress;

/// How long a client may bring no new byte before it is stopped.
const STALL: Duration = Duration::from_mins(2);
/// How long a client may take to tell its version.
const ANSWER: Duration = Duration::from_secs(30);
/// How often a running client is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How much of a failed client's output is shown.
const SHOWN_LINES: usize = 8;

/// A program that fetches packages by name.
#[derive(Clone, Debug)]
pub struct PackageClient {
    program: PathBuf,
    /// What comes before the client's own arguments, for `python3 -m pip`.
    prefix: &'static [&'static str],
    kind: Kind,
    stall: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pip,
    Uv,
}

/// What a client has brought.
pub(crate) enum Fetched {
    /// The package file, whose SHA-256 has to be checked.
    File(PathBuf),
    /// The unpacked package; the client has checked its SHA-256.
    Folder(PathBuf),
}

enum Failure {
    Io(io::Error),
    Stopped,
}

impl PackageClient {
    /// The client `pip`, as this program.
    pub fn pip(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), prefix: &[], kind: Kind::Pip, stall: STALL }
    }

    /// The client `uv`, as this program.
    pub fn uv(program: impl Into<PathBuf>) -> Self {
        Self { kind: Kind::Uv, ..Self::pip(program) }
    }

    /// Stops the client when it brings no new byte for this long, instead of for two minutes.
    #[must_use]
    pub fn stalled_after(self, stall: Duration) -> Self {
        Self { stall, ..self }
    }

    /// The clients tried when none are given, in order.
    pub fn defaults() -> Vec<Self> {
        let module = Self { prefix: &["-m", "pip"], ..Self::pip("python3") };
        vec![Self::pip("pip"), Self::pip("pip3"), module, Self::uv("uv")]
    }

    fn title(&self) -> String {
        let mut title = self.program.display().to_string();
        for part in self.prefix {
            title.push(' ');
            title.push_str(part);
        }
        title
    }

    /// Whether the program is there and answers.
    fn works(&self, folder: &Path) -> bool {
        let mut command = Command::new(&self.program);
        command.args(self.prefix).arg("--version");
        let deadline = Instant::now() + ANSWER;
        match run(command, &folder.join("version.log"), || Instant::now() < deadline) {
            Ok(status) => status.success(),
            Err(_) => false,
        }
    }

    fn fetch(
        &self,
        package: &Package,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, AssetError> {
        let requirements = folder.join("requirements.txt");
        let line = format!("{}=={} --hash=sha256:{}\n", package.name, package.version, package.sha256);
        fs::write(&requirements, line).map_err(AssetError::io("write", &requirements))?;
        let (target, scratch) = (folder.join("fetched"), folder.join("scratch"));
        for new in [&target, &scratch] {
            fs::create_dir_all(new).map_err(AssetError::io("create", new))?;
        }

        let mut command = Command::new(&self.program);
        command.args(self.prefix);
        match self.kind {
            Kind::Pip => {
                command.args(["download", "--no-deps", "--only-binary=:all:", "--require-hashes"]).args([
                    "--no-cache-dir",
                    "--no-input",
                    "--disable-pip-version-check",
                    "--progress-bar=off",
                    "--python-version=3.12",
                    "--implementation=cp",
                    "--abi=cp312",
                ])
            }
            Kind::Uv => command
                .args(["pip", "install", "--no-deps", "--only-binary=:all:", "--require-hashes"])
                .args([
                    "--no-cache",
                    "--no-progress",
                    "--link-mode=copy",
                    // Python itself is not what the user agreed to download.
                    "--no-python-downloads",
                    "--python-version=3.12",
                ]),
        };
        match self.kind {
            Kind::Pip => command.arg("--platform").arg(package.tag).arg("--dest").arg(&target),
            Kind::Uv => {
                command.arg("--python-platform").arg(uv_platform(package.tag)).arg("--target").arg(&target)
            }
        };
        command.arg("--requirement").arg(&requirements);
        // Clients load into their temporary folder first: here the bytes can be counted.
        command.env("TMPDIR", &scratch).env("PIP_REQUIRE_VIRTUALENV", "0");

        let log = folder.join("client.log");
        tracing::debug!(client = self.title(), package = package.title(), "fetching a package");
        let mut watch = Watch::new(package.size, self.stall, progress);
        let status = match run(command, &log, || watch.goes_on(tree_size(&target) + tree_size(&scratch))) {
            Ok(status) => status,
            Err(Failure::Stopped) if progress.is_cancelled() => {
                return Err(AssetError::Cancelled { asset: package.asset });
            }
            Err(Failure::Stopped) => {
                return Err(AssetError::Stalled { client: self.title(), seconds: self.stall.as_secs() });
            }
            Err(Failure::Io(source)) => return Err(AssetError::io(RUN, &self.program)(source)),
        };
        if !status.success() {
            return Err(AssetError::ClientFailed {
                asset: package.asset,
                client: self.title(),
                package: package.title(),
                output: last_lines(&log),
            });
        }
        match self.kind {
            Kind::Pip => only_file(&target).map(Fetched::File),
            Kind::Uv => Ok(Fetched::Folder(target)),
        }
    }
}

/// Fetches `package` into `folder` with the first client that works.
///
/// When it fails, the first working client of another kind gets a try; the error is the first.
pub(crate) fn fetch(
    clients: &[PackageClient],
    package: &Package,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Fetched, AssetError> {
    let mut failure: Option<(Kind, AssetError)> = None;
    for client in clients {
        if failure.as_ref().is_some_and(|(kind, _)| *kind == client.kind) || !client.works(folder) {
            continue;
        }
        progress.begin(&package.title(), Some(package.size));
        let outcome = client.fetch(package, folder, progress);
        progress.finish();
        match outcome {
            Ok(fetched) => return Ok(fetched),
            Err(error @ AssetError::Cancelled { .. }) => return Err(error),
            Err(error) => {
                tracing::debug!(client = client.title(), %error, "a package client failed");
                failure.get_or_insert((client.kind, error));
            }
        }
    }
    Err(failure.map_or(AssetError::NoClient { asset: package.asset }, |(_, error)| error))
}

/// Decides from the bytes that have arrived whether a client is still at work, and wanted.
struct Watch<'a> {
    total: u64,
    seen: u64,
    last_size: u64,
    last_growth: Instant,
    stall: Duration,
    progress: &'a dyn Progress,
}

impl<'a> Watch<'a> {
    fn new(total: u64, stall: Duration, progress: &'a dyn Progress) -> Self {
        Self { total, seen: 0, last_size: 0, last_growth: Instant::now(), stall, progress }
    }

    fn goes_on(&mut self, size: u64) -> bool {
        if size != self.last_size {
            self.last_size = size;
            self.last_growth = Instant::now();
        }
        // A client may hold the file twice while it moves it.
        let seen = size.min(self.total);
        if seen > self.seen {
            self.progress.advance(seen - self.seen);
            self.seen = seen;
        }
        self.last_growth.elapsed() < self.stall && !self.progress.is_cancelled()
    }
}

/// Runs a command to its end, its output going to `log`, or stops it once `goes_on` says no.
fn run(mut command: Command, log: &Path, mut goes_on: impl FnMut() -> bool) -> Result<ExitStatus, Failure> {
    let output = File::create(log).map_err(Failure::Io)?;
    let errors = output.try_clone().map_err(Failure::Io)?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let mut child = Running(command.spawn().map_err(Failure::Io)?);
    loop {
        if let Some(status) = child.0.try_wait().map_err(Failure::Io)? {
            goes_on();
            return Ok(status);
        }
        if !goes_on() {
            return Err(Failure::Stopped);
        }
        thread::sleep(TICK);
    }
}

/// A child that does not outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a child that has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `manylinux_2_28_x86_64` is `x86_64-manylinux_2_28` for uv, `macosx_14_0_arm64` is `aarch64-apple-darwin`.
fn uv_platform(tag: &str) -> String {
    if tag.starts_with("macosx") {
        return "aarch64-apple-darwin".to_owned();
    }
    for machine in ["x86_64", "aarch64"] {
        if let Some(system) = tag.strip_suffix(machine) {
            return format!("{machine}-{}", system.trim_end_matches('_'));
        }
    }
    tag.to_owned()
}

fn only_file(folder: &Path) -> Result<PathBuf, AssetError> {
    let mut files = fs::read_dir(folder).map_err(AssetError::io("read", folder))?;
    match (files.next(), files.next()) {
        (Some(Ok(entry)), None) => Ok(entry.path()),
        _ => Err(AssetError::damaged(folder, "the package client did not leave exactly one file")),
    }
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(SHOWN_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
