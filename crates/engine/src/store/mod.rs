//! All SQL of Hindsight.
//!
//! Rules every statement here keeps:
//! - it names its bank by [`BankKey`], which only [`Store::bank`] and its like hand out;
//! - static statements are checked at compile time, dynamic ones live in [`dynamic`];
//! - names are unqualified: the search path comes with the connection;
//! - rows that concurrent writers share are locked in one order: the bank (shared), streams,
//!   documents, facts whose observations change, observations, states of memories, observations that
//!   were withdrawn, former versions, entities, term statistics, entity statistics, bank state,
//!   mental models, operations (a parent before its parts), each sorted by its key; work in the
//!   background passes over rows that are locked rather than wait for them.

mod archive;
mod attachments;
mod banks;
mod cells;
mod connect;
mod consolidation;
mod copy;
mod curation;
mod directives;
mod documents;
mod dynamic;
mod entities;
mod events;
mod extractions;
mod fact_rows;
mod files;
mod graph;
mod hydrate;
mod info;
mod links;
mod mental_models;
mod model_calls;
mod observations;
mod operations;
mod relabel;
mod remove;
mod rewrite;
mod series;
mod session;
mod sources;
mod statistics;
mod stats;
mod stored;
mod streams;
mod tags;
mod versions;
mod write;

use std::time::Duration;

use hindsight_types::recall::FactType;
use sqlx::PgPool;
use sqlx::migrate::MigrateError;
use uuid::Uuid;

use crate::text::terms::Language;
use session::{SetUp, is_silence};

pub use attachments::AttachmentFile;
pub(crate) use attachments::infos_of;
pub use banks::{BankKey, BankRow, BankSummary, BankUpdate};
pub use cells::{CellLease, CellWork, PlacedVector, VectorRow};
pub use connect::{PoolSize, StoreOptions};
pub(crate) use consolidation::CONSOLIDATION;
pub use consolidation::{ConsolidationDefaults, WaitingFact};
pub use curation::{FactChange, StateChange, StoredFact, TextFeatures};
pub use directives::{DirectiveFilter, DirectiveRow, DirectiveUpdate};
pub use documents::{DocumentItem, DocumentItems, DocumentRow, DocumentSummary, LastChunk, StoredChunk};
pub use dynamic::{
    Candidate, CandidateQuery, ConsolidationState, DocumentFilter, EntityPair, EntityPairs, EntityRow, Found,
    FoundBy, GraphFilter, GraphMemory, GraphQuery, ListQuery, MemoryFilter, MemoryRow, MemoryScope,
    ModelCallFilter, ModelCallRow, NEIGHBOURS, NewMemory, ObservedFact, Posting, PostingsQuery, REACH,
    RefreshPoint, TagFilter, TermProbe, TimeField, WordHit,
};
pub(crate) use dynamic::{Spot, distances};
pub use entities::{Circle, SimilarEntity};
pub use events::DocumentEventRow;
pub use files::FileBytes;
pub use graph::{GraphRow, Mention, StoredLink};
pub use hydrate::{
    ChunkRow, DocumentText, EntityName, HydratedMemory, MemoryText, RecallBank, RecallSession,
};
pub use info::{PoolHealth, other_clients};
pub use links::{LinkRound, SemanticLink, TypedVector};
pub(crate) use mental_models::REFRESH_MENTAL_MODEL;
pub use mental_models::{
    HistoryKept, HistoryRow, ListedModel, MentalModelFilter, MentalModelRow, MentalModelUpdate, ModelOutcome,
    ModelState, ModelWrite, NewMentalModel, RefreshFailure, RefreshRequest,
};
pub use model_calls::{MadeMemories, ModelCallDay, NewModelCall};
pub use observations::{
    ConsolidationOutcome, ConsolidationWrite, FormerObservation, ObservationChange, ObservationCreate,
    ObservationRemoval, ObservationRow, ObservationText, ScopeWrite, SourceFact,
};
pub use operations::{
    Change, ClaimedOperation, NewOperation, OperationEnd, OperationFilter, OperationLease, OperationRow,
    OperationSignal, OperationSignals, Submission,
};
pub use series::BucketCount;
pub use sources::SourceRow;
pub use stats::{BankState, BankStats};
pub use stored::ChunkKey;
pub use streams::StreamRequest;
pub use write::{ChunkWrite, DocumentWrite, EntityMention, FactWrite, PartWrite, StreamPlace, WriteOutcome};

/// The database: two pools over one schema.
///
/// Cloning is cheap and shares the pools.
#[derive(Clone, Debug)]
pub struct Store {
    /// For everything but recall.
    pool: PgPool,
    /// For recall: its connections steer the planner towards the indexes recall is built on.
    recall_pool: PgPool,
    /// What the postings' words are stemmed by.
    language: Language,
    /// Whether similar names can be found by their trigrams.
    has_trigrams: bool,
    /// How long a statement may take; zero = for ever.
    statement_timeout: Duration,
    /// Whether facts that are made to wait are consolidated without being asked for; none when
    /// nobody could do it.
    consolidation: Option<ConsolidationDefaults>,
    /// What every transaction begins with when connections are not ours for longer.
    set_up: Option<SetUp>,
}

