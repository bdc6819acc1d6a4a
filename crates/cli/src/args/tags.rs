//! Which memories, by their tags.

use clap::Args;
use hindsight_client::types::tags::TagsMatch;

use super::values::word;

#[derive(Clone, Debug, Args)]
pub(crate) struct TagArguments {
    /// Tag to filter memories by; may be repeated or hold several, separated by commas
    #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
    tags: Vec<String>,
    /// How the tags select; `any` and `all` also find memories without tags
    #[arg(
        long,
        value_name = "MODE",
        default_value = "any",
        value_parser = word::<TagsMatch>(TagsMatch::ALL, TagsMatch::as_str)
    )]
    tags_match: TagsMatch,
}

impl TagArguments {
    /// The tags, if there are any, and how they select.
    pub(crate) fn filter(self) -> (Option<Vec<String>>, TagsMatch) {
        ((!self.tags.is_empty()).then_some(self.tags), self.tags_match)
    }
}
