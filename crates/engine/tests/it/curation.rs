//! Single facts that are changed, declared invalid and brought back.

use hindsight_engine::EngineError;
use hindsight_engine::store::MemoryFilter;
use hindsight_types::decode::from_json;
use hindsight_types::memories::{MemoryResponse, UpdateMemoryRequest};
use hindsight_types::recall::FactType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::changes::parts;
use crate::support::{NOW, TestEngine, everything, time};

impl TestEngine {
    /// Changes a memory of bank `b` with a request given as JSON.
    pub(crate) async fn change(&self, id: Uuid, request: Value) -> Result<MemoryResponse, EngineError> {
        let request: UpdateMemoryRequest = from_json(&request).expect("a sound request");
        self.engine.update_memory("b", id, &request).await
    }

    /// Ids of the memories of bank `b` that were declared invalid.
    pub(crate) async fn archived(&self, bank: &str) -> Vec<Uuid> {
        let filter = MemoryFilter { is_archived: true, ..everything() };
        let page = self.engine.list_memories(bank, &filter, 1000, 0).await.expect("listed");
        assert_eq!(page.total, i64::try_from(page.items.len()).unwrap());
        assert!(page.items.iter().all(|item| item.state == "invalidated" && item.invalidated_at.is_some()));
        page.items.iter().map(|item| item.id.parse().unwrap()).collect()
    }

    /// One item with everything a fact can have, and the id of its memory.
    async fn full_fact(&self) -> Uuid {
        let item = json!([{
            "content": "Ann: I met Bob Miller in Rome yesterday", "document_id": "d", "context": "chat",
            "timestamp": "2024-05-03T10:00:00Z", "metadata": {"k": "v"}, "tags": ["t", "u"],
            "observation_scopes": "shared", "entities": [{"text": "Bob Miller"}, {"text": "Rome"}],
        }]);
        self.retain("b", item).await.unwrap();
        self.ids("d").await[0]
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }
}

fn refused(error: &EngineError) -> &str {
    let EngineError::Invalid(message) = error else { panic!("{error} is no refusal") };
    message
}

#[tokio::test]
async fn an_edited_fact_is_what_it_was_edited_to() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    let before = test.engine.memory("b", id).await.unwrap();
    assert_eq!(before.edited_at, None);
    let text = "Cara: I met Zed in Oslo";
    let after =
        test.change(id, json!({"text": text, "context": "", "fact_type": "experience"})).await.unwrap();
    assert_eq!((after.text.as_str(), after.context.as_str()), (text, ""));
    assert_eq!(after.fact_type, FactType::Experience);
    assert_eq!(time(after.edited_at.as_deref().unwrap()), time(NOW));
    // What is not named stays.
    assert_eq!(
        (&after.entities, &after.tags, &after.metadata),
        (&before.entities, &before.tags, &before.metadata)
    );
    assert_eq!((&after.occurred_start, &after.mentioned_at), (&before.occurred_start, &before.mentioned_at));
    assert_eq!(test.found("b", json!({"query": "Zed in Oslo", "types": ["experience"]})).await, [text]);
    assert_eq!(test.found("b", json!({"query": "Zed in Oslo", "types": ["world"]})).await.len(), 0);
    let (author, tokens): (String, i32) =
        sqlx::query_as("select author, tokens from memory_vectors").fetch_one(&test.pool).await.unwrap();
    assert!(author == "Cara" && tokens < 12, "{author} {tokens}");
    // The words of the old text find nothing any more.
    assert_eq!(test.count("select count(*) from term_stats where df > 0").await, 4, "cara, met, zed, oslo");
    assert_eq!(test.count("select count(*) from memory_entities where fact_type = 2").await, 3);
    test.audit().await;
}

