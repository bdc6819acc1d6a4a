//! All settings of the server, and names of the original's that do nothing here.

use hindsight_types::settings::{Setting, nearest};

use super::rerank::is_of_chain;

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
        EMBEDDINGS_PROVIDER = "HINDSIGHT_API_EMBEDDINGS_PROVIDER", "local", "local, tei, openai, cohere or google", "what makes vectors of texts; a database keeps the one it began with";
        EMBEDDINGS_LOCAL_MODEL = "HINDSIGHT_API_EMBEDDINGS_LOCAL_MODEL", "auto", "auto, all-MiniLM-L6-v2, bge-small, or a folder with model.onnx and tokenizer.json", "local embedding model; bge-small is looked for in the folder `bge-small` of the assets folder, and auto takes it for a new database when it is there";
    }
    "Embedding services" {
        EMBEDDINGS_MAX_INPUT_TOKENS = "HINDSIGHT_API_EMBEDDINGS_MAX_INPUT_TOKENS", "8192", "a number of tokens, 0 for no limit", "what of a text is sent to a service; the rest is cut off";
        EMBEDDINGS_QUERY_PREFIX = "HINDSIGHT_API_EMBEDDINGS_QUERY_PREFIX", "", "a text", "put before every query that is sent to a service";
        EMBEDDINGS_PASSAGE_PREFIX = "HINDSIGHT_API_EMBEDDINGS_PASSAGE_PREFIX", "", "a text", "put before every other text that is sent to a service";
        EMBEDDINGS_MAX_CONCURRENT = "HINDSIGHT_API_EMBEDDINGS_MAX_CONCURRENT_REQUESTS", "8", "a whole number of at least 1", "calls of a service at once";
        EMBEDDINGS_MAX_RETRIES = "HINDSIGHT_API_EMBEDDINGS_MAX_RETRIES", "4", "a whole number", "further attempts of a call";
        EMBEDDINGS_INITIAL_BACKOFF = "HINDSIGHT_API_EMBEDDINGS_INITIAL_BACKOFF", "0.5", "a number of seconds", "wait before the first of them; it doubles";
        EMBEDDINGS_MAX_BACKOFF = "HINDSIGHT_API_EMBEDDINGS_MAX_BACKOFF", "4.0", "a number of seconds", "longest wait before one of them";
        EMBEDDINGS_RETRY_BUDGET = "HINDSIGHT_API_EMBEDDINGS_RETRY_BUDGET", "15.0", "a number of seconds", "none begins so long after the first attempt";
        EMBEDDINGS_TEI_URL = "HINDSIGHT_API_EMBEDDINGS_TEI_URL", "", "http://… or https://…", "server of Text Embeddings Inference";
        EMBEDDINGS_TEI_BATCH_SIZE = "HINDSIGHT_API_EMBEDDINGS_TEI_BATCH_SIZE", "32", "a whole number of at least 1", "texts in one call of it";
        EMBEDDINGS_OPENAI_API_KEY = "HINDSIGHT_API_EMBEDDINGS_OPENAI_API_KEY", "", "a key", "key for embeddings of OpenAI, if not that of the language model";
        EMBEDDINGS_OPENAI_MODEL = "HINDSIGHT_API_EMBEDDINGS_OPENAI_MODEL", "text-embedding-3-small", "the name of a model", "its model";
        EMBEDDINGS_OPENAI_BASE_URL = "HINDSIGHT_API_EMBEDDINGS_OPENAI_BASE_URL", "https://api.openai.com/v1", "http://… or https://…", "where it is called; any service with the same call will do, and one that is named here needs no key";
        EMBEDDINGS_OPENAI_BATCH_SIZE = "HINDSIGHT_API_EMBEDDINGS_OPENAI_BATCH_SIZE", "100", "a whole number of at least 1", "texts in one call of it";
        EMBEDDINGS_OPENAI_DIMENSIONS = "HINDSIGHT_API_EMBEDDINGS_OPENAI_DIMENSIONS", "", "a whole number of at least 1", "numbers of a vector, if not as many as the model has";
        EMBEDDINGS_COHERE_API_KEY = "HINDSIGHT_API_EMBEDDINGS_COHERE_API_KEY", "", "a key", "key for embeddings of Cohere";
        EMBEDDINGS_COHERE_MODEL = "HINDSIGHT_API_EMBEDDINGS_COHERE_MODEL", "embed-english-v3.0", "the name of a model", "its model";
        EMBEDDINGS_COHERE_BASE_URL = "HINDSIGHT_API_EMBEDDINGS_COHERE_BASE_URL", "https://api.cohere.com", "http://… or https://…", "where it is called";
        EMBEDDINGS_COHERE_OUTPUT_DIMENSIONS = "HINDSIGHT_API_EMBEDDINGS_COHERE_OUTPUT_DIMENSIONS", "", "a whole number of at least 1", "numbers of a vector, if not as many as the model has";
        EMBEDDINGS_GEMINI_API_KEY = "HINDSIGHT_API_EMBEDDINGS_GEMINI_API_KEY", "", "a key", "key for embeddings of the Gemini API (google), if not that of the language model";
        EMBEDDINGS_GEMINI_MODEL = "HINDSIGHT_API_EMBEDDINGS_GEMINI_MODEL", "gemini-embedding-001", "the name of a model", "its model";
        EMBEDDINGS_GEMINI_OUTPUT_DIMENSIONALITY = "HINDSIGHT_API_EMBEDDINGS_GEMINI_OUTPUT_DIMENSIONALITY", "768", "a whole number of at least 1", "numbers of a vector";
        EMBEDDINGS_GEMINI_BATCH_SIZE = "HINDSIGHT_API_EMBEDDINGS_GEMINI_BATCH_SIZE", "100", "a whole number of at least 1", "texts in one call of it";
    }
    "Reranker" {
        ENABLE_RERANKING = "HINDSIGHT_API_ENABLE_RERANKING", "true", "true or false", "let a reranker, if there is one, put what was found in order; a bank may say otherwise";
        RERANKER_PROVIDER = "HINDSIGHT_API_RERANKER_PROVIDER", "local", "local, onnx, tei, cohere, openrouter, siliconflow, zeroentropy, rrf or none", "what puts what was found in order; rrf and none leave it as it is, and so does local without a model on this machine. More that are asked when it fails: the same settings with RERANKER_1_, RERANKER_2_ and so on in place of RERANKER_";
        RERANKER_LOCAL_MODEL = "HINDSIGHT_API_RERANKER_LOCAL_MODEL", "cross-encoder/ms-marco-MiniLM-L-6-v2", "a folder with model.onnx and tokenizer.json, or a name", "local cross-encoder; a name is looked for in the assets folder, as its last part or as `reranker`";
        RERANKER_ONNX_MODEL_PATH = "HINDSIGHT_API_RERANKER_ONNX_MODEL_PATH", "", "a folder or a file", "where the local cross-encoder lies, if not where RERANKER_LOCAL_MODEL says";
        RERANKER_ONNX_MAX_TOKENS = "HINDSIGHT_API_RERANKER_ONNX_MAX_TOKENS", "512", "a whole number of at least 1", "tokens of a query and a text together that the local cross-encoder reads";
        RERANKER_ONNX_THREADS = "HINDSIGHT_API_RERANKER_ONNX_THREADS", "0", "a whole number, 0 for one for each core", "threads of the local cross-encoder";
        RERANKER_MAX_CANDIDATES = "HINDSIGHT_API_RERANKER_MAX_CANDIDATES", "300", "a whole number of at least 1", "texts that a reranker is given at most";
        RERANKER_MAX_CANDIDATES_LOW = "HINDSIGHT_API_RERANKER_MAX_CANDIDATES_LOW", "0", "a whole number, 0 for RERANKER_MAX_CANDIDATES", "the same at budget low";
        RERANKER_MAX_CANDIDATES_MID = "HINDSIGHT_API_RERANKER_MAX_CANDIDATES_MID", "0", "a whole number, 0 for RERANKER_MAX_CANDIDATES", "the same at budget mid";
        RERANKER_MAX_CANDIDATES_HIGH = "HINDSIGHT_API_RERANKER_MAX_CANDIDATES_HIGH", "0", "a whole number, 0 for RERANKER_MAX_CANDIDATES", "the same at budget high";
        RERANKER_MAX_TOKENS = "HINDSIGHT_API_RERANKER_MAX_TOKENS_PER_CANDIDATE", "", "a whole number of at least 1", "tokens of each text that a reranker is given; all when not set";
        RERANKER_TIME_BUDGET_MS = "HINDSIGHT_API_RERANKER_TIME_BUDGET_MS", "150", "a number of milliseconds", "how long a recall waits for a local reranker; what is not scored by then keeps its order";
        RERANKER_REMOTE_TIME_BUDGET_MS = "HINDSIGHT_API_RERANKER_REMOTE_TIME_BUDGET_MS", "2000", "a number of milliseconds", "the same for a reranker that is called over HTTP";
        RERANKER_MAX_RETRIES = "HINDSIGHT_API_RERANKER_MAX_RETRIES", "3", "a whole number", "further attempts of a call over HTTP, as far as the time goes";
        RERANKER_INITIAL_BACKOFF = "HINDSIGHT_API_RERANKER_INITIAL_BACKOFF", "0.5", "a number of seconds", "wait before the first of them; it doubles";
        RERANKER_MAX_BACKOFF = "HINDSIGHT_API_RERANKER_MAX_BACKOFF", "4.0", "a number of seconds", "longest wait before one of them";
        RERANKER_RETRY_BUDGET = "HINDSIGHT_API_RERANKER_RETRY_BUDGET", "10.0", "a number of seconds", "none begins so long after the first attempt";
        RERANKER_TEI_URL = "HINDSIGHT_API_RERANKER_TEI_URL", "", "http://… or https://…", "server of Text Embeddings Inference with a reranker";
        RERANKER_TEI_BATCH_SIZE = "HINDSIGHT_API_RERANKER_TEI_BATCH_SIZE", "128", "a whole number of at least 1", "texts in one call of it";
        RERANKER_TEI_MAX_CONCURRENT = "HINDSIGHT_API_RERANKER_TEI_MAX_CONCURRENT", "8", "a whole number of at least 1", "calls of it at once";
        RERANKER_TEI_HTTP_TIMEOUT = "HINDSIGHT_API_RERANKER_TEI_HTTP_TIMEOUT", "30.0", "a number of seconds", "longest wait for one call of it";
        RERANKER_COHERE_API_KEY = "HINDSIGHT_API_RERANKER_COHERE_API_KEY", "", "a key", "key for the reranker of Cohere";
        RERANKER_COHERE_MODEL = "HINDSIGHT_API_RERANKER_COHERE_MODEL", "rerank-english-v3.0", "the name of a model", "its model";
        RERANKER_COHERE_BASE_URL = "HINDSIGHT_API_RERANKER_COHERE_BASE_URL", "https://api.cohere.com", "http://… or https://…", "where it is called";
        RERANKER_COHERE_TIMEOUT = "HINDSIGHT_API_RERANKER_COHERE_TIMEOUT", "60.0", "a number of seconds", "longest wait for one call of it";
        RERANKER_COHERE_MAX_CONCURRENT = "HINDSIGHT_API_RERANKER_COHERE_MAX_CONCURRENT", "16", "a whole number of at least 1", "calls at once of this and the following";
        RERANKER_OPENROUTER_API_KEY = "HINDSIGHT_API_RERANKER_OPENROUTER_API_KEY", "", "a key", "key for the reranker of OpenRouter";
        RERANKER_OPENROUTER_MODEL = "HINDSIGHT_API_RERANKER_OPENROUTER_MODEL", "cohere/rerank-v3.5", "the name of a model", "its model";
        RERANKER_OPENROUTER_BASE_URL = "HINDSIGHT_API_RERANKER_OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1/rerank", "http://… or https://…", "where it is called";
        RERANKER_OPENROUTER_TIMEOUT = "HINDSIGHT_API_RERANKER_OPENROUTER_TIMEOUT", "60.0", "a number of seconds", "longest wait for one call of it";
        RERANKER_SILICONFLOW_API_KEY = "HINDSIGHT_API_RERANKER_SILICONFLOW_API_KEY", "", "a key", "key for the reranker of SiliconFlow";
        RERANKER_SILICONFLOW_MODEL = "HINDSIGHT_API_RERANKER_SILICONFLOW_MODEL", "BAAI/bge-reranker-v2-m3", "the name of a model", "its model";
        RERANKER_SILICONFLOW_BASE_URL = "HINDSIGHT_API_RERANKER_SILICONFLOW_BASE_URL", "https://api.siliconflow.cn/v1", "http://… or https://…", "where it is called";
        RERANKER_SILICONFLOW_TIMEOUT = "HINDSIGHT_API_RERANKER_SILICONFLOW_TIMEOUT", "60.0", "a number of seconds", "longest wait for one call of it";
        RERANKER_ZEROENTROPY_API_KEY = "HINDSIGHT_API_RERANKER_ZEROENTROPY_API_KEY", "", "a key", "key for the reranker of ZeroEntropy";
        RERANKER_ZEROENTROPY_MODEL = "HINDSIGHT_API_RERANKER_ZEROENTROPY_MODEL", "zerank-2", "the name of a model", "its model";
        RERANKER_ZEROENTROPY_BASE_URL = "HINDSIGHT_API_RERANKER_ZEROENTROPY_BASE_URL", "https://api.zeroentropy.dev", "http://… or https://…", "where it is called";
        RERANKER_ZEROENTROPY_TIMEOUT = "HINDSIGHT_API_RERANKER_ZEROENTROPY_TIMEOUT", "60.0", "a number of seconds", "longest wait for one call of it";
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
    let is_known = |name: &str| known.contains(&name) || is_of_chain(name, &known);
    let mut unknown: Vec<_> =
        names.into_iter().filter(|name| name.starts_with(PREFIX) && !is_known(name)).collect();
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
            "HINDSIGHT_API_RERANKER_LOCAL_BUCKET_BATCHING",
            "HINDSIGHT_API_RERANKER_1_PROVIDER",
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
                "HINDSIGHT_API_RERANKER_LOCAL_BUCKET_BATCHING has no effect in this version",
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
