//! All settings of the server, and names of the original's that do nothing here.

use hindsight_types::settings::{Setting, nearest};

hindsight_types::settings! {
    /// All settings of the server.
    pub SETTINGS;
    "Server" {
        HOST = "HINDSIGHT_API_HOST", "127.0.0.1", "an IP address", "address to listen on";
        PORT = "HINDSIGHT_API_PORT", "8888", "a port number, 0 for any free one", "port to listen on";
        TENANT_API_KEY = "HINDSIGHT_API_TENANT_API_KEY", "", "a key", "key that every call on a bank has to carry (`Authorization: Bearer …`)";
        TENANT_EXTENSION = "HINDSIGHT_API_TENANT_EXTENSION", "", "module:ApiKeyTenantExtension", "the original's way to switch the API key on; a key alone does that too";
        ALLOW_UNAUTHENTICATED = "HINDSIGHT_API_ALLOW_UNAUTHENTICATED", "false", "true or false", "serve other machines without a key";
        ALLOWED_HOSTS = "HINDSIGHT_API_ALLOWED_HOSTS", "", "host names separated by commas", "names besides the local ones that a server without a key answers to";
        MAX_BODY_MB = "HINDSIGHT_API_MAX_BODY_MB", "128", "a whole number of at least 1", "largest body of a retain in MiB";
        GZIP_MIN_SIZE = "HINDSIGHT_API_GZIP_MIN_SIZE", "1024", "a number of bytes, negative for never", "answers of at least so many bytes are compressed";
        LOG_LEVEL = "HINDSIGHT_API_LOG_LEVEL", "info", "trace, debug, info, warning, error or critical", "how much is logged; a filter like `info,hindsight_pg=debug` works too";
        LOG_FORMAT = "HINDSIGHT_API_LOG_FORMAT", "text", "text or json", "log lines for people or for machines";
        NO_COLOR = "NO_COLOR", "", "anything", "log lines without colours, also on a terminal";
        NO_DOTENV = "HINDSIGHT_NO_DOTENV", "false", "true or false", "do not look for a file `.env` in the working folder and those above it; its settings win over the environment";
    }
    "Database" {
        DATABASE_URL = "HINDSIGHT_API_DATABASE_URL", "pg0", "pg0, pg0://NAME or postgresql://…", "embedded database, or one elsewhere";
        DATABASE_SCHEMA = "HINDSIGHT_API_DATABASE_SCHEMA", "hindsight", "the name of a schema", "PostgreSQL schema of the tables";
        DATABASE_BACKEND = "HINDSIGHT_API_DATABASE_BACKEND", "postgresql", "postgresql", "kind of database";
        VECTOR_EXTENSION = "HINDSIGHT_API_VECTOR_EXTENSION", "pgvector", "pgvector", "extension of PostgreSQL that searches vectors";
        TEXT_SEARCH_EXTENSION = "HINDSIGHT_API_TEXT_SEARCH_EXTENSION", "native", "native", "what searches texts";
        LANGUAGE = "HINDSIGHT_API_TEXT_SEARCH_EXTENSION_NATIVE_LANGUAGE", "english", "simple, english, german, french or another Snowball language", "what words are stemmed by in a new database";
        DB_POOL_MAX_SIZE = "HINDSIGHT_API_DB_POOL_MAX_SIZE", "20", "a whole number of at least 1", "connections of each of the two pools, one of which is for recall";
        DB_ACQUIRE_TIMEOUT = "HINDSIGHT_API_DB_ACQUIRE_TIMEOUT", "30", "a whole number of at least 1", "seconds a request waits for a free connection";
        PG_BIN_DIR = "HINDSIGHT_PG_BIN_DIR", "", "a folder", "programs of your own PostgreSQL 14 or newer with pgvector, instead of those that are fetched";
        PG_USER = "HINDSIGHT_PG_USER", "", "the name of a user", "who runs the embedded database when the server is started by root; else hindsight, postgres or nobody";
    }
    "Models" {
        ASSETS_DIR = "HINDSIGHT_ASSETS_DIR", "", "a folder", "where model and runtime are kept, if not in the user's cache folder";
        LLM_PROVIDER = "HINDSIGHT_API_LLM_PROVIDER", "none", "none", "language model; others are not available in this version";
        LLM_API_KEY = "HINDSIGHT_API_LLM_API_KEY", "", "nothing", "key of a language model; refused unless the provider is none, so that nobody misses one";
        EMBEDDINGS_PROVIDER = "HINDSIGHT_API_EMBEDDINGS_PROVIDER", "local", "local", "what makes vectors of texts; others are not available in this version";
        EMBEDDINGS_LOCAL_MODEL = "HINDSIGHT_API_EMBEDDINGS_LOCAL_MODEL", "auto", "auto or all-MiniLM-L6-v2", "local embedding model";
    }
    "Retain" {
        EXTRACTION_MODE = "HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "concise", "concise, verbose, custom, verbatim or chunks", "how facts are made; without a language model the rules are the same for the first four";
        CHUNK_SIZE = "HINDSIGHT_API_RETAIN_CHUNK_SIZE", "3000", "a whole number of at least 1", "largest chunk of a text in characters";
        STRUCTURED_CHUNK_SIZE = "HINDSIGHT_API_RETAIN_STRUCTURED_CHUNK_SIZE", "", "a whole number of at least 1", "largest turn of a conversation or line of JSON that is kept whole, if not the chunk size";
        STORE_DOCUMENT_TEXT = "HINDSIGHT_API_STORE_DOCUMENT_TEXT", "true", "true or false", "keep the texts of documents";
    }
    "Recall" {
        ENABLE_TEXT_SEARCH = "HINDSIGHT_API_ENABLE_TEXT_SEARCH", "true", "true or false", "search by words as well as by meaning";
        BUDGET_LOW = "HINDSIGHT_API_RECALL_BUDGET_FIXED_LOW", "100", "a whole number of at least 1", "candidates of each kind of search at budget low";
        BUDGET_MID = "HINDSIGHT_API_RECALL_BUDGET_FIXED_MID", "300", "a whole number of at least 1", "candidates of each kind of search at budget mid";
        BUDGET_HIGH = "HINDSIGHT_API_RECALL_BUDGET_FIXED_HIGH", "1000", "a whole number of at least 1", "candidates of each kind of search at budget high";
        MIN_SIMILARITY = "HINDSIGHT_API_SEMANTIC_MIN_SIMILARITY", "0.3", "a number from 0 to 1", "cosine similarity below which nothing is found by meaning";
        MAX_QUERY_TOKENS = "HINDSIGHT_API_RECALL_MAX_QUERY_TOKENS", "500", "a number of tokens, 0 for no limit", "longest query; what is beyond is cut off";
    }
}

