//! What can be said to `hindsight-embed`.

use clap::{Parser, Subcommand};

use super::{ApiCommand, GLOBAL, HelpCommand, PrintArguments};

/// Everything the user can say to `hindsight-embed`.
#[derive(Debug, Parser)]
#[command(
    name = "hindsight-embed",
    bin_name = "hindsight-embed",
    version,
    about = "Memory for AI agents without a server to look after: commands start a daemon that ends when unused",
    long_about = None
)]
pub(crate) struct EmbedArguments {
    /// Name of the daemon, its settings and its memories [env: HINDSIGHT_EMBED_PROFILE]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) print: PrintArguments,
    #[command(subcommand)]
    pub(crate) command: EmbedCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmbedCommand {
    /// Start, stop and look at the daemon of a profile
    #[command(subcommand)]
    Daemon(DaemonCommand),
    /// Manage profiles: each has its own settings, daemon and memories
    #[command(subcommand, name = "profile")]
    Profiles(ProfileCommand),
    /// Save settings of a profile; without --env those of the environment (HINDSIGHT_API_*)
    Configure {
        /// Port of the daemon
        #[arg(long)]
        port: Option<u16>,
        /// Setting; may be repeated
        #[arg(long, value_name = "KEY=VALUE")]
        env: Vec<String>,
    },
    #[command(flatten)]
    Api(ApiCommand),
    #[command(flatten)]
    Help(HelpCommand),
    #[command(hide = true)]
    Start,
    #[command(hide = true)]
    Stop,
    #[command(hide = true)]
    Status,
    #[command(hide = true)]
    Logs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Start the daemon, to stay until it is stopped
    Start {
        /// End after so many seconds without use, 0 for never
        #[arg(long, value_name = "SECONDS")]
        idle_timeout: Option<u64>,
        /// Restart a daemon of another version even while it is used
        #[arg(long)]
        force_restart: bool,
    },
    /// Stop the daemon and its database
    Stop {
        /// Kill it when it does not end in time
        #[arg(long)]
        force: bool,
        /// Longest wait for its end
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
    /// Tell how the daemon is; ends with 1 when it does not run
    Status,
    /// Print the daemon's log
    Logs {
        /// Go on as it grows
        #[arg(short, long)]
        follow: bool,
        /// So many last lines
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
        lines: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List profiles
    List,
    /// Create a profile
    Create {
        /// Name: letters, digits, - and _
        name: String,
        /// Port of its daemon; one that is free if not given
        #[arg(long)]
        port: Option<u16>,
        /// Setting; may be repeated
        #[arg(long, value_name = "KEY=VALUE")]
        env: Vec<String>,
        /// Change the given settings of a profile that exists
        #[arg(long)]
        merge: bool,
    },
    /// Set one setting of a profile
    SetEnv {
        /// Name of the profile
        name: String,
        /// Name of the setting
        key: String,
        /// Its value
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Remove one setting of a profile
    RemoveEnv {
        /// Name of the profile
        name: String,
        /// Name of the setting
        key: String,
    },
    /// Show the profile in use, and why it is that one
    Show,
    /// Choose the profile to use when none is named
    SetActive {
        /// Name of the profile
        name: Option<String>,
        /// The default one again
        #[arg(long, conflicts_with = "name")]
        none: bool,
    },
    /// Stop the daemon of a profile and delete its settings
    Delete {
        /// Name of the profile
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// Delete its memories too
        #[arg(long)]
        purge_data: bool,
    },
}
