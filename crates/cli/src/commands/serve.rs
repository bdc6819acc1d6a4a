//! `hindsight serve` and `hindsight worker`.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use hindsight_embed_daemon::DaemonProcess;
use hindsight_server::Config;

use super::Outcome;
use crate::args::{ProcessArguments, ServeArguments, WorkerArguments};
use crate::embed;
use crate::progress::Bar;
use crate::settings::TABLES;

/// Names of the programs that read files when they are asked to.
const OURS: [&str; 2] = ["hindsight", "hindsight-embed"];

pub(crate) async fn run(arguments: ServeArguments) -> Result<Outcome> {
    // First of all: it decides where messages go.
    if let Some(process) = DaemonProcess::from_env()? {
        return embed::serve(process, arguments).await;
    }
    Box::pin(run_with(with_arguments(Config::for_server(&TABLES)?, arguments))).await
}

/// A worker by itself.
pub(crate) async fn work(arguments: WorkerArguments) -> Result<Outcome> {
    let mut config = Config::for_worker(&TABLES)?;
    config.host = arguments.host.unwrap_or(config.host);
    config.port = arguments.port.unwrap_or(config.port);
    Box::pin(run_with(with_process(config, arguments.process))).await
}

async fn run_with(mut config: Config) -> Result<Outcome> {
    config.progress = Arc::new(Bar::default());
    match &config.log_file {
        None => hindsight_server::init_logging(&config, std::io::stderr)?,
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let file = file.with_context(|| format!("cannot write the log to {}", path.display()))?;
            hindsight_server::init_logging(&config, Mutex::new(file))?;
        }
    }
    hindsight_server::serve(config).await?;
    Ok(Outcome::Good)
}

/// The program that runs here, if it is one of ours and not somebody's Python.
fn own_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let is_ours = program.file_stem().is_some_and(|name| OURS.iter().any(|ours| name == *ours));
    // The very image that runs, whatever has come to stand in its place since.
    let image = PathBuf::from("/proc/self/exe");
    is_ours.then(|| if image.exists() { image } else { program })
}

/// Settings with those of the command line over them.
pub(crate) fn with_arguments(mut config: Config, arguments: ServeArguments) -> Config {
    config.access_log = arguments.access_log().unwrap_or(config.access_log);
    if arguments.workers.is_some_and(|workers| workers > 1) {
        config.remarks.push("--workers means nothing here: one process uses all cores".to_owned());
    }
    config.host = arguments.host.unwrap_or(config.host);
    config.port = arguments.port.unwrap_or(config.port);
    config.allow_unauthenticated |= arguments.allow_unauthenticated;
    with_process(config, arguments.process)
}

fn with_process(mut config: Config, arguments: ProcessArguments) -> Config {
    config.database_url = arguments.database_url.unwrap_or(config.database_url);
    config.log_level = arguments.log_level.unwrap_or(config.log_level);
    config.file_program = own_program();
    config
}
