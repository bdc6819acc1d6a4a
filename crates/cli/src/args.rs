//! The grammar of the command line.
#![expect(clippy::doc_markdown, reason = "the comments here are the help that users read")]

mod answers;
mod api;
mod bank;
mod curate;
mod embed;
mod mental_models;
mod page;
mod tags;
mod values;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use hindsight_assets::Asset;

pub(crate) use answers::{DirectiveCommand, ReflectArguments};
pub(crate) use api::{
    ApiCommand, ChunkCommand, DocumentCommand, EntityCommand, ListArguments, MemoryCommand, OperationCommand,
    RecallArguments, RetainArguments, RetainFilesArguments, TagCommand,
};
pub(crate) use bank::{BankCommand, BankFields, ConsolidateArguments, GraphArguments, Traits};
pub(crate) use curate::{EditArguments, EditedFields};
pub(crate) use embed::{DaemonCommand, EmbedArguments, EmbedCommand, ProfileCommand};
pub(crate) use mental_models::{MentalModelCommand, TriggerArguments};

/// Heading of what every command takes.
const GLOBAL: &str = "Options of all commands";

/// Everything the user can say to `hindsight`.
#[derive(Debug, Parser)]
#[command(name = "hindsight", version, about = "Memory for AI agents: retain, recall, reflect, in one program", long_about = None)]
pub(crate) struct Arguments {
    // Not a comment for rustdoc, which would want the URL marked up.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = GLOBAL,
        help = "Address of the server [env: HINDSIGHT_API_URL] [default: http://localhost:8888]"
    )]
    pub(crate) url: Option<String>,
    /// Key the server asks for [env: HINDSIGHT_API_KEY]
    #[arg(long, global = true, value_name = "KEY", help_heading = GLOBAL)]
    pub(crate) api_key: Option<String>,
    /// Saved connection to use, see `hindsight profile` [env: HINDSIGHT_PROFILE]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) print: PrintArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How much is printed, and how.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PrintArguments {
    /// How answers are printed
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Pretty, help_heading = GLOBAL)]
    pub(crate) output: Format,
    /// Tell on standard error what is done
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) verbose: bool,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[value(alias = "text")]
    Pretty,
    /// The server's answer as it is, indented.
    Json,
    /// The server's answer as it is.
    Yaml,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the memory server until it is interrupted
    Serve(ServeArguments),
    /// Work on what clients hand to the background, beside servers over the same database
    Worker(WorkerArguments),
    /// Show what memory can do: start a server, remember a conversation, ask about it
    Demo,
    /// Memory without a server to look after: the same as the program `hindsight-embed`
    // Taken out before parsing: its options are its own.
    Embed,
    #[command(flatten)]
    Api(ApiCommand),
    /// Save the server to use when nothing else names one; the key is that of --api-key
    Configure {
        /// Address of the server; if not given, only the key is saved
        #[arg(long, value_name = "URL", required_unless_present = "api_key")]
        api_url: Option<String>,
    },
    /// Manage saved connections to servers
    #[command(subcommand)]
    Profile(ConnectionCommand),
    /// Manage the files the server needs: database, inference runtime, embedding model
    #[command(subcommand)]
    Assets(AssetsCommand),
    /// List all settings: environment variables, their defaults and what they mean
    Settings {
        /// As the reference page has them
        #[arg(long, hide = true)]
        markdown: bool,
    },
    #[command(flatten)]
    Help(HelpCommand),
}

/// Help for shells and for reading.
#[derive(Debug, Subcommand)]
pub(crate) enum HelpCommand {
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages, one for each command
    Man {
        /// Folder for them, made if need be
        folder: PathBuf,
    },
}

/// What every process says that works on the memory itself.
#[derive(Debug, Args)]
pub(crate) struct ProcessArguments {
    #[arg(
        long,
        value_name = "URL",
        help = "Database: pg0://NAME for an embedded one, or postgresql://… [env: HINDSIGHT_API_DATABASE_URL]"
    )]
    pub(crate) database_url: Option<String>,
    /// debug, info, warning or error [env: HINDSIGHT_API_LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Address to listen on [env: HINDSIGHT_API_HOST]
    #[arg(long, value_name = "IP")]
    pub(crate) host: Option<IpAddr>,
    /// Port to listen on, 0 for any free one [env: HINDSIGHT_API_PORT]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
    /// Write a log line for every request [env: HINDSIGHT_API_ACCESS_LOG]
    #[arg(long, overrides_with = "no_access_log")]
    access_log: bool,
    /// Write no log lines for requests, whatever the environment says
    #[arg(long, overrides_with = "access_log")]
    no_access_log: bool,
    /// Serve other machines without an API key
    #[arg(long)]
    pub(crate) allow_unauthenticated: bool,
    // Taken from whoever starts the original so: one process uses all cores.
    #[arg(long, value_name = "N", hide = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Address to tell on how the worker is [env: HINDSIGHT_API_HOST]
    #[arg(long, value_name = "IP")]
    pub(crate) host: Option<IpAddr>,
    /// Port for that, 0 for any free one [env: HINDSIGHT_API_WORKER_HTTP_PORT]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

