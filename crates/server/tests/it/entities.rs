//! Routes of entities.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const ENTITIES: &str = "/v1/default/banks/b/entities";

fn note(number: usize, names: &[&str], tags: &[&str]) -> Value {
    let entities: Vec<Value> = names.iter().map(|name| json!({"text": name})).collect();
    json!({
        "content": format!("note {number}"), "document_id": number.to_string(), "entities": entities, "tags": tags,
        "timestamp": format!("2024-03-{number:02}T00:00:00Z"),
    })
}

async fn filled() -> TestApp {
    let app = TestApp::start().await;
    let items = json!([
        note(1, &["Alice", "Berlin"], &["work"]),
        note(2, &["Alice", "Berlin", "Piano"], &["home"]),
        note(3, &["Alice"], &[]),
    ]);
    assert_eq!(app.retain(items).await.status, StatusCode::OK);
    app
}

fn names(answer: &Answer) -> Vec<(&str, i64)> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| (item["canonical_name"].as_str().unwrap(), item["mention_count"].as_i64().unwrap()))
        .collect()
}

#[tokio::test]
async fn entities_come_by_their_mentions_in_pages() {
    let app = filled().await;
    let answer = app.get(ENTITIES).await;
    assert_eq!(names(&answer), [("Alice", 3), ("Berlin", 2), ("Piano", 1)]);
    assert_eq!((&answer.body["total"], &answer.body["limit"]), (&json!(3), &json!(100)));
    assert_eq!(answer.body["items"][0]["first_seen"], "2024-05-10T12:00:00+00:00");
    let answer = app.get(&format!("{ENTITIES}?limit=1&offset=1")).await;
    assert_eq!((names(&answer), &answer.body["total"]), (vec![("Berlin", 2)], &json!(3)));
    let answer = app.get(&format!("{ENTITIES}?limit=0")).await;
    assert_eq!((names(&answer), &answer.body["total"]), (vec![], &json!(3)));
}

#[tokio::test]
async fn only_memories_with_the_tags_count() {
    let app = filled().await;
    let answer = app.get(&format!("{ENTITIES}?tags=work&tags_match=any_strict")).await;
    assert_eq!(names(&answer), [("Alice", 1), ("Berlin", 1)]);
    let answer = app.get(&format!("{ENTITIES}?tags=work")).await;
    assert_eq!(names(&answer), [("Alice", 2), ("Berlin", 1)], "untagged ones too");
    let groups = "%5B%7B%22not%22:%7B%22tags%22:%5B%22work%22%5D%7D%7D%5D";
    let answer = app.get(&format!("{ENTITIES}?tag_groups={groups}")).await;
    assert_eq!(names(&answer), [("Alice", 2), ("Berlin", 1), ("Piano", 1)]);
    for bad in ["tag_groups=%7B", "tag_groups=%7B%7D", "tag_groups=%5B7%5D", "tag_groups=%5B%5D&tags=a"] {
        assert_eq!(app.get(&format!("{ENTITIES}?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let fuzzy = "%5B%7B%22tags%22:%5B%22work%22%5D,%22resolve%22:%22fuzzy%22%7D%5D";
    assert_eq!(app.get(&format!("{ENTITIES}?tag_groups={fuzzy}")).await.status, StatusCode::BAD_REQUEST);
    let answer = app.get(&format!("{ENTITIES}?tags_match=nonsense")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn one_entity_is_read_by_its_id() {
    let app = filled().await;
    let list = app.get(ENTITIES).await;
    let id = list.body["items"][2]["id"].as_str().unwrap();
    let answer = app.get(&format!("{ENTITIES}/{id}")).await;
    assert_eq!(answer.body["canonical_name"], "Piano");
    assert_eq!((&answer.body["mention_count"], &answer.body["observations"]), (&json!(1), &json!([])));
    let answer = app.get(&format!("{ENTITIES}/{id}?tags=work&tags_match=any_strict")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "no such memory mentions it");
    assert_eq!(app.get(&format!("{ENTITIES}/nonsense")).await.status, StatusCode::BAD_REQUEST);
    let nobody = "00000000-0000-7000-8000-000000000000";
    let answer = app.get(&format!("{ENTITIES}/{nobody}")).await;
    assert_eq!(
        (answer.status, answer.detail()),
        (StatusCode::NOT_FOUND, &*format!("Entity '{nobody}' not found"))
    );
}

#[tokio::test]
async fn the_graph_shows_who_is_named_together() {
    let app = filled().await;
    let graph = app.get(&format!("{ENTITIES}/graph")).await.body;
    assert_eq!(
        (&graph["total_entities"], &graph["total_edges"], &graph["limit"]),
        (&json!(3), &json!(3), &json!(1000))
    );
    let labels: Vec<&str> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["data"]["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["Alice", "Berlin", "Piano"]);
    let colors: Vec<&Value> =
        graph["nodes"].as_array().unwrap().iter().map(|node| &node["data"]["color"]).collect();
    assert_eq!(colors, ["#42a5f5", "#42a5f5", "#90caf9"]);
    let edge = &graph["edges"][0]["data"];
    assert_eq!((&edge["weight"], &edge["linkType"]), (&json!(2), &json!("cooccurrence")));
    assert_eq!(edge["lastCooccurred"], "2024-03-02T00:00:00+00:00");
    let ends = [edge["source"].as_str().unwrap(), edge["target"].as_str().unwrap()];
    assert_eq!(edge["id"], format!("{}-{}-cooccurrence", ends[0], ends[1]));

    let graph = app.get(&format!("{ENTITIES}/graph?min_count=2")).await.body;
    assert_eq!((&graph["total_edges"], graph["nodes"].as_array().unwrap().len()), (&json!(1), 2));
    let graph = app.get(&format!("{ENTITIES}/graph?limit=1")).await.body;
    assert_eq!((&graph["total_edges"], graph["edges"].as_array().unwrap().len()), (&json!(3), 1));
    let graph = app.get(&format!("{ENTITIES}/graph?limit=0")).await.body;
    assert_eq!((&graph["total_edges"], &graph["nodes"]), (&json!(3), &json!([])));
    let graph = app.get(&format!("{ENTITIES}/graph?tags=work&tags_match=any_strict")).await.body;
    assert_eq!((&graph["total_edges"], &graph["total_entities"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn entities_that_nobody_mentions_any_more_are_gone() {
    let app = filled().await;
    app.delete("/v1/default/banks/b/documents/2").await;
    assert_eq!(names(&app.get(ENTITIES).await), [("Alice", 2), ("Berlin", 1)]);
}

#[tokio::test]
async fn a_missing_bank_has_no_entities() {
    let app = TestApp::start().await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    for path in ["", "/graph", &format!("/{nobody}")] {
        let answer = app.get(&format!("{ENTITIES}{path}")).await;
        assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'b' not found"), "{path}");
    }
}
