use serde_json::json;

use super::*;
use crate::labels::Labels;
use crate::retain::extract::reply::{self, Verdict};

fn chunk(text: &str) -> ChunkText {
    ChunkText {
        text: text.to_owned(),
        number: 1,
        total: 1,
        said_at: hindsight_types::time::parse("2023-05-08T13:56:00Z"),
        context: None,
        metadata: None,
        earlier: String::new(),
        attachments: Vec::new(),
        document_id: None,
    }
}

fn read(text: &str, answer: &Value, mode: ExtractionMode, settings: &ExtractionSettings) -> Extraction {
    let answer = match reply::read(answer, mode != ExtractionMode::Verbatim) {
        Verdict::Sound(answer) | Verdict::Partly(answer, _) => answer,
        Verdict::Unusable(problem) => panic!("{problem}"),
    };
    facts(&answer, &chunk(text), mode, settings)
}

fn concise(text: &str, answer: &Value) -> Extraction {
    read(text, answer, ExtractionMode::Concise, &ExtractionSettings::default())
}

fn window(fact: &ExtractedFact) -> Option<(String, String)> {
    let format = hindsight_types::time::format;
    fact.occurred.map(|(start, end)| (format(start), format(end)))
}

#[test]
fn a_fact_says_all_its_dimensions_and_none_twice() {
    let fact =
        |value: Value| concise("i saw ann in rome in may with ben as it rained", &json!([value])).facts;
    let full = json!({"what": "The user saw Ann.", "when": "May", "where": "Rome", "who": "Ann, Ben", "why": "It rained."});
    assert_eq!(
        fact(full)[0].text,
        "The user saw Ann. | When: May | Where: Rome | Involving: Ann, Ben | It rained."
    );
    let spare = json!({"what": "The user saw Ann in Rome.", "when": "N/A", "where": "Rome", "who": "ann", "why": null});
    assert_eq!(fact(spare)[0].text, "The user saw Ann in Rome.");
    let alias = json!({"factual_core": "The user saw Ann.", "where": ""});
    assert_eq!(fact(alias)[0].text, "The user saw Ann.");
}

#[test]
fn only_events_have_dates_and_those_are_exact() {
    let text = "i went to the dentist yesterday and on May 3, 2023 and in 2021, 2 years ago";
    let at = |kind: &str, start: Value, end: Value, what: &str| {
        let fact = json!({"what": what, "fact_kind": kind, "occurred_start": start, "occurred_end": end});
        window(&concise(text, &json!([fact])).facts[0])
    };
    let pair = |start: &str, end: &str| Some((start.to_owned(), end.to_owned()));
    let what = "The user went to the dentist.";
    let null = || Value::Null;
    assert_eq!(at("conversation", json!("2023-05-07"), null(), what), None);
    assert_eq!(
        at("event", json!("2023-05-07"), null(), what),
        pair("2023-05-07T00:00:00+00:00", "2023-05-07T23:59:59.999999+00:00")
    );
    assert_eq!(
        at("event", json!("2023-05-07T09:30:00Z"), json!("2023-05-07T10:00:00Z"), what),
        pair("2023-05-07T09:30:00+00:00", "2023-05-07T10:00:00+00:00")
    );
    assert_eq!(
        at("EVENT", json!("2021"), null(), what),
        pair("2021-01-01T00:00:00+00:00", "2021-12-31T23:59:59.999999+00:00")
    );
    assert_eq!(at("event", json!("2021-03"), null(), what).unwrap().1, "2021-03-31T23:59:59.999999+00:00");
    // An end before the start is none.
    assert_eq!(
        at("event", json!("2023-05-07"), json!("2023-05-01"), what).unwrap().1,
        "2023-05-07T23:59:59.999999+00:00"
    );
    // What the model does not say, or cannot mean, the text may say.
    for nonsense in [null(), json!("soon"), json!("0001-01-01"), json!("9999-12-31"), json!("N/A")] {
        assert_eq!(at("event", nonsense.clone(), null(), what), None, "{nonsense}");
        assert_eq!(
            at("event", nonsense, null(), "The user went yesterday.").unwrap().0,
            "2023-05-07T00:00:00+00:00"
        );
    }
    // A date that the fact's own text contradicts.
    assert_eq!(
        at("event", json!("2022-05-03"), null(), "The user went on May 3, 2023.").unwrap().0,
        "2023-05-03T00:00:00+00:00"
    );
}

#[test]
fn kinds_of_facts() {
    let kind = |fields: Value| concise("a text", &json!([fields])).facts[0].fact_type;
    assert_eq!(kind(json!({"what": "a text", "fact_type": "assistant"})), Some(FactType::Experience));
    assert_eq!(kind(json!({"what": "a text", "fact_type": "world"})), Some(FactType::World));
    assert_eq!(kind(json!({"what": "a text", "fact_type": "opinion"})), Some(FactType::World));
    assert_eq!(kind(json!({"what": "a text", "fact_kind": "assistant"})), Some(FactType::Experience));
}

