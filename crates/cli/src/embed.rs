//! `hindsight-embed`: profiles, their daemons, and memory commands that start them.

mod daemon;
mod process;
mod profiles;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use hindsight_client::{Client, ClientError};
use hindsight_embed_daemon::{
    Config, Daemons, IdleTimeout, Profile, Profiles, Program, Source, StartOptions, StartedBy, was_not_sent,
};

use crate::args::{ApiCommand, EmbedArguments, EmbedCommand};
use crate::commands::{Outcome, ask, help, read_input};
use crate::connections::Connection;
use crate::output::{self, Output, note};
pub(crate) use process::serve;

/// What all commands work with.
struct Embed {
    daemons: Daemons,
    profiles: Profiles,
    profile: Profile,
    source: Source,
    output: Output,
}

pub(crate) async fn run(arguments: EmbedArguments) -> Result<Outcome> {
    if let EmbedCommand::Help(command) = &arguments.command {
        return help::run(EmbedArguments::command(), command);
    }
    let config = Config::from_env()?;
    output::log(arguments.print.verbose, &config.log_level);
    let daemons = Daemons::new(config);
    let profiles = Profiles::new(daemons.clone());
    let (profile, source) = profiles.resolve(arguments.profile.as_deref())?;
    let output = Output::brief(arguments.print.output);
    let embed = Embed { daemons, profiles, profile, source, output };
    match arguments.command {
        EmbedCommand::Daemon(command) => daemon::run(&embed, command).await,
        EmbedCommand::Profiles(command) => profiles::run(&embed, command).await,
        EmbedCommand::Configure { port, env } => profiles::configure(&embed, port, env).await,
        EmbedCommand::Api(mut command) => {
            read_input(&mut command)?;
            embed.ask(command).await
        }
        EmbedCommand::Help(command) => help::run(EmbedArguments::command(), &command),
        EmbedCommand::Start => bail!("did you mean `hindsight-embed daemon start`?"),
        EmbedCommand::Stop => bail!("did you mean `hindsight-embed daemon stop`?"),
        EmbedCommand::Status => bail!("did you mean `hindsight-embed daemon status`?"),
        EmbedCommand::Logs => bail!("did you mean `hindsight-embed daemon logs`?"),
    }
}

impl Embed {
    /// Asks the server that the environment names, else the daemon of the profile.
    async fn ask(&self, command: ApiCommand) -> Result<Outcome> {
        let config = self.daemons.config();
        if config.api_url.is_some() {
            let server = Connection { api_url: config.api_url.clone(), api_key: config.api_token.clone() };
            return ask(&server.client()?, &self.output, command).await;
        }
        let options = start_options(IdleTimeout::Implicit)?;
        let daemon = self.daemons.ensure_running(&self.profile, &options).await?;
        let error = match ask(&Client::new(&daemon.run.url)?, &self.output, command.clone()).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        if !error.downcast_ref::<ClientError>().is_some_and(was_not_sent) {
            return Err(error);
        }
        // It ended in the moment between: nobody had used it for long enough.
        let daemon = self.daemons.ensure_running(&self.profile, &options).await?;
        ask(&Client::new(&daemon.run.url)?, &self.output, command).await
    }
}

/// How this program starts daemons: with itself.
fn start_options(idle_timeout: IdleTimeout) -> Result<StartOptions> {
    let path = std::env::current_exe().context("this program does not know where it is")?;
    Ok(StartOptions {
        idle_timeout,
        started_by: StartedBy::Cli,
        progress: Arc::new(note),
        ..StartOptions::new(Program { path, arguments: vec!["serve".to_owned()] })
    })
}
