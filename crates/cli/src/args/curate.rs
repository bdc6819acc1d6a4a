//! Arguments of commands that change single memories.

use clap::Args;
use hindsight_client::types::recall::FactType;

use super::values::{clearable_moment, word};

/// Types that a memory can be given.
const FACTS: &[FactType] = &[FactType::World, FactType::Experience];

#[derive(Clone, Debug, Args)]
pub(crate) struct EditArguments {
    /// Id of the bank
    pub(crate) bank: String,
    /// Id of the memory
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) fields: EditedFields,
    /// Take the entities as they are written, also where the bank knows a similar one
    #[arg(long, requires = "entities")]
    pub(crate) literal: bool,
}

#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct EditedFields {
    /// Another text
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Where it comes from, in free words; an empty one clears it
    #[arg(short, long)]
    pub(crate) context: Option<String>,
    /// Begin of what it tells of (ISO-8601); an empty one clears it
    #[arg(long, value_name = "TIME", value_parser = clearable_moment)]
    pub(crate) occurred_start: Option<String>,
    /// End of what it tells of (ISO-8601); an empty one clears it
    #[arg(long, value_name = "TIME", value_parser = clearable_moment)]
    pub(crate) occurred_end: Option<String>,
    /// When it was said (ISO-8601); an empty one clears it
    #[arg(long, value_name = "TIME", value_parser = clearable_moment)]
    pub(crate) mentioned_at: Option<String>,
    /// Another type
    #[arg(short = 't', long = "type", alias = "fact-type", value_name = "TYPE", value_parser = word::<FactType>(FACTS, FactType::as_str))]
    pub(crate) fact_type: Option<FactType>,
    /// Entity in place of those it names; may be repeated or hold several, separated by commas. An
    /// empty one takes all away
    #[arg(long = "entity", alias = "entities", value_name = "NAME", value_delimiter = ',', id = "entities")]
    pub(crate) entities: Option<Vec<String>>,
}
