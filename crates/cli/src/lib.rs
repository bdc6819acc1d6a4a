//! The command line of Hindsight: parses arguments, calls a server over HTTP, prints answers.
//!
//! [`run`] is the whole program; `main.rs` only starts it, and so does the Python package. Data goes to standard
//! output, everything else to standard error, and the exit code says how it ended: 0 well, 1 badly, 2 when the
//! command line makes no sense. `serve` and `demo` start the server inside this process; commands for memories talk to one that runs,
//! and those of `hindsight-embed` start one in a process of its own if need be.
//!
//! This crate must not know SQL, ranking or the inside of the server; it speaks the wire.

mod args;
mod commands;
mod config;
mod connections;
mod demo;
mod embed;
#[cfg(test)]
mod help_pages;
mod output;
mod progress;
mod settings;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use anyhow::{Result, bail};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use hindsight_client::ClientError;
use hindsight_embed_daemon::Home;
pub use hindsight_embed_daemon::Program;

use args::{Arguments, Command, EmbedArguments};
use commands::{Outcome, assets, connection, help, serve};
pub use config::{Environment, keep_libraries_quiet};
use connections::{Connection, Connections};
use output::{Output, note};
pub use progress::Bar;

/// The program's name as the daemon manager: a link of that name does the same as the
/// command `embed`.
const EMBED: &str = "hindsight-embed";

/// The server's name as the original has it: a link of that name does the same as the command
/// `serve`.
const API: &str = "hindsight-api";

/// How `hindsight-embed` ends without a command, as the original does.
const NO_COMMAND: u8 = 1;

/// How a command ended that did what was asked.
const SUCCESS: u8 = 0;
/// How one ended that did not, or whose data is bad news.
const FAILURE: u8 = 1;
/// How a command line ended that makes no sense.
const USAGE: u8 = 2;

/// Runs one command line to its end and returns the exit code. `itself` is how this program is started in another
/// process: the executable and what comes before a command.
pub async fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
    itself: Program,
) -> u8 {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    // A server has started this to read a file; nobody else does.
    match hindsight_server::serve_file_process(arguments.get(1..).unwrap_or_default()) {
        Ok(false) => {}
        Ok(true) => return SUCCESS,
        Err(_) => return FAILURE,
    }
    if program(&arguments).is_some_and(|name| name == API) {
        arguments.insert(1, "serve".into());
    }
    let ended = if is_embed(&arguments) {
        match parse_embed(arguments) {
            Ok(arguments) => {
                settings::warn_of_unknown_variables();
                embed::run(arguments, itself).await
            }
            Err(error) => return refuse(&error, NO_COMMAND),
        }
    } else {
        match Arguments::try_parse_from(arguments) {
            Ok(arguments) => Box::pin(execute(arguments, environment, itself)).await,
            Err(error) => return refuse(&error, USAGE),
        }
    };
    match ended {
        Ok(Outcome::Good) => SUCCESS,
        Ok(Outcome::Bad) => FAILURE,
        // Whoever read our output has read enough.
        Err(error) if is_broken_pipe(&error) => SUCCESS,
        Err(error) => {
            note(&format!("error: {}", explain(&error)));
            FAILURE
        }
    }
}

/// Help, the version, or what is wrong with the command line; `no_command` is the end of one
/// that is empty.
fn refuse(error: &clap::Error, no_command: u8) -> u8 {
    // Help and version go to standard output, mistakes to standard error.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => no_command,
        _ => u8::try_from(error.exit_code()).unwrap_or(FAILURE),
    }
}

/// Whether a command line is for the daemon manager, by the program's name or its first word.
fn is_embed(arguments: &[OsString]) -> bool {
    program(arguments).is_some_and(|name| name == EMBED)
        || arguments.get(1).is_some_and(|word| word == "embed")
}

/// Name of the program that was called.
fn program(arguments: &[OsString]) -> Option<&OsStr> {
    arguments.first().map(Path::new).and_then(Path::file_name)
}

/// What a line for the daemon manager says, without the word that makes it one.
fn parse_embed(mut arguments: Vec<OsString>) -> Result<EmbedArguments, clap::Error> {
    if arguments.get(1).is_some_and(|word| word == "embed") {
        arguments.remove(1);
    }
    EmbedArguments::try_parse_from(arguments)
}

async fn execute(arguments: Arguments, environment: Environment, itself: Program) -> Result<Outcome> {
    // A server tells it in its log.
    if !matches!(arguments.command, Command::Serve(_) | Command::Worker(_)) {
        settings::warn_of_unknown_variables();
    }
    let output = Output::new(arguments.print.output);
    let given = Connection { api_url: arguments.url, api_key: arguments.api_key };
    let connections = || Ok::<_, anyhow::Error>(Connections::new(Home::of_this_user()?.folder()));
    match arguments.command {
        Command::Serve(arguments) => Box::pin(serve::run(arguments, itself)).await,
        Command::Worker(arguments) => Box::pin(serve::work(arguments, itself)).await,
        Command::Demo => demo::run().await,
        Command::Assets(command) => {
            tokio::task::spawn_blocking(move || assets::run(&output, command)).await?
        }
        Command::Api(mut command) => {
            output::log(arguments.print.verbose, "warning");
            commands::read_input(&mut command)?;
            let name = arguments.profile.or_else(|| environment.profile.clone());
            let connection = connections()?.resolve(given, name.as_deref(), &environment)?;
            commands::ask(&connection.client()?, &output, command).await
        }
        Command::Configure { api_url } => {
            let connection = Connection { api_url, ..given };
            connection::configure(&output, &connections()?, connection)
        }
        Command::Profile(command) => connection::run(&output, &connections()?, given.api_key, command),
        Command::Settings { markdown } => settings::run(&output, markdown),
        Command::Help(command) => help::run(Arguments::command(), &command),
        // Only with options in front of it: they are not for this command.
        Command::Embed => bail!("write `hindsight embed` first, options after it; or use `hindsight-embed`"),
    }
}

/// An error in one line, with the way out where there is one.
fn explain(error: &anyhow::Error) -> String {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unreachable { url, .. }) => {
            format!("no server at {url}: start one with `hindsight serve`, or use `hindsight-embed`")
        }
        _ => output::plain(&told(error)),
    }
}

/// An error with its causes. Messages may quote their cause, which is not said again then.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for part in error.chain().map(ToString::to_string).filter(|part| !part.is_empty()) {
        if !told.contains(&part) {
            told = if told.is_empty() { part } else { format!("{told}: {part}") };
        }
    }
    told
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let quoting = format!("cannot create /x: {denied}; set HOME");
        let error = anyhow!(denied).context(quoting.clone());
        assert_eq!(told(&error), quoting);
        assert_eq!(
            told(&anyhow!("the disk is gone").context("cannot read /x")),
            "cannot read /x: the disk is gone"
        );
    }
}
