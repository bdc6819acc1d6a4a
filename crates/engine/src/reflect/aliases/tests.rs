use serde_json::json;

use super::*;

const TEA: &str = "00000000-0000-4000-8000-000000000001";
const ROME: &str = "00000000-0000-4000-8000-000000000002";
const HABIT: &str = "00000000-0000-4000-8000-000000000003";
const OTHER: &str = "00000000-0000-4000-8000-00000000ffff";

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value} is no object") };
    object
}

fn facts() -> Map<String, Value> {
    object(json!({
        "query": "tea",
        "memories": [
            {
                "id": TEA, "text": "Ann drank tea", "type": "world", "context": "x".repeat(300), "scores": {"final": 1},
                "occurred_start": "2024-05-09T00:00:00+00:00", "occurred_end": "2024-05-09T00:00:00+00:00",
                "mentioned_at": "2024-05-10T12:34:56+00:00", "document_id": "d", "chunk_id": "b_d_0",
                "metadata": {"source": "slack"}, "tags": ["t"], "entities": ["Ann"],
            },
            {"id": ROME, "text": "Ann went to Rome", "type": "experience", "tags": [], "chunk_id": "b_e_0"},
        ],
        "chunks": {"b_d_0": {"chunk_text": "Ann: tea!", "truncated": false}},
    }))
}

#[test]
fn memories_are_shown_by_short_names_and_without_what_is_empty() {
    let mut aliases = Aliases::default();
    assert_eq!(
        Value::Object(aliases.show(&facts())),
        json!({
            "query": "tea",
            "memories": [
                {
                    "id": "f1", "text": "Ann drank tea", "type": "world", "context": "x".repeat(200),
                    "occurred_start": "2024-05-09T00:00Z", "mentioned_at": "2024-05-10T12:34Z", "chunk": "c1",
                    "metadata": {"source": "slack"}, "tags": ["t"], "entities": ["Ann"],
                },
                {"id": "f2", "text": "Ann went to Rome", "type": "experience"},
            ],
            "chunks": {"c1": {"chunk_text": "Ann: tea!", "truncated": false}},
        })
    );
    // The same again is named, not said again.
    assert_eq!(
        Value::Object(aliases.show(&facts())),
        json!({"query": "tea", "memories": [], "already_shown": ["f1", "f2", "c1"]})
    );
    // In another form it is shown again, under its name.
    let more = object(json!({"memories": [{"id": TEA, "text": "Ann drank green tea", "type": "world"}]}));
    assert_eq!(aliases.show(&more)["memories"][0]["id"], "f1");
}

#[test]
fn observations_name_the_facts_behind_them() {
    let mut aliases = Aliases::default();
    let raw = object(json!({
        "query": "tea", "count": 1,
        "observations": [{"id": HABIT, "text": "Ann likes tea", "type": "observation", "source_fact_ids": [TEA, ROME]}],
        "source_facts": {TEA: {"id": TEA, "text": "Ann drank tea", "type": "world"}},
        "is_stale": false, "freshness": "up_to_date",
    }));
    assert_eq!(
        Value::Object(aliases.show(&raw)),
        json!({
            "query": "tea", "count": 1,
            "observations": [{"id": "o1", "text": "Ann likes tea", "type": "observation", "source_facts": ["f1"]}],
            "source_facts": [{"id": "f1", "text": "Ann drank tea", "type": "world"}],
            "is_stale": false, "freshness": "up_to_date",
        })
    );
    assert_eq!(aliases.cited("o1"), Some((HABIT, Kind::Observation)));
    assert_eq!(aliases.cited(ROME), None, "it did not come along");
    assert_eq!(aliases.cited("f1"), Some((TEA, Kind::Fact)), "facts behind observations can be cited");
}

#[test]
fn only_what_was_found_can_be_cited() {
    let mut aliases = Aliases::default();
    aliases.show(&facts());
    assert_eq!(aliases.cited("f1"), Some((TEA, Kind::Fact)));
    assert_eq!(aliases.cited(" [f2] "), Some((ROME, Kind::Fact)));
    assert_eq!(aliases.cited(TEA), Some((TEA, Kind::Fact)), "ids themselves are fine");
    for word in ["f3", "c1", "b_d_0", OTHER, "", "o1", "f1, f2"] {
        assert_eq!(aliases.cited(word), None, "{word}");
    }
    assert_eq!(
        aliases
            .named_in("Tea [f1; f2], (f1), f2, [c1] and [f9].")
            .iter()
            .map(|(id, _)| id)
            .collect::<Vec<_>>(),
        [TEA, ROME, TEA]
    );
}

