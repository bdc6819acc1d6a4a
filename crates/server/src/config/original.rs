//! Names of the original's settings that do nothing here, so that they are told apart from
//! slips of the pen.
//!
//! Names stand without `HINDSIGHT_API_` unless they begin with `HINDSIGHT_`; `{A,B}` stands
//! for either, `n` between underscores for any number.

/// Settings of the original that have no effect in this version.
pub(super) const NOT_YET: &[&str] = &[
    // Server
    "ENABLE_BANK_LLM_HEALTH",
    "DEFAULT_BANK_TEMPLATE",
    "PROFILE",
    "EXTENSION_PASSTHROUGH_HEADERS",
    "MCP_{ENABLED,ENABLED_TOOLS,STATELESS,INSTRUCTIONS,AUTH_TOKEN}",
    "TENANT_MCP_AUTH_DISABLED",
    "{LLM_REQUEST,FILE_STORAGE}_EXTENSION",
    "BANK_{INFO,ALIAS}_CACHE_{TTL_SECONDS,MAX_ENTRIES}",
    "HINDSIGHT_MCP_BANK_ID",
    // Database
    "MIGRATION_{CONCURRENCY,ISOLATION}",
    "EXTERNALLY_OWNED_ROUTINES",
    "ANN_{ITERATIVE_SCAN,MAX_SCAN_TUPLES}",
    "VECTOR_INDEX_{MIN_ROWS,MAINTENANCE_MIN_INTERVAL_SECONDS}",
    "TEXT_SEARCH_EXTENSION_PG_SEARCH_{TOKENIZER,FUNCTION_SCHEMA}",
    // Language models
    "LLM_{HTTP_LOG_LEVEL,TEMPERATURE_VERIFICATION,STRUCTURED_OUTPUT_FORCED_TOOL}",
    "{RETAIN,REFLECT,CONSOLIDATION,MENTAL_MODEL_REFRESH}_LLM_{CACHE_AFFINITY,LITELLMROUTER_CONFIG}",
    "{,RETAIN_,REFLECT_,CONSOLIDATION_,MENTAL_MODEL_REFRESH_}LLM_n_{CACHE_AFFINITY,BEDROCK_SERVICE_TIER,GEMINI_SERVICE_TIER,CODEX_HOME,VERTEXAI_PROJECT_ID,VERTEXAI_REGION,VERTEXAI_SERVICE_ACCOUNT_KEY,LITELLMROUTER_CONFIG}",
    "LLM_{OLLAMA_NUM_CTX,BEDROCK_SERVICE_TIER,GEMINI_SERVICE_TIER}",
    "LLM_VERTEXAI_{PROJECT_ID,REGION,SERVICE_ACCOUNT_KEY}",
    "LLM_{CACHE_AFFINITY,SEND_BANK_AS_USER,LITELLMROUTER_CONFIG,DEBUG_DUMP_4XX,CODEX_HOME,CHATGPT_HOME}",
    "XAI_OAUTH_{TOKEN_PATH,CLIENT_ID,SCOPE,BASE_URL,REFRESH_TIMEOUT_SECONDS,REFRESH_SKEW_SECONDS,DEBUG_HEADERS}",
    "FIREWORKS_{ACCOUNT_ID,BATCH_BASE_URL,BATCH_MAX_WAIT_SECONDS}",
    "LLAMACPP_{MODEL_PATH,GPU_LAYERS,CONTEXT_SIZE,CHAT_FORMAT,NO_GRAMMAR,EXTRA_ARGS}",
    "{,RECALL_,REFLECT_,CONSOLIDATION_}DECISION_MODEL_{PROVIDER,API_KEY,MODEL,BASE_URL}",
    "DECISION_MODEL_{TIMEOUT,MAX_CONCURRENT,MAX_REQUEST_TOKENS}",
    "{CONSOLIDATION,REFLECT,MENTAL_MODEL_REFRESH,MENTAL_MODEL_DELTA}_USE_DECISION_MODEL",
    // Embeddings
    "EMBEDDINGS_LOCAL_ALLOW_MPS",
    "EMBEDDINGS_ONNX_{MODEL_ID,MODEL_PATH,TOKENIZER_NAME_OR_PATH,FILE,DIMENSIONS,MAX_TOKENS,POOLING,NORMALIZE,QUERY_PREFIX,PASSAGE_PREFIX,OUTPUT_NAME,BATCH_SIZE,CPU_MEM_ARENA,DEVICE,CUDA_DEVICE_ID}",
    "EMBEDDINGS_GEMINI_FORCE_IPV4",
    "EMBEDDINGS_VERTEXAI_{PROJECT_ID,REGION,SERVICE_ACCOUNT_KEY}",
    "EMBEDDINGS_{OPENROUTER,REQUESTY}_{API_KEY,MODEL}",
    "EMBEDDINGS_LITELLM_{API_BASE,API_KEY,MODEL,DIMENSIONS}",
    "EMBEDDINGS_LITELLM_SDK_{API_KEY,MODEL,MODEL_ID,API_BASE,OUTPUT_DIMENSIONS,ENCODING_FORMAT,MAX_INPUT_TOKENS}",
    "EMBEDDINGS_ZEROENTROPY_{API_KEY,MODEL,BASE_URL,DIMENSIONS,ENCODING_FORMAT,LATENCY,BATCH_SIZE}",
    "EMBEDDINGS_NVIDIA_{API_KEY,MODEL,BASE_URL,DIMENSIONS,BATCH_SIZE}",
    "{COHERE,OPENROUTER,REQUESTY,LITELLM}_API_KEY",
    "LITELLM_API_BASE",
    // Reranker
    "RERANKER_{,n_}{LITELLM_MAX_TOKENS_PER_DOC,SEND_BANK_AS_HEADER}",
    "RERANKER_{,n_}LOCAL_{FORCE_CPU,MAX_CONCURRENT,TRUST_REMOTE_CODE,FP16,BUCKET_BATCHING,BATCH_SIZE,TIMEOUT,ALLOW_MPS}",
    "RERANKER_{,n_}ONNX_{MODEL_ID,TOKENIZER_NAME_OR_PATH,FILE,BATCH_SIZE,MAX_CONCURRENT,CPU_MEM_ARENA,TIMEOUT}",
    "RERANKER_{,n_}FLASHRANK_{MODEL,CACHE_DIR,CPU_MEM_ARENA,BATCH_SIZE}",
    "RERANKER_{,n_}{NVIDIA,TYPESAFE}_{API_KEY,MODEL,BASE_URL,TIMEOUT}",
    "RERANKER_{,n_}{NVIDIA,TYPESAFE}_MAX_CONCURRENT",
    "RERANKER_{,n_}{LITELLM,LITELLM_SDK}_{API_BASE,API_KEY,MODEL,TIMEOUT}",
    "RERANKER_{,n_}NVIDIA_BATCH_SIZE",
    "RERANKER_{,n_}TYPESAFE_PRUNE_CANDIDATES",
    "RERANKER_{,n_}ALIBABA_{API_KEY,MODEL,TIMEOUT}",
    "RERANKER_{,n_}GOOGLE_{MODEL,PROJECT_ID,SERVICE_ACCOUNT_KEY,TIMEOUT}",
    // Recall
    "RECALL_{CONNECTION_BUDGET,STRATEGY_BOOSTS}",
    "{GRAPH_SEED,TEMPORAL_SEMANTIC}_MIN_SIMILARITY",
    "BM25_SELECTIVE_TERMS",
    "GRAPH_RETRIEVER",
    "LINK_EXPANSION_{PER_ENTITY_LIMIT,TIMEOUT}",
    "QUERY_ANALYZER_LANGUAGES",
    // Retain
    "RETAIN_CHUNK_BATCH_SIZE",
    "RETAIN_{MEMORY_BUDGET_MB,SUBBATCH_CONCURRENCY,STORE_MAX_CONCURRENT}",
    "RETAIN_{ENTITY_LOOKUP,BATCH_ENABLED,BATCH_POLL_INTERVAL_SECONDS}",
    "RETAIN_BATCH_DOCUMENT_WRITES",
    "FAIL_ON_EXTRACTION_ERRORS",
    // Observations, mental models, reflect
    "KNOWLEDGE_PAGE_DEFAULT_TRIGGER",
    // Worker and maintenance
    "WORKER_CONSOLIDATION_BANK_PRIORITY",
    "WORKER_{CONSOLIDATION,RETAIN,FILE_CONVERT_RETAIN,REFRESH_MENTAL_MODEL,GRAPH_MAINTENANCE,VECTOR_INDEX_MAINTENANCE,IMPORT_DOCUMENTS,EXPORT_DOCUMENTS,IMPORT_BANK,EXPORT_BANK,CLONE_BANK}_{RESERVED,MAX}_SLOTS",
    "BACKPRESSURE_DEFER_SECONDS",
    "OPERATION_{CLEANUP_BATCH_SIZE,CLEANUP_INTERVAL_SECONDS}",
    "RETENTION_SWEEP_INTERVAL_SECONDS",
    "MAINTENANCE_START_JITTER_SECONDS",
    // Files and transfer
    "ENABLE_{DOCUMENT_EXPORT,DOCUMENT_IMPORT}_API",
    "FILE_STORAGE_{S3_BUCKET,S3_REGION,S3_ENDPOINT,S3_ACCESS_KEY_ID,S3_SECRET_ACCESS_KEY,GCS_BUCKET,GCS_SERVICE_ACCOUNT_KEY,AZURE_CONTAINER,AZURE_ACCOUNT_NAME,AZURE_ACCOUNT_KEY}",
    "FILE_PARSER_{IRIS_TOKEN,IRIS_ORG_ID,LLAMA_PARSE_API_KEY}",
    "FILE_PARSER_MARKITDOWN_OCR_{ENABLED,API_KEY,BASE_URL,MODEL,PROMPT,DEFAULT_HEADERS}",
    // Observability and webhooks
    "AUDIT_LOG_{ENABLED,ACTIONS,RETENTION_DAYS}",
    "OTEL_{TRACES_ENABLED,EXPORTER_OTLP_ENDPOINT,EXPORTER_OTLP_HEADERS,SERVICE_NAME,DEPLOYMENT_ENVIRONMENT}",
    "METRICS_{INCLUDE_BANK_ID,INCLUDE_TENANT,BACKLOG_ENABLED,WORKER_LABEL}",
    "RECALL_{DIAGNOSTIC_PHASES,PHASE_SAMPLE_EVERY}",
    "WEBHOOK_{URL,SECRET,EVENT_TYPES,ALLOWED_HOSTS,EXPOSE_RESPONSE_BODY}",
    // Programs of the original beside the server
    "HINDSIGHT_EMBED_{CP_PORT,CONTROL_PORT,PORT_HEALTH_GRACE_TIMEOUT,PORT_HEALTH_CHECK_INTERVAL,HEALTH_PROBE_TIMEOUT}",
    "HINDSIGHT_{BANK_ID,FS_DIR,FS_INTERVAL}",
    "HINDSIGHT_CP_{DATAPLANE_API_URL,DATAPLANE_API_KEY,ACCESS_KEY,PORT,HOSTNAME,MAX_UPLOAD_SIZE}",
];

