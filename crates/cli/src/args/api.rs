//! Commands that ask a server.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hindsight_client::types::limits;
use hindsight_client::types::operations::OperationStatus;
use hindsight_client::types::recall::{Budget, FactType, WireTime};
use hindsight_client::types::retain::Timestamp;

use super::answers::{DirectiveCommand, ReflectArguments};
use super::bank::{BankCommand, ConsolidateArguments};
use super::curate::EditArguments;
use super::mental_models::MentalModelCommand;
use super::page::PageArguments;
use super::tags::TagArguments;
use super::values::{Day, key_value, moment, timestamp, word};

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ApiCommand {
    /// Manage banks: separate memories, one for each agent or user
    #[command(subcommand)]
    Bank(BankCommand),
    /// Remember, find and look at memories
    #[command(subcommand)]
    Memory(MemoryCommand),
    /// Manage documents: the texts that memories were read from
    #[command(subcommand)]
    Document(DocumentCommand),
    /// Look at entities: who and what memories name
    #[command(subcommand)]
    Entity(EntityCommand),
    /// Read chunks: the pieces that documents were cut into
    #[command(subcommand)]
    Chunk(ChunkCommand),
    /// Show which tags there are
    #[command(subcommand)]
    Tag(TagCommand),
    /// Manage directives: rules that every answer follows
    #[command(subcommand)]
    Directive(DirectiveCommand),
    /// Manage mental models: answers that are kept, and written anew as memories come
    #[command(subcommand)]
    MentalModel(MentalModelCommand),
    /// Look after work that was handed to the background
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Remember a text (short for `memory retain`)
    Retain(RetainArguments),
    /// Find memories (short for `memory recall`)
    Recall(RecallArguments),
    /// Make observations of facts that wait (short for `bank consolidate`)
    Consolidate(ConsolidateArguments),
    /// Answer a question from memory, with the language model of the server
    Reflect(ReflectArguments),
    /// Tell how the server is
    Health,
    /// Tell the version of this program and of the server
    Version,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DocumentCommand {
    /// List documents, the last changed first
    List {
        /// Id of the bank
        bank: String,
        /// Part of the id or text
        #[arg(short, long, value_name = "TEXT")]
        query: Option<String>,
        /// Only those stored on this day: today, yesterday, a day like 2025-03-01, or all
        #[arg(short, long, value_name = "DAY", default_value = "all")]
        date: Day,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Show one document with its text
    Get {
        /// Id of the bank
        bank: String,
        /// Id of the document
        id: String,
    },
    /// Show what has happened to a document, the newest first
    History {
        /// Id of the bank
        bank: String,
        /// Id of the document
        id: String,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Give a document other tags, and the memories that were read from it too
    Update {
        /// Id of the bank
        bank: String,
        /// Id of the document
        id: String,
        /// Tag in place of those there are; may be repeated or hold several, separated by commas.
        /// An empty one takes all away
        #[arg(long = "tag", alias = "tags", value_name = "TAG", value_delimiter = ',', required = true)]
        tags: Vec<String>,
    },
    /// Delete a document with the memories that were read from it
    Delete {
        /// Id of the bank
        bank: String,
        /// Id of the document
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum EntityCommand {
    /// List entities, those with the most mentions first
    List {
        /// Id of the bank
        bank: String,
        #[command(flatten)]
        page: PageArguments,
    },
    /// Show one entity
    Get {
        /// Id of the bank
        bank: String,
        /// Id of the entity
        id: String,
    },
    /// Show which entities memories name together, the most frequent pairs first
    Graph {
        /// Id of the bank
        bank: String,
        /// Most pairs to show
        #[arg(short, long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(0..))]
        limit: i64,
        /// Only pairs that at least so many memories name
        #[arg(short, long, value_name = "N", default_value_t = 1)]
        min_count: i64,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ChunkCommand {
    /// Show one chunk
    Get {
        /// Id of the chunk, as recall and memories name it
        id: String,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum OperationCommand {
    /// List operations, the newest first
    List {
        /// Id of the bank
        bank: String,
        /// Only those with this status: pending, processing, completed, failed or cancelled
        #[arg(long, value_name = "STATUS")]
        status: Option<OperationStatus>,
        /// Page size
        #[arg(short, long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=100))]
        limit: i64,
        /// Operations to skip
        #[arg(short = 's', long, default_value_t = 0)]
        offset: i64,
    },
    /// Show one operation with its parts
    Get {
        /// Id of the bank
        bank: String,
        /// Id of the operation
        id: String,
        /// Wait until it has come to its end
        #[arg(short, long)]
        wait: bool,
    },
    /// Call off an operation that has not come to its end
    Cancel {
        /// Id of the bank
        bank: String,
        /// Id of the operation
        id: String,
    },
    /// Let an operation begin anew that failed, was called off, or waits for a later attempt
    Retry {
        /// Id of the bank
        bank: String,
        /// Id of the operation
        id: String,
    },
    /// Forget an operation that has come to its end; what it did stays
    Delete {
        /// Id of the bank
        bank: String,
        /// Id of the operation
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum TagCommand {
    /// List the tags of memories, the most frequent first
    List {
        /// Id of the bank
        bank: String,
        /// The tag, in any case; `*` stands for anything, as in `user:*`
        #[arg(short, long, value_name = "PATTERN")]
        query: Option<String>,
        #[command(flatten)]
        page: PageArguments,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// Remember a text
    Retain(RetainArguments),
    /// Remember files, each as a document
    ///
    /// Texts go to the server as they are. PDF, docx, pptx, xlsx and HTML are read by the server, in
    /// the background.
    RetainFiles(RetainFilesArguments),
    /// Find memories
    Recall(RecallArguments),
    /// Answer a question from memory, with the language model of the server
    Reflect(ReflectArguments),
    /// List memories, the last mentioned first
    List(ListArguments),
    /// Show one memory with all that is known of it
    Get {
        /// Id of the bank
        bank: String,
        /// Id of the memory
        id: String,
    },
    /// Change a memory; observations that were made of it are made anew
    Edit(EditArguments),
    /// Declare a memory invalid: nothing finds it any more, until that is taken back
    Invalidate {
        /// Id of the bank
        bank: String,
        /// Id of the memory
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take back that a memory was declared invalid
    Revert {
        /// Id of the bank
        bank: String,
        /// Id of the memory
        id: String,
    },
    /// Show the earlier versions of an observation
    History {
        /// Id of the bank
        bank: String,
        /// Id of the memory
        id: String,
    },
    /// Delete the observations that were made of a memory, so that they are made anew
    ClearObservations {
        /// Id of the bank
        bank: String,
        /// Id of the memory
        id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Delete the memories of a bank; its documents stay
    Clear {
        /// Id of the bank
        bank: String,
        /// Only this type
        #[arg(short = 't', long = "type", alias = "fact-type", value_name = "TYPE", value_parser = word::<FactType>(FactType::ALL, FactType::as_str))]
        fact_type: Option<FactType>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Args)]
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
    /// Name of the document; the same name replaces it. If not given, one from the time
    #[arg(short, long, visible_alias = "doc-id", value_name = "ID")]
    pub(crate) document_id: Option<String>,
    /// Tag; may be repeated or hold several, separated by commas
    #[arg(long = "tag", alias = "tags", alias = "document-tags", value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// Metadata; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) metadata: Vec<(String, String)>,
    /// Hand it to the background and do not wait
    #[arg(long = "async")]
    pub(crate) run_async: bool,
    /// With --async: wait for the background after all, and show how it goes
    #[arg(long, requires = "run_async")]
    pub(crate) wait: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RetainFilesArguments {
    /// Id of the bank; it is created if need be
    pub(crate) bank: String,
    /// A file, or a folder whose files are taken; hidden ones are not
    pub(crate) path: PathBuf,
    /// Take the files of folders inside as well
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Where the texts come from, in free words
    #[arg(short, long)]
    pub(crate) context: Option<String>,
    /// Hand the files to the background and do not wait
    #[arg(long = "async")]
    pub(crate) run_async: bool,
    /// With --async: wait for the background after all, and show how it goes
    #[arg(long, requires = "run_async")]
    pub(crate) wait: bool,
}

#[derive(Clone, Debug, Args)]
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
    #[command(flatten)]
    pub(crate) tags: TagArguments,
    /// The "now" of the query (ISO-8601)
    #[arg(long, value_name = "TIME")]
    pub(crate) query_timestamp: Option<String>,
    /// Let an observation hide the facts it was made from
    #[arg(long)]
    pub(crate) prefer_observations: bool,
    /// First moment of the time asked about (ISO-8601); memories inside rank higher
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "window_end")]
    pub(crate) window_start: Option<WireTime>,
    /// Last moment of the time asked about (ISO-8601)
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "window_start")]
    pub(crate) window_end: Option<WireTime>,
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

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArguments {
    /// Id of the bank
    pub(crate) bank: String,
    /// Only this type
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = word::<FactType>(FactType::ALL, FactType::as_str))]
    pub(crate) fact_type: Option<FactType>,
    /// Part of the text or context
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// List those that were declared invalid
    #[arg(long)]
    pub(crate) invalidated: bool,
    #[command(flatten)]
    pub(crate) page: PageArguments,
}
