//! A home of its own for the built program, and a server that runs in it.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_assets::{Asset, AssetStore, NoProgress};
use hindsight_client::Client;
pub(crate) use hindsight_testkit::{Process, Signal, signal, wait_for};
use nix::unistd::User;
use tempfile::TempDir;

use crate::commands::{cargo, read, run};

/// First start with initialisation of the database, on a machine that is busy with other things.
const START_DEADLINE: Duration = Duration::from_mins(5);
/// Requests under way get 20 s, a database that does not answer 30 s.
const STOP_DEADLINE: Duration = Duration::from_mins(5);
/// No command of the program takes this long, on a busy machine either.
const COMMAND_DEADLINE: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(50);
/// Ports that are tried when somebody else is quicker.
const PORT_TRIES: usize = 10;

/// Builds the program as CI has it and answers where it is.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    run(&mut cargo(root, &["build", "--workspace"]))?;
    Ok(target_dir(root)?.join("debug/hindsight"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir(root: &Path) -> Result<PathBuf> {
    let metadata = read(&mut cargo(root, &["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata.get("target_directory").and_then(|path| path.as_str());
    Ok(PathBuf::from(target.context("cargo does not say where its target folder is")?))
}

/// A folder below the target folder that survives between runs, for what is fetched once.
pub(crate) fn cache_dir(root: &Path) -> Result<PathBuf> {
    let dir = target_dir(root)?.join("xtask");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// All assets, fetched once for all homes.
pub(crate) fn fetched(root: &Path) -> Result<AssetStore> {
    let cache = cache_dir(root)?;
    let store = AssetStore::new(cache.join("assets"), cache.join("postgres"));
    for asset in Asset::ALL {
        store.ensure(asset, &NoProgress)?;
    }
    Ok(store)
}

/// A temporary home folder, with the assets already there, and the program that runs in it.
pub(crate) struct Home {
    dir: TempDir,
    program: PathBuf,
    assets: PathBuf,
    /// Whoever runs programs here, if not the user of this process.
    user: Option<User>,
}

impl Home {
    pub(crate) fn new(root: &Path, program: &Path) -> Result<Self> {
        let store = fetched(root)?;
        let home = Self::empty(program, cache_dir(root)?.join("assets"))?;
        let installation = home.dir.path().join(".pg0/installation");
        fs::create_dir_all(&installation)?;
        if let Some(postgres) = store.find(Asset::Postgres) {
            run(Command::new("cp").arg("-a").arg(&postgres).arg(&installation))?;
        }
        Ok(home)
    }

    /// A home without PostgreSQL, that of an ordinary user also where this process is root's.
    pub(crate) fn of_ordinary_user(root: &Path, program: &Path) -> Result<Self> {
        fetched(root)?;
        let mut home = Self::empty(program, PathBuf::new())?;
        // Other users may not get at the target folder.
        home.assets = home.dir.path().join("assets");
        run(Command::new("cp").arg("-a").arg(cache_dir(root)?.join("assets")).arg(&home.assets))?;
        if nix::unistd::Uid::effective().is_root() {
            let nobody = User::from_name("nobody")?.context("there is no user nobody")?;
            run(Command::new("chown").args(["-R", "nobody"]).arg(home.dir.path()))?;
            home.user = Some(nobody);
        }
        Ok(home)
    }

    fn empty(program: &Path, assets: PathBuf) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("hindsight-e2e-").tempdir()?;
        // Run by root, PostgreSQL is another user and has to get through.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;

        // Copies: whoever builds meanwhile does not change what is checked.
        let own = dir.path().join("hindsight");
        let embed = "hindsight-embed";
        for (from, to) in [(program, &own), (&program.with_file_name(embed), &dir.path().join(embed))] {
            fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        Ok(Self { dir, program: own, assets, user: None })
    }

    /// A line for a shell that finds the programs of this home by their names.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        self.prepare(command.args(["-c", line]));
        command
    }

    /// The program in this home, untouched by the environment of whoever runs the checks.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        self.prepare(&mut command);
        command
    }

    /// Gives a command this home, and nothing of the environment of whoever runs the checks.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.dir.path().display()))
            .env("HOME", self.dir.path())
            .env("HINDSIGHT_ASSETS_DIR", &self.assets)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }

    /// Runs the program to its end, which must not take long.
    pub(crate) fn output(&self, arguments: &[&str]) -> Result<Output> {
        output_of(self.command().args(arguments))
    }

    /// The copy of the built program that runs here.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Where the assets are.
    pub(crate) fn assets(&self) -> &Path {
        &self.assets
    }

    /// The home folder.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Process id of the database, if one runs in this home.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let instances = fs::read_dir(self.dir.path().join(".pg0/instances")).ok()?;
        instances.flatten().find_map(|instance| postmaster_in(&instance.path()))
    }

    /// Process id of the database of one instance, if it runs.
    pub(crate) fn postmaster_of(&self, instance: &str) -> Option<u32> {
        postmaster_in(&self.dir.path().join(".pg0/instances").join(instance))
    }
}

fn postmaster_in(instance: &Path) -> Option<u32> {
    let text = fs::read_to_string(instance.join("data/postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

impl Drop for Home {
    fn drop(&mut self) {
        // Checks that failed leave daemons running, and killed servers their databases.
        let folders = [".hindsight", ".hindsight/profiles"].map(|folder| self.dir.path().join(folder));
        for file in folders.iter().flat_map(fs::read_dir).flatten().flatten().map(|entry| entry.path()) {
            let run = fs::read(&file).ok().filter(|_| file.to_string_lossy().ends_with("run.json"));
            let run = run.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
            let pid = run.and_then(|run| u32::try_from(run.get("pid")?.as_u64()?).ok());
            // A file may have outlived its daemon.
            let program = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            if let Some(pid) = pid.filter(|pid| program(*pid).starts_with(self.dir.path())) {
                let _ = signal(pid, Signal::SIGKILL);
            }
        }
        let instances = fs::read_dir(self.dir.path().join(".pg0/instances")).into_iter().flatten().flatten();
        for instance in instances.map(|entry| entry.path()) {
            let Some(pid) = postmaster_in(&instance) else { continue };
            // One that was killed leaves its file, which nobody would remove.
            if signal(pid, Signal::SIGQUIT).is_ok() {
                let is_gone = || postmaster_in(&instance) != Some(pid);
                let _ = wait_for("the end of PostgreSQL", STOP_DEADLINE, is_gone);
            }
        }
    }
}

/// A running server. Killed when dropped, as every process is.
pub(crate) struct Daemon {
    process: Process,
    log: PathBuf,
    pub(crate) client: Client,
}

impl Daemon {
    /// Starts the server and waits until it is healthy.
    pub(crate) async fn start(home: &Home) -> Result<Self> {
        Self::start_with(home, &[]).await
    }

    /// Starts the server with settings in its environment.
    pub(crate) async fn start_with(home: &Home, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_as("serve", "server", home, settings).await
    }

    /// Starts a worker with settings in its environment, and waits until it is healthy.
    pub(crate) async fn start_worker(home: &Home, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_as("worker", "worker", home, settings).await
    }

    async fn start_as(command: &str, name: &str, home: &Home, settings: &[(&str, &str)]) -> Result<Self> {
        let mut left = PORT_TRIES;
        loop {
            let port = free_port()?;
            let log = home.dir.path().join(format!("{name}-{port}.log"));
            let output = fs::File::create(&log)?;
            let mut program = home.command();
            program
                .args([command, "--port", &port.to_string()])
                .envs(settings.iter().copied())
                .stdout(output.try_clone()?)
                .stderr(output);
            let started = Self::follow(Process::start(&mut program)?, port, log).await;
            left -= 1;
            match started {
                Err(error) if left > 0 && error.to_string().contains(&format!("port {port} is taken")) => {}
                started => return started,
            }
        }
    }

    /// A server that was started on a port, and writes what it says to a log; waits until it is
    /// healthy.
    pub(crate) async fn follow(process: Process, port: u16, log: PathBuf) -> Result<Self> {
        let client = Client::new(&format!("http://127.0.0.1:{port}"))?;
        let mut daemon = Self { process, log, client };
        daemon.wait_until_healthy().await?;
        Ok(daemon)
    }

    async fn wait_until_healthy(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < START_DEADLINE {
            if let Some(status) = self.process.ended()? {
                bail!("the server ended at its start ({status}):\n{}", self.log_text());
            }
            if self.client.health().await.is_ok_and(|health| health.status == "healthy") {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("the server was not healthy after {} s:\n{}", START_DEADLINE.as_secs(), self.log_text())
    }

    /// Process id of the server.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn url(&self) -> &str {
        self.client.base_url()
    }

    /// What the server has written.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends the server without a chance to tidy up.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// Waits for the end of a server that was asked to by other means.
    pub(crate) fn wait(mut self) -> Result<ExitStatus> {
        self.process.wait(STOP_DEADLINE)
    }

    /// Asks the server to end and waits for it.
    pub(crate) fn terminate(mut self) -> Result<ExitStatus> {
        self.process.terminate(STOP_DEADLINE)
    }
}

/// Runs a program to its end and kills it when it takes too long.
pub(crate) fn output_of(command: &mut Command) -> Result<Output> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.context("cannot run the built program")?;
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    match end.recv_timeout(COMMAND_DEADLINE) {
        Ok(output) => Ok(output?),
        Err(_) => {
            signal(pid, Signal::SIGKILL)?;
            bail!("the program did not end within {} s", COMMAND_DEADLINE.as_secs())
        }
    }
}

/// A port that nobody listens on just now.
pub(crate) fn free_port() -> Result<u16> {
    free_ports().map(|[port]| port)
}

/// Different ones.
pub(crate) fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    let mut listeners = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}
