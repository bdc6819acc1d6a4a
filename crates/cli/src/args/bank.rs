//! Commands that look after banks.

use clap::{Args, Subcommand};
use hindsight_client::types::graph::{Period, SeriesTime};
use hindsight_client::types::recall::FactType;
use hindsight_client::types::tags::TagsMatch;

use super::page::PageArguments;
use super::values::word;

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum BankCommand {
    /// List banks, the last written first
    List {
        /// Part of the id or name
        #[arg(short, long, value_name = "TEXT")]
        query: Option<String>,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Create a bank, or change the given fields of one that exists
    Create {
        /// Id of the bank
        bank: String,
        #[command(flatten)]
        fields: BankFields,
    },
    /// Change the given fields of a bank
    Update {
        /// Id of the bank
        bank: String,
        #[command(flatten)]
        fields: BankFields,
    },
    /// Give a bank a label
    Name {
        /// Id of the bank
        bank: String,
        /// Label
        name: String,
    },
    /// Say what a bank is for
    Mission {
        /// Id of the bank
        bank: String,
        /// What the bank is for
        mission: String,
    },
    /// Show the character of a bank: skepticism, literalism and empathy
    Disposition {
        /// Id of the bank
        bank: String,
    },
    /// Change the character of a bank
    SetDisposition {
        /// Id of the bank
        bank: String,
        #[command(flatten)]
        traits: Traits,
    },
    /// Count what a bank holds
    Stats {
        /// Id of the bank
        bank: String,
    },
    /// Show memories with what joins them
    Graph(GraphArguments),
    /// Count the memories that came in each span of a period
    Timeseries {
        /// Id of the bank
        bank: String,
        /// How far to look back
        #[arg(
            long,
            value_name = "PERIOD",
            default_value = "7d",
            value_parser = word::<Period>(Period::ALL, Period::as_str)
        )]
        period: Period,
        /// The time that counts; memories without it count when they were stored
        #[arg(
            long,
            value_name = "FIELD",
            default_value = "created_at",
            value_parser = word::<SeriesTime>(SeriesTime::ALL, SeriesTime::as_str)
        )]
        time_field: SeriesTime,
    },
    /// Make observations of facts that wait
    Consolidate(ConsolidateArguments),
    /// Let facts wait again of which no observation could be made
    ConsolidationRecover {
        /// Id of the bank
        bank: String,
    },
    /// List the sets of tags that observations have, the most frequent first
    Scopes {
        /// Id of the bank
        bank: String,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Delete all observations of a bank, so that they are made anew
    ClearObservations {
        /// Id of the bank
        bank: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Delete a bank with everything in it
    Delete {
        /// Id of the bank
        bank: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GraphArguments {
    /// Id of the bank
    pub(crate) bank: String,
    /// Only memories of this type
    #[arg(
        short = 't',
        long = "type",
        value_name = "TYPE",
        value_parser = word::<FactType>(FactType::ALL, FactType::as_str)
    )]
    pub(crate) fact_type: Option<FactType>,
    /// Part of the text or context
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// Only memories of this document
    #[arg(short, long, value_name = "ID")]
    pub(crate) document: Option<String>,
    /// Tag to filter memories by; may be repeated or hold several, separated by commas
    #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// How the tags select; `any` and `all` also find memories without tags
    #[arg(
        long,
        value_name = "MODE",
        default_value = "all_strict",
        value_parser = word::<TagsMatch>(TagsMatch::ALL, TagsMatch::as_str)
    )]
    pub(crate) tags_match: TagsMatch,
    /// Most memories to show
    #[arg(short, long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) limit: i64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConsolidateArguments {
    /// Id of the bank
    pub(crate) bank: String,
    /// Only facts that have this tag; may be repeated or hold several, separated by commas, all of
    /// which they have to have
    #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// Wait until it is done
    #[arg(short, long)]
    pub(crate) wait: bool,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct BankFields {
    /// Label
    #[arg(short, long)]
    pub(crate) name: Option<String>,
    /// What the bank is for
    #[arg(short, long)]
    pub(crate) mission: Option<String>,
    #[command(flatten)]
    pub(crate) traits: Traits,
}

/// The three traits of a disposition.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Traits {
    /// How much evidence it takes to convince, 1 to 5
    #[arg(long, value_name = "1-5", value_parser = clap::value_parser!(i64).range(1..=5))]
    pub(crate) skepticism: Option<i64>,
    /// How literally words are taken, 1 to 5
    #[arg(long, value_name = "1-5", value_parser = clap::value_parser!(i64).range(1..=5))]
    pub(crate) literalism: Option<i64>,
    /// How much feelings count, 1 to 5
    #[arg(long, value_name = "1-5", value_parser = clap::value_parser!(i64).range(1..=5))]
    pub(crate) empathy: Option<i64>,
}
