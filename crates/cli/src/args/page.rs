//! The page of a listing.

use clap::Args;
use hindsight_client::types::limits;

#[derive(Clone, Debug, Args)]
pub(crate) struct PageArguments {
    /// Page size
    #[arg(short, long, default_value_t = limits::PAGE_LIMIT)]
    pub(crate) limit: i64,
    /// Entries to skip
    #[arg(short = 's', long, default_value_t = 0)]
    pub(crate) offset: i64,
}