#[tokio::test]
async fn dates_are_set_moved_and_cleared() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    let event = async || -> (Option<chrono::DateTime<chrono::Utc>>, Option<chrono::DateTime<chrono::Utc>>) {
        sqlx::query_as("select event_at, event_end from memory_vectors").fetch_one(&test.pool).await.unwrap()
    };
    let range =
        json!({"occurred_start": "2024-02-01", "occurred_end": "2024-02-09", "mentioned_at": "2024-03-01"});
    let memory = test.change(id, range).await.unwrap();
    assert_eq!(memory.occurred_end.as_deref(), Some("2024-02-09T00:00:00+00:00"));
    assert_eq!(event().await, (Some(time("2024-02-01")), Some(time("2024-02-09"))));
    let error = test.change(id, json!({"occurred_start": "2024-02-10"})).await.unwrap_err();
    assert!(refused(&error).contains("send both"), "{error}");
    let memory = test.change(id, json!({"occurred_start": null, "occurred_end": ""})).await.unwrap();
    assert_eq!((memory.occurred_start, memory.occurred_end), (None, None));
    assert_eq!(event().await, (Some(time("2024-03-01")), None), "when it was said");
    let memory = test.change(id, json!({"mentioned_at": ""})).await.unwrap();
    assert_eq!((memory.mentioned_at, memory.date.as_str()), (None, ""));
    assert_eq!(event().await, (None, None));
    for moment in ["2024-04-01", "2024-04-05"] {
        let memory = test.change(id, json!({"occurred_start": moment})).await.unwrap();
        assert_eq!(memory.occurred_end, memory.occurred_start, "a moment stays one");
    }
    assert_eq!(event().await, (Some(time("2024-04-05")), Some(time("2024-04-05"))));
    test.audit().await;
}

#[tokio::test]
async fn entities_are_replaced_resolved_or_taken_away() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    let named = |names: Value| json!({"entities": names});
    let memory = test.change(id, named(json!(["Bob  miller", "Oslo", "", "oslo"]))).await.unwrap();
    assert_eq!(memory.entities, ["Bob Miller", "Oslo"]);
    // The same words in another order mean the one that the bank knows, unless meant literally.
    let memory = test.change(id, named(json!(["Miller Bob"]))).await.unwrap();
    assert_eq!(memory.entities, ["Bob Miller"]);
    let literal = json!({"entities": ["Miller Bob"], "resolve_entities": false});
    assert_eq!(test.change(id, literal).await.unwrap().entities, ["Miller Bob"]);
    assert!(test.change(id, named(json!([]))).await.unwrap().entities.is_empty());
    assert_eq!(test.count("select count(*) from entity_stats where mentions <> 0").await, 0);
    test.audit().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    let before = test.engine.memory("b", id).await.unwrap();
    for (request, word) in [
        (json!({"text": " \u{1}\n"}), "blank"),
        (json!({"fact_type": "observation"}), "fact_type"),
        (json!({"fact_type": "dream", "text": "x"}), "fact_type"),
        (json!({"state": "gone"}), "state"),
        (json!({"occurred_start": "soon"}), "occurred_start"),
        (json!({"text": "x", "mentioned_at": "2024-13-01"}), "mentioned_at"),
        (json!({"occurred_start": "2024-02-02", "occurred_end": "2024-02-01"}), "occurred_end"),
    ] {
        let error = test.change(id, request.clone()).await.unwrap_err();
        assert!(refused(&error).contains(word), "{request}: {error}");
    }
    let error = test.change(Uuid::nil(), json!({"text": "x"})).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { kind: "Memory", .. }), "{error}");
    test.read_nothing_more();
    let error = test.change(id, json!({"text": "something else", "entities": []})).await.unwrap_err();
    assert!(matches!(error, EngineError::Embedding(_)), "{error}");
    assert_eq!(test.engine.memory("b", id).await.unwrap(), before);
    // What needs no vector is possible all the same, and what is so already is not written.
    let same = json!({"text": before.text, "context": "chat", "fact_type": "world", "state": "valid"});
    assert_eq!(test.change(id, same).await.unwrap(), before);
    test.change(id, json!({"context": "talk"})).await.unwrap();
    test.change(id, json!({"state": "invalidated"})).await.unwrap();
    let error = test.change(id, json!({"state": "valid"})).await.unwrap_err();
    assert!(matches!(error, EngineError::Embedding(_)), "{error}");
    assert_eq!(test.archived("b").await, [id]);
    test.read_again();
    for edit in [json!({"text": "x"}), json!({"text": "x", "state": "valid"}), json!({"entities": []})] {
        let error = test.change(id, edit).await.unwrap_err();
        assert!(refused(&error).contains("'valid' first"), "{error}");
    }
    test.audit().await;
}

