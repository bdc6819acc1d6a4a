//! `hindsight-embed`: profiles, their daemons, and memory commands that start them.

mod daemon;
mod process;
mod profiles;

use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use clap::CommandFactory;
use hindsight_client::ClientError;
use hindsight_embed_daemon::{
    Config, Daemons, EmbeddedClient, IdleTimeout, Loss, Profile, Profiles, Program, Resend, Source,
    StartOptions, StartedBy,
};

use crate::args::{
    ApiCommand, BankCommand, DirectiveCommand, DocumentCommand, EmbedArguments, EmbedCommand, MemoryCommand,
    MentalModelCommand, OperationCommand,
};
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
    /// What is started as a daemon, with the word that makes it serve.
    server: Program,
}

pub(crate) async fn run(arguments: EmbedArguments, mut itself: Program) -> Result<Outcome> {
    if let EmbedCommand::Help(command) = &arguments.command {
        return help::run(EmbedArguments::command(), command);
    }
    let config = Config::from_env()?;
    output::log(arguments.print.verbose, &config.log_level);
    let daemons = Daemons::new(config);
    let profiles = Profiles::new(daemons.clone());
    let (profile, source) = profiles.resolve(arguments.profile.as_deref())?;
    let output = Output::brief(arguments.print.output);
    itself.arguments.push("serve".to_owned());
    let embed = Embed { daemons, profiles, profile, source, output, server: itself };
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
            return ask(&server.client()?, &self.output, command).await.map_err(elsewhere);
        }
        let options = self.start_options(IdleTimeout::Implicit);
        let client = EmbeddedClient::new(self.daemons.clone(), self.profile.clone(), options);
        let cause = |error: &anyhow::Error| error.downcast_ref().map(Loss::of);
        let answered = client
            .call_as(resend(&command), cause, async |client| {
                ask(&client, &self.output, command.clone()).await
            })
            .await;
        client.close(None).await?;
        answered
    }

    /// How this program starts daemons: with itself.
    fn start_options(&self, idle_timeout: IdleTimeout) -> StartOptions {
        StartOptions {
            idle_timeout,
            started_by: StartedBy::Cli,
            progress: Arc::new(note),
            ..StartOptions::new(self.server.clone())
        }
    }
}

/// Whether a command may be carried out a second time when nobody knows if it was the first
/// time.
fn resend(command: &ApiCommand) -> Resend {
    let only_reads = matches!(
        command,
        ApiCommand::Recall(_)
            | ApiCommand::Reflect(_)
            | ApiCommand::Directive(DirectiveCommand::List { .. } | DirectiveCommand::Get { .. })
            | ApiCommand::MentalModel(
                MentalModelCommand::List { .. }
                    | MentalModelCommand::Get { .. }
                    | MentalModelCommand::DryRun { .. }
                    | MentalModelCommand::History { .. }
            )
            | ApiCommand::Chunk(_)
            | ApiCommand::Tag(_)
            | ApiCommand::Health
            | ApiCommand::Version
            | ApiCommand::Bank(
                BankCommand::List { .. } | BankCommand::Disposition { .. } | BankCommand::Stats { .. }
            )
            | ApiCommand::Memory(
                MemoryCommand::Recall(_)
                    | MemoryCommand::Reflect(_)
                    | MemoryCommand::List { .. }
                    | MemoryCommand::Get { .. }
            )
            | ApiCommand::Document(DocumentCommand::List { .. } | DocumentCommand::Get { .. })
            | ApiCommand::Operation(OperationCommand::List { .. } | OperationCommand::Get { .. })
    );
    if only_reads { Resend::Harmless } else { Resend::Never }
}

/// The way out where no daemon is to be started.
fn elsewhere(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unreachable { url, .. }) => anyhow!(
            "no server at {url}, which HINDSIGHT_EMBED_API_URL names: start it, or unset the variable to use a daemon"
        ),
        _ => error,
    }
}
