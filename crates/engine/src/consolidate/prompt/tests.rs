//! What a model is sent, word for word. A change here is to be looked at.

use super::*;

fn payload(prompt: &Prompt) -> String {
    let mut parts = Vec::new();
    for message in &prompt.messages {
        match message {
            Message::System(words) => parts.push(format!("=== system\n{words}")),
            Message::User(words) => parts.push(format!("=== user\n{words}")),
            _ => panic!("nobody has spoken yet"),
        }
    }
    if let Output::Json { name, schema } = &prompt.output {
        parts.push(format!("=== schema {name}\n{}", serde_json::to_string_pretty(schema).unwrap()));
    }
    parts.join("\n")
}

fn fact(n: u128, body: &str, said: Option<&str>) -> WaitingFact {
    WaitingFact {
        memory_id: Uuid::from_u128(n),
        body: body.to_owned(),
        tags: vec!["never shown".to_owned()],
        observation_scopes: None,
        occurred_start: None,
        occurred_end: None,
        mentioned_at: said.and_then(time::parse),
    }
}

fn observation(n: u128, sources: &[u128]) -> ObservationRow {
    ObservationRow {
        memory_id: Uuid::from_u128(n),
        body: "Ann \"drinks\" tea".to_owned(),
        tags: vec!["never shown".to_owned()],
        source_ids: sources.iter().map(|n| Uuid::from_u128(*n)).collect(),
        occurred_start: time::parse("2024-01-01T00:00:00Z"),
        occurred_end: None,
        mentioned_at: time::parse("2024-02-01T10:00:00Z"),
    }
}

fn source(n: u128) -> (Uuid, SourceFact) {
    let fact = SourceFact {
        memory_id: Uuid::from_u128(n),
        fact_type: 1,
        body: format!("Ann drank tea for the {n}th time"),
        context: (n == 11).then(|| "a chat".to_owned()),
        occurred_start: None,
        occurred_end: None,
        mentioned_at: None,
    };
    (fact.memory_id, fact)
}

fn rules() -> ScopeRules {
    ScopeRules { mission: None, most: None, source_tokens: 4096, source_tokens_each: 256 }
}

#[test]
fn of_facts_alone() {
    let facts = [
        fact(1, "Ann likes tea.\n[2] A second line", None),
        fact(3, "Bob came", Some("2024-05-01T09:00:00Z")),
    ];
    let question =
        Question { facts: &facts, observations: &[], sources: &HashMap::new(), rules: &rules(), free: None };
    insta::assert_snapshot!(payload(&question.prompt(&ConsolidationSettings::default())));
}

#[test]
fn with_everything() {
    let facts = [fact(1, "Ann likes tea", None)];
    let rules = ScopeRules { mission: Some("Tea, and nothing else.".to_owned()), ..rules() };
    let observations = [observation(10, &[11, 12]), observation(20, &[99])];
    let sources = HashMap::from([source(11), source(12)]);
    let question = Question {
        facts: &facts,
        observations: &observations,
        sources: &sources,
        rules: &rules,
        free: Some(1),
    };
    let settings = ConsolidationSettings {
        output_language: Some("German".to_owned()),
        ..ConsolidationSettings::default()
    };
    insta::assert_snapshot!(payload(&question.prompt(&settings)));
}

#[test]
fn of_twins() {
    let settings = ConsolidationSettings::default();
    insta::assert_snapshot!(payload(&twins("Ann drinks tea", "Ann \"drinks\" green tea", &settings)));
}

#[test]
fn facts_behind_observations_stay_within_their_budgets() {
    let facts = [fact(1, "Ann likes tea", None)];
    let observations = [observation(10, &[11, 12]), observation(20, &[13, 14])];
    let sources = HashMap::from([source(11), source(12), source(13), source(14)]);
    let shown = |source_tokens, source_tokens_each| {
        let rules = ScopeRules { source_tokens, source_tokens_each, ..rules() };
        let question = Question {
            facts: &facts,
            observations: &observations,
            sources: &sources,
            rules: &rules,
            free: None,
        };
        question.message().matches("for the").count()
    };
    let one = i64::try_from(tokens::count("Ann drank tea for the 11th time")).unwrap();
    for (total, each, expected) in
        [(-1, -1, 4), (0, -1, 0), (-1, 0, 0), (-1, one, 2), (one, -1, 1), (3 * one, -1, 3), (3 * one, one, 2)]
    {
        assert_eq!(shown(total, each), expected, "{total} {each}");
    }
}
