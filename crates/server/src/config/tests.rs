//! What is read, refused and told.

use hindsight_engine::config::{ExtractionMode, Fusion, RecencyDecay};

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Config, SettingError> {
    Config::read(&|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn without_variables_the_server_is_local() {
    let config = read(&[]).expect("defaults are usable");
    assert!(config.host.is_loopback());
    assert_eq!((config.port, config.database_url.as_str()), (8888, "pg0"));
    assert_eq!(config.database_schema, "hindsight");
}

#[test]
fn every_setting_is_read_and_nothing_else() {
    let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let config = Config::read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    assert_eq!(config.expect("usable").engine, Settings::default(), "defaults stand in one place");
    // More rerankers are looked for, and a gap in their numbers.
    for number in [1, 2] {
        asked.borrow_mut().remove(&format!("HINDSIGHT_API_RERANKER_{number}_PROVIDER"));
    }
    // Each of these is a setting under a longer name.
    asked.borrow_mut().retain(|name| !llm::is_of_scope(name));
    // Read before the others.
    asked.borrow_mut().insert(table::NO_DOTENV.name.to_owned());
    let declared = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    assert_eq!(asked.into_inner(), declared);
}

#[test]
fn empty_variables_count_as_not_set() {
    let config = read(&[("HINDSIGHT_API_PORT", " "), ("HINDSIGHT_API_LLM_PROVIDER", "")]);
    assert_eq!(config.expect("usable").port, 8888);
}

#[test]
fn unusable_values_name_the_variable() {
    for (name, value) in [
        ("HINDSIGHT_API_PORT", "70000"),
        ("HINDSIGHT_API_HOST", "everywhere"),
        ("HINDSIGHT_API_DB_POOL_MAX_SIZE", "0"),
        ("HINDSIGHT_API_SEMANTIC_MIN_SIMILARITY", "1.5"),
        ("HINDSIGHT_API_STORE_DOCUMENT_TEXT", "maybe"),
        ("HINDSIGHT_API_LLM_PROVIDER", "sorcery"),
        ("HINDSIGHT_API_EMBEDDINGS_PROVIDER", "sorcery"),
        ("HINDSIGHT_API_RERANKER_PROVIDER", "sorcery"),
        ("HINDSIGHT_API_RECALL_FUSION", "luck"),
        ("HINDSIGHT_API_RECALL_EXACT_LIMIT", "-1"),
        ("HINDSIGHT_API_RECENCY_DECAY_FUNCTION", "sudden"),
        ("HINDSIGHT_API_RECENCY_DECAY_LINEAR_WINDOW_DAYS", "0"),
        ("HINDSIGHT_API_RECENCY_DECAY_HALFLIFE_DAYS", "inf"),
        ("HINDSIGHT_API_ENABLE_GRAPH_RETRIEVAL", "maybe"),
        ("HINDSIGHT_API_TENANT_EXTENSION", "some:Extension"),
        ("HINDSIGHT_API_DATABASE_BACKEND", "oracle"),
        ("HINDSIGHT_API_VECTOR_EXTENSION", "vchord"),
        ("HINDSIGHT_API_LOG_FORMAT", "xml"),
        ("HINDSIGHT_API_GZIP_MIN_SIZE", "small"),
        ("HINDSIGHT_API_MAX_BODY_MB", "0"),
        ("HINDSIGHT_API_OPERATION_VALIDATOR_EXTENSION", "rules:Mine"),
        ("HINDSIGHT_API_HTTP_EXTENSION", "routes:Mine"),
        ("HINDSIGHT_API_MCP_EXTENSION", "tools:Mine"),
        ("HINDSIGHT_API_MEMORIES_EXTENSION", "rules:Mine"),
        ("HINDSIGHT_API_EMBEDDINGS_LOCAL_TRUST_REMOTE_CODE", "true"),
        ("HINDSIGHT_API_EMBEDDINGS_LOCAL_FORCE_CPU", "maybe"),
        ("HINDSIGHT_API_BASE_PATH", "/a b"),
        ("HINDSIGHT_API_BASE_PATH", "/{bank}"),
        ("HINDSIGHT_API_LOG_JSON_FIELDS", "severity,colour"),
        ("HINDSIGHT_API_DB_POOL_MIN_SIZE", "21"),
        ("HINDSIGHT_API_READ_DB_POOL_MIN_SIZE", "21"),
        ("HINDSIGHT_API_READ_DB_POOL_MAX_SIZE", "0"),
        ("HINDSIGHT_API_DB_COMMAND_TIMEOUT", "-1"),
        ("HINDSIGHT_API_DB_STATEMENT_TIMEOUT", "inf"),
        ("HINDSIGHT_API_DB_MAX_PARALLEL_WORKERS_PER_GATHER", "-1"),
        ("HINDSIGHT_API_ADMISSION_RECALL_MAX_WAIT_MS", "-1"),
        ("HINDSIGHT_API_RECALL_MAX_CONCURRENT", "0"),
        ("HINDSIGHT_API_RETAIN_MAX_CONCURRENT", "0"),
        ("HINDSIGHT_API_RECALL_BUDGET_FUNCTION", "huge"),
        ("HINDSIGHT_API_RECALL_BUDGET_ADAPTIVE_LOW", "0"),
        ("HINDSIGHT_API_RECALL_BUDGET_MIN", "2001"),
        ("HINDSIGHT_API_BM25_MIN_SCORE", "-0.1"),
        ("HINDSIGHT_API_RECALL_MAX_CANDIDATES_PER_SOURCE", "-1"),
    ] {
        let error = read(&[(name, value)]).expect_err(name);
        assert_eq!(error.name, name);
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn the_key_extension_needs_its_key() {
    let extension = ("HINDSIGHT_API_TENANT_EXTENSION", "api.ext:ApiKeyTenantExtension");
    let error = read(&[extension]).expect_err("no key");
    assert_eq!(error.name, "HINDSIGHT_API_TENANT_API_KEY");
    let key = ("HINDSIGHT_API_TENANT_API_KEY", "k");
    for variables in [&[extension, key][..], &[key]] {
        assert_eq!(read(variables).expect("usable").api_key.as_deref(), Some("k"));
    }
}

#[test]
fn lists_and_sizes_are_read() {
    let config = read(&[
        ("HINDSIGHT_API_ALLOWED_HOSTS", " a.lan, ,b:1 "),
        ("HINDSIGHT_API_GZIP_MIN_SIZE", "-1"),
        ("HINDSIGHT_API_MAX_BODY_MB", "2"),
    ])
    .expect("usable");
    assert_eq!(config.allowed_hosts, ["a.lan", "b:1"]);
    assert_eq!((config.gzip_min_size, config.max_body), (None, 2 << 20));
}

#[test]
fn a_key_is_no_error_when_no_model_is_wanted() {
    let variables = [("HINDSIGHT_API_LLM_PROVIDER", "none"), ("HINDSIGHT_API_LLM_API_KEY", "secret")];
    assert!(read(&variables).is_ok());
}

#[test]
fn an_unknown_extraction_mode_is_told_and_concise() {
    let config = read(&[("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "short")]).expect("usable");
    assert_eq!(config.engine.extraction_mode, ExtractionMode::Concise);
    assert_eq!(
        config.remarks,
        [
            "HINDSIGHT_API_RETAIN_EXTRACTION_MODE: 'short' is not usable; give concise, verbose, custom, verbatim or chunks; facts are made as with concise"
        ]
    );
    let config = read(&[("HINDSIGHT_API_RETAIN_EXTRACTION_MODE", "verbatim")]).expect("usable");
    assert_eq!((config.engine.extraction_mode, config.remarks.len()), (ExtractionMode::Verbatim, 0));
}

#[test]
fn pools_limits_and_paths_are_read() {
    let config = read(&[
        ("HINDSIGHT_API_DB_POOL_MIN_SIZE", "2"),
        ("HINDSIGHT_API_DB_POOL_MAX_SIZE", "9"),
        ("HINDSIGHT_API_READ_DB_POOL_MAX_SIZE", "4"),
        ("HINDSIGHT_API_DB_COMMAND_TIMEOUT", "0"),
        ("HINDSIGHT_API_DB_STATEMENT_TIMEOUT", "1.5"),
        ("HINDSIGHT_API_BASE_PATH", "memory/v2/"),
        ("HINDSIGHT_API_ADMISSION_RECALL_MAX_IN_FLIGHT", "-1"),
        ("HINDSIGHT_API_ADMISSION_RETAIN_MAX_IN_FLIGHT", "3"),
        ("HINDSIGHT_API_LOG_JSON_FIELDS", "message, severity"),
    ])
    .expect("usable");
    assert_eq!((config.pool, config.recall_pool), (PoolSize { min: 2, max: 9 }, PoolSize { min: 0, max: 4 }));
    assert_eq!(config.statement_timeout, Duration::from_millis(1500));
    assert_eq!(config.base_path, "/memory/v2");
    assert_eq!((config.recall.max_in_flight, config.retain.max_in_flight), (None, Some(3)));
    assert_eq!(config.log_fields, [LogField::Message, LogField::Severity]);
    let config = read(&[]).expect("usable");
    assert_eq!((config.recall_pool.max, config.statement_timeout.as_secs()), (20, 60));
    assert!(config.recall.max_in_flight >= Some(16) && config.retain.max_in_flight >= Some(32));
}

/// The settings with a file `.env` in the folder above the one a server is started in.
fn with_file(text: &str, variables: &[(&str, &str)]) -> Result<Config, SettingError> {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("a/b");
    std::fs::create_dir_all(&inner).expect("folders");
    std::fs::write(folder.path().join(".env"), text).expect("a file");
    let lookup =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let names = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    Config::with_dotenv(&inner, &lookup, names, &[]).inspect(|config| {
        for remark in &config.remarks {
            assert!(!remark.contains("secret"), "{remark}");
        }
    })
}

#[test]
fn a_file_above_the_folder_wins_over_the_environment_and_is_named() {
    let file =
        "HINDSIGHT_API_PORT=9001\nHINDSIGHT_API_TENANT_API_KEY=secret\nOTHER=1\nHINDSIGHT_API_PROT=1\n";
    let config = with_file(file, &[("HINDSIGHT_API_PORT", "9002"), ("HINDSIGHT_API_HOST", "127.0.0.2")]);
    let config = config.expect("usable");
    assert_eq!((config.port, config.host.to_string().as_str()), (9001, "127.0.0.2"));
    assert_eq!(config.api_key.as_deref(), Some("secret"));
    let [file, slip] = &config.remarks[..] else { panic!("{:?}", config.remarks) };
    assert!(
        file.starts_with("settings were read from ")
            && file.contains("/.env; they replace HINDSIGHT_API_PORT of")
    );
    assert!(!file.contains("TENANT_API_KEY"), "it replaces nothing: {file}");
    assert!(slip.contains("HINDSIGHT_API_PROT is not a setting: did you mean HINDSIGHT_API_PORT?"), "{slip}");
}

#[test]
fn a_file_is_not_looked_for_when_nobody_wants_it() {
    let config = with_file("HINDSIGHT_API_PORT=9001", &[("HINDSIGHT_NO_DOTENV", "1")]).expect("usable");
    assert_eq!((config.port, config.remarks.len()), (8888, 0));
    let error = with_file("HINDSIGHT_API_PORT=9001", &[("HINDSIGHT_NO_DOTENV", "maybe")]).unwrap_err();
    assert_eq!(error.name, "HINDSIGHT_NO_DOTENV");
}

#[test]
fn the_nearest_file_is_the_one_that_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("a/b");
    std::fs::create_dir_all(&inner).expect("folders");
    std::fs::write(folder.path().join(".env"), "HINDSIGHT_API_PORT=1\nHINDSIGHT_API_LOG_LEVEL=debug")
        .expect("a file");
    std::fs::write(folder.path().join("a/.env"), "HINDSIGHT_API_PORT=2").expect("a file");
    let config = Config::with_dotenv(&inner, &|_| None, Vec::new(), &[]).expect("usable");
    assert_eq!((config.port, config.log_level.as_str()), (2, "info"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_without_what_is_in_it() {
    let error =
        with_file("HINDSIGHT_API_PORT=9001\nsecret line without a sign\n", &[]).unwrap_err().to_string();
    assert!(error.contains("/.env cannot be read as lines of KEY=VALUE"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let error = with_file("HINDSIGHT_API_PORT=many\n", &[]).unwrap_err();
    assert_eq!(error.name, "HINDSIGHT_API_PORT");
}

#[test]
fn colours_are_declined_with_any_value() {
    for (variables, expected) in [
        (&[][..], true),
        (&[("NO_COLOR", "")], true),
        (&[("NO_COLOR", "1")], false),
        (&[("NO_COLOR", "0")], false),
    ] {
        assert_eq!(read(variables).expect("usable").log_colors, expected, "{variables:?}");
    }
}

#[test]
fn how_recall_searches_and_orders_can_be_chosen() {
    let config = read(&[
        ("HINDSIGHT_API_ENABLE_GRAPH_RETRIEVAL", "false"),
        ("HINDSIGHT_API_ENABLE_TEMPORAL_RETRIEVAL", "false"),
        ("HINDSIGHT_API_RECALL_FUSION", "ranks"),
        ("HINDSIGHT_API_RECALL_PREFER_OBSERVATIONS", "true"),
        ("HINDSIGHT_API_RECENCY_DECAY_FUNCTION", "exponential"),
        ("HINDSIGHT_API_RECENCY_DECAY_HALFLIFE_DAYS", "30.5"),
        ("HINDSIGHT_API_RECALL_EXACT_LIMIT", "1000"),
        ("HINDSIGHT_API_RECALL_VECTOR_CACHE_MB", "2"),
    ]);
    let expected = Settings {
        graph: false,
        temporal: false,
        fusion: Fusion::Ranks,
        prefer_observations: true,
        recency: RecencyDecay::Exponential { half_life: 30.5 },
        exact_limit: 1000,
        vector_cache: 2 << 20,
        ..Settings::default()
    };
    assert_eq!(config.expect("usable").engine, expected);
    for (function, expected) in
        [("linear", RecencyDecay::Linear { window: 7.0 }), ("none", RecencyDecay::None)]
    {
        let config = read(&[
            ("HINDSIGHT_API_RECENCY_DECAY_FUNCTION", function),
            ("HINDSIGHT_API_RECENCY_DECAY_LINEAR_WINDOW_DAYS", "7"),
        ]);
        assert_eq!(config.expect("usable").engine.recency, expected);
    }
}

#[test]
fn how_names_and_memories_are_compared_can_be_chosen() {
    let config = read(&[
        ("HINDSIGHT_API_RETAIN_ENTITY_RESOLUTION_MAX_CANDIDATES", "50"),
        ("HINDSIGHT_API_RETAIN_ENTITY_RESOLUTION_BATCH_SIZE", "10"),
        ("HINDSIGHT_API_ENTITY_TRGM_SIMILARITY_THRESHOLD", "0.4"),
        ("HINDSIGHT_API_ENTITY_MERGE_MIN_SIMILARITY", "0.5"),
        ("HINDSIGHT_API_ENTITY_INTRABATCH_MERGE_SIMILARITY", "1"),
        ("HINDSIGHT_API_SEMANTIC_LINK_MIN_SIMILARITY", "0"),
    ]);
    let expected = Settings {
        entity_candidates: 50,
        entity_names_at_once: 10,
        entity_trigram_threshold: 0.4,
        entity_merge_similarity: 0.5,
        entity_batch_similarity: 1.0,
        link_min_similarity: 0.0,
        ..Settings::default()
    };
    assert_eq!(config.expect("usable").engine, expected);
    for (setting, bad) in [
        ("HINDSIGHT_API_RETAIN_ENTITY_RESOLUTION_BATCH_SIZE", "0"),
        ("HINDSIGHT_API_ENTITY_MERGE_MIN_SIMILARITY", "0"),
        ("HINDSIGHT_API_ENTITY_TRGM_SIMILARITY_THRESHOLD", "1.5"),
        ("HINDSIGHT_API_SEMANTIC_LINK_MIN_SIMILARITY", "-0.1"),
    ] {
        let error = read(&[(setting, bad)]).expect_err(setting);
        assert!(error.to_string().contains(setting), "{error}");
    }
}

#[test]
fn no_limit_of_tokens_is_none_for_a_local_model_too() {
    let tokens = |limit| {
        let config = read(&[("HINDSIGHT_API_EMBEDDINGS_MAX_INPUT_TOKENS", limit)]);
        config.expect("usable").embedding_max_tokens
    };
    assert_eq!((tokens("0"), tokens("64")), (usize::MAX, 64));
}