#[tokio::test]
async fn an_invalid_fact_is_nowhere_and_comes_back_as_it_was() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    test.remember("b", &["Bob Miller went to Rome again"]).await;
    test.change(id, json!({"mentioned_at": "2024-05-02T10:00:00Z"})).await.unwrap();
    let vectors =
        "select v.* from (select stream_id, stream_pos, event_at, event_end, tokens, author, text_hash, tags,
        fact_type, has_time, embedding::text from memory_vectors where memory_id = $1) v";
    let row =
        async || sqlx::query(vectors).bind(id).fetch_one(&test.pool).await.map(|row| format!("{row:?}"));
    let (before, vector) = (test.engine.memory("b", id).await.unwrap(), row().await.unwrap());
    let stats = test.engine.bank_stats("b").await.unwrap();
    let gone = test.change(id, json!({"state": "invalidated", "reason": "he was in Paris"})).await.unwrap();
    assert_eq!(
        (gone.state.as_str(), gone.invalidation_reason.as_deref()),
        ("invalidated", Some("he was in Paris"))
    );
    assert_eq!(time(gone.invalidated_at.as_deref().unwrap()), time(NOW));
    let as_before = MemoryResponse {
        state: "valid".to_owned(),
        invalidation_reason: None,
        invalidated_at: None,
        ..gone.clone()
    };
    assert_eq!(as_before, before, "it is shown with all it had");
    let found = test.found("b", json!({"query": "Ann met Bob Miller in Rome yesterday"})).await;
    assert_eq!(found, ["Bob Miller went to Rome again"]);
    assert_eq!(test.memories("b").await.len(), 1);
    assert_eq!(test.archived("b").await, [id]);
    let entity = |name: &'static str| {
        let pool = &test.pool;
        async move {
            sqlx::query_scalar::<_, Uuid>("select entity_id from entities where name = $1")
                .bind(name)
                .fetch_one(pool)
                .await
                .unwrap()
        }
    };
    for (name, count) in [("Ann", 1), ("Rome", 1)] {
        let filter = MemoryFilter { is_archived: true, entity_id: Some(entity(name).await), ..everything() };
        assert_eq!(test.engine.list_memories("b", &filter, 9, 0).await.unwrap().total, count, "{name}");
    }
    assert_eq!(test.engine.document("b", "d").await.unwrap().memory_unit_count, 0);
    test.audit().await;
    // Once more: only the reason changes.
    let again = test.change(id, json!({"state": "invalidated"})).await.unwrap();
    assert_eq!(again, gone);
    let again = test.change(id, json!({"state": "invalidated", "reason": "in Pisa"})).await.unwrap();
    assert_eq!(again.invalidation_reason.as_deref(), Some("in Pisa"));

    // An entity that nobody mentions may be taken away.
    sqlx::query("delete from entities where name = 'Ann'").execute(&test.pool).await.unwrap();
    let back = test.change(id, json!({"state": "valid"})).await.unwrap();
    assert_eq!(back, before);
    assert_eq!(row().await.unwrap(), vector);
    assert_eq!(test.found("b", json!({"query": "Ann met Bob Miller in Rome"})).await.len(), 2);
    assert_eq!(test.archived("b").await, Vec::<Uuid>::new());
    assert_eq!(test.engine.bank_stats("b").await.unwrap().nodes_by_fact_type, stats.nodes_by_fact_type);
    test.audit().await;
}