/// Settings of the original that a program like this one has no use for.
pub(super) const MEANINGLESS: &[&str] = &[
    "WORKERS",
    "SKIP_LLM_VERIFICATION",
    "TOKENIZER_ENCODING",
    "LOOP_{LAG_REPORT_SECONDS,LAG_METRIC,WATCHDOG_ENABLED,WATCHDOG_STALL_THRESHOLD_MS,WATCHDOG_POLL_INTERVAL_MS}",
    "HINDSIGHT_EMBED_{API,CP,CLI}_VERSION",
    "HINDSIGHT_{ENABLE_API,ENABLE_CP,WAIT_FOR_DEPS,RETRY_MAX,RETRY_INTERVAL}",
];

/// The names that patterns stand for, in full.
pub(super) fn names(patterns: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for pattern in patterns {
        let prefix = if pattern.starts_with("HINDSIGHT_") { "" } else { "HINDSIGHT_API_" };
        expand(prefix.to_owned(), pattern, &mut names);
    }
    names
}

fn expand(done: String, rest: &str, names: &mut Vec<String>) {
    let Some((before, (words, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        names.push(done + rest);
        return;
    };
    for word in words.split(',') {
        expand(format!("{done}{before}{word}"), after, names);
    }
}

/// A name with `n` for its first part that is a number, as the lists have it.
pub(super) fn numbered(name: &str) -> String {
    let mut is_replaced = false;
    let parts = name.split('_').map(|part| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !std::mem::replace(&mut is_replaced, true) { "n" } else { part }
    });
    parts.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn patterns_stand_for_every_name() {
        assert_eq!(
            names(&["{,A_}LLM_n_{X,Y}", "HINDSIGHT_B"]),
            [
                "HINDSIGHT_API_LLM_n_X",
                "HINDSIGHT_API_LLM_n_Y",
                "HINDSIGHT_API_A_LLM_n_X",
                "HINDSIGHT_API_A_LLM_n_Y",
                "HINDSIGHT_B"
            ]
        );
        assert_eq!(numbered("HINDSIGHT_API_LLM_12_MODEL"), "HINDSIGHT_API_LLM_n_MODEL");
        assert_eq!(numbered("HINDSIGHT_API_PORT"), "HINDSIGHT_API_PORT");
    }

    #[test]
    fn no_name_does_something_and_nothing() {
        let (not_yet, meaningless) = (names(NOT_YET), names(MEANINGLESS));
        let all: BTreeSet<_> = not_yet.iter().chain(&meaningless).map(String::as_str).collect();
        assert_eq!(all.len(), not_yet.len() + meaningless.len(), "a name stands there twice");
        for setting in crate::SETTINGS {
            assert!(!all.contains(setting.name), "{} is a setting", setting.name);
        }
        let is_name =
            |name: &str| name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'n'));
        assert!(all.iter().all(|name| is_name(name)), "{all:?}");
    }
}
