//! Which names are taken for one.

use std::collections::BTreeMap;

use hindsight_engine::config::Settings;
use hindsight_engine::retain::resolve::trigrams::Trigrams;
use hindsight_engine::store::StoreOptions;
use hindsight_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::support::{TestEngine, store_options};

/// A note that names these, in a document of its own.
fn note(number: usize, names: &[&str]) -> Value {
    let entities: Vec<Value> = names.iter().map(|name| json!({"text": name})).collect();
    json!({"content": format!("note {number}"), "document_id": number.to_string(), "entities": entities})
}

/// The entities of a bank with the number of memories that mention them.
async fn entities(test: &TestEngine, bank: &str) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select e.name, count(*) from hindsight.entities e
         join hindsight.banks b using (bank_key) join hindsight.memory_entities m using (bank_key, entity_id)
         where b.bank_id = $1 group by e.name",
    )
    .bind(bank)
    .fetch_all(&test.pool)
    .await
    .expect("read");
    rows.into_iter().collect()
}

fn counted(entities: &[(&str, i64)]) -> BTreeMap<String, i64> {
    entities.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn trigrams_agree_with_those_of_the_database() {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    for (a, b) in [
        ("Anna", "Anne"),
        ("Alice", "Alice Smith"),
        ("C++", "C"),
        ("", "x"),
        ("?!", "?!"),
        ("Zoë Müller-Lüdenscheidt", "zoe mueller luedenscheidt"),
        ("Zoë", "zoë"),
        ("Москва", "московский"),
        ("東京タワー", "東京"),
        ("GPT-4.1 (preview)", "gpt 4 preview"),
        ("a_b", "a b"),
        ("  spaces   everywhere ", "spaces everywhere"),
        ("Duran Duran", "Duran"),
    ] {
        let theirs: f32 = sqlx::query_scalar("select public.similarity($1, $2)")
            .bind(a)
            .bind(b)
            .fetch_one(&pool)
            .await
            .expect("the extension is there");
        let ours = Trigrams::of(a).jaccard(&Trigrams::of(b));
        assert!((ours - f64::from(theirs)).abs() < 1e-6, "{a:?} and {b:?}: {ours}, not {theirs}");
    }
}

#[tokio::test]
async fn a_name_that_is_known_in_another_form_is_the_same_entity() {
    let test = TestEngine::start().await;
    test.retain("b", json!([note(1, &["Open AI", "Berlin"]), note(2, &["Alice Smith", "Berlin"])]))
        .await
        .unwrap();
    test.retain("b", json!([note(3, &["OpenAI"]), note(4, &["open ai"]), note(5, &["Alice", "Berlin"])]))
        .await
        .unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Open AI", 3), ("Berlin", 3), ("Alice Smith", 2)]));
}

#[tokio::test]
async fn a_batch_settles_its_own_new_names() {
    let test = TestEngine::start().await;
    let notes =
        json!([note(1, &["Open AI"]), note(2, &["OpenAI"]), note(3, &["OpenAI"]), note(4, &["openai"])]);
    test.retain("b", notes).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("OpenAI", 4)]));
}