#[tokio::test]
async fn an_edit_and_another_state_go_together() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    let memory =
        test.change(id, json!({"text": "nobody met anybody", "state": "invalidated"})).await.unwrap();
    assert_eq!((memory.text.as_str(), memory.state.as_str()), ("nobody met anybody", "invalidated"));
    test.audit().await;
    let memory = test.change(id, json!({"state": "valid"})).await.unwrap();
    assert_eq!((memory.text.as_str(), memory.state.as_str()), ("nobody met anybody", "valid"));
    assert_eq!(test.found("b", json!({"query": "anybody"})).await, ["nobody met anybody"]);
    test.audit().await;
}

#[tokio::test]
async fn causal_links_stay_with_their_facts() {
    let test = TestEngine::start().await;
    test.retain("b", parts(&["the rain came", "the match was off", "we stayed at home"])).await.unwrap();
    let ids = test.ids("d").await;
    for (effect, cause, kind) in [(1, 0, 2_i16), (2, 1, 2), (0, 2, 4), (0, 1, 1)] {
        sqlx::query("insert into memory_links select bank_key, $1, $3, $2, 0.5 from banks")
            .bind(ids[effect])
            .bind(ids[cause])
            .bind(kind)
            .execute(&test.pool)
            .await
            .unwrap();
    }
    let links = async || -> Vec<(Uuid, i16, Uuid)> {
        sqlx::query_as("select memory_id, kind, other_id from memory_links where kind > 1 order by 1, 2, 3")
            .fetch_all(&test.pool)
            .await
            .unwrap()
    };
    let all = links().await;
    sqlx::query("delete from link_queue").execute(&test.pool).await.unwrap();
    test.change(ids[1], json!({"context": "sport"})).await.unwrap();
    assert_eq!(
        test.count("select count(*) from memory_links where kind = 1").await,
        1,
        "the text is the same"
    );
    test.change(ids[1], json!({"text": "the match was called off"})).await.unwrap();
    assert_eq!(links().await, all);
    assert_eq!(test.count("select count(*) from memory_links where kind = 1").await, 0);
    assert_eq!(test.count("select count(*) from link_queue").await, 1);
    // One after the other, back in any order.
    for order in [[0, 1], [1, 0]] {
        for id in [ids[0], ids[1]] {
            test.change(id, json!({"state": "invalidated"})).await.unwrap();
        }
        assert_eq!(links().await, []);
        for place in order {
            test.change(ids[place], json!({"state": "valid"})).await.unwrap();
        }
        assert_eq!(links().await, all, "{order:?}");
    }
    test.engine.tend_links().await.unwrap();
    test.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_undoes_what_others_change_at_the_same_time() {
    let test = TestEngine::start().await;
    let id = test.full_fact().await;
    let edits = [
        json!({"text": "Ann: I met Zed"}),
        json!({"context": "talk"}),
        json!({"occurred_start": "2024-02-01"}),
        json!({"fact_type": "experience"}),
        json!({"entities": ["Zed"]}),
    ];
    let again = json!([{"content": "Ann: I met Bob Miller in Rome yesterday\nBob Miller: So it was", "document_id": "d"}]);
    for edited in futures::future::join_all(edits.into_iter().map(|edit| test.change(id, edit))).await {
        edited.unwrap();
    }
    let memory = test.engine.memory("b", id).await.unwrap();
    assert_eq!((memory.text.as_str(), memory.context.as_str()), ("Ann: I met Zed", "talk"));
    assert_eq!((memory.fact_type, memory.entities), (FactType::Experience, vec!["Zed".to_owned()]));
    assert_eq!(memory.occurred_start.as_deref(), Some("2024-02-01T00:00:00+00:00"));
    test.audit().await;
    // Against a retain that replaces its chunk: before it or not at all.
    let (changed, retained) =
        futures::join!(test.change(id, json!({"text": "Ann: I met no one"})), test.retain("b", again));
    retained.unwrap();
    assert!(changed.is_ok() || matches!(changed, Err(EngineError::NotFound { .. })), "{changed:?}");
    assert_eq!(test.texts("d").await.len(), 2);
    test.audit().await;
}
