//! Changing single memories over the routes.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const BANK: &str = "/v1/default/banks/b";
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

async fn start() -> (TestApp, String) {
    let app = TestApp::start().await;
    let item = json!({"content": "Ann met Bob in Rome", "document_id": "d", "entities": [{"text": "Bob"}]});
    app.retain(json!([item])).await;
    let id =
        app.get(&format!("{BANK}/memories/list")).await.body["items"][0]["id"].as_str().unwrap().to_owned();
    (app, id)
}

async fn change(app: &TestApp, id: &str, body: Value) -> Answer {
    app.json(Method::PATCH, &format!("{BANK}/memories/{id}"), body).await
}

#[tokio::test]
async fn a_memory_is_edited_invalidated_and_reverted() {
    let (app, id) = start().await;
    let answer =
        change(&app, &id, json!({"text": "Ann met Zed", "occurred_start": "2024-02-01", "entities": null}))
            .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        (&answer.body["text"], &answer.body["entities"]),
        (&json!("Ann met Zed"), &json!(["Ann", "Bob", "Rome"]))
    );
    assert_eq!(answer.body["date"], "2024-02-01T00:00:00+00:00");
    assert_eq!(answer.body["edited_at"], "2024-05-10T12:00:00+00:00");
    let read = app.get(&format!("{BANK}/memories/{id}")).await;
    assert_eq!(read.body, answer.body);

    let gone = change(&app, &id, json!({"state": "invalidated", "reason": "wrong"})).await;
    assert_eq!((gone.status, &gone.body["state"]), (StatusCode::OK, &json!("invalidated")));
    assert_eq!(gone.body["invalidation_reason"], "wrong");
    assert_eq!(app.get(&format!("{BANK}/memories/{id}")).await.body, gone.body);
    assert_eq!(app.recall(json!({"query": "Zed"})).await.body["results"], json!([]));
    let total = async |query: &str| {
        let page = app.get(&format!("{BANK}/memories/list{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        page.body["total"].clone()
    };
    assert_eq!((total("").await, total("?state=valid").await), (json!(0), json!(0)));
    assert_eq!(total("?state=invalidated&q=zed&type=world&document_id=d").await, 1);
    assert_eq!(
        total("?state=invalidated&time_field=updated_at&start_date=2024-05-01&end_date=2024-06-01").await,
        1
    );
    assert_eq!(total("?state=invalidated&time_field=occurred_end&tags=x&tags_match=any").await, 1);
    assert_eq!(total("?state=invalidated&q=bob").await, 0);
    let back = change(&app, &id, json!({"state": "valid"})).await;
    assert_eq!((back.status, &back.body), (StatusCode::OK, &read.body));
    assert_eq!(total("").await, 1);
    app.audit().await;
}

#[tokio::test]
async fn unusable_changes_are_refused() {
    let (app, id) = start().await;
    for body in [
        json!({"text": ""}),
        json!({"fact_type": "observation"}),
        json!({"state": "deleted"}),
        json!({"mentioned_at": "soon"}),
    ] {
        let answer = change(&app, &id, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(!answer.detail().is_empty());
    }
    for (body, place) in [
        (json!({}), json!(["body"])),
        (json!({"reason": "r", "resolve_entities": false}), json!(["body"])),
        (json!({"text": 7}), json!(["body", "text"])),
        (json!({"occurred_end": 7}), json!(["body", "occurred_end"])),
        (json!({"entities": [7]}), json!(["body", "entities", 0])),
        (json!({"resolve_entities": "x", "text": "x"}), json!(["body", "resolve_entities"])),
        (json!([]), json!(["body"])),
    ] {
        let answer = change(&app, &id, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.problems()[0].1, place, "{body}");
    }
    for (id, status) in [("7", StatusCode::BAD_REQUEST), (NOBODY, StatusCode::NOT_FOUND)] {
        assert_eq!(change(&app, id, json!({"text": "x"})).await.status, status, "{id}");
        assert_eq!(app.get(&format!("{BANK}/memories/{id}/history")).await.status, status, "{id}");
        assert_eq!(app.delete(&format!("{BANK}/memories/{id}/observations")).await.status, status, "{id}");
    }
    let other = "/v1/default/banks/other";
    app.json(Method::PUT, other, json!({})).await;
    let answer = app.json(Method::PATCH, &format!("{other}/memories/{id}"), json!({"text": "x"})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "another bank's memory");
    let nowhere = "/v1/default/banks/nowhere";
    for answer in [
        app.json(Method::PATCH, &format!("{nowhere}/memories/{id}"), json!({"text": "x"})).await,
        app.get(&format!("{nowhere}/memories/{id}/history")).await,
        app.delete(&format!("{nowhere}/memories/{id}/observations")).await,
        app.delete(&format!("{nowhere}/observations")).await,
    ] {
        assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Bank 'nowhere' not found"));
    }
    let memory = app.get(&format!("{BANK}/memories/{id}")).await;
    assert_eq!(
        (&memory.body["text"], &memory.body["edited_at"]),
        (&json!("Ann met Bob in Rome"), &Value::Null)
    );
    app.audit().await;
}

#[tokio::test]
async fn a_document_has_a_history() {
    let (app, id) = start().await;
    change(&app, &id, json!({"state": "invalidated"})).await;
    let answer = app.get(&format!("{BANK}/documents/d/history?limit=1")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let none = json!({"count": 0, "ids": []});
    let event = json!({
        "document_id": "d", "kind": "fact_invalidated", "created_at": "2024-05-10T12:00:00Z", "operation_id": null,
        "fact_id": id, "facts_added": 0, "facts_removed": 1, "observations_created": none,
        "observations_updated": none, "observations_removed": none,
    });
    let page = json!({"document_id": "d", "total": 2, "limit": 1, "offset": 0, "items": [event]});
    assert_eq!(answer.body, page);
    let answer = app.get(&format!("{BANK}/documents/e/history")).await;
    assert_eq!((answer.status, answer.detail()), (StatusCode::NOT_FOUND, "Document 'e' not found"));
    let answer = app.get(&format!("{BANK}/documents/d/history?limit=x")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn histories_and_observations_answer_as_the_contract_says() {
    let (app, id) = start().await;
    let answer = app.get(&format!("{BANK}/memories/{id}/history")).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!([])));
    let answer = app.delete(&format!("{BANK}/memories/{id}/observations")).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({"deleted_count": 0})));
    let answer = app.delete(&format!("{BANK}/observations")).await;
    let expected = json!({"success": true, "message": "0 observations deleted", "deleted_count": 0});
    assert_eq!((answer.status, answer.body), (StatusCode::OK, expected));
}
