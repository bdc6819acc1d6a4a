//! The grammar of the command line.
#![expect(clippy::doc_markdown, reason = "the comments here are the help that users read")]

use std::net::IpAddr;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use hindsight_assets::Asset;
use hindsight_client::types::limits;
use hindsight_client::types::recall::{Budget, FactType};
use hindsight_client::types::retain::Timestamp;
use hindsight_client::types::tags::TagsMatch;
use hindsight_client::types::time;

/// Heading of what every command takes.
const GLOBAL: &str = "Options of all commands";

/// Everything the user can say.
#[derive(Debug, Parser)]
#[command(name = "hindsight", version, about = "Memory for AI agents: retain, recall, in one program", long_about = None)]
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
    /// How answers are printed
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Pretty, help_heading = GLOBAL)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// The server's answer as it is, indented.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the memory server until it is interrupted
    Serve(ServeArguments),
    /// Show what memory can do: start a server, remember a conversation, ask about it
    Demo,
    /// Manage banks: separate memories, one for each agent or user
    #[command(subcommand)]
    Bank(BankCommand),
    /// Remember and find
    #[command(subcommand)]
    Memory(MemoryCommand),
    /// Remember a text (short for `memory retain`)
    Retain(RetainArguments),
    /// Find memories (short for `memory recall`)
    Recall(RecallArguments),
    /// Manage the files the server needs: database, inference runtime, embedding model
    #[command(subcommand)]
    Assets(AssetsCommand),
    /// Tell how the server is
    Health,
    /// Tell the version of this program and of the server
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Address to listen on [env: HINDSIGHT_API_HOST]
    #[arg(long, value_name = "IP")]
    pub(crate) host: Option<IpAddr>,
    /// Port to listen on, 0 for any free one [env: HINDSIGHT_API_PORT]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    #[arg(
        long,
        value_name = "URL",
        help = "Database: pg0://NAME for an embedded one, or postgresql://… [env: HINDSIGHT_API_DATABASE_URL]"
    )]
    pub(crate) database_url: Option<String>,
    /// debug, info, warning or error [env: HINDSIGHT_API_LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Serve other machines without an API key
    #[arg(long)]
    pub(crate) allow_unauthenticated: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BankCommand {
    /// Create a bank, or change the given fields of one that exists
    Create {
        /// Id of the bank
        bank: String,
        /// Label
        #[arg(short, long)]
        name: Option<String>,
        /// What the bank is for
        #[arg(short, long)]
        mission: Option<String>,
    },
    /// List banks, the last written first
    List {
        /// Part of the id or name
        #[arg(short, long, value_name = "TEXT")]
        query: Option<String>,
        #[command(flatten)]
        page: PageArguments,
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

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// Remember a text
    Retain(RetainArguments),
    /// Find memories
    Recall(RecallArguments),
    /// List memories, the last mentioned first
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RetainArguments {
    /// Id of the bank; it is created if need be
    pub(crate) bank: String,
    /// The text, or - to read it from standard input
    pub(crate) content: String,
    /// Where the text comes from, in free words
    #[arg(short, long)]
    pub(crate) context: Option<String>,
    /// When it was said (ISO-8601), or `unset` for no date; now when not given
    #[arg(short, long, value_name = "TIME", value_parser = timestamp)]
    pub(crate) timestamp: Option<Timestamp>,
    /// Name of the document; the same name replaces it
    #[arg(short, long, visible_alias = "doc-id", value_name = "ID")]
    pub(crate) document_id: Option<String>,
    /// Tag; may be repeated or hold several, separated by commas
    #[arg(long = "tag", alias = "tags", alias = "document-tags", value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// Metadata; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) metadata: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct RecallArguments {
    /// Id of the bank
    pub(crate) bank: String,
    /// What to look for
    pub(crate) query: String,
    /// Breadth of the search
    #[arg(short, long, default_value = "mid", value_parser = word::<Budget>(Budget::ALL, Budget::as_str))]
    pub(crate) budget: Budget,
    /// Tokens of all result texts together
    #[arg(long, value_name = "N", default_value_t = limits::RECALL_MAX_TOKENS)]
    pub(crate) max_tokens: i64,
    /// Type of memory; may be repeated or hold several, separated by commas
    #[arg(
        short = 't',
        long = "type",
        alias = "fact-type",
        value_name = "TYPE",
        value_delimiter = ',',
        value_parser = word::<FactType>(FactType::ALL, FactType::as_str)
    )]
    pub(crate) types: Vec<FactType>,
    /// Tag to filter by; may be repeated or hold several, separated by commas
    #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// How the tags select; `any` and `all` also find memories without tags
    #[arg(
        long,
        value_name = "MODE",
        default_value = "any",
        value_parser = word::<TagsMatch>(TagsMatch::ALL, TagsMatch::as_str)
    )]
    pub(crate) tags_match: TagsMatch,
    /// The "now" of the query (ISO-8601)
    #[arg(long, value_name = "TIME")]
    pub(crate) query_timestamp: Option<String>,
    /// Show the text around each memory
    #[arg(long, alias = "include-chunks")]
    pub(crate) chunks: bool,
    /// Tokens of all chunks together
    #[arg(long, value_name = "N", default_value_t = limits::RECALL_CHUNK_MAX_TOKENS, requires = "chunks")]
    pub(crate) chunk_max_tokens: i64,
    /// Explain how the answer came about
    #[arg(long)]
    pub(crate) trace: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Id of the bank
    pub(crate) bank: String,
    /// Only this type
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = word::<FactType>(FactType::ALL, FactType::as_str))]
    pub(crate) fact_type: Option<FactType>,
    /// Part of the text or context
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    #[command(flatten)]
    pub(crate) page: PageArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PageArguments {
    /// Page size
    #[arg(short, long, default_value_t = limits::PAGE_LIMIT)]
    pub(crate) limit: i64,
    /// Entries to skip
    #[arg(short = 's', long, default_value_t = 0)]
    pub(crate) offset: i64,
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

/// A value that is one of the words of an enum of the wire; the help lists them.
fn word<T: FromStr<Err = String> + Copy + Send + Sync + 'static>(
    all: &[T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names: Vec<&'static str> = all.iter().copied().map(name).collect();
    PossibleValuesParser::new(names).try_map(|word| word.parse::<T>())
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    if text.eq_ignore_ascii_case("unset") {
        return Ok(Timestamp::Unset);
    }
    time::parse(text)
        .map(Timestamp::At)
        .ok_or_else(|| "write it like 2025-03-01 or 2025-03-01T18:30:00Z".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it like source=slack".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn short_and_long_forms_mean_the_same() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' ')).unwrap().command;
        let short = parse("hindsight recall b q -t world,experience --tags a,b --include-chunks");
        let long =
            parse("hindsight memory recall b q --type world --type experience --tag a --tag b --chunks");
        let (Command::Recall(short), Command::Memory(MemoryCommand::Recall(long))) = (short, long) else {
            panic!("both are recalls");
        };
        assert_eq!(format!("{short:?}"), format!("{long:?}"));
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
        ] {
            let error = Arguments::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