/// What all settings of the server and of its commands begin with.
pub(super) const PREFIX: &str = "HINDSIGHT_";

/// Beginnings, behind `HINDSIGHT_API_`, of settings of the original that have no effect here yet.
const NOT_YET: [&str; 43] = [
    "ACCESS_LOG",
    "ADMISSION_",
    "ANN_",
    "AUDIT_LOG_",
    "BANK_",
    "BASE_PATH",
    "BM25_",
    "CONSOLIDATION_",
    "DB_",
    "DECISION_MODEL_",
    "DEFAULT_",
    "DISPOSITION_",
    "EMBEDDINGS_",
    "ENABLE_",
    "ENTITY_",
    "FAIL_ON_EXTRACTION_ERRORS",
    "FILE_",
    "GRAPH_",
    "KNOWLEDGE_PAGE_",
    "LINK_EXPANSION_",
    "LLM_",
    "MAINTENANCE_",
    "MAX_OBSERVATIONS_PER_SCOPE",
    "MCP_",
    "MENTAL_MODEL_",
    "METRICS_",
    "MIGRATION_",
    "OBSERVATION",
    "OPERATION_",
    "OTEL_",
    "QUERY_ANALYZER_",
    "READ_D",
    "RECALL_",
    "RECENCY_DECAY_",
    "REFLECT_",
    "RERANKER_",
    "RETAIN_",
    "RETENTION_",
    "SEMANTIC_LINK_",
    "TEMPORAL_",
    "VLM_",
    "WEBHOOK_",
    "WORKER_",
];

/// Beginnings of settings that only a server in Python needs.
const MEANINGLESS: [&str; 5] = ["LOOP_", "WORKERS", "MODEL_INIT_TIMEOUT", "TOKENIZER_ENCODING", "DAEMON_LOG"];

/// What to tell about variables that are no settings of any program here: one line each.
pub(super) fn remarks<'n>(names: impl IntoIterator<Item = &'n str>, known: &[&[Setting]]) -> Vec<String> {
    let known: Vec<_> = known.iter().flat_map(|table| table.iter()).map(|setting| setting.name).collect();
    let mut unknown: Vec<_> =
        names.into_iter().filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect();
    unknown.sort_unstable();
    unknown.into_iter().filter_map(|name| remark(name, &known)).collect()
}

fn remark(name: &str, known: &[&str]) -> Option<String> {
    let short = name.strip_prefix("HINDSIGHT_API_").unwrap_or_default();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| short.starts_with(beginning));
    if begins(&MEANINGLESS) && !short.starts_with("WORKERS_") {
        // Set by the program that starts daemons, and told by nobody else.
        return (short != "DAEMON_LOG").then(|| format!("{name} means nothing here and is ignored"));
    }
    if let Some(meant) = nearest(name, known.iter().copied()) {
        return Some(format!("{name} is not a setting: did you mean {meant}?"));
    }
    if begins(&NOT_YET) {
        return Some(format!("{name} has no effect in this version"));
    }
    Some(format!("{name} is not a setting"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_does_nothing_is_told_once_and_why() {
        let names = [
            "HINDSIGHT_API_PORT",
            "HINDSIGHT_API_PROT",
            "HINDSIGHT_API_RERANKER_PROVIDER",
            "HINDSIGHT_API_LOOP_LAG_METRIC",
            "HINDSIGHT_API_WORKERS",
            "HINDSIGHT_API_NONSENSE_AND_MORE",
            "HINDSIGHT_API_DAEMON_LOG",
            "PATH",
        ];
        assert_eq!(
            remarks(names, &[SETTINGS]),
            [
                "HINDSIGHT_API_LOOP_LAG_METRIC means nothing here and is ignored",
                "HINDSIGHT_API_NONSENSE_AND_MORE is not a setting",
                "HINDSIGHT_API_PROT is not a setting: did you mean HINDSIGHT_API_PORT?",
                "HINDSIGHT_API_RERANKER_PROVIDER has no effect in this version",
                "HINDSIGHT_API_WORKERS means nothing here and is ignored",
            ]
        );
    }

    #[test]
    fn no_setting_is_declared_twice() {
        let names: std::collections::BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