#[test]
fn names_in_arguments_become_ids_but_not_in_words() {
    let mut aliases = Aliases::default();
    aliases.show(&facts());
    let arguments =
        object(json!({"query": "f1", "reason": "f2", "memory_ids": ["f1", "f9"], "depth": "chunk"}));
    assert_eq!(
        Value::Object(aliases.with_ids(&arguments)),
        json!({"query": "f1", "reason": "f2", "memory_ids": [TEA, "f9"], "depth": "chunk"})
    );
}

#[test]
fn answers_hold_no_id_that_was_not_seen() {
    let mut aliases = Aliases::default();
    aliases.show(&facts());
    aliases.reads(&format!("What is order {HABIT}?"));
    assert_eq!(
        aliases.outward(&format!("See {OTHER} and {TEA}.")),
        format!("See [unverified id] and {TEA}.")
    );
    assert_eq!(aliases.outward(&format!("It is {HABIT}.")), format!("It is {HABIT}."), "it was asked about");
    assert_eq!(aliases.outward("Tea [f1, f2]."), format!("Tea [{TEA}, {ROME}]."));
    assert_eq!(
        aliases.outward("f1 beats o1 (f9); [f1, f9]"),
        "f1 beats o1 (f9); [f1, f9]",
        "words stay words"
    );
    let more = json!({"id": HABIT, "text": "x", "type": "observation"});
    aliases.show(&object(json!({"observations": [more]})));
    assert_eq!(aliases.outward("It runs (o1), (c1) and [c1]."), "It runs (o1), (c1) and [c1].");
    assert_eq!(aliases.outward("Tea (f1; f2) [o1, c1]."), format!("Tea [{TEA}, {ROME}] [{HABIT}, c1]."));
}

#[test]
fn ids_are_seen_wherever_they_stand_but_not_in_the_models_own_query() {
    let mut aliases = Aliases::default();
    let text = format!("Orders:\n{HABIT}");
    let memory = json!({"id": TEA, "text": text, "type": "world"});
    aliases.show(&object(json!({"query": OTHER, "memories": [memory]})));
    assert_eq!(aliases.outward(&format!("{HABIT} and {OTHER}")), format!("{HABIT} and [unverified id]"));
}

#[test]
fn values_for_programs_hold_ids_and_none_that_was_not_seen() {
    let mut aliases = Aliases::default();
    aliases.show(&facts());
    let value = json!({"ids": ["f1", ROME, "f9", "c1"], "why": format!("see [f2] and {OTHER}"), "count": 2});
    assert_eq!(
        aliases.outward_value(&value),
        json!({
            "ids": [TEA, ROME, "f9", "c1"], "why": format!("see [{ROME}] and [unverified id]"), "count": 2,
        })
    );
}

#[test]
fn what_is_behind_a_memory_is_shown_without_ids_of_documents() {
    let mut aliases = Aliases::default();
    aliases.show(&facts());
    let raw = object(json!({
        "count": 2,
        "results": [
            {
                "memory_id": TEA, "memory": {"id": TEA, "text": "Ann drank tea", "type": "world", "context": null},
                "chunk": {"id": "b_d_0", "text": "Ann: tea!", "index": 0, "document_id": "d"},
            },
            {"memory_id": OTHER, "error": "not found"},
        ],
    }));
    assert_eq!(
        Value::Object(aliases.show(&raw)),
        json!({
            "count": 2,
            "results": [
                {
                    "memory_id": "f1", "memory": {"id": "f1", "text": "Ann drank tea", "type": "world"},
                    "chunk": {"text": "Ann: tea!", "index": 0},
                },
                {"memory_id": OTHER, "error": "not found"},
            ],
        })
    );
    assert_eq!(aliases.cited(OTHER), None);
    assert_eq!(aliases.outward(OTHER), "[unverified id]", "to ask for an id is not to find it");
}
