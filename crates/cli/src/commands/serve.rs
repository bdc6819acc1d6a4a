//! `hindsight serve` and `hindsight worker`.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use hindsight_embed_daemon::{DaemonProcess, Program};
use hindsight_server::{Config, FileProgram};

use super::Outcome;
use crate::args::{ProcessArguments, ServeArguments, WorkerArguments};
use crate::embed;
use crate::progress::Bar;
use crate::settings::TABLES;

pub(crate) async fn run(arguments: ServeArguments, itself: Program) -> Result<Outcome> {
    // First of all: it decides where messages go.
    if let Some(process) = DaemonProcess::from_env()? {
        return embed::serve(process, arguments, itself).await;
    }
    Box::pin(run_with(with_arguments(Config::for_server(&TABLES)?, arguments, itself))).await
}

/// A worker by itself.
pub(crate) async fn work(arguments: WorkerArguments, itself: Program) -> Result<Outcome> {
    let mut config = Config::for_worker(&TABLES)?;
    config.host = arguments.host.unwrap_or(config.host);
    config.port = arguments.port.unwrap_or(config.port);
    Box::pin(run_with(with_process(config, arguments.process, itself))).await
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

/// This program as one that reads files. Where it is an executable of its own, that is the very image that runs,
/// whatever has come to stand in its place since.
fn reader_of_files(itself: Program) -> FileProgram {
    let Program { path, arguments } = itself;
    let image = Path::new("/proc/self/exe");
    let is_image = arguments.is_empty() && std::env::current_exe().is_ok_and(|own| own == path);
    let path = if is_image && image.exists() { image.to_owned() } else { path };
    FileProgram { path, arguments }
}

/// Settings with those of the command line over them.
pub(crate) fn with_arguments(mut config: Config, arguments: ServeArguments, itself: Program) -> Config {
    config.access_log = arguments.access_log().unwrap_or(config.access_log);
    if arguments.workers.is_some_and(|workers| workers > 1) {
        config.remarks.push("--workers means nothing here: one process uses all cores".to_owned());
    }
    config.host = arguments.host.unwrap_or(config.host);
    config.port = arguments.port.unwrap_or(config.port);
    config.allow_unauthenticated |= arguments.allow_unauthenticated;
    with_process(config, arguments.process, itself)
}

fn with_process(mut config: Config, arguments: ProcessArguments, itself: Program) -> Config {
    config.database_url = arguments.database_url.unwrap_or(config.database_url);
    config.log_level = arguments.log_level.unwrap_or(config.log_level);
    config.file_program = Some(reader_of_files(itself));
    config
}
