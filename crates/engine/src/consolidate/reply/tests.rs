//! Answers of models, good and bad.

use serde_json::json;

use super::*;

fn id(n: u128) -> Uuid {
    // Far enough apart to be told by their beginnings.
    Uuid::from_u128(n << 100 | n)
}

fn facts(count: u128) -> Vec<WaitingFact> {
    let fact = |n| WaitingFact {
        memory_id: id(n),
        body: format!("fact {n}"),
        tags: Vec::new(),
        observation_scopes: None,
        occurred_start: None,
        occurred_end: None,
        mentioned_at: None,
    };
    (1..=count).map(fact).collect()
}

fn observations(count: u128) -> Vec<ObservationRow> {
    let observation = |n| ObservationRow {
        memory_id: id(100 + n),
        body: format!("observation {n}"),
        tags: Vec::new(),
        source_ids: Vec::new(),
        occurred_start: None,
        occurred_end: None,
        mentioned_at: None,
    };
    (1..=count).map(observation).collect()
}

fn read_with(value: &Value, free: Option<usize>) -> Actions {
    let (facts, observations) = (facts(3), observations(4));
    read(value, Known { facts: &facts, observations: &observations, free }).expect("an answer")
}

fn reading(value: &Value) -> Actions {
    read_with(value, None)
}

fn create(text: &str, sources: Value) -> Value {
    let mut created = json!({"text": text, "reason": ""});
    created["source_fact_ids"] = sources;
    json!({ "creates": [created] })
}

#[test]
fn what_has_none_of_the_lists_is_no_answer() {
    let (facts, observations) = (facts(1), observations(1));
    let known = Known { facts: &facts, observations: &observations, free: None };
    for value in
        [json!({}), json!([]), json!("x"), json!(null), json!({"creates": "x"}), json!({"facts": []})]
    {
        assert!(read(&value, known).is_err(), "{value}");
    }
    for value in [json!({"creates": []}), json!({"deletes": null}), json!({"updates": []})] {
        assert_eq!(read(&value, known), Ok(Actions::default()), "{value}");
    }
}

#[test]
fn ids_are_counted_once_and_only_when_they_were_asked_about() {
    let actions = reading(&create("a", json!([id(1), id(1), id(2), id(9), id(101), 7])));
    assert_eq!(actions.creates, [Create { text: "a".to_owned(), sources: vec![id(1), id(2)] }]);
    assert_eq!(actions.cited, HashSet::from([id(1), id(2)]));
    let actions = reading(&create("a", json!(format!("{}, {}", id(1), id(3)))));
    assert_eq!(actions.creates[0].sources, [id(1), id(3)], "a text in place of a list");
}

#[test]
fn ids_that_were_not_copied_well_are_known_by_their_beginning() {
    let whole = id(2).to_string();
    for text in [
        whole.clone(),
        whole.to_uppercase(),
        format!("[{whole}]"),
        whole[..13].to_owned(),
        format!("{}ffff-ffff-ffffffffffff", &whole[..14]),
        whole.replace('-', ""),
    ] {
        assert_eq!(reading(&create("a", json!([text]))).creates.len(), 1, "{text}");
    }
    for text in [whole[..12].to_owned(), String::new(), "f2".to_owned()] {
        assert_eq!(reading(&create("a", json!([text]))).unresolved, 1, "{text}");
    }
}

#[test]
fn of_ids_that_begin_alike_more_has_to_be_right() {
    let ids: Vec<Uuid> = ["0190a1b2-c3d4-7abc-8000-000000000001", "0190a1b2-c3d4-7def-8000-000000000002"]
        .map(|id| id.parse().unwrap())
        .to_vec();
    assert_eq!(find("0190a1b2-c3d4-7def-8000-0000", &ids), Some(ids[1]));
    assert_eq!(find("0190a1b2-c3d4-7abc-9", &ids), Some(ids[0]));
    assert_eq!(find("0190a1b2-c3d4", &ids), None, "either may be meant");
    assert_eq!(find("0190a1b2-c3d4-7ab", &ids), None);
}

#[test]
fn entries_that_rest_on_nothing_are_left_out_and_counted() {
    let actions = reading(&json!({
        "creates": [{"text": "a", "source_fact_ids": []}, {"text": "b"}, {"text": " ", "source_fact_ids": [id(1)]}, 5],
        "updates": [
            {"observation_id": id(101), "text": "c", "source_fact_ids": [id(9)]},
            {"observation_id": id(999), "text": "d", "source_fact_ids": [id(1)]},
            {"observation_id": id(101), "source_fact_ids": [id(1)]},
        ],
    }));
    assert_eq!(actions, Actions { unresolved: 7, ..Actions::default() });
    let endless = "x".repeat(LONGEST + 1);
    assert_eq!(reading(&create(&endless, json!([id(1)]))).unresolved, 1);
}