impl ServeArguments {
    /// Whether every request has a log line, if anything is said about it.
    pub(crate) fn access_log(&self) -> Option<bool> {
        (self.access_log || self.no_access_log).then_some(self.access_log)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionCommand {
    /// Save a connection; the key is that of --api-key
    Create {
        /// Name of the connection
        name: String,
        /// Address of the server
        #[arg(long, value_name = "URL")]
        api_url: String,
    },
    /// List saved connections
    List,
    /// Show a saved connection, without its key
    Show {
        /// Name of the connection
        name: String,
    },
    /// Forget a saved connection
    Delete {
        /// Name of the connection
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AssetsCommand {
    /// List the assets and where they are
    List,
    /// Fetch assets that are missing; all of them when none is named
    Pull {
        /// postgres, onnxruntime or minilm
        #[arg(value_name = "ASSET")]
        assets: Vec<Asset>,
    },
    /// Compare every installed file with its known SHA-256
    Verify {
        /// postgres, onnxruntime or minilm; all that are installed when none is named
        #[arg(value_name = "ASSET")]
        assets: Vec<Asset>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_holds_together() {
        Arguments::command().debug_assert();
        EmbedArguments::command().debug_assert();
    }

    #[test]
    fn a_profile_may_stand_before_and_after_the_command() {
        for line in [
            "hindsight-embed --profile myapp daemon status",
            "hindsight-embed daemon status --profile myapp",
            "hindsight-embed daemon -p myapp status",
        ] {
            let parsed = EmbedArguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(parsed.profile.as_deref(), Some("myapp"), "{line}");
        }
    }

    #[test]
    fn short_and_long_forms_mean_the_same() {
        let parse = |line: &str| match Arguments::try_parse_from(line.split(' ')).unwrap().command {
            Command::Api(command) => command,
            other => panic!("{other:?} asks no server"),
        };
        let short = parse("hindsight recall b q -t world,experience --tags a,b --include-chunks");
        let long =
            parse("hindsight memory recall b q --type world --type experience --tag a --tag b --chunks");
        let (ApiCommand::Recall(short), ApiCommand::Memory(MemoryCommand::Recall(long))) = (short, long)
        else {
            panic!("both are recalls");
        };
        assert_eq!(format!("{short:?}"), format!("{long:?}"));
    }

    #[test]
    fn the_last_word_about_the_access_log_counts() {
        let parse = |line: &str| match Arguments::try_parse_from(line.split(' ')).unwrap().command {
            Command::Serve(arguments) => arguments.access_log(),
            other => panic!("{other:?} serves nothing"),
        };
        for (line, expected) in [
            ("hindsight serve", None),
            ("hindsight serve --access-log", Some(true)),
            ("hindsight serve --no-access-log", Some(false)),
            ("hindsight serve --no-access-log --access-log", Some(true)),
            ("hindsight serve --access-log --no-access-log", Some(false)),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
    }

    #[test]
    fn values_are_checked_before_anything_is_sent() {
        for line in [
            "hindsight retain b text --timestamp yesterday",
            "hindsight retain b text --metadata novalue",
            "hindsight recall b q --budget huge",
            "hindsight recall b q --type opinion",
            "hindsight serve --port 70000",
            "hindsight assets pull python",
            "hindsight bank create b --skepticism 6",
            "hindsight bank list -o xml",
            "hindsight configure",
            "hindsight recall b q --window-start 2024-01-01",
            "hindsight recall b q --window-start soon --window-end 2024-01-01",
            "hindsight document list b --date someday",
            "hindsight reflect b q --max-tokens 0",
            "hindsight reflect b q --budget huge",
            "hindsight directive list b --tags-match any_strict",
            "hindsight directive update b id --active maybe",
            "hindsight mental-model create b n q --mode half",
            "hindsight mental-model create b n q --trigger [1]",
            "hindsight serve --workers 0",
            "hindsight completions cobol",
        ] {
            let error = Arguments::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