#[test]
fn causes_follow_the_facts_that_were_kept() {
    let answer = json!({"facts": [
        {"what": "it rained"},
        {"what": "..."},
        {"wrong": "key"},
        {"what": "The user met Zorpa in the rain."},
        {"what": "the street was wet", "causal_relations": [{"target_index": 0, "relation_type": "caused_by"}]},
        {"what": "the car slid", "causal_relations": [
            {"target_index": 4, "relation_type": "caused_by"}, {"target_index": 4, "relation_type": "caused_by"},
            {"target_index": 1, "relation_type": "caused_by"}, {"target_index": 3, "relation_type": "caused_by"},
            {"target_index": 5, "relation_type": "caused_by"}, {"target_index": 99, "relation_type": "caused_by"},
            {"target_index": -1, "relation_type": "caused_by"}, {"target_index": 0, "relation_type": "enables"},
        ]},
    ]});
    let read = concise("it rained, the street was wet, and so the car slid", &answer);
    let causes: Vec<_> = read.facts.iter().map(|fact| fact.caused_by.as_slice()).collect();
    assert_eq!(causes, [&[][..], &[0], &[1]]);
    assert_eq!(read.dropped, Dropped { malformed: 1, empty: 1, no_evidence: 1 });
    let settings = ExtractionSettings { causal_links: false, ..ExtractionSettings::default() };
    let without = super::tests::read(
        "it rained and was wet",
        &json!([{"what": "it rained"}, {"what": "wet", "causal_relations": [{"target_index": 0}]}]),
        ExtractionMode::Concise,
        &settings,
    );
    assert!(without.facts.iter().all(|fact| fact.caused_by.is_empty()));
}

#[test]
fn causes_move_with_the_second_half() {
    let fact = |cause: Vec<usize>| ExtractedFact { caused_by: cause, ..ExtractedFact::default() };
    let mut first = Extraction { facts: vec![fact(vec![]), fact(vec![0])], ..Extraction::default() };
    first.append(Extraction { facts: vec![fact(vec![]), fact(vec![0])], ..Extraction::default() });
    let causes: Vec<_> = first.facts.iter().map(|fact| fact.caused_by.clone()).collect();
    assert_eq!(causes, [vec![], vec![0], vec![], vec![2]]);
}

#[test]
fn entities_and_labels() {
    let settings = ExtractionSettings {
        labels: Labels::read(&json!([{"key": "topic", "values": ["Work"], "tag": true}])).unwrap(),
        ..ExtractionSettings::default()
    };
    let answer = json!([{"what": "a text of rome", "entities": ["user", {"text": "Rome"}, 3, "N/A", " \u{0} "], "labels": {"topic": "work"}}]);
    let fact = |settings| {
        super::tests::read("a text of rome", &answer, ExtractionMode::Concise, settings).facts.remove(0)
    };
    let with = fact(&settings);
    assert_eq!(with.entities, ["user", "Rome"]);
    assert_eq!(
        (with.labels.as_slice(), with.tags.as_slice()),
        (&["topic:Work".to_owned()][..], &["topic:Work".to_owned()][..])
    );
    let only_labels = fact(&ExtractionSettings { free_form_entities: false, ..settings.clone() });
    assert_eq!((only_labels.entities.len(), only_labels.labels.len()), (0, 1));
}

#[test]
fn a_verbatim_chunk_is_its_own_text() {
    let settings = ExtractionSettings::default();
    let text = " User: I went to Rome yesterday. ";
    let answer = json!({"facts": [
        {"when": "N/A", "fact_kind": "event", "occurred_start": "2023-05-07", "fact_type": "world", "entities": ["user", "Rome", "Zorpa"]},
        {"fact_type": "assistant", "entities": ["Rome", "User"]},
    ]});
    let read = super::tests::read(text, &answer, ExtractionMode::Verbatim, &settings);
    assert_eq!(read.facts.len(), 1);
    let fact = &read.facts[0];
    assert_eq!(fact.text, "User: I went to Rome yesterday.");
    assert_eq!(
        (fact.fact_type, fact.entities.as_slice()),
        (Some(FactType::World), &["user".to_owned(), "Rome".to_owned(), "User".to_owned()][..])
    );
    assert_eq!(window(fact).unwrap().0, "2023-05-07T00:00:00+00:00");
    let none = super::tests::read(text, &json!({"facts": []}), ExtractionMode::Verbatim, &settings);
    assert_eq!(none.facts[0].text, "User: I went to Rome yesterday.", "it is kept all the same");
}
