//! The memories of a bank as a graph.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;

const GRAPH: &str = "/v1/default/banks/b/graph";

fn note(document: &str, text: &str, time: &str, names: &[&str], tags: &[&str]) -> Value {
    let entities: Vec<Value> = names.iter().map(|name| json!({"text": name})).collect();
    json!({
        "content": text, "document_id": document, "timestamp": time, "entities": entities, "tags": tags,
    })
}

async fn filled() -> TestApp {
    let app = TestApp::start().await;
    let items = json!([
        note("1", "ann walks the dog by the river", "2024-03-01T08:00:00Z", &["Ann"], &["work"]),
        note("2", "the river was high", "2024-03-01T20:00:00Z", &["Ann", "River"], &["work", "home"]),
        note("3", "nobody was there", "2024-03-04T00:00:00Z", &[], &[]),
        note("4", "bob called", "unset", &["Bob"], &["home"]),
    ]);
    let retained = app.retain(items).await;
    assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
    app
}

async fn graph(app: &TestApp, query: &str) -> Value {
    let answer = app.get(&format!("{GRAPH}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {:?}", answer.body);
    answer.body
}

fn list<'v>(graph: &'v Value, name: &str) -> &'v Vec<Value> {
    graph[name].as_array().unwrap()
}

/// The texts of the memories, in order.
fn texts(graph: &Value) -> Vec<&str> {
    let texts: Vec<&str> =
        list(graph, "nodes").iter().map(|node| node["data"]["text"].as_str().unwrap()).collect();
    let rows: Vec<&str> = list(graph, "table_rows").iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(texts, rows, "both lists have the same memories");
    texts
}

/// What joins two memories: its type, and their texts in order.
fn edges(graph: &Value) -> Vec<(&str, [&str; 2])> {
    let text = |id: &Value| {
        let node = list(graph, "nodes").iter().find(|node| node["data"]["id"] == *id);
        node.expect("an edge joins memories that are shown")["data"]["text"].as_str().unwrap()
    };
    let edge = |edge: &'_ Value| {
        let data = &edge["data"];
        let mut ends = [text(&data["source"]), text(&data["target"])];
        ends.sort_unstable();
        (data["linkType"].as_str().unwrap().to_owned(), ends)
    };
    let mut edges: Vec<_> = list(graph, "edges").iter().map(edge).collect();
    edges.sort_unstable();
    edges
        .into_iter()
        .map(|(kind, ends)| {
            (["semantic", "temporal", "entity"].into_iter().find(|k| *k == kind).unwrap(), ends)
        })
        .collect()
}

#[tokio::test]
async fn memories_come_with_what_joins_them() {
    let app = filled().await;
    let graph = graph(&app, "").await;
    assert_eq!(
        texts(&graph),
        ["nobody was there", "the river was high", "ann walks the dog by the river", "bob called"]
    );
    assert_eq!((&graph["total_units"], &graph["limit"]), (&json!(4), &json!(1000)));
    let nodes = list(&graph, "nodes");
    let part = |name: &str| nodes.iter().map(|node| node["data"][name].clone()).collect::<Vec<_>>();
    assert_eq!(part("entities"), ["None", "Ann, River", "Ann", "Bob"]);
    assert_eq!(part("color"), ["#e0e0e0", "#42a5f5", "#90caf9", "#90caf9"]);
    assert_eq!(part("label")[2], "ann walks the dog by the river", "30 characters are short enough");
    assert_eq!(
        part("date"),
        ["2024-03-04T00:00:00+00:00", "2024-03-01T20:00:00+00:00", "2024-03-01T08:00:00+00:00", ""]
    );

    let near = ["ann walks the dog by the river", "the river was high"];
    assert_eq!(edges(&graph), [("entity", near), ("temporal", near)]);
    let edge = |kind: &str| {
        let edge = list(&graph, "edges").iter().find(|edge| edge["data"]["linkType"] == kind);
        edge.expect("it is there")["data"].clone()
    };
    let temporal = edge("temporal");
    assert_eq!((&temporal["weight"], &temporal["entityName"]), (&json!(0.5), &json!("")));
    assert_eq!((&temporal["color"], &temporal["lineStyle"]), (&json!("#00bcd4"), &json!("dashed")));
    let ends = [temporal["source"].as_str().unwrap(), temporal["target"].as_str().unwrap()];
    assert_eq!(temporal["id"], format!("{}-{}-temporal", ends[0], ends[1]));
    let entity = edge("entity");
    assert_eq!((&entity["entityName"], &entity["color"]), (&json!("Ann"), &json!("#ffd700")));

    let row = &list(&graph, "table_rows")[2];
    assert_eq!((&row["date"], &row["context"]), (&json!("2024-03-01 08:00"), &json!("N/A")));
    assert_eq!((&row["document_id"], &row["chunk_id"]), (&json!("1"), &json!("b_1_0")));
    assert_eq!((&row["fact_type"], &row["tags"]), (&json!("world"), &json!(["work"])));
    assert_eq!((&row["proof_count"], &row["occurred_start"]), (&json!(1), &Value::Null));
    assert_eq!(row["created_at"], "2024-05-10T12:00:00+00:00");
    assert_eq!(list(&graph, "table_rows")[3]["date"], "N/A");
}