#[test]
fn changes_of_one_observation_are_one_change() {
    let actions = reading(&json!({"updates": [
        {"observation_id": id(101), "text": "first", "source_fact_ids": [id(1)]},
        {"id": id(101), "text": "second", "source_fact_ids": [id(2), id(1)]},
    ]}));
    let change = Change { text: Some("second".to_owned()), sources: vec![id(1), id(2)] };
    assert_eq!(actions.changes, BTreeMap::from([(id(101), change)]));
}

#[test]
fn a_text_that_stays_only_brings_facts() {
    let actions = reading(&json!({"updates": [
        {"observation_id": id(101), "text": "observation 1", "source_fact_ids": [id(1)]}]}));
    assert_eq!(actions.changes[&id(101)], Change { text: None, sources: vec![id(1)] });
}

#[test]
fn a_change_of_a_fact_makes_an_observation() {
    let actions = reading(&json!({"updates": [
        {"observation_id": id(2), "text": "new", "source_fact_ids": [id(1)]}]}));
    assert_eq!(actions.creates, [Create { text: "new".to_owned(), sources: vec![id(1), id(2)] }]);
}

#[test]
fn what_is_said_already_is_not_made_again() {
    let actions = reading(&json!({
        "updates": [{"observation_id": id(102), "text": "changed", "source_fact_ids": [id(1)]}],
        "creates": [
            {"text": "observation  1", "source_fact_ids": [id(2)]},
            {"text": "changed", "source_fact_ids": [id(3)]},
            {"text": "Observation 1", "source_fact_ids": [id(3)]},
            {"text": " Observation 1\n", "source_fact_ids": [id(1)]},
            {"text": "observation 2", "source_fact_ids": [id(1)]},
        ],
    }));
    assert_eq!(actions.changes[&id(101)], Change { text: None, sources: vec![id(2)] });
    assert_eq!(actions.changes[&id(102)].sources, [id(1), id(3)]);
    let texts: Vec<&str> = actions.creates.iter().map(|create| create.text.as_str()).collect();
    assert_eq!(texts, ["Observation 1", "observation 2"], "case counts, and what is no longer said may be");
    assert_eq!(actions.creates[0].sources, [id(3), id(1)]);
}

#[test]
fn no_more_is_made_than_there_is_room_for() {
    let answer = json!({"creates": [
        {"text": "a", "source_fact_ids": [id(1)]}, {"text": "b", "source_fact_ids": [id(2)]}]});
    for (free, made) in [(Some(0), 0), (Some(1), 1), (Some(2), 2), (None, 2)] {
        let actions = read_with(&answer, free);
        assert_eq!((actions.creates.len(), actions.unresolved), (made, 2 - made), "{free:?}");
        assert_eq!(actions.cited.len(), 2, "they were not ignored");
    }
}

fn deletion(observation: u128, merged_into: Value, sources: Value) -> Value {
    let mut deletion = json!({"observation_id": id(100 + observation)});
    deletion["merged_into"] = merged_into;
    deletion["source_fact_ids"] = sources;
    deletion
}

#[test]
fn everything_cannot_be_taken_away() {
    let all = |sources: Value| {
        let deletes: Vec<Value> = (1..=4).map(|n| deletion(n, json!(null), sources.clone())).collect();
        reading(&json!({ "deletes": deletes }))
    };
    assert_eq!(all(json!([])).removals, [], "nothing shows that they are wrong");
    assert_eq!(all(json!([id(1)])).removals.len(), 1, "one fact shows one to be wrong");
    assert_eq!(all(json!([id(1), id(2)])).removals.len(), 2);
    assert_eq!(all(json!([id(9), id(101)])).removals, []);
}

#[test]
fn what_is_merged_ends_with_one_that_stays() {
    let merges = |pairs: &[(u128, u128)]| {
        let deletes: Vec<Value> =
            pairs.iter().map(|(from, to)| deletion(*from, json!(id(100 + to)), json!([]))).collect();
        let actions = reading(&json!({ "deletes": deletes }));
        let removals: Vec<(Uuid, Option<Uuid>)> =
            actions.removals.iter().map(|removal| (removal.observation, removal.merged_into)).collect();
        (removals, actions.unresolved)
    };
    assert_eq!(merges(&[(1, 2)]), (vec![(id(101), Some(id(102)))], 0));
    let chain = vec![(id(101), Some(id(103))), (id(102), Some(id(103)))];
    assert_eq!(merges(&[(1, 2), (2, 3)]), (chain, 0));
    assert_eq!(merges(&[(1, 2), (2, 1)]), (vec![], 2), "in a circle");
    assert_eq!(merges(&[(1, 1)]), (vec![], 1));
    assert_eq!(merges(&[(1, 77)]), (vec![], 1), "to one that is not there");
}

#[test]
fn what_changes_does_not_go() {
    let actions = reading(&json!({
        "updates": [{"observation_id": id(101), "text": "new", "source_fact_ids": [id(1)]}],
        "deletes": [deletion(1, json!(null), json!([id(1)])), deletion(2, json!(id(101)), json!(null))],
    }));
    let merged = Removal { observation: id(102), merged_into: Some(id(101)) };
    assert_eq!((actions.removals, actions.unresolved), (vec![merged], 1));
}
