//! The command line of Hindsight: parses arguments, calls a server over HTTP, prints answers.
//!
//! [`run`] is the whole program; `main.rs` only starts it. Data goes to standard output, everything else to
//! standard error, and the exit code says how it ended: 0 well, 1 badly, 2 when the command line makes no
//! sense. `serve` and `demo` start the server inside this process; every other command but `assets` talks to
//! one that runs.
//!
//! This crate must not know SQL, ranking or the inside of the server; it speaks the wire.

mod args;
mod commands;
mod config;
mod demo;
mod embed;
mod output;
mod progress;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use hindsight_client::{Client, ClientError, ClientOptions};

use args::{Arguments, Command};
use commands::{Outcome, assets, bank, memory, monitoring, serve};
pub use config::{Environment, keep_libraries_quiet};
use output::{Output, note};

const DEFAULT_URL: &str = "http://localhost:8888";

/// Runs one command line to its end.
pub async fn run(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output, mistakes to standard error.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match execute(arguments, environment).await {
        Ok(outcome) => outcome.into(),
        // Whoever read our output has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("error: {}", explain(&error)));
            ExitCode::FAILURE
        }
    }
}

async fn execute(arguments: Arguments, environment: Environment) -> Result<Outcome> {
    let output = Output::new(arguments.output);
    let url = arguments.url.or(environment.url);
    let api_key = arguments.api_key.or(environment.api_key);
    let client = || {
        let options = ClientOptions { api_key, ..ClientOptions::default() };
        Client::with_options(url.as_deref().unwrap_or(DEFAULT_URL), &options)
    };
    match arguments.command {
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Demo => demo::run().await,
        Command::Bank(command) => bank::run(&client()?, &output, command).await,
        Command::Memory(command) => memory::run(&client()?, &output, command).await,
        Command::Retain(arguments) => memory::retain(&client()?, &output, arguments).await,
        Command::Recall(arguments) => memory::recall(&client()?, &output, arguments).await,
        Command::Assets(command) => {
            tokio::task::spawn_blocking(move || assets::run(&output, command)).await?
        }
        Command::Health => monitoring::health(&client()?, &output).await,
        Command::Version => monitoring::version(&client()?, &output).await,
    }
}

/// An error in one line, with the way out where there is one.
fn explain(error: &anyhow::Error) -> String {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unreachable { url, .. }) => {
            format!("no server at {url}: start one with `hindsight serve`")
        }
        _ => output::plain(&format!("{error:#}")),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