#[tokio::test]
async fn what_is_alike_is_joined_once_links_are_found() {
    let app = TestApp::start().await;
    let items = json!([
        note("1", "the cat sleeps on the warm stove", "unset", &[], &[]),
        note("2", "the cat sleeps on the warm stone", "unset", &[], &[]),
    ]);
    app.retain(items).await;
    assert!(edges(&graph(&app, "").await).is_empty());
    app.engine.tend_links().await.unwrap();
    let graph = graph(&app, "").await;
    let alike = ["the cat sleeps on the warm stone", "the cat sleeps on the warm stove"];
    assert_eq!(edges(&graph), [("semantic", alike)]);
    let edge = &list(&graph, "edges")[0]["data"];
    assert_eq!((&edge["color"], &edge["lineStyle"]), (&json!("#ff69b4"), &json!("solid")));
    assert!(edge["weight"].as_f64().is_some_and(|weight| (0.7..1.0).contains(&weight)), "{edge}");
}

#[tokio::test]
async fn a_graph_shows_what_is_asked_for() {
    let app = filled().await;
    for (query, expected) in [
        ("?limit=2", &["nobody was there", "the river was high"][..]),
        ("?limit=0", &[]),
        ("?q=RIVER", &["the river was high", "ann walks the dog by the river"]),
        ("?q=nothing+like+it", &[]),
        ("?type=experience", &[]),
        ("?type=world&document_id=3", &["nobody was there"]),
        ("?chunk_id=b_2_0", &["the river was high"]),
        ("?chunk_id=b_2_7", &[]),
        ("?chunk_id=other_2_0", &[]),
        ("?chunk_id=b_2_0&document_id=3", &[]),
        ("?tags=work", &["the river was high", "ann walks the dog by the river"]),
        ("?tags=work&tags=home", &["the river was high"]),
        ("?tags=home&tags_match=any", &["nobody was there", "the river was high", "bob called"]),
        ("?tags=work&tags_match=exact", &["ann walks the dog by the river"]),
    ] {
        let graph = graph(&app, query).await;
        assert_eq!(texts(&graph), expected, "{query}");
        edges(&graph);
        if !query.contains("limit") {
            assert_eq!(graph["total_units"], expected.len(), "{query}");
        }
    }
    let graph = graph(&app, "?limit=2").await;
    assert_eq!((&graph["total_units"], &graph["limit"]), (&json!(4), &json!(2)));
    // More than there may be is answered with what there may be.
    assert_eq!(self::graph(&app, "?limit=99999999").await["limit"], 100_000);
}

#[tokio::test]
async fn what_was_declared_invalid_or_deleted_is_in_no_graph() {
    let app = filled().await;
    let graph = graph(&app, "?document_id=2").await;
    let id = list(&graph, "nodes")[0]["data"]["id"].as_str().unwrap();
    let path = format!("/v1/default/banks/b/memories/{id}");
    app.json(axum::http::Method::PATCH, &path, json!({"state": "invalidated"})).await;
    app.delete("/v1/default/banks/b/documents/4").await;
    let graph = self::graph(&app, "").await;
    assert_eq!(texts(&graph), ["nobody was there", "ann walks the dog by the river"]);
    assert!(edges(&graph).is_empty());
}

#[tokio::test]
async fn a_large_graph_is_told_in_parts_that_fit_together() {
    let app = TestApp::start().await;
    let items: Value = (0..1100)
        .map(|number| {
            let time = format!("2024-03-{:02}T{:02}:00:00Z", number % 28 + 1, number % 24);
            let text = format!("note {number} of the log \"{number}\"");
            note(&number.to_string(), &text, &time, &[&format!("Name{}", number % 7)], &[])
        })
        .collect();
    let retained = app.retain(items).await;
    assert_eq!(retained.status, StatusCode::OK, "{:?}", retained.body);
    let graph = graph(&app, "?limit=5000").await;
    let ids: HashSet<&str> =
        list(&graph, "nodes").iter().map(|node| node["data"]["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), texts(&graph).len()), (1100, 1100));
    let edges: HashSet<&str> =
        list(&graph, "edges").iter().map(|edge| edge["data"]["id"].as_str().unwrap()).collect();
    assert_eq!(edges.len(), list(&graph, "edges").len(), "each edge once");
    assert!(edges.len() > 10_000, "{}", edges.len());
    for edge in list(&graph, "edges") {
        for end in ["source", "target"] {
            assert!(ids.contains(edge["data"][end].as_str().unwrap()), "{edge}");
        }
    }
    let names = list(&graph, "edges").iter().filter(|edge| edge["data"]["linkType"] == "entity");
    assert!(names.clone().all(|edge| edge["data"]["entityName"].as_str().unwrap().starts_with("Name")));
    assert!(names.count() > 0);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = TestApp::start().await;
    let answer = app.get(GRAPH).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'b' not found"));
    let answer = app.get("/v1/default/banks/b/graph?chunk_id=b_1_0").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    app.retain(json!([{"content": "here"}])).await;
    for (query, words) in [
        ("?type=opinion", "Invalid type: 'opinion' is not one of world, experience, observation."),
        ("?chunk_id=nonsense", "Invalid chunk_id: 'nonsense' is not the id of a chunk."),
        ("?chunk_id=b_d_x", "Invalid chunk_id: 'b_d_x' is not the id of a chunk."),
    ] {
        let answer = app.get(&format!("{GRAPH}{query}")).await;
        assert_eq!((answer.status, answer.detail()), (StatusCode::BAD_REQUEST, words));
    }
    for (query, kind) in [
        ("?limit=x", "int_parsing"),
        ("?limit=-1", "greater_than_equal"),
        ("?tags_match=some", "literal_error"),
    ] {
        let answer = app.get(&format!("{GRAPH}{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.problems()[0].0, kind, "{query}");
    }
}
