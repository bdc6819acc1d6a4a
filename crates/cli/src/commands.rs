//! One file per group of commands.

pub(crate) mod assets;
pub(crate) mod bank;
pub(crate) mod connection;
pub(crate) mod consolidation;
pub(crate) mod curate;
pub(crate) mod directive;
pub(crate) mod document;
pub(crate) mod entity;
pub(crate) mod files;
pub(crate) mod help;
pub(crate) mod memory;
pub(crate) mod mental_model;
pub(crate) mod monitoring;
pub(crate) mod operation;
pub(crate) mod reflect;
pub(crate) mod serve;

use anyhow::Result;
use hindsight_client::Client;

use crate::args::{ApiCommand, MemoryCommand};
use crate::output::Output;

/// How a command ended. Errors are reported by the caller; this is for commands whose data is itself bad
/// news, and has been printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    Bad,
}

/// Carries out a command that asks a server.
pub(crate) async fn ask(client: &Client, output: &Output, command: ApiCommand) -> Result<Outcome> {
    match command {
        ApiCommand::Bank(command) => bank::run(client, output, command).await,
        ApiCommand::Memory(command) => memory::run(client, output, command).await,
        ApiCommand::Document(command) => document::run(client, output, command).await,
        ApiCommand::Entity(command) => entity::run(client, output, command).await,
        ApiCommand::Tag(command) => document::tag(client, output, command).await,
        ApiCommand::Chunk(command) => document::chunk(client, output, command).await,
        ApiCommand::Operation(command) => operation::run(client, output, command).await,
        ApiCommand::Retain(arguments) => memory::retain(client, output, arguments).await,
        ApiCommand::Recall(arguments) => memory::recall(client, output, arguments).await,
        ApiCommand::Consolidate(arguments) => consolidation::consolidate(client, output, arguments).await,
        ApiCommand::Directive(command) => directive::run(client, output, command).await,
        ApiCommand::MentalModel(command) => mental_model::run(client, output, command).await,
        ApiCommand::Reflect(arguments) => reflect::run(client, output, arguments).await,
        ApiCommand::Health => monitoring::health(client, output).await,
        ApiCommand::Version => monitoring::version(client, output).await,
    }
}

/// Reads what a command takes from standard input and from the clock, before anything else happens.
pub(crate) fn read_input(command: &mut ApiCommand) -> Result<()> {
    match command {
        ApiCommand::Retain(arguments) | ApiCommand::Memory(MemoryCommand::Retain(arguments)) => {
            memory::read_input(arguments)
        }
        _ => Ok(()),
    }
}