#[tokio::test]
async fn strangers_are_not_merged_by_a_hub_between_them() {
    let test = TestEngine::start().await;
    let known = ["Marta Berg", "user", "Anna", "Daniel Costa", "Alice"];
    test.retain(
        "b",
        json!([
            note(1, &["user", "Marta Berg"]),
            note(2, &["user", "Anna"]),
            note(3, &["user", "Daniel Costa"]),
            note(4, &["user", "Alice"])
        ]),
    )
    .await
    .unwrap();
    let strangers = ["Martha Berg", "Anne", "Daniela Costa", "Alice Smith"];
    for (number, name) in strangers.iter().enumerate() {
        test.retain("b", json!([note(10 + number, &["user", name])])).await.unwrap();
    }
    let names: Vec<String> = entities(&test, "b").await.into_keys().collect();
    let mut expected: Vec<&str> = known.iter().chain(&strangers).copied().collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn names_side_by_side_in_a_fact_stay_two() {
    let test = TestEngine::start().await;
    test.retain("b", json!([note(1, &["Alice Smith", "Berlin"])])).await.unwrap();
    test.retain("b", json!([note(2, &["Alice Smith", "Alice", "Berlin"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Alice Smith", 2), ("Berlin", 2), ("Alice", 1)]));
}

#[tokio::test]
async fn literal_names_are_only_what_is_written() {
    let test = TestEngine::start().await;
    test.retain("b", json!([note(1, &["Open AI"])])).await.unwrap();
    let mut literal = note(2, &["OpenAI", "OPEN AI"]);
    literal["resolve_entities"] = json!(false);
    test.retain("b", json!([literal])).await.unwrap();
    assert_eq!(
        entities(&test, "b").await,
        counted(&[("Open AI", 2), ("OpenAI", 1)]),
        "another case is the same"
    );
}

#[tokio::test]
async fn labels_are_nobody_elses_names() {
    let test = TestEngine::start().await;
    test.retain("b", json!([note(1, &["color:dark red"])])).await.unwrap();
    sqlx::query("update hindsight.entities set kind = 2").execute(&test.pool).await.unwrap();
    test.retain("b", json!([note(2, &["color dark red"]), note(3, &["Color:Dark Red"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("color:dark red", 2), ("color dark red", 1)]));
}

#[tokio::test]
async fn banks_do_not_see_each_others_names() {
    let test = TestEngine::start().await;
    test.retain("a", json!([note(1, &["Open AI"])])).await.unwrap();
    test.retain("b", json!([note(1, &["OpenAI"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("OpenAI", 1)]));
}

#[tokio::test]
async fn a_bar_that_is_higher_keeps_names_apart() {
    let settings =
        Settings { entity_merge_similarity: 0.9, entity_batch_similarity: 0.9, ..Settings::default() };
    let test = TestEngine::with(settings).await;
    test.retain("b", json!([note(1, &["Alice Smith", "Berlin"])])).await.unwrap();
    test.retain("b", json!([note(2, &["Alice", "Berlin"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await.len(), 3);
}

#[tokio::test]
async fn without_trigrams_names_of_large_banks_are_one_when_they_are_equal() {
    let database = TestDatabase::create().await;
    sqlx::query("drop extension pg_trgm cascade").execute(&database.pool()).await.unwrap();
    // Whoever may not change the schema cannot have the extension either.
    let options = StoreOptions { migrate: false, ..store_options(&database.url) };
    let test = TestEngine::on(database, Settings::default(), options).await;
    test.retain("b", json!([note(1, &["Open AI"])])).await.unwrap();
    test.retain("b", json!([note(2, &["OpenAI"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Open AI", 2)]));
    crowd(&test).await;
    test.retain("b", json!([note(3, &["Open-AI"]), note(4, &["OPEN AI"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Open AI", 3), ("Open-AI", 1)]));
}

/// Gives the bank more names than are read for a new one.
async fn crowd(test: &TestEngine) {
    sqlx::query(
        "insert into hindsight.entities (bank_key, entity_id, name, first_seen)
         select bank_key, gen_random_uuid(), 'Person ' || md5(n::text), now()
         from hindsight.banks, generate_series(1, 1500) n",
    )
    .execute(&test.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn similar_names_of_large_banks_are_found_by_the_database() {
    let test = TestEngine::start().await;
    test.retain("b", json!([note(1, &["Open AI", "Berlin"]), note(2, &["Alice Smith", "Berlin"])]))
        .await
        .unwrap();
    crowd(&test).await;
    test.retain("b", json!([note(3, &["OpenAI"])])).await.unwrap();
    test.retain("b", json!([note(4, &["Alice", "Berlin"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Open AI", 2), ("Berlin", 3), ("Alice Smith", 2)]));
}

#[tokio::test]
async fn an_extension_that_was_missing_is_made_up_for_at_the_next_start() {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    sqlx::query("drop extension pg_trgm cascade").execute(&pool).await.unwrap();
    let options = store_options(&database.url);
    let test = TestEngine::on(database, Settings::default(), options).await;
    let indexes: i64 =
        sqlx::query_scalar("select count(*) from pg_indexes where indexname = 'entities_by_trigrams'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(indexes, 1);
    test.retain("b", json!([note(1, &["Open AI"])])).await.unwrap();
    test.retain("b", json!([note(2, &["OpenAI"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Open AI", 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_the_same_new_names_meet_without_harm() {
    let test = TestEngine::start().await;
    let names: Vec<String> = (0..30).map(|number| format!("Person Number{number}x{number}")).collect();
    let retains = (0..8).map(|writer: usize| {
        let (test, mut names) = (&test, names.clone());
        names.rotate_left(writer * 3);
        async move {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let notes: Vec<Value> = names
                .chunks(5)
                .enumerate()
                .map(|(number, names)| note(writer * 10 + number, names))
                .collect();
            test.retain("b", json!(notes)).await
        }
    });
    for outcome in futures::future::join_all(retains).await {
        outcome.expect("every retain is stored");
    }
    let expected: BTreeMap<String, i64> = names.into_iter().map(|name| (name, 8)).collect();
    assert_eq!(entities(&test, "b").await, expected);
}

#[tokio::test]
async fn an_entity_that_was_pruned_meanwhile_is_made_again() {
    let test = TestEngine::start().await;
    test.retain("b", json!([note(1, &["Open AI"])])).await.unwrap();
    test.engine.delete_document("b", "1").await.unwrap();
    sqlx::query("delete from hindsight.entities").execute(&test.pool).await.unwrap();
    test.retain("b", json!([note(2, &["Open AI"])])).await.unwrap();
    assert_eq!(entities(&test, "b").await, counted(&[("Open AI", 1)]));
}
