//! Commands on mental models.

use clap::{Args, Subcommand};
use hindsight_client::types::limits;
use hindsight_client::types::mental_models::RefreshMode;
use hindsight_client::types::tags::DirectiveTagsMatch;
use serde_json::{Map, Value};

use super::page::PageArguments;
use super::values::{object, word};

/// When and how a mental model is written anew.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TriggerArguments {
    /// Write it anew as a whole, or by changes of what new memories bear on
    #[arg(long, value_name = "MODE", value_parser = word::<RefreshMode>(RefreshMode::ALL, RefreshMode::as_str))]
    pub(crate) mode: Option<RefreshMode>,
    /// Write it anew when memories have gone into observations
    #[arg(long, value_name = "true|false")]
    pub(crate) after_consolidation: Option<bool>,
    /// Write it anew at these times: five fields of cron, in UTC; an empty text takes them back
    #[arg(long, value_name = "CRON")]
    pub(crate) cron: Option<String>,
    /// Write it anew as a whole at these times
    #[arg(long, value_name = "CRON")]
    pub(crate) full_cron: Option<String>,
    /// Other fields of the trigger as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) trigger: Option<Map<String, Value>>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum MentalModelCommand {
    /// List mental models, the newest first
    List {
        /// Id of the bank
        bank: String,
        /// Tag to filter by; may be repeated or hold several, separated by commas
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
        tags: Vec<String>,
        /// How the tags select
        #[arg(
            long,
            value_name = "MODE",
            default_value = "any",
            value_parser = word::<DirectiveTagsMatch>(DirectiveTagsMatch::ALL, DirectiveTagsMatch::as_str)
        )]
        tags_match: DirectiveTagsMatch,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Show one mental model
    Get {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
    },
    /// Add a mental model: an answer that is kept, and written anew as memories come
    Create {
        /// Id of the bank; it is created if need be
        bank: String,
        /// What it is called
        name: String,
        /// The question that it answers
        source_query: String,
        /// Its id; one is made when there is none
        #[arg(long)]
        id: Option<String>,
        /// Tag of the memories it is made of, all if there is none; may be repeated or hold several, separated by commas
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
        tags: Vec<String>,
        /// Length in tokens that is aimed for
        #[arg(long, value_name = "N", default_value_t = limits::MENTAL_MODEL_TOKENS)]
        max_tokens: i64,
        #[command(flatten)]
        trigger: TriggerArguments,
        /// Wait until it is written
        #[arg(short, long)]
        wait: bool,
    },
    /// Change the given fields of a mental model; it is not written anew for that
    Update {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
        /// What it is called
        #[arg(short, long)]
        name: Option<String>,
        /// The question that it answers
        #[arg(short = 'q', long)]
        source_query: Option<String>,
        /// Tag in place of those there are; may be repeated or hold several, separated by commas.
        /// An empty one takes all away
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
        tags: Option<Vec<String>>,
        /// Length in tokens that is aimed for
        #[arg(long, value_name = "N")]
        max_tokens: Option<i64>,
        #[command(flatten)]
        trigger: TriggerArguments,
    },
    /// Write a mental model anew, in the background
    Refresh {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
        /// As a whole, whatever its trigger says
        #[arg(long)]
        full: bool,
        /// Wait until it is written
        #[arg(short, long)]
        wait: bool,
    },
    /// Show what a refresh would do, and store nothing; it costs as much
    DryRun {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
    },
    /// Take the content of a mental model away; the next refresh writes it as a whole
    Clear {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Show how a mental model was before its changes, the newest first
    History {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
    },
    /// Delete a mental model
    Delete {
        /// Id of the bank
        bank: String,
        /// Id of the mental model
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
