//! Recall of observations: the facts behind them, shown or hidden.

use hindsight_testkit::HashEmbedder;
use serde_json::json;
use uuid::Uuid;

use crate::support::TestEngine;

/// Stores an observation as consolidation does: made of facts, without a document.
pub(crate) async fn observe(test: &TestEngine, bank: &str, text: &str, sources: &[Uuid]) -> Uuid {
    let id = Uuid::now_v7();
    let vector = pgvector::HalfVector::from_f32_slice(&HashEmbedder::vector(text));
    sqlx::query(
        "with m as (insert into hindsight.memories (bank_key, memory_id, ordinal, fact_type, body, source_ids, created_at) \
         select bank_key, $2, 0, 3, $3, $4, now() from hindsight.banks where bank_id = $1 returning bank_key), \
         s as (insert into hindsight.memory_state (bank_key, memory_id, proof_count, consolidated_at, updated_at) \
         select bank_key, $2, $5, now(), now() from m) \
         insert into hindsight.memory_vectors (bank_key, memory_id, fact_type, embedding, tokens, question_share, has_time) \
         select bank_key, $2, 3, $6, 5, 0, false from m",
    )
    .bind(bank)
    .bind(id)
    .bind(text)
    .bind(sources)
    .bind(i32::try_from(sources.len()).unwrap())
    .bind(vector)
    .execute(&test.pool)
    .await
    .expect("stored");
    id
}

async fn start() -> (TestEngine, Vec<Uuid>, Uuid) {
    start_in(TestEngine::start().await).await
}

/// Three facts, and an observation made of the first two.
pub(crate) async fn start_in(test: TestEngine) -> (TestEngine, Vec<Uuid>, Uuid) {
    let items = json!([
        {"content": "Ann drank tea on Monday", "document_id": "1", "tags": ["x"], "entities": [{"text": "Ann"}]},
        {"content": "Ann drank tea on Friday", "document_id": "2"},
        {"content": "tea grows in Assam", "document_id": "3"},
    ]);
    test.retain("b", items).await.unwrap();
    let mut facts = test.memories("b").await;
    facts.sort_by(|a, b| a.text.cmp(&b.text));
    let ids: Vec<Uuid> = ["on Friday", "on Monday"]
        .iter()
        .map(|day| facts.iter().find(|fact| fact.text.contains(day)).unwrap().id.parse().unwrap())
        .collect();
    let observation = observe(&test, "b", "Ann drinks tea", &ids).await;
    (test, ids, observation)
}

#[tokio::test]
async fn observations_hide_the_facts_behind_them_when_preferred() {
    let (test, ..) = start().await;
    let all = test.found("b", json!({"query": "Ann tea"})).await;
    assert_eq!(all.len(), 4);
    let mut preferred = test.found("b", json!({"query": "Ann tea", "prefer_observations": true})).await;
    preferred.sort_unstable();
    assert_eq!(preferred, ["Ann drinks tea", "tea grows in Assam"]);
    // Without observations among the types there is nothing to prefer.
    let facts =
        test.found("b", json!({"query": "Ann tea", "prefer_observations": true, "types": ["world"]})).await;
    assert_eq!(facts.len(), 3);
}

#[tokio::test]
async fn the_facts_behind_an_observation_come_when_asked_for() {
    let (test, ids, observation) = start().await;
    let request = json!({"query": "Ann tea", "types": ["observation"], "include": {"source_facts": {}}});
    let response = test.recall("b", request).await.unwrap();
    assert_eq!(response.results.len(), 1);
    assert_eq!(response.results[0].id, observation.to_string());
    let named: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    assert_eq!(response.results[0].source_fact_ids.as_ref(), Some(&named));
    assert_eq!(response.results[0].entities.as_deref(), Some(&["Ann".to_owned()][..]), "those of its facts");
    let facts = response.source_facts.unwrap();
    assert_eq!(facts.keys().cloned().collect::<Vec<_>>(), named);
    assert_eq!(facts[&named[0]].text, "Ann drank tea on Friday");
    assert_eq!(response.source_facts_truncated, Some(false));

    let small = |options: serde_json::Value| json!({"query": "Ann tea", "types": ["observation"], "include": {"source_facts": options}});
    for options in [json!({"max_tokens": 6}), json!({"max_tokens": -1, "max_tokens_per_observation": 6})] {
        let response = test.recall("b", small(options.clone())).await.unwrap();
        assert_eq!(response.source_facts.unwrap().len(), 1, "{options}");
        assert_eq!(response.source_facts_truncated, Some(true), "{options}");
    }
    let response = test.recall("b", small(json!({"max_tokens": -1}))).await.unwrap();
    assert_eq!(response.source_facts.unwrap().len(), 2);
}

#[tokio::test]
async fn facts_that_may_not_be_seen_stay_behind() {
    let (test, ids, _) = start().await;
    let request = json!({
        "query": "Ann tea", "include": {"source_facts": {}, "chunks": {}},
        "tag_groups": [{"not": {"tags": ["x"]}}],
    });
    let response = test.recall("b", request).await.unwrap();
    let facts = response.source_facts.unwrap();
    assert_eq!(facts.keys().cloned().collect::<Vec<_>>(), [ids[0].to_string()]);
    assert!(response.chunks.unwrap().keys().all(|chunk| !chunk.contains("_1_")));
}

#[tokio::test]
async fn chunks_of_an_observation_are_those_of_its_facts() {
    let (test, ..) = start().await;
    let request = json!({"query": "Ann tea", "types": ["observation"], "include": {"chunks": {}}});
    let chunks = test.recall("b", request).await.unwrap().chunks.unwrap();
    let mut ids: Vec<&String> = chunks.keys().collect();
    ids.sort_unstable();
    assert_eq!(ids, ["b_1_0", "b_2_0"]);
}
