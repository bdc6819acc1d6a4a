//! All settings of the server.

hindsight_types::settings! {
    /// All settings of the server.
    pub SETTINGS;
    "Server" {
        HOST = "HINDSIGHT_API_HOST", "127.0.0.1", "an IP address", "address to listen on";
        PORT = "HINDSIGHT_API_PORT", "8888", "a port number, 0 for any free one", "port to listen on";
        BASE_PATH = "HINDSIGHT_API_BASE_PATH", "", "a path like /memory", "path in front of all routes, as behind a reverse proxy; they answer without it too";
        TENANT_API_KEY = "HINDSIGHT_API_TENANT_API_KEY", "", "a key", "key that every call on a bank has to carry (`Authorization: Bearer …`)";
        TENANT_EXTENSION = "HINDSIGHT_API_TENANT_EXTENSION", "", "module:ApiKeyTenantExtension", "the original's way to switch the API key on; a key alone does that too";
        OPERATION_VALIDATOR_EXTENSION = "HINDSIGHT_API_OPERATION_VALIDATOR_EXTENSION", "", "nothing", "rules of who may do what, as code for the original; refused, since it cannot be run here";
        HTTP_EXTENSION = "HINDSIGHT_API_HTTP_EXTENSION", "", "nothing", "routes as code for the original; refused, since it cannot be run here";
        MCP_EXTENSION = "HINDSIGHT_API_MCP_EXTENSION", "", "nothing", "tools as code for the original; refused, since it cannot be run here";
        MEMORIES_EXTENSION = "HINDSIGHT_API_MEMORIES_EXTENSION", "", "nothing", "rules for memories as code for the original; refused, since it cannot be run here";
        ALLOW_UNAUTHENTICATED = "HINDSIGHT_API_ALLOW_UNAUTHENTICATED", "false", "true or false", "serve other machines without a key";
        ALLOWED_HOSTS = "HINDSIGHT_API_ALLOWED_HOSTS", "", "host names separated by commas", "names besides the local ones that a server without a key answers to";
        MAX_BODY_MB = "HINDSIGHT_API_MAX_BODY_MB", "128", "a whole number of at least 1", "largest body of a retain in MiB";
        ENABLE_BANK_CONFIG = "HINDSIGHT_API_ENABLE_BANK_CONFIG_API", "true", "true or false", "let clients change the settings of banks by their own route; reading them is always possible";
        GZIP_MIN_SIZE = "HINDSIGHT_API_GZIP_MIN_SIZE", "1024", "a number of bytes, negative for never", "answers of at least so many bytes are compressed";
        RECALL_IN_FLIGHT = "HINDSIGHT_API_ADMISSION_RECALL_MAX_IN_FLIGHT", "0", "a whole number, 0 for 16 for each core, negative for no limit", "recalls that are worked on at one time; others wait before their body is read";
        RECALL_MAX_WAIT = "HINDSIGHT_API_ADMISSION_RECALL_MAX_WAIT_MS", "30000", "a whole number of milliseconds", "longest wait of a recall for its turn; after that it is told to come back (503)";
        REFLECT_IN_FLIGHT = "HINDSIGHT_API_ADMISSION_REFLECT_MAX_IN_FLIGHT", "0", "a whole number, 0 for 16 for each core, negative for no limit", "questions (reflect) that are worked on at one time; others wait before their body is read";
        REFLECT_MAX_WAIT = "HINDSIGHT_API_ADMISSION_REFLECT_MAX_WAIT_MS", "5000", "a whole number of milliseconds", "longest wait of a question for its turn; after that it is told to come back (503)";
        RETAIN_IN_FLIGHT = "HINDSIGHT_API_ADMISSION_RETAIN_MAX_IN_FLIGHT", "0", "a whole number, 0 for 32 for each core, negative for no limit", "retains that are taken at one time; others wait before their body is read";
        RETAIN_MAX_WAIT = "HINDSIGHT_API_ADMISSION_RETAIN_MAX_WAIT_MS", "2000", "a whole number of milliseconds", "longest wait of a retain for its turn; after that it is told to come back (503)";
        BANK_STATS_CACHE_LIFE = "HINDSIGHT_API_BANK_STATS_CACHE_TTL_SECONDS", "60", "a number of seconds, 0 for not at all", "how long counts of a bank are kept; they are made anew as soon as the bank is written to";
        BANK_STATS_CACHE_BANKS = "HINDSIGHT_API_BANK_STATS_CACHE_MAX_ENTRIES", "1024", "a whole number, 0 for none", "of how many banks counts are kept";
        ACCESS_LOG = "HINDSIGHT_API_ACCESS_LOG", "false", "true or false", "a log line for every request";
        LOG_LEVEL = "HINDSIGHT_API_LOG_LEVEL", "info", "trace, debug, info, warning, error or critical", "how much is logged; a filter like `info,hindsight_pg=debug` works too";
        LOG_FORMAT = "HINDSIGHT_API_LOG_FORMAT", "text", "text or json", "log lines for people or for machines";
        NO_COLOR = "NO_COLOR", "", "anything", "log lines without colours, also on a terminal";
        LOG_JSON_FIELDS = "HINDSIGHT_API_LOG_JSON_FIELDS", "", "severity, message, timestamp, logger, tenant, exception, separated by commas", "fields of a log line for machines under the names that log services know; if not set, all that is known under our own";
        DAEMON_LOG = "HINDSIGHT_API_DAEMON_LOG", "", "a file", "file for log lines instead of standard error; daemons have their own";
        NO_DOTENV = "HINDSIGHT_NO_DOTENV", "false", "true or false", "do not look for a file `.env` in the working folder and those above it; its settings win over the environment";
    }
    "Database" {
        DATABASE_URL = "HINDSIGHT_API_DATABASE_URL", "pg0", "pg0, pg0://NAME or postgresql://…", "embedded database, or one elsewhere";
        READ_DATABASE_URL = "HINDSIGHT_API_READ_DATABASE_URL", "", "postgresql://…", "replica that recall asks; it may lag behind";
        MIGRATION_DATABASE_URL = "HINDSIGHT_API_MIGRATION_DATABASE_URL", "", "postgresql://…", "the same database by a way that is good for changes of the schema, as one around a connection pooler";
        RUN_MIGRATIONS = "HINDSIGHT_API_RUN_MIGRATIONS_ON_STARTUP", "true", "true or false", "bring the schema up to date at the start; else it has to be";
        DATABASE_SCHEMA = "HINDSIGHT_API_DATABASE_SCHEMA", "hindsight", "the name of a schema", "PostgreSQL schema of the tables";
        DATABASE_BACKEND = "HINDSIGHT_API_DATABASE_BACKEND", "postgresql", "postgresql", "kind of database";
        VECTOR_EXTENSION = "HINDSIGHT_API_VECTOR_EXTENSION", "pgvector", "pgvector", "extension of PostgreSQL that searches vectors";
        TEXT_SEARCH_EXTENSION = "HINDSIGHT_API_TEXT_SEARCH_EXTENSION", "native", "native", "what searches texts";
        LANGUAGE = "HINDSIGHT_API_TEXT_SEARCH_EXTENSION_NATIVE_LANGUAGE", "english", "simple, english, german, french or another Snowball language", "what words are stemmed by in a new database";
        DB_POOL_MIN_SIZE = "HINDSIGHT_API_DB_POOL_MIN_SIZE", "0", "a whole number", "connections that are kept open even when nobody needs them, recall aside";
        DB_POOL_MAX_SIZE = "HINDSIGHT_API_DB_POOL_MAX_SIZE", "20", "a whole number of at least 1", "most connections at one time, recall aside";
        READ_DB_POOL_MIN_SIZE = "HINDSIGHT_API_READ_DB_POOL_MIN_SIZE", "0", "a whole number", "connections for recall that are kept open even when nobody needs them";
        READ_DB_POOL_MAX_SIZE = "HINDSIGHT_API_READ_DB_POOL_MAX_SIZE", "", "a whole number of at least 1", "most connections for recall at one time, if not as many as for the rest";
        DB_ACQUIRE_TIMEOUT = "HINDSIGHT_API_DB_ACQUIRE_TIMEOUT", "30", "a whole number of at least 1", "seconds a request waits for a free connection";
        DB_ACQUIRE_WARN = "HINDSIGHT_API_DB_ACQUIRE_WARN_THRESHOLD_MS", "1000", "a whole number of milliseconds", "waits for a connection that are longer are warned of in the log";
        DB_SLOW_ACQUIRE = "HINDSIGHT_API_DB_POOL_SLOW_ACQUIRE_THRESHOLD_SECONDS", "0.05", "a number of seconds", "regular looks at the database that take longer are told in the log";
        DB_COMMAND_TIMEOUT = "HINDSIGHT_API_DB_COMMAND_TIMEOUT", "60", "a number of seconds, 0 for no limit", "longest time of a statement; the shorter one of this and the next counts";
        DB_STATEMENT_TIMEOUT = "HINDSIGHT_API_DB_STATEMENT_TIMEOUT", "600", "a number of seconds, 0 for no limit", "longest time of a statement, as the original has it on the side of the database";
        DB_PARALLEL_WORKERS = "HINDSIGHT_API_DB_MAX_PARALLEL_WORKERS_PER_GATHER", "", "a whole number", "workers of PostgreSQL that may help with one statement, if not as many as it is set to";
        DB_SESSION_SETUP = "HINDSIGHT_API_DB_SESSION_SETUP_ON_ACQUIRE", "false", "true or false", "begin every transaction with its settings: for a pooler that lends connections for one transaction, and keeps prepared statements";
        PG_BIN_DIR = "HINDSIGHT_PG_BIN_DIR", "", "a folder", "programs of your own PostgreSQL 14 or newer with pgvector, instead of those that are fetched";
        PG_USER = "HINDSIGHT_PG_USER", "", "the name of a user", "who runs the embedded database when the server is started by root; else hindsight, postgres or nobody";
    }
    "Models" {
        ASSETS_DIR = "HINDSIGHT_ASSETS_DIR", "", "a folder", "where model and runtime are kept, if not in the user's cache folder";
        EMBEDDINGS_PROVIDER = "HINDSIGHT_API_EMBEDDINGS_PROVIDER", "local", "local, tei, openai, cohere or google", "what makes vectors of texts; a database keeps the one it began with";
        EMBEDDINGS_LOCAL_MODEL = "HINDSIGHT_API_EMBEDDINGS_LOCAL_MODEL", "auto", "auto, all-MiniLM-L6-v2, bge-small, or a folder with model.onnx and tokenizer.json", "local embedding model; bge-small is looked for in the folder `bge-small` of the assets folder, and auto takes it for a new database when it is there";
        EMBEDDINGS_MAX_INPUT_TOKENS = "HINDSIGHT_API_EMBEDDINGS_MAX_INPUT_TOKENS", "8192", "a number of tokens, 0 for no limit", "tokens of a text that its vector is made from, and never more than the model takes; the rest is cut off, before it is sent to a service";
        EMBEDDINGS_FORCE_CPU = "HINDSIGHT_API_EMBEDDINGS_LOCAL_FORCE_CPU", "false", "true or false", "compute the local model on the CPU only; this version never does anything else";
        EMBEDDINGS_TRUST_REMOTE_CODE = "HINDSIGHT_API_EMBEDDINGS_LOCAL_TRUST_REMOTE_CODE", "false", "false", "run code that comes with a model; that is never done";
        MODEL_INIT_TIMEOUT = "HINDSIGHT_API_MODEL_INIT_TIMEOUT", "300", "a number of seconds, 0 for no limit", "longest time for loading a model once it is there";
        ORT_DYLIB_PATH = "ORT_DYLIB_PATH", "", "a file", "ONNX Runtime library of your own instead of the one that is fetched";
    }
    "Language models" {
        LLM_PROVIDER = "HINDSIGHT_API_LLM_PROVIDER", "", "none, openai, anthropic, gemini, groq, ollama, lmstudio, openrouter, deepseek or another one of docs/reference/language-models.md", "who makes facts and answers; openai where only a key or a URL is given, none where neither is";
        LLM_API_KEY = "HINDSIGHT_API_LLM_API_KEY", "", "a key", "key of the provider; servers nearby need none";
        OPENAI_API_KEY = "OPENAI_API_KEY", "", "a key", "key of openai, where it was chosen and no other key is given; alone it chooses nothing";
        LLM_MODEL = "HINDSIGHT_API_LLM_MODEL", "", "a model in the provider's words", "model, if not the provider's usual one";
        LLM_BASE_URL = "HINDSIGHT_API_LLM_BASE_URL", "", "an http or https URL", "where the provider's API is, if not at its usual place: with openai any compatible server";
        LLM_TIMEOUT = "HINDSIGHT_API_LLM_TIMEOUT", "120", "a number of seconds above 0", "longest wait for one attempt; for questions (reflect) 30 unless this is set";
        LLM_CONNECT_TIMEOUT = "HINDSIGHT_API_LLM_CONNECT_TIMEOUT", "10", "a number of seconds above 0", "longest wait for a connection";
        LLM_MAX_CONCURRENT = "HINDSIGHT_API_LLM_MAX_CONCURRENT", "32", "a whole number of at least 1", "calls in flight at once";
        LLM_MAX_RETRIES = "HINDSIGHT_API_LLM_MAX_RETRIES", "3", "a whole number", "further attempts of a call";
        LLM_INITIAL_BACKOFF = "HINDSIGHT_API_LLM_INITIAL_BACKOFF", "1", "a number of seconds", "wait before the first of them; it doubles";
        LLM_MAX_BACKOFF = "HINDSIGHT_API_LLM_MAX_BACKOFF", "60", "a number of seconds", "longest wait before one of them; a provider that asks for more is not waited for";
        LLM_REASONING_EFFORT = "HINDSIGHT_API_LLM_REASONING_EFFORT", "", "a word of the provider, as low, medium or high", "how much a model thinks before it answers";
        LLM_EXTRA_BODY = "HINDSIGHT_API_LLM_EXTRA_BODY", "", "a JSON object", "put into the body of every call";
        LLM_DEFAULT_HEADERS = "HINDSIGHT_API_LLM_DEFAULT_HEADERS", "", "a JSON object of texts", "headers of every call";
        LLM_STRATEGY = "HINDSIGHT_API_LLM_STRATEGY", "", "a JSON object like {\"mode\": \"round-robin\", \"weights\": [2, 1], \"cooldown_seconds\": 60}, with the mode failover or round-robin", "which of several models (HINDSIGHT_API_LLM_1_PROVIDER and so on) is asked first; the first that works, if nobody says";
        LLM_TEMPERATURE = "HINDSIGHT_API_LLM_TEMPERATURE", "", "a number from 0 to 2, or none to send none", "how freely models choose their words, for all calls whose own is not set";
        LLM_TEMPERATURE_RETAIN = "HINDSIGHT_API_LLM_TEMPERATURE_RETAIN", "0.1", "a number from 0 to 2, or none to send none", "the same when facts are made";
        LLM_TEMPERATURE_REFLECT = "HINDSIGHT_API_LLM_TEMPERATURE_REFLECT", "0.9", "a number from 0 to 2, or none to send none", "the same when questions are answered";
        LLM_TEMPERATURE_CONSOLIDATION = "HINDSIGHT_API_LLM_TEMPERATURE_CONSOLIDATION", "0", "a number from 0 to 2, or none to send none", "the same when observations are made";
        LLM_TEMPERATURE_MENTAL_MODEL_REFRESH = "HINDSIGHT_API_LLM_TEMPERATURE_MENTAL_MODEL_REFRESH", "", "a number from 0 to 2, or none to send none", "the same when mental models are written, if not as for observations";
        LLM_STRICT_SCHEMA = "HINDSIGHT_API_LLM_STRICT_SCHEMA", "", "true or false", "give models the JSON schema of their answer: always, or never; if not set, where the provider takes it";
        LLM_STRICT_SCHEMA_RETAIN = "HINDSIGHT_API_LLM_STRICT_SCHEMA_RETAIN", "", "true or false", "the same when facts are made";
        LLM_STRICT_SCHEMA_REFLECT = "HINDSIGHT_API_LLM_STRICT_SCHEMA_REFLECT", "", "true or false", "the same when questions are answered and mental models written";
        LLM_STRICT_SCHEMA_CONSOLIDATION = "HINDSIGHT_API_LLM_STRICT_SCHEMA_CONSOLIDATION", "", "true or false", "the same when observations are made";
        LLM_JSON_MODE = "HINDSIGHT_API_LLM_OPENAI_COMPATIBLE_JSON_MODE", "", "true or false", "ask OpenAI-compatible servers for JSON without a schema where they take none; if not set, as the provider is known";
        LLM_SUPPORTS_MAX_ITEMS = "HINDSIGHT_API_LLM_SUPPORTS_MAX_ITEMS", "true", "true or false", "whether schemas may bound the length of lists";
        LLM_SUPPORTS_STRING_PATTERN = "HINDSIGHT_API_LLM_SUPPORTS_STRING_PATTERN", "false", "true or false", "whether schemas may have patterns for texts";
        LLM_PROMPT_CACHE = "HINDSIGHT_API_LLM_PROMPT_CACHE_ENABLED", "true", "true or false", "let anthropic keep the beginning of conversations, which makes the next call cheaper; others do so by themselves";
        LLM_VISION = "HINDSIGHT_API_LLM_VISION", "", "true or false", "whether the model that reads texts with pictures and files can be shown those; if not set, as the model is known";
        VLM_PROVIDER = "HINDSIGHT_API_VLM_PROVIDER", "", "a provider as for HINDSIGHT_API_LLM_PROVIDER", "who reads texts with pictures and files in them, if not the one that reads the others";
        VLM_API_KEY = "HINDSIGHT_API_VLM_API_KEY", "", "a key", "its key";
        VLM_MODEL = "HINDSIGHT_API_VLM_MODEL", "", "a model in the provider's words", "its model";
        VLM_BASE_URL = "HINDSIGHT_API_VLM_BASE_URL", "", "an http or https URL", "where its API is";
        LLM_GROQ_SERVICE_TIER = "HINDSIGHT_API_LLM_GROQ_SERVICE_TIER", "auto", "a word of groq", "class of service at groq";
        LLM_OPENAI_SERVICE_TIER = "HINDSIGHT_API_LLM_OPENAI_SERVICE_TIER", "", "a word of OpenAI, as flex", "class of service at openai";
        LLM_GEMINI_SAFETY_SETTINGS = "HINDSIGHT_API_LLM_GEMINI_SAFETY_SETTINGS", "", "a JSON list", "safety settings of gemini";
    }
    "Records of model calls" {
        LLM_TRACE_ENABLED = "HINDSIGHT_API_LLM_TRACE_ENABLED", "true", "true or false", "keep, for a short time, what language models were asked for a bank, what they said and what it cost";
        LLM_TRACE_SCOPES = "HINDSIGHT_API_LLM_TRACE_SCOPES", "", "names separated by commas, as retain, reflect or consolidation_dedup", "operations and single steps of them whose calls are kept, if not those of all";
        LLM_TRACE_EXCLUDE_SCOPES = "HINDSIGHT_API_LLM_TRACE_EXCLUDE_SCOPES", "", "names separated by commas", "operations and single steps of them whose calls are not kept";
        LLM_TRACE_RETENTION_DAYS = "HINDSIGHT_API_LLM_TRACE_RETENTION_DAYS", "1", "a whole number, 0 or less for ever", "days after which they are forgotten";
        LLM_TRACE_MAX_CHARS = "HINDSIGHT_API_LLM_TRACE_MAX_CHARS", "50000", "a whole number, 0 for no limit", "characters of what was asked, and of what was said, that are kept";
    }
    "Embedding services" {
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
        RETAIN_MISSION = "HINDSIGHT_API_RETAIN_MISSION", "", "a text", "what matters to the memory, told to the language model that makes facts; a bank may say otherwise";
        RETAIN_CUSTOM_INSTRUCTIONS = "HINDSIGHT_API_RETAIN_CUSTOM_INSTRUCTIONS", "", "a text", "what to keep in mode custom; a bank may say otherwise";
        RETAIN_DEFAULT_STRATEGY = "HINDSIGHT_API_RETAIN_DEFAULT_STRATEGY", "", "the name of a strategy", "strategy of items that name none, in banks that have it";
        RETAIN_CAUSAL_LINKS = "HINDSIGHT_API_RETAIN_EXTRACT_CAUSAL_LINKS", "true", "true or false", "ask a language model which facts led to others";
        RETAIN_OPTIONAL_DIMENSIONS = "HINDSIGHT_API_RETAIN_OPTIONAL_FACT_DIMENSIONS", "false", "true or false", "let a language model leave out when, where, who and why of a fact";
        LLM_OUTPUT_LANGUAGE = "HINDSIGHT_API_LLM_OUTPUT_LANGUAGE", "", "a language by its English name", "language of the facts that a language model makes, if not that of the text";
        RETAIN_MAX_COMPLETION_TOKENS = "HINDSIGHT_API_RETAIN_MAX_COMPLETION_TOKENS", "64000", "a number of tokens, 0 for the model's own bound", "longest answer for a chunk; it has to be more than the chunk has characters";
        RETAIN_CONTENT_RETRIES = "HINDSIGHT_API_RETAIN_CONTENT_RETRIES", "2", "a whole number", "further questions when a language model answers, but with no usable facts";
        RETAIN_CHUNK_CONCURRENCY = "HINDSIGHT_API_RETAIN_CHUNK_CONCURRENCY", "8", "a whole number of at least 1", "chunks of one retain that a language model reads at one time";
        ATTACHMENTS_PER_CHUNK = "HINDSIGHT_API_RETAIN_MAX_ATTACHMENTS_PER_CHUNK", "8", "a whole number of at least 1", "pictures and files in one chunk of a text; a bank may say otherwise";
        ATTACHMENT_MAX_SIZE_MB = "HINDSIGHT_API_RETAIN_ATTACHMENT_MAX_SIZE_MB", "20", "a whole number of at least 1", "largest picture or file inside of a text in MiB";
        ATTACHMENT_MAX_COUNT = "HINDSIGHT_API_RETAIN_ATTACHMENT_MAX_COUNT", "50", "a whole number", "pictures and files inside of one item";
        ENABLE_DRY_RUN = "HINDSIGHT_API_ENABLE_DRY_RUN_EXTRACT", "true", "true or false", "show what a retain would make of a text (dry-run-extract)";
        RETAIN_MAX_CONCURRENT = "HINDSIGHT_API_RETAIN_MAX_CONCURRENT", "4", "a whole number of at least 1", "retains that are worked on at one time; others wait with what they have sent";
        RETAIN_WALL_TIMEOUT = "HINDSIGHT_API_RETAIN_WALL_TIMEOUT", "3600", "a whole number of at least 1", "seconds after which a retain is given up (504)";
        RETAIN_BATCH_TOKENS = "HINDSIGHT_API_RETAIN_BATCH_TOKENS", "10000", "a whole number of at least 1", "tokens that a part of a retain in the background has at most; an item is never cut for it";
        STORE_DOCUMENT_TEXT = "HINDSIGHT_API_STORE_DOCUMENT_TEXT", "true", "true or false", "keep the texts of documents";
        ENTITY_CANDIDATES = "HINDSIGHT_API_RETAIN_ENTITY_RESOLUTION_MAX_CANDIDATES", "200", "a whole number of at least 1", "names of a bank that one new name is compared with at most";
        ENTITY_NAMES_AT_ONCE = "HINDSIGHT_API_RETAIN_ENTITY_RESOLUTION_BATCH_SIZE", "100", "a whole number of at least 1", "new names that the database is asked about at one time";
        ENTITY_TRIGRAM_THRESHOLD = "HINDSIGHT_API_ENTITY_TRGM_SIMILARITY_THRESHOLD", "0.3", "a number above 0, at most 1", "share of trigrams that a name of a bank has in common with a new one to be looked at";
        ENTITY_MERGE_SIMILARITY = "HINDSIGHT_API_ENTITY_MERGE_MIN_SIMILARITY", "0.3", "a number above 0, at most 1", "share of trigrams that two names have in common at least to be taken for one";
        ENTITY_BATCH_SIMILARITY = "HINDSIGHT_API_ENTITY_INTRABATCH_MERGE_SIMILARITY", "0.5", "a number above 0, at most 1", "the same for two names that are both new in one retain";
        LINK_MIN_SIMILARITY = "HINDSIGHT_API_SEMANTIC_LINK_MIN_SIMILARITY", "0.7", "a number from 0 to 1", "similarity from which two memories are linked";
    }
    "Files" {
        ENABLE_FILE_UPLOAD = "HINDSIGHT_API_ENABLE_FILE_UPLOAD_API", "true", "true or false", "take files whose texts are to be remembered";
        FILE_STORAGE_TYPE = "HINDSIGHT_API_FILE_STORAGE_TYPE", "native", "native", "where files are kept until they are read: in the database";
        FILE_PARSER = "HINDSIGHT_API_FILE_PARSER", "markitdown", "markitdown", "who reads files; the name stands for what is built in: PDF, docx, pptx, xlsx, HTML and plain text";
        FILE_PARSER_ALLOWLIST = "HINDSIGHT_API_FILE_PARSER_ALLOWLIST", "", "names separated by commas", "who a request may ask to read its files, if not everybody there is";
        FILE_MAX_BATCH = "HINDSIGHT_API_FILE_CONVERSION_MAX_BATCH_SIZE", "10", "a whole number of at least 1", "most files in one request";
        FILE_MAX_BATCH_MB = "HINDSIGHT_API_FILE_CONVERSION_MAX_BATCH_SIZE_MB", "100", "a whole number of at least 1", "megabytes that the files of one request have at most";
        FILE_DELETE_AFTER_RETAIN = "HINDSIGHT_API_FILE_DELETE_AFTER_RETAIN", "true", "true or false", "forget a file when its text is handed on to be retained; else it stays as long as its operation does";
    }
    "Background work" {
        WORKER_ENABLED = "HINDSIGHT_API_WORKER_ENABLED", "true", "true or false", "work in this server on what clients hand to the background; else `hindsight worker` has to";
        WORKER_HTTP_PORT = "HINDSIGHT_API_WORKER_HTTP_PORT", "8889", "a port number, 0 for any free one", "port on which `hindsight worker` tells how it is";
        WORKER_ID = "HINDSIGHT_API_WORKER_ID", "", "a name", "what this worker is called in the table of operations, if not by host and process; nothing depends on it";
        WORKER_POLL_INTERVAL = "HINDSIGHT_API_WORKER_POLL_INTERVAL_MS", "500", "a whole number of at least 1", "milliseconds between two looks for work where the database cannot tell of it";
        WORKER_MAX_SLOTS = "HINDSIGHT_API_WORKER_MAX_SLOTS", "10", "a whole number of at least 1", "operations at one time";
        WORKER_LEASE = "HINDSIGHT_API_WORKER_LEASE_SECONDS", "60", "a number of seconds of at least 1", "time after which the work of a worker that is not heard of is taken over";
        WORKER_MAX_RETRIES = "HINDSIGHT_API_WORKER_MAX_RETRIES", "3", "a whole number", "further attempts of an operation";
        WORKER_BACKOFF = "HINDSIGHT_API_WORKER_TASK_RETRY_BACKOFF_SECONDS", "60", "a number of seconds", "wait before the first of them; it doubles";
        OPERATION_RETENTION_DAYS = "HINDSIGHT_API_OPERATION_RETENTION_DAYS", "0", "a whole number, 0 for ever", "days after which operations that have come to their end are forgotten";
    }
    "Observations" {
        ENABLE_OBSERVATIONS = "HINDSIGHT_API_ENABLE_OBSERVATIONS", "true", "true or false", "make observations of facts, where there is a language model; a bank may say otherwise";
        ENABLE_AUTO_CONSOLIDATION = "HINDSIGHT_API_ENABLE_AUTO_CONSOLIDATION", "true", "true or false", "make them without being asked for; a bank may say otherwise";
        OBSERVATIONS_MISSION = "HINDSIGHT_API_OBSERVATIONS_MISSION", "", "a text", "what observations are to be about; a bank may have its own";
        CONSOLIDATION_LLM_BATCH_SIZE = "HINDSIGHT_API_CONSOLIDATION_LLM_BATCH_SIZE", "8", "a whole number of at least 1", "facts of one question to the model";
        CONSOLIDATION_LLM_PARALLELISM = "HINDSIGHT_API_CONSOLIDATION_LLM_PARALLELISM", "4", "a whole number of at least 1", "groups of facts with the same scopes that a run works on at one time";
        CONSOLIDATION_MAX_PER_ROUND = "HINDSIGHT_API_CONSOLIDATION_MAX_MEMORIES_PER_ROUND", "100", "a whole number, 0 for all", "facts of one run; the next one goes on";
        CONSOLIDATION_BATCH_SIZE = "HINDSIGHT_API_CONSOLIDATION_BATCH_SIZE", "50", "a whole number of at least 1", "facts that a run reads from the database at one time";
        CONSOLIDATION_SOURCE_TOKENS = "HINDSIGHT_API_CONSOLIDATION_SOURCE_FACTS_MAX_TOKENS", "4096", "a number of tokens, -1 for no limit", "tokens of the facts that the model is shown behind all observations of a question";
        CONSOLIDATION_SOURCE_TOKENS_EACH = "HINDSIGHT_API_CONSOLIDATION_SOURCE_FACTS_MAX_TOKENS_PER_OBSERVATION", "256", "a number of tokens, -1 for no limit", "the same behind one observation";
        CONSOLIDATION_MAX_TOKENS = "HINDSIGHT_API_CONSOLIDATION_MAX_TOKENS", "512", "a whole number of at least 1", "tokens of the observations that are searched for each fact";
        CONSOLIDATION_RECALL_BUDGET = "HINDSIGHT_API_CONSOLIDATION_RECALL_BUDGET", "low", "low, mid or high", "how far they are searched for";
        CONSOLIDATION_MAX_ATTEMPTS = "HINDSIGHT_API_CONSOLIDATION_MAX_ATTEMPTS", "", "a whole number of at least 1", "attempts of a call to the model, the first one included, unless HINDSIGHT_API_CONSOLIDATION_LLM_MAX_RETRIES is set; if neither is, as for all calls";
        CONSOLIDATION_MAX_COMPLETION_TOKENS = "HINDSIGHT_API_CONSOLIDATION_MAX_COMPLETION_TOKENS", "0", "a number of tokens, 0 for the model's own bound", "longest answer";
        CONSOLIDATION_DEDUP_THRESHOLD = "HINDSIGHT_API_CONSOLIDATION_DEDUP_THRESHOLD", "0.97", "a number from 0 to 1, 1 for never", "cosine similarity from which the model is asked whether two observations are one";
        CONSOLIDATION_WALL_TIMEOUT = "HINDSIGHT_API_CONSOLIDATION_WALL_TIMEOUT", "7200", "a number of seconds of at least 1", "longest time of a run without anything written; then it fails";
        CONSOLIDATION_INTERVAL = "HINDSIGHT_API_CONSOLIDATION_RECONCILE_INTERVAL_SECONDS", "300", "a number of seconds of at least 1", "time between two looks for facts that wait although no run is under way";
        ENABLE_OBSERVATION_HISTORY = "HINDSIGHT_API_ENABLE_OBSERVATION_HISTORY", "true", "true or false", "keep how observations were before they changed";
        OBSERVATION_HISTORY_MAX = "HINDSIGHT_API_OBSERVATION_HISTORY_MAX_ENTRIES", "50", "a whole number, 0 or less for all", "how often for each observation";
        MAX_OBSERVATIONS_PER_SCOPE = "HINDSIGHT_API_MAX_OBSERVATIONS_PER_SCOPE", "-1", "a whole number, -1 for no limit", "observations of one set of tags; a bank may say otherwise";
        OBSERVATION_SCOPE_LIMITS = "HINDSIGHT_API_OBSERVATION_SCOPE_LIMITS", "", "a JSON list of {\"scope\": [tags], \"limit\": number}", "the same for single sets of tags";
        DEFAULT_OBSERVATION_SCOPES = "HINDSIGHT_API_DEFAULT_OBSERVATION_SCOPES", "", "combined, per_tag, all_combinations, shared, or a JSON list of lists of tags", "sets of tags that facts go to, where a retain does not say";
        CONSOLIDATION_STRATEGIES = "HINDSIGHT_API_CONSOLIDATION_STRATEGIES", "", "a JSON list of strategies", "what is done in another way for some sets of tags";
    }
    "Mental models" {
        MENTAL_MODEL_MIN_INTERVAL = "HINDSIGHT_API_MENTAL_MODEL_MIN_REFRESH_INTERVAL_SECONDS", "0", "a whole number of seconds", "shortest time between two times that a mental model is written anew without being asked for; a bank or a mental model may say otherwise";
        MENTAL_MODEL_TICK = "HINDSIGHT_API_MENTAL_MODEL_REFRESH_TICK_SECONDS", "300", "a number of seconds of at least 1", "time between two looks for mental models whose time has come to be written anew";
        ENABLE_MENTAL_MODEL_HISTORY = "HINDSIGHT_API_ENABLE_MENTAL_MODEL_HISTORY", "true", "true or false", "keep how mental models were before they changed, and changes that did not come about";
        MENTAL_MODEL_HISTORY_MAX = "HINDSIGHT_API_MENTAL_MODEL_HISTORY_MAX_ENTRIES", "50", "a whole number, 0 or less for all", "how often of each kind for each mental model";
    }
    "Recall" {
        ENABLE_TEXT_SEARCH = "HINDSIGHT_API_ENABLE_TEXT_SEARCH", "true", "true or false", "search by words as well as by meaning";
        ENABLE_GRAPH_RETRIEVAL = "HINDSIGHT_API_ENABLE_GRAPH_RETRIEVAL", "true", "true or false", "follow the people and things that a query is about to other memories of them; a bank may say otherwise";
        ENABLE_TEMPORAL_RETRIEVAL = "HINDSIGHT_API_ENABLE_TEMPORAL_RETRIEVAL", "true", "true or false", "search in the time that a query asks about; a bank may say otherwise";
        RECALL_FUSION = "HINDSIGHT_API_RECALL_FUSION", "scores", "scores or ranks", "how what the kinds of search found is put in one order: by their scores, or by ranks as the original does it";
        PREFER_OBSERVATIONS = "HINDSIGHT_API_RECALL_PREFER_OBSERVATIONS", "false", "true or false", "leave out facts whose observation is found, where a request does not say; a bank may say otherwise";
        RECENCY_DECAY_FUNCTION = "HINDSIGHT_API_RECENCY_DECAY_FUNCTION", "linear", "linear, exponential or none", "how memories fade with age, for a reranker and for fusion by ranks";
        RECENCY_DECAY_WINDOW = "HINDSIGHT_API_RECENCY_DECAY_LINEAR_WINDOW_DAYS", "365", "a number above 0", "days after which a memory has faded, when linear";
        RECENCY_DECAY_HALFLIFE = "HINDSIGHT_API_RECENCY_DECAY_HALFLIFE_DAYS", "90", "a number above 0", "days after which a memory has faded by half, when exponential";
        EXACT_LIMIT = "HINDSIGHT_API_RECALL_EXACT_LIMIT", "20000", "a whole number", "memories of a bank up to which every vector is compared with the query; larger banks are searched in parts, which is faster and may miss a little";
        VECTOR_CACHE = "HINDSIGHT_API_RECALL_VECTOR_CACHE_MB", "64", "a whole number", "megabytes of often asked banks that are kept in memory, with their vectors and without their texts, so that the database need not read them for every recall; 0 keeps none";
        RECALL_MAX_CONCURRENT = "HINDSIGHT_API_RECALL_MAX_CONCURRENT", "32", "a whole number of at least 1", "recalls that search at one time";
        BUDGET_FUNCTION = "HINDSIGHT_API_RECALL_BUDGET_FUNCTION", "fixed", "fixed or adaptive", "whether the budget of a recall is a number of candidates or a share of the tokens asked for";
        BUDGET_LOW = "HINDSIGHT_API_RECALL_BUDGET_FIXED_LOW", "100", "a whole number of at least 1", "candidates of each kind of search at budget low";
        BUDGET_MID = "HINDSIGHT_API_RECALL_BUDGET_FIXED_MID", "300", "a whole number of at least 1", "candidates of each kind of search at budget mid";
        BUDGET_HIGH = "HINDSIGHT_API_RECALL_BUDGET_FIXED_HIGH", "1000", "a whole number of at least 1", "candidates of each kind of search at budget high";
        BUDGET_SHARE_LOW = "HINDSIGHT_API_RECALL_BUDGET_ADAPTIVE_LOW", "0.025", "a number above 0", "candidates for each token asked for at an adaptive budget low";
        BUDGET_SHARE_MID = "HINDSIGHT_API_RECALL_BUDGET_ADAPTIVE_MID", "0.075", "a number above 0", "candidates for each token asked for at an adaptive budget mid";
        BUDGET_SHARE_HIGH = "HINDSIGHT_API_RECALL_BUDGET_ADAPTIVE_HIGH", "0.25", "a number above 0", "candidates for each token asked for at an adaptive budget high";
        BUDGET_MIN = "HINDSIGHT_API_RECALL_BUDGET_MIN", "20", "a whole number of at least 1", "fewest candidates of an adaptive budget";
        BUDGET_MAX = "HINDSIGHT_API_RECALL_BUDGET_MAX", "2000", "a whole number of at least 1", "most candidates of an adaptive budget";
        MAX_CANDIDATES_PER_SOURCE = "HINDSIGHT_API_RECALL_MAX_CANDIDATES_PER_SOURCE", "0", "a whole number, 0 for all", "candidates of each kind of search that are compared with those of the others";
        BM25_MAX_QUERY_TERMS = "HINDSIGHT_API_BM25_MAX_QUERY_TERMS", "16", "a whole number, 0 for all", "words of a query that are searched for, of a longer one the rarest";
        BM25_MIN_SCORE = "HINDSIGHT_API_BM25_MIN_SCORE", "0", "a number of at least 0", "score below which nothing is found by words";
        MIN_SIMILARITY = "HINDSIGHT_API_SEMANTIC_MIN_SIMILARITY", "0.3", "a number from 0 to 1", "cosine similarity below which nothing is found by meaning";
        MAX_QUERY_TOKENS = "HINDSIGHT_API_RECALL_MAX_QUERY_TOKENS", "500", "a number of tokens, 0 for no limit", "longest query; what is beyond is cut off";
    }
    "Reflect" {
        REFLECT_MAX_ITERATIONS = "HINDSIGHT_API_REFLECT_MAX_ITERATIONS", "10", "a whole number of at least 1", "turns of the language model at budget mid, the one that writes the answer included; low has half as many, high twice as many";
        REFLECT_MAX_CONTEXT_TOKENS = "HINDSIGHT_API_REFLECT_MAX_CONTEXT_TOKENS", "100000", "a whole number of at least 1", "tokens of a conversation from which the answer is written from what was found so far";
        REFLECT_MAX_COMPLETION_TOKENS = "HINDSIGHT_API_REFLECT_MAX_COMPLETION_TOKENS", "", "a whole number of at least 1", "longest reply of the language model, if not its own bound";
        REFLECT_WALL_TIMEOUT = "HINDSIGHT_API_REFLECT_WALL_TIMEOUT", "300", "a whole number of at least 1", "seconds that an answer may take";
        REFLECT_PROMPT_CACHE = "HINDSIGHT_API_REFLECT_PROMPT_CACHE_ENABLED", "true", "true or false", "let anthropic keep the beginning of the conversations of reflect, where it may keep any";
        REFLECT_MISSION = "HINDSIGHT_API_REFLECT_MISSION", "", "a text", "what the agents are for, told to the language model that answers; a bank may say otherwise";
        DISPOSITION_SKEPTICISM = "HINDSIGHT_API_DISPOSITION_SKEPTICISM", "", "a whole number from 1 to 5", "how much evidence it takes to convince banks that have no word of their own about it; 3 where nobody says";
        DISPOSITION_LITERALISM = "HINDSIGHT_API_DISPOSITION_LITERALISM", "", "a whole number from 1 to 5", "how literally such banks take words";
        DISPOSITION_EMPATHY = "HINDSIGHT_API_DISPOSITION_EMPATHY", "", "a whole number from 1 to 5", "how much feelings count for such banks";
        REFLECT_SOURCE_FACTS = "HINDSIGHT_API_REFLECT_SOURCE_FACTS_MAX_TOKENS", "-1", "a whole number of tokens, 0 for no limit, -1 for none at all", "facts that are shown under the observations of one search; a bank may say otherwise";
        REFLECT_DEFAULT_OPTIONS = "HINDSIGHT_API_REFLECT_DEFAULT_OPTIONS", "", "a JSON object with reflect_search_observations_max_tokens (at least 1) and reflect_search_observations_include_entities (true or false)", "what counts where neither a request nor a bank says";
        RECALL_INCLUDE_CHUNKS = "HINDSIGHT_API_RECALL_INCLUDE_CHUNKS", "true", "true or false", "show the passages around facts in searches of reflect; a bank may say otherwise";
        RECALL_MAX_TOKENS = "HINDSIGHT_API_RECALL_MAX_TOKENS", "2048", "a whole number of at least 1", "tokens of the facts of one search of reflect; a bank may say otherwise";
        RECALL_CHUNKS_MAX_TOKENS = "HINDSIGHT_API_RECALL_CHUNKS_MAX_TOKENS", "1000", "a whole number of at least 1", "tokens of the passages around them; a bank may say otherwise";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_declared_twice() {
        let names: std::collections::BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
