//! `cargo xtask python`: the Python package as its users meet it.
//!
//! A wheel is made of the development build and installed into a fresh environment; its types are checked, then
//! the tests in `tests/python` run: examples of documents, threads, processes that die, errors. They know where
//! everything is that they need, and run in a network of their own where that is possible: documents name ports,
//! and nothing may be fetched meanwhile. With `--overhead` the cost of our client beside the official one is
//! measured instead, with a wheel of the release build.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};
use hindsight_assets::Asset;
use regex::Regex;

use crate::checks::Checks;
use crate::commands::{run as run_command, run_and_see};
use crate::daemon::{cache_dir, fetched};
use crate::environments::{CLIENTS, install, install_anew, official, official_package};

/// What builds, types and tests, with the versions that are known to work.
const TOOLS: [&str; 2] = ["maturin>=1.16,<2", "uv>=0.13,<1"];
const CHECKERS: [&str; 2] = ["mypy>=2.4,<3", "pytest>=9.2,<10"];
const MODULES: [&str; 3] = ["hindsight", "hindsight_client", "hindsight_client_api"];
/// Makes a wheel of what is built already.
const FEATURE: &str = "as-tested";
/// What is written in Rust.
const NATIVE: &str = "hindsight._native";
const TESTS: &str = "tests/python";
/// Switches the loopback of a new network on, then becomes the program.
const OWN_NETWORK: &str = "ip link set lo up && exec \"$@\"";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure our client beside the official one instead of testing
    #[arg(long)]
    overhead: bool,
    /// Run only the tests with these words in their names, as pytest's -k
    #[arg(short = 'k', long)]
    only: Option<String>,
}

/// Makes the package and looks at it from all sides; the last line of output says how many checks passed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    if options.overhead {
        return Package::make(root, "release")?.measure();
    }
    let package = Package::make(root, "dev")?;
    let mut checks = Checks::default();
    let mut stubtest = Command::new(&package.python);
    stubtest.args(["-m", "mypy.stubtest", NATIVE]).current_dir(cache_dir(root)?);
    checks.note("types of the extension are those it has", run_command(&mut stubtest));
    for module in MODULES {
        let mut mypy = Command::new(&package.python);
        mypy.args(["-m", "mypy", "--strict", "--package", module]).current_dir(cache_dir(root)?);
        checks.note(&format!("types of {module}"), run_command(&mut mypy));
    }
    package.test(&mut checks, options)?;
    checks.finish("python")
}

/// The package, installed, and what it is looked at with.
struct Package {
    root: PathBuf,
    wheel: PathBuf,
    /// Python of an environment with the package, and what checks it.
    python: PathBuf,
    /// Folder of the programs that need not be beside the package.
    tools: PathBuf,
}

impl Package {
    fn make(root: &Path, profile: &str) -> Result<Self> {
        let tools = install(root, "python-tools", &TOOLS)?.with_file_name("");
        let wheel = build(root, &tools, profile)?;
        let name = wheel.to_str().context("the path of the wheel is no text")?;
        let python = install_anew(root, "python-package", &[&[name], CHECKERS.as_slice()].concat())?;
        Ok(Self { root: root.to_owned(), wheel, python, tools })
    }

    fn test(&self, checks: &mut Checks, options: &Options) -> Result<()> {
        let store = fetched(&self.root)?;
        let postgres = store.find(Asset::Postgres).context("PostgreSQL was fetched")?;
        let mut words = vec![self.python.clone().into(), "-m".into(), "pytest".into()];
        // As one word: pytest looks for its settings beside what it does not know.
        let mut say = |option: &str, path: &Path| {
            let mut word = OsString::from(format!("{option}="));
            word.push(path);
            words.push(word);
        };
        say("--models", &cache_dir(&self.root)?.join("assets"));
        say("--postgres", &postgres);
        say("--wheel", &self.wheel);
        say("--uvx", &self.tools.join("uvx"));
        say("--over", &self.overlaid()?);
        for version in CLIENTS {
            say("--official", &official(&self.root, version)?);
        }
        if let Some(only) = &options.only {
            words.extend(["-k".into(), only.into()]);
        }
        let mut command = in_own_network(&words);
        // Sources stay as they are, whoever runs this.
        command.current_dir(self.root.join(TESTS)).env("PYTHONDONTWRITEBYTECODE", "1");
        // Nothing but this machine is talked to, and a proxy could not reach it.
        command.env("no_proxy", "*").env("NO_PROXY", "*");

        let summary = Regex::new(r"^pytest: (\d+) passed, (\d+) failed, (\d+) skipped$")?;
        let mut counted = None;
        let ended = run_and_see(&mut command, |line| {
            if let Some(found) = summary.captures(line) {
                counted = Some([1, 2, 3].map(|group| found[group].parse::<usize>().unwrap_or_default()));
            }
        });
        match (counted, ended) {
            (Some([passed, failed, skipped]), ended) => {
                checks.passed += passed;
                checks.failed += failed;
                checks.skipped += skipped;
                if let (0, Err(error)) = (failed, ended) {
                    checks.note("pytest", Err(error));
                }
            }
            (None, ended) => {
                let silent = || Err(anyhow!("it counted no tests"));
                checks.note("pytest", ended.and_then(|()| silent()));
            }
        }
        Ok(())
    }

    /// Python of an environment where the official client was installed over the package.
    fn overlaid(&self) -> Result<PathBuf> {
        let name = self.wheel.to_str().context("the path of the wheel is no text")?;
        install_anew(&self.root, "python-over", &[name])?;
        install(&self.root, "python-over", &[&official_package(CLIENTS[0])])
    }

    fn measure(&self) -> Result<()> {
        let store = fetched(&self.root)?;
        let postgres = store.find(Asset::Postgres).context("PostgreSQL was fetched")?;
        let mut command = Command::new(&self.python);
        command
            .arg("overhead.py")
            .arg(official(&self.root, CLIENTS[0])?)
            .arg(cache_dir(&self.root)?.join("assets"))
            .arg(postgres)
            .current_dir(self.root.join(TESTS));
        run_command(&mut command)
    }
}

/// Makes the wheel.
fn build(root: &Path, tools: &Path, profile: &str) -> Result<PathBuf> {
    let wheels = cache_dir(root)?.join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    let mut maturin = Command::new(tools.join("maturin"));
    maturin.args(["build", "--profile", profile, "--auditwheel", "skip", "--out"]).arg(&wheels);
    if profile == "dev" {
        // The library is large then, and is read on this machine only.
        maturin.args(["--features", FEATURE, "--compression-method", "stored"]);
    }
    maturin.current_dir(root.join("crates/python"));
    run_command(&mut maturin)?;
    let mut made = fs::read_dir(&wheels)?.flatten().map(|entry| entry.path());
    made.find(|path| path.extension().is_some_and(|ending| ending == "whl")).context("maturin made no wheel")
}

/// A command that sees a loopback of its own, where that can be had.
fn in_own_network(words: &[OsString]) -> Command {
    let own = ["--net", "sh", "-c", OWN_NETWORK, "sh"];
    let mut attempt = Command::new("unshare");
    attempt.args(own).arg("true").stdin(Stdio::null()).stderr(Stdio::null());
    let works = attempt.status().is_ok_and(|status| status.success());
    let mut command = Command::new(if works { "unshare" } else { "env" });
    if works {
        command.args(own);
    } else {
        println!("no network of its own: ports that documents name have to be free here");
    }
    command.args(words).stdin(Stdio::null());
    command
}
