//! Which models are asked, and what is refused.

use hindsight_models::llm::{Dialect, JsonMode, Order};

use super::*;

fn read_all(variables: &[(&str, &str)]) -> (Result<Option<LlmOptions>, SettingError>, Vec<String>) {
    let mut remarks = Vec::new();
    let lookup = |name: &str| {
        let short = name.strip_prefix("HINDSIGHT_API_").unwrap_or(name);
        variables.iter().find(|(known, _)| *known == short).map(|(_, value)| (*value).to_owned())
    };
    (super::read(&lookup, &mut remarks), remarks)
}

fn read(variables: &[(&str, &str)]) -> LlmOptions {
    read_all(variables).0.expect("usable").expect("a model")
}

fn refused(variables: &[(&str, &str)]) -> String {
    read_all(variables).0.expect_err("not usable").to_string()
}

/// `provider/model` at which URL, with a key or without.
fn asked(model: &ModelOptions) -> (String, &str, bool) {
    (format!("{}/{}", model.provider, model.model), model.url.as_str(), model.key.is_some())
}

#[test]
fn without_provider_and_key_there_is_no_model() {
    for variables in [
        &[][..],
        &[("LLM_PROVIDER", "none")],
        &[("LLM_PROVIDER", "none"), ("LLM_API_KEY", "k"), ("LLM_MODEL", "m"), ("LLM_1_PROVIDER", "groq")],
        &[("OPENAI_API_KEY", "k")],
        &[("LLM_STRATEGY", r#"{"mode": "round-robin", "weights": [1, 2]}"#)],
        &[("LLM_MAX_RETRIES", "1")],
    ] {
        let (read, remarks) = read_all(variables);
        assert!(read.expect("usable").is_none(), "{variables:?}");
        assert!(remarks.is_empty(), "{remarks:?}");
    }
    let (read, remarks) = read_all(&[("LLM_MODEL", "m")]);
    assert!(read.expect("usable").is_none());
    assert!(remarks[0].starts_with("HINDSIGHT_API_LLM_MODEL has no effect without"), "{remarks:?}");
}

#[test]
fn a_provider_has_its_place_and_model() {
    for (variables, expected) in [
        (&[("LLM_API_KEY", "k")][..], ("openai/gpt-4o-mini", "https://api.openai.com/v1", true)),
        (
            &[("LLM_PROVIDER", "openai"), ("OPENAI_API_KEY", "k")],
            ("openai/gpt-4o-mini", "https://api.openai.com/v1", true),
        ),
        (
            &[("LLM_PROVIDER", "anthropic"), ("LLM_API_KEY", "k")],
            ("anthropic/claude-haiku-4-5", "https://api.anthropic.com/", true),
        ),
        (
            &[("LLM_PROVIDER", "gemini"), ("LLM_API_KEY", "k")],
            ("gemini/gemini-3.5-flash", "https://generativelanguage.googleapis.com/v1beta", true),
        ),
        (
            &[("LLM_PROVIDER", "groq"), ("LLM_API_KEY", "k")],
            ("groq/openai/gpt-oss-120b", "https://api.groq.com/openai/v1", true),
        ),
        (&[("LLM_PROVIDER", "ollama")], ("ollama/gemma3:12b", "http://localhost:11434/v1", false)),
        (
            &[("LLM_PROVIDER", "lmstudio"), ("LLM_MODEL", "mine")],
            ("lmstudio/mine", "http://localhost:1234/v1", false),
        ),
        (
            &[("LLM_BASE_URL", "http://10.0.0.7:8000/v1"), ("LLM_MODEL", "mine")],
            ("openai/mine", "http://10.0.0.7:8000/v1", false),
        ),
    ] {
        let llm = read(variables);
        for route in [&llm.retain, &llm.reflect, &llm.consolidation, &llm.mental_model_refresh] {
            assert_eq!(route.models.len(), 1);
            let (name, url, has_key) = asked(&route.models[0]);
            assert_eq!((name.as_str(), url, has_key), expected);
        }
    }
}

#[test]
fn pictures_go_to_a_model_of_their_own_or_to_that_of_the_texts() {
    let key = ("LLM_API_KEY", "k");
    let llm = read(&[key, ("RETAIN_LLM_MODEL", "texts")]);
    assert_eq!(llm.retain_with_media.models[0].model, "texts");
    assert!(llm.sees_media);
    let llm = read(&[key, ("LLM_MODEL", "gpt-oss-20b"), ("VLM_MODEL", "eyes")]);
    assert_eq!(
        asked(&llm.retain_with_media.models[0]),
        ("openai/eyes".to_owned(), "https://api.openai.com/v1", true)
    );
    assert_eq!(llm.retain.models[0].model, "gpt-oss-20b");
    assert!(llm.sees_media);
    // A key is nobody else's business.
    let other = [
        key,
        ("VLM_PROVIDER", "anthropic"),
        ("VLM_API_KEY", "v"),
        ("LLM_1_PROVIDER", "groq"),
        ("LLM_1_API_KEY", "g"),
    ];
    let llm = read(&other);
    assert_eq!(llm.retain_with_media.models.len(), 1);
    assert_eq!(llm.retain_with_media.models[0].provider, "anthropic");
    let error = refused(&[key, ("VLM_PROVIDER", "anthropic")]);
    assert!(error.contains("needs a key") && error.contains("(of VLM_…)"), "{error}");
    for (model, said, sees) in [
        ("openai/gpt-oss-120b", None, false),
        ("deepseek-v4-flash", None, false),
        ("gpt-4o-mini", None, true),
        ("openai/gpt-oss-120b", Some("true"), true),
        ("gpt-4o-mini", Some("false"), false),
    ] {
        let mut variables = vec![key, ("LLM_MODEL", model)];
        variables.extend(said.map(|said| ("LLM_VISION", said)));
        assert_eq!(read(&variables).sees_media, sees, "{model} {said:?}");
    }
    let (read, remarks) = read_all(&[("VLM_MODEL", "eyes")]);
    assert!(read.expect("usable").is_none());
    assert!(remarks[0].starts_with("HINDSIGHT_API_VLM_MODEL has no effect without"), "{remarks:?}");
}

#[test]
fn every_provider_of_the_table_can_be_chosen_and_every_other_one_is_explained() {
    for provider in &providers::PROVIDERS {
        let llm = read(&[("LLM_PROVIDER", provider.name), ("LLM_API_KEY", "k")]);
        assert_eq!(llm.retain.models[0].provider, provider.name);
        let is_near = matches!(provider.name, "ollama" | "lmstudio");
        assert_eq!(read_all(&[("LLM_PROVIDER", provider.name)]).0.is_ok(), is_near, "{}", provider.name);
    }
    for name in [
        "bedrock",
        "vertexai",
        "litellm",
        "litellmrouter",
        "llamacpp",
        "claude-code",
        "mock",
        "openai-responses",
    ] {
        let error = refused(&[("LLM_PROVIDER", name), ("LLM_API_KEY", "k")]);
        assert!(error.contains("is not available in this version; set it to "), "{error}");
    }
    assert!(refused(&[("LLM_PROVIDER", "antropic")]).contains("did you mean anthropic?"));
}

#[test]
fn a_key_is_asked_for_where_one_is_needed_and_told_nobody() {
    for (variables, name) in [
        (&[("LLM_PROVIDER", "openai")][..], "HINDSIGHT_API_LLM_API_KEY"),
        (&[("LLM_PROVIDER", "anthropic"), ("OPENAI_API_KEY", "k")], "HINDSIGHT_API_LLM_API_KEY"),
        (
            &[("LLM_BASE_URL", "https://models.example.com/v1"), ("OPENAI_API_KEY", "k")],
            "HINDSIGHT_API_LLM_API_KEY",
        ),
        (&[("LLM_API_KEY", "k"), ("RETAIN_LLM_PROVIDER", "groq")], "of RETAIN_LLM_…"),
        (&[("LLM_API_KEY", "k"), ("LLM_1_PROVIDER", "gemini")], "of LLM_1_…"),
    ] {
        let error = refused(variables);
        assert!(error.contains(name) && error.contains("needs a key"), "{error}");
    }
    let llm = read(&[("LLM_API_KEY", "hush"), ("LLM_DEFAULT_HEADERS", r#"{"x-team": "hush"}"#)]);
    assert!(!format!("{llm:?}").contains("hush"));
}

#[test]
fn calls_of_one_kind_may_go_elsewhere_and_take_no_key_along() {
    let llm = read(&[
        ("LLM_API_KEY", "k"),
        ("LLM_MODEL", "m"),
        ("LLM_EXTRA_BODY", r#"{"a": 1}"#),
        ("RETAIN_LLM_MODEL", "small"),
        ("REFLECT_LLM_PROVIDER", "ollama"),
        ("REFLECT_LLM_TIMEOUT", "7"),
        ("CONSOLIDATION_LLM_PROVIDER", "openai"),
        ("CONSOLIDATION_LLM_MAX_CONCURRENT", "2"),
    ]);
    let name = |route: &RouteOptions| asked(&route.models[0]).0;
    assert_eq!(name(&llm.retain), "openai/small");
    assert_eq!(name(&llm.consolidation), "openai/gpt-4o-mini", "a provider that is named has its own model");
    assert_eq!(
        (name(&llm.reflect), name(&llm.mental_model_refresh)),
        ("ollama/gemma3:12b".into(), "ollama/gemma3:12b".into())
    );
    assert!(llm.reflect.models[0].key.is_none() && llm.reflect.models[0].extra_body.is_empty());
    assert!(llm.consolidation.models[0].key.is_some());
    assert_eq!((llm.consolidation.max_concurrent, llm.retain.max_concurrent), (Some(2), None));
    let seconds = |route: &RouteOptions| route.models[0].timeout.as_secs();
    assert_eq!(seconds(&llm.mental_model_refresh), 7);
    assert_eq!((seconds(&llm.retain), seconds(&read(&[("LLM_API_KEY", "k")]).reflect)), (120, 30));
    assert_eq!(seconds(&read(&[("LLM_API_KEY", "k"), ("LLM_TIMEOUT", "9")]).reflect), 9);
}

#[test]
fn a_model_for_some_calls_only_is_not_enough() {
    let error = refused(&[("RETAIN_LLM_PROVIDER", "ollama")]);
    assert!(error.contains("none for REFLECT, CONSOLIDATION, MENTAL_MODEL_REFRESH"), "{error}");
    let all = [
        ("RETAIN_LLM_PROVIDER", "ollama"),
        ("REFLECT_LLM_PROVIDER", "ollama"),
        ("CONSOLIDATION_LLM_PROVIDER", "ollama"),
    ];
    assert_eq!(asked(&read(&all).mental_model_refresh.models[0]).0, "ollama/gemma3:12b");
    for variables in [
        &[("LLM_PROVIDER", "none"), ("RETAIN_LLM_PROVIDER", "ollama")][..],
        &[("LLM_PROVIDER", "ollama"), ("RETAIN_LLM_PROVIDER", "none")],
    ] {
        assert!(refused(variables).contains("for all calls together"), "{variables:?}");
    }
}

#[test]
fn models_stand_in_a_row() {
    let llm = read(&[
        ("LLM_PROVIDER", "ollama"),
        ("LLM_1_PROVIDER", "ollama"),
        ("LLM_1_MODEL", "second"),
        ("LLM_1_MAX_RETRIES", "0"),
        ("LLM_2_PROVIDER", "lmstudio"),
        ("RETAIN_LLM_1_PROVIDER", "ollama"),
        ("RETAIN_LLM_1_MODEL", "third"),
        ("LLM_STRATEGY", r#"{"mode": "failover", "cooldown_seconds": 0.5}"#),
        ("REFLECT_LLM_STRATEGY", r#"{"mode": "round-robin", "weights": [3, 2, 1]}"#),
    ]);
    let names =
        |route: &RouteOptions| route.models.iter().map(|model| model.model.clone()).collect::<Vec<_>>();
    assert_eq!(names(&llm.consolidation), ["gemma3:12b", "second", "local-model"]);
    assert_eq!(names(&llm.retain), ["gemma3:12b", "third"]);
    assert_eq!((llm.consolidation.models[1].retries, llm.consolidation.models[2].retries), (0, 3));
    assert_eq!((llm.retain.order.clone(), llm.retain.cooldown.as_millis()), (Order::Failover, 500));
    assert_eq!((llm.reflect.order, llm.reflect.cooldown.as_secs()), (Order::RoundRobin(vec![3, 2, 1]), 60));
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let with =
        |name: &'static str, value: &'static str| refused(&[("LLM_PROVIDER", "ollama"), (name, value)]);
    for (name, value) in [
        ("LLM_STRATEGY", r#"{"mode": "metadata", "routes": []}"#),
        ("LLM_STRATEGY", r#"{"mode": "failover", "weights": [1]}"#),
        ("LLM_STRATEGY", r#"{"mode": "round-robin", "weights": [1, 2]}"#),
        ("LLM_STRATEGY", r#"{"mode": "round-robin", "weights": [0]}"#),
        ("LLM_STRATEGY", r#"{"mode": "failover", "more": 1}"#),
        ("LLM_STRATEGY", r#"{"mode": "failover", "cooldown_seconds": -1}"#),
        ("LLM_EXTRA_BODY", "[hush]"),
        ("LLM_DEFAULT_HEADERS", r#"{"a": 1}"#),
        ("LLM_BASE_URL", "ftp://hush@host"),
        ("LLM_TIMEOUT", "0"),
        ("LLM_CONNECT_TIMEOUT", "0"),
        ("LLM_MAX_CONCURRENT", "0"),
        ("LLM_MAX_RETRIES", "-1"),
        ("LLM_TEMPERATURE", "2.5"),
        ("LLM_TEMPERATURE_RETAIN", "warm"),
        ("LLM_STRICT_SCHEMA", "maybe"),
        ("LLM_OPENAI_COMPATIBLE_JSON_MODE", "maybe"),
        ("LLM_GEMINI_SAFETY_SETTINGS", "{}"),
        ("LLM_SUPPORTS_MAX_ITEMS", "maybe"),
    ] {
        let error = with(name, value);
        assert!(error.starts_with(&format!("HINDSIGHT_API_{name}:")) && !error.contains("hush"), "{error}");
    }
    assert!(with("RETAIN_LLM_TIMEOUT", "soon").contains("of RETAIN_LLM_…"));
    for name in ["LLM_2_PROVIDER", "LLM_1_MODEL", "RETAIN_LLM_1_API_KEY"] {
        let error = with(name, "ollama");
        assert!(error.contains("no provider has number 1") && error.contains("without a gap"), "{error}");
    }
    // Also where nobody is asked.
    assert!(refused(&[("LLM_TEMPERATURE", "hot")]).starts_with("HINDSIGHT_API_LLM_TEMPERATURE:"));
}

#[test]
fn attempts_for_observations_are_those_of_their_own_name() {
    let retries = |variables: &[(&str, &str)]| {
        let mut all = vec![("LLM_PROVIDER", "ollama")];
        all.extend_from_slice(variables);
        let llm = read(&all);
        (llm.consolidation.models[0].retries, llm.retain.models[0].retries)
    };
    let attempts = ("CONSOLIDATION_MAX_ATTEMPTS", "2");
    assert_eq!(retries(&[]), (3, 3));
    assert_eq!(retries(&[attempts]), (1, 3), "the first one is an attempt too");
    assert_eq!(retries(&[attempts, ("LLM_MAX_RETRIES", "7")]), (1, 7));
    assert_eq!(retries(&[attempts, ("CONSOLIDATION_LLM_MAX_RETRIES", "5")]), (5, 3));
    for wrong in ["0", "-1", "some"] {
        let error = refused(&[("LLM_PROVIDER", "ollama"), ("CONSOLIDATION_MAX_ATTEMPTS", wrong)]);
        assert!(error.starts_with("HINDSIGHT_API_CONSOLIDATION_MAX_ATTEMPTS:"), "{error}");
    }
}

#[test]
fn temperatures_are_for_each_kind_of_calls() {
    let temperatures = |variables: &[(&str, &str)]| {
        let mut all = vec![("LLM_PROVIDER", "ollama")];
        all.extend_from_slice(variables);
        let llm = read(&all);
        [llm.retain, llm.reflect, llm.consolidation, llm.mental_model_refresh].map(|route| route.temperature)
    };
    assert_eq!(temperatures(&[]), [Some(0.1), Some(0.9), Some(0.0), Some(0.0)]);
    assert_eq!(temperatures(&[("LLM_TEMPERATURE", "none")]), [None; 4]);
    assert_eq!(
        temperatures(&[("LLM_TEMPERATURE", "1"), ("LLM_TEMPERATURE_RETAIN", "off")]),
        [None, Some(1.0), Some(1.0), Some(1.0)]
    );
    assert_eq!(
        temperatures(&[("LLM_TEMPERATURE_CONSOLIDATION", "0.3")]),
        [Some(0.1), Some(0.9), Some(0.3), Some(0.3)]
    );
}

#[test]
fn json_is_asked_for_as_the_provider_takes_it() {
    use JsonMode::{Json, Prompt, Schema};
    let ways = |provider: &str, variables: &[(&str, &str)]| {
        let mut all = vec![("LLM_PROVIDER", provider), ("LLM_API_KEY", "k")];
        all.extend_from_slice(variables);
        read(&all).retain.models.remove(0).json
    };
    assert_eq!(ways("openai", &[]), [Schema, Json, Prompt]);
    assert_eq!(ways("lmstudio", &[]), [Schema, Prompt]);
    assert_eq!(ways("deepseek", &[]), [Json, Prompt]);
    assert_eq!(ways("openai", &[("LLM_STRICT_SCHEMA", "true")]), [Schema]);
    assert_eq!(ways("openai", &[("LLM_STRICT_SCHEMA", "false")]), [Json, Prompt]);
    assert_eq!(
        ways("openai", &[("LLM_STRICT_SCHEMA", "true"), ("LLM_STRICT_SCHEMA_RETAIN", "false")]),
        [Json, Prompt]
    );
    assert_eq!(ways("lmstudio", &[("LLM_OPENAI_COMPATIBLE_JSON_MODE", "true")]), [Schema, Json, Prompt]);
    assert_eq!(ways("anthropic", &[("LLM_OPENAI_COMPATIBLE_JSON_MODE", "false")]), [Schema, Json, Prompt]);
}

#[test]
fn servers_nearby_are_shown_the_schema_they_keep_to() {
    let shows = |variables: &[(&str, &str)]| match read(variables).retain.models[0].dialect {
        Dialect::OpenAi { shows_schema, .. } => shows_schema,
        other => panic!("{other:?}"),
    };
    assert!(shows(&[("LLM_PROVIDER", "ollama")]) && shows(&[("LLM_BASE_URL", "http://gpu:8000/v1")]));
    assert!(!shows(&[("LLM_API_KEY", "k")]));
}

#[test]
fn what_one_provider_has_goes_to_that_one() {
    let model = |provider: &str, variables: &[(&str, &str)]| {
        let mut all = vec![("LLM_PROVIDER", provider), ("LLM_API_KEY", "k")];
        all.extend_from_slice(variables);
        read(&all).retain.models.remove(0)
    };
    let body =
        |provider: &str, variables: &[(&str, &str)]| Value::Object(model(provider, variables).extra_body);
    assert_eq!(body("groq", &[("LLM_EXTRA_BODY", r#"{"a": 1}"#)]), json!({"service_tier": "auto", "a": 1}));
    assert_eq!(body("openai", &[("LLM_OPENAI_SERVICE_TIER", "flex")]), json!({"service_tier": "flex"}));
    assert_eq!(body("gemini", &[("LLM_GEMINI_SAFETY_SETTINGS", "[1]")]), json!({"safetySettings": [1]}));
    assert_eq!(body("ollama", &[("LLM_OPENAI_SERVICE_TIER", "flex")]), json!({}));
    assert_eq!(model("anthropic", &[]).dialect, Dialect::Anthropic { cache: true });
    let uncached = model("anthropic", &[("LLM_PROMPT_CACHE_ENABLED", "false")]);
    assert_eq!(uncached.dialect, Dialect::Anthropic { cache: false });
}

#[test]
fn longer_names_are_known_and_slips_are_not() {
    for name in [
        "RETAIN_LLM_MODEL",
        "MENTAL_MODEL_REFRESH_LLM_STRATEGY",
        "LLM_1_PROVIDER",
        "REFLECT_LLM_12_DEFAULT_HEADERS",
    ] {
        assert!(is_of_scope(&format!("HINDSIGHT_API_{name}")), "{name}");
    }
    for name in [
        "RETAIN_LLM_TEMPERATURE",
        "LLM_X_PROVIDER",
        "LLM_1_STRATEGY",
        "RECALL_LLM_MODEL",
        "LLM_MODEL",
        "LLM__MODEL",
    ] {
        assert!(!is_of_scope(&format!("HINDSIGHT_API_{name}")), "{name}");
    }
}