/// Why the database could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection: wrong address, wrong password, or the server is down.
    #[error(
        "cannot reach {role} at {address}: {reason}; check its URL (HINDSIGHT_API_{variable}) and that it accepts connections"
    )]
    Unreachable {
        /// Which database it is, in words.
        role: &'static str,
        /// Setting that names it, without its prefix.
        variable: &'static str,
        /// Host and port, or socket folder.
        address: String,
        /// What the driver says.
        reason: String,
    },
    /// The URL or the schema's name is not usable.
    #[error("{0}")]
    BadOptions(String),
    /// The server lacks something Hindsight needs.
    #[error("{0}")]
    Unsupported(String),
    /// The schema belongs to the original Hindsight.
    #[error(
        "schema \"{0}\" holds tables of the original Hindsight and is left alone; set HINDSIGHT_API_DATABASE_SCHEMA to another name (the default is \"hindsight\") to keep our tables beside them"
    )]
    ForeignSchema(String),
    /// The database was filled with another embedding model.
    #[error(
        "the database was filled with the embedding model {recorded}, but {configured} is configured; configure the former again, or use another database or schema"
    )]
    OtherModel {
        /// The model in the database.
        recorded: String,
        /// The model of this process.
        configured: String,
    },
    /// The postings were made by another text analysis.
    #[error(
        "the database was indexed with text analysis {recorded}, but this program uses {configured}; configure the former language again, or use another database or schema"
    )]
    OtherTextAnalysis {
        /// The analysis in the database.
        recorded: String,
        /// The analysis of this process.
        configured: String,
    },
    /// The schema is older than this program, and may not be changed by it.
    #[error(
        "the schema \"{0}\" is not up to date and HINDSIGHT_API_RUN_MIGRATIONS_ON_STARTUP is false: start one server with true, then the others"
    )]
    OldSchema(String),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(MigrateError),
    /// The disk of the database is full; the statement changed nothing.
    #[error("no space left for the database; free some and try again ({0})")]
    Full(sqlx::Error),
    /// The bank went away while it was written to.
    #[error("the bank was deleted while it was written to, try again")]
    BankVanished,
    /// What was to be stored could not be read to its end; nothing was written.
    #[error("the bytes of a file could not be read: {0}")]
    Unreadable(std::io::Error),
    /// The work belongs to somebody else by now, or was called off; nothing was written.
    #[error("the operation is another worker's by now, or was called off; nothing was written")]
    LeaseLost,
    /// A chunk that was to be kept has gone meanwhile; nothing was written.
    #[error("document '{0}' was changed while it was read, try again")]
    DocumentChanged(String),
    /// A memory was changed, deleted or declared invalid meanwhile; nothing was written.
    #[error("memory '{0}' was changed by somebody else at the same time, try again")]
    MemoryChanged(Uuid),
    /// Nothing can be added to a document whose text is not kept; nothing was written.
    #[error("the text of document '{0}' was not stored, so nothing can be added to it; replace it instead")]
    NoText(String),
    /// The database, or the way to it, fell silent in the middle of a statement. What was
    /// asked for last, a commit perhaps, may have got through all the same.
    #[error("the database did not answer in time; the connection was given up")]
    Silent,
    /// A statement failed.
    #[error("database error: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            error if is_full(&error) => Self::Full(error),
            error if is_silence(&error) => Self::Silent,
            error => Self::Database(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if is_full(&error) => {
                Self::Full(error)
            }
            error => Self::Migration(error),
        }
    }
}

/// Whether PostgreSQL says `disk_full`.
fn is_full(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("53100"))
}

impl StoreError {
    /// True when the database has ended a statement that took longer than it may.
    pub fn is_timeout(&self) -> bool {
        // query_canceled, which nobody else here asks for
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57014"))
    }

    /// True when a later try can succeed: the connection was lost or none was free.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::BankVanished
            | Self::DocumentChanged(_)
            | Self::MemoryChanged(_) => true,
            Self::Database(error) => match error {
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Protocol(_) => true,
                // Lost connections, a server that goes down or comes up or is full, and
                // transactions that met another one.
                sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                    ["08", "57P", "53300", "40"].iter().any(|class| code.starts_with(class))
                }),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Number of a fact type in the database.
pub(crate) fn fact_type_code(fact_type: FactType) -> i16 {
    match fact_type {
        FactType::World => 1,
        FactType::Experience => 2,
        FactType::Observation => 3,
    }
}

/// Fact type of a number in the database, where a check constraint allows 1 to 3 only.
pub(crate) fn fact_type_of(code: i16) -> FactType {
    match code {
        2 => FactType::Experience,
        3 => FactType::Observation,
        _ => FactType::World,
    }
}

impl Store {
    /// Closes every connection. Statements under way end first.
    pub async fn close(&self) {
        self.recall_pool.close().await;
        self.pool.close().await;
    }
}
