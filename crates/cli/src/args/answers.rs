//! Commands that ask for answers, and for the rules these follow.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hindsight_client::types::limits;
use hindsight_client::types::recall::{Budget, FactType};
use hindsight_client::types::tags::DirectiveTagsMatch;

use super::page::PageArguments;
use super::tags::TagArguments;
use super::values::word;

#[derive(Clone, Debug, Args)]
pub(crate) struct ReflectArguments {
    /// Id of the bank; it is created if need be
    pub(crate) bank: String,
    /// The question
    pub(crate) query: String,
    /// How long to search
    #[arg(short, long, default_value = "low", value_parser = word::<Budget>(Budget::ALL, Budget::as_str))]
    pub(crate) budget: Budget,
    /// More about the question
    #[arg(short, long)]
    pub(crate) context: Option<String>,
    /// Length of the answer in tokens that is aimed for
    #[arg(long, value_name = "N", default_value_t = limits::REFLECT_MAX_TOKENS, value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) max_tokens: i64,
    /// Type of memory to look at; may be repeated or hold several, separated by commas
    #[arg(
        short = 't',
        long = "type",
        alias = "fact-types",
        value_name = "TYPE",
        value_delimiter = ',',
        value_parser = word::<FactType>(FactType::ALL, FactType::as_str)
    )]
    pub(crate) types: Vec<FactType>,
    #[command(flatten)]
    pub(crate) tags: TagArguments,
    /// Follow the directives for other tags too
    #[arg(long)]
    pub(crate) all_directives: bool,
    /// File with the JSON schema of an answer for programs, which comes beside the one in words
    #[arg(short, long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Show what the answer rests on
    #[arg(long, alias = "include-facts")]
    pub(crate) facts: bool,
    /// Show what was searched, and which calls of the language model it took
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DirectiveCommand {
    /// List directives, those of the highest priority first
    List {
        /// Id of the bank
        bank: String,
        /// Tag to filter by; may be repeated or hold several, separated by commas
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
        tags: Vec<String>,
        /// How the tags select; `any` and `all` also find directives without tags
        #[arg(
            long,
            value_name = "MODE",
            default_value = "any",
            value_parser = word::<DirectiveTagsMatch>(DirectiveTagsMatch::ALL, DirectiveTagsMatch::as_str)
        )]
        tags_match: DirectiveTagsMatch,
        /// Those too that are not followed at the moment
        #[arg(short, long)]
        all: bool,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Show one directive
    Get {
        /// Id of the bank
        bank: String,
        /// Id of the directive
        id: String,
    },
    /// Add a directive: a rule that every answer follows
    Create {
        /// Id of the bank
        bank: String,
        /// What it is called
        name: String,
        /// The rule
        content: String,
        /// Higher ones come first
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        priority: i64,
        /// Keep it without following it
        #[arg(long)]
        inactive: bool,
        /// Tag of the questions it is for, all if there is none; may be repeated or hold several, separated by commas
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
        tags: Vec<String>,
    },
    /// Change the given fields of a directive
    Update {
        /// Id of the bank
        bank: String,
        /// Id of the directive
        id: String,
        /// What it is called
        #[arg(short, long)]
        name: Option<String>,
        /// The rule
        #[arg(short, long)]
        content: Option<String>,
        /// Higher ones come first
        #[arg(long, allow_hyphen_values = true)]
        priority: Option<i64>,
        /// Whether it is followed
        #[arg(long, value_name = "true|false")]
        active: Option<bool>,
        /// Tag in place of those there are; may be repeated or hold several, separated by commas.
        /// An empty one takes all away
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
        tags: Option<Vec<String>>,
    },
    /// Delete a directive
    Delete {
        /// Id of the bank
        bank: String,
        /// Id of the directive
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
