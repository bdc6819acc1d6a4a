//! Which memories a mental model has seen, whatever else is written meanwhile, and how little is read to
//! know it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hindsight_engine::config::Settings;
use hindsight_engine::store::{
    BankKey, MemoryScope, MentalModelFilter, NewMentalModel, PoolSize, RefreshRequest, StoreOptions,
    TagFilter,
};
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm, TestDatabase};
use hindsight_types::mental_models::MentalModelDetail;
use hindsight_types::recall::FactType;
use hindsight_types::tags::TagsMatch;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::HttpModel;
use crate::support::{NOW, TestEngine, store_options, time};

fn everything() -> MemoryScope {
    MemoryScope { tags: TagFilter::All, types: FactType::ALL.to_vec() }
}

#[tokio::test]
async fn what_is_written_while_it_is_looked_is_found_by_the_next_look() {
    let test = TestEngine::with(Settings::default()).await;
    test.remember("b", &["Ann drinks tea", "Bob sings"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let seen = test.store.refresh_point(bank, &everything()).await.unwrap().newest.unwrap();
    let news =
        async |after| test.store.have_new_memories(bank, &[(everything(), Some(after))]).await.unwrap();
    assert_eq!(news(seen).await, [false]);

    // One writes early and is done late; another one writes and is done in between.
    let mut slow = test.pool.begin().await.unwrap();
    let touch = "update memory_state set written_at = clock_timestamp() where memory_id =
                 (select memory_id from memories where body like '%' || $1 || '%' limit 1)";
    let touched = sqlx::query(touch).bind("sings").execute(&mut *slow).await.unwrap();
    assert_eq!(touched.rows_affected(), 1);
    test.remember("b", &["Cid paints"]).await;
    let point = test.store.refresh_point(bank, &everything()).await.unwrap();
    let between = point.newest.unwrap();
    assert!(point.at >= between && between >= seen);
    slow.commit().await.unwrap();
    assert_eq!(news(between).await, [true], "what was done late is new to who looked before");

    let last = test.store.refresh_point(bank, &everything()).await.unwrap().newest.unwrap();
    assert!(last > between);
    assert_eq!(news(last).await, [false]);
}

#[tokio::test]
async fn who_begins_to_write_while_it_is_looked_comes_behind_the_look() {
    // One connection, for a view of its own.
    let pool = PoolSize { min: 1, max: 1 };
    let test = TestEngine::over(Settings::default(), |options| StoreOptions { pool, ..options }).await;
    test.remember("b", &["Ann drinks tea"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    // Whoever looks who writes waits for the test.
    for statement in [
        "create function wait_for_test() returns int language plpgsql as $$ begin
           perform pg_advisory_xact_lock_shared(4711);
           return 1;
         end $$",
        "create function make_view() returns trigger language plpgsql as $$ begin
           execute 'create temp view pg_stat_activity as
             select a.datname, a.backend_xid, a.xact_start from wait_for_test() held cross join lateral (
               select s.*, held from pg_catalog.pg_stat_activity s offset 0) a';
           return new;
         end $$",
        "create trigger makes_view before insert on mental_models for each row execute function make_view()",
    ] {
        sqlx::query(statement).execute(&test.pool).await.unwrap();
    }
    make(&test, bank, "m", &[], json!({})).await;
    let mut held = test.pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(4711)").execute(&mut *held).await.unwrap();
    let store = test.store.clone();
    let look = tokio::spawn(async move { store.refresh_point(bank, &everything()).await.unwrap() });
    let waits = "select exists (select from pg_locks where locktype = 'advisory' and not granted)";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&test.pool).await.unwrap() {
        assert!(!look.is_finished(), "it looks at something else");
        tokio::task::yield_now().await;
    }
    let begin: DateTime<Utc> =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&test.pool).await.unwrap();
    held.commit().await.unwrap();
    let point = look.await.unwrap();
    assert!(point.at < begin, "{} {begin}", point.at);
    assert!(point.newest.is_some_and(|newest| newest <= point.at));
}

#[tokio::test]
async fn each_of_many_is_told_by_its_own_scope_and_time() {
    let test = TestEngine::with(Settings::default()).await;
    let items = serde_json::json!([
        {"content": "Ann drinks tea", "document_id": "1", "tags": ["ann"]},
        {"content": "Bob sings", "document_id": "2", "tags": ["bob"]},
    ]);
    test.retain("b", items).await.unwrap();
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let tagged = |tag: &str| {
        let tags = Some(vec![tag.to_owned()]);
        MemoryScope {
            tags: TagFilter::list(tags, hindsight_types::tags::TagsMatch::AllStrict),
            types: vec![FactType::World],
        }
    };
    let observations = MemoryScope { types: vec![FactType::Observation], ..everything() };
    let seen = test.store.refresh_point(bank, &everything()).await.unwrap().newest;
    let mut scopes = vec![
        (tagged("ann"), None),
        (tagged("ann"), seen),
        (tagged("cid"), None),
        (observations, None),
        (everything(), None),
    ];
    assert_eq!(test.store.have_new_memories(bank, &scopes).await.unwrap(), [true, false, false, false, true]);
    // More than one statement asks about.
    scopes.extend((0..250).map(|_| (tagged("bob"), None)));
    let found = test.store.have_new_memories(bank, &scopes).await.unwrap();
    assert_eq!((found.len(), found.iter().filter(|found| **found).count()), (255, 252));
}

/// Makes a mental model of which nothing was written.
async fn make(test: &TestEngine, bank: BankKey, id: &str, tags: &[&str], trigger: Value) {
    let model = NewMentalModel {
        model_id: id.to_owned(),
        name: id.to_owned(),
        source_query: "What does Ann drink?".to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        max_tokens: 2048,
        trigger,
    };
    let refresh = RefreshRequest::default().operation(id);
    assert!(test.store.add_mental_model(bank, &model, &refresh, time(NOW)).await.unwrap());
    sqlx::query("delete from async_operations").execute(&test.pool).await.unwrap();
}

/// Gives mental models an answer.
async fn write(test: &TestEngine, response: Value) {
    sqlx::query("update mental_models set content = 'tea', reflect_response = $1, last_refreshed_source_query = source_query")
        .bind(response)
        .execute(&test.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn which_are_due_is_known_without_their_answers() {
    let mut test = TestEngine::start().await;
    test.remember("b", &["Ann drinks tea"]).await;
    let llm = ScriptedLlm::start().await;
    test.engine = test.engine.with_llm(Arc::new(HttpModel::new(&llm.url())));
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    for id in ["one", "two"] {
        make(&test, bank, id, &[], json!({"refresh_after_consolidation": true})).await;
    }
    // Whoever reads one of these fails.
    for column in ["name", "content", "structure", "reflect_response", "embedding", "max_tokens"] {
        let statement = sqlx::AssertSqlSafe(format!("alter table mental_models drop column {column}"));
        sqlx::query(statement).execute(&test.pool).await.unwrap();
    }
    assert_eq!(test.engine.tend_mental_models().await.unwrap(), 2);
    assert_eq!(test.engine.tend_mental_models().await.unwrap(), 0, "those that wait do for all");
    assert!(test.store.has_mental_model(bank, "one").await.unwrap());
    assert!(test.store.delete_mental_model(bank, "one").await.unwrap());
    assert!(!test.store.has_mental_model(bank, "one").await.unwrap());
}

#[tokio::test]
async fn what_goes_wrong_in_one_bank_is_its_own() {
    let mut test = TestEngine::start().await;
    let llm = ScriptedLlm::start().await;
    for bank in ["a", "b", "c"] {
        test.remember(bank, &["Ann drinks tea"]).await;
        let bank = test.store.bank(bank).await.unwrap().unwrap().key;
        make(&test, bank, "m", &[], json!({"refresh_after_consolidation": true})).await;
    }
    test.engine = test.engine.with_llm(Arc::new(HttpModel::new(&llm.url())));
    sqlx::query("update memory_state set consolidated_at = now()").execute(&test.pool).await.unwrap();
    for statement in [
        "create function refuse() returns trigger language plpgsql as $$ begin
           if new.bank_key = (select bank_key from banks where bank_id = 'b') then raise exception 'broken'; end if;
           return new;
         end $$",
        "create trigger refuses before insert on async_operations for each row execute function refuse()",
    ] {
        sqlx::query(statement).execute(&test.pool).await.unwrap();
    }
    assert_eq!(test.engine.tend_mental_models().await.unwrap(), 2, "those before and behind it");
    let banks = "select bank_id from async_operations join banks using (bank_key) order by bank_id";
    let banks: Vec<String> = sqlx::query_scalar(banks).fetch_all(&test.pool).await.unwrap();
    assert_eq!(banks, ["a", "c"]);
    sqlx::query("drop trigger refuses on async_operations").execute(&test.pool).await.unwrap();
    assert_eq!(test.engine.tend_mental_models().await.unwrap(), 1, "it is looked at again");
}

#[tokio::test]
async fn a_page_brings_no_more_than_is_asked_for() {
    let test = TestEngine::start().await;
    test.remember("b", &["Ann drinks tea"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    make(&test, bank, "one", &[], json!({})).await;
    write(&test, json!({"text": "tea"})).await;
    for (detail, content, response) in [
        (MentalModelDetail::Metadata, None, None),
        (MentalModelDetail::Content, Some("tea"), None),
        (MentalModelDetail::Full, Some("tea"), Some(json!({"text": "tea"}))),
    ] {
        let everything = MentalModelFilter::default();
        let (page, total) = test.store.mental_models(bank, &everything, detail, 10, 0).await.unwrap();
        let named = test.store.mental_models_of(bank, &["one".to_owned()], detail).await.unwrap();
        assert_eq!((page.len(), total, &page), (1, 1, &named));
        assert_eq!((page[0].content.as_deref(), &page[0].reflect_response), (content, &response));
    }
}

#[tokio::test]
async fn whether_there_are_others_is_asked_with_their_tags() {
    let test = TestEngine::start().await;
    test.remember("b", &["Ann drinks tea"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    make(&test, bank, "ann", &["ann"], json!({})).await;
    let has = async |tags: &[&str], without: &[&str]| {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let filter = TagFilter::list(Some(tags), TagsMatch::AnyStrict);
        let without: Vec<String> = without.iter().map(|id| (*id).to_owned()).collect();
        test.store.has_other_mental_models(bank, &filter, &without).await.unwrap()
    };
    assert!(!has(&[], &[]).await, "without an answer it is none");
    write(&test, json!({})).await;
    assert!(has(&[], &[]).await && has(&["ann", "bob"], &["x"]).await);
    assert!(!has(&["bob"], &[]).await && !has(&["ann"], &["ann"]).await);
}

#[tokio::test]
async fn what_an_answer_rests_on_and_is_gone_is_told_for_many_at_once() {
    let test = TestEngine::start().await;
    test.remember("b", &["Ann drinks tea"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let there = test.memories("b").await[0].id.clone();
    let gone = Uuid::from_u128(7);
    make(&test, bank, "one", &[], json!({})).await;
    write(&test, json!({"based_on": {"memories": [{"id": there}, {"id": gone}, {"id": "x"}, {}, 1]}})).await;
    make(&test, bank, "two", &[], json!({})).await;
    let ids = ["one", "two", "three"].map(str::to_owned);
    assert_eq!(test.store.gone_sources(bank, &ids).await.unwrap(), [("one".to_owned(), gone)]);
    assert_eq!(test.store.gone_sources(bank, &ids[1..]).await.unwrap(), []);
    for odd in [json!({}), json!({"based_on": []}), json!({"based_on": {"memories": "x"}}), json!(null)] {
        write(&test, odd).await;
        assert_eq!(test.store.gone_sources(bank, &ids).await.unwrap(), []);
    }
}

#[tokio::test]
async fn documents_are_written_from_the_database_that_is_written_to() {
    let (database, replica) = (TestDatabase::create().await, TestDatabase::create().await);
    // It never hears of anything.
    let options = StoreOptions { read_url: Some(replica.url.clone()), ..store_options(&database.url) };
    let mut test = TestEngine::on(database, Settings::default(), options).await;
    test.remember("b", &["Ann drinks tea"]).await;
    let bank = test.store.bank("b").await.unwrap().unwrap().key;
    let llm = ScriptedLlm::start().await;
    test.engine = test.engine.with_llm(Arc::new(HttpModel::new(&llm.url())));
    llm.answer_with(|_: &LlmRequest| {
        let document = json!({"sections": [{"heading": "", "level": 1, "blocks": ["Tea."]}]});
        Reply::calls([("done", json!({"document": document, "answer_found": true, "memory_ids": ["f1"]}))])
    });
    make(&test, bank, "m", &[], json!({})).await;
    let tried = test.engine.dry_run_refresh("b", "m").await.unwrap();
    assert_eq!(tried.outcome, "content_written", "{tried:?}");
    let texts: Vec<&Value> = tried.based_on["memories"].iter().map(|memory| &memory["text"]).collect();
    assert_eq!(texts, ["Ann drinks tea"], "{tried:?}");
}
