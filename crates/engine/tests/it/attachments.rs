//! Pictures and files inside of texts: shown to a model, kept beside the document, gone with it.

use std::sync::Arc;

use async_trait::async_trait;
use hindsight_engine::EngineError;
use hindsight_engine::config::{ExtractionMode, ExtractionSettings, Settings};
use hindsight_engine::jobs::WorkerSettings;
use hindsight_engine::ports::{LanguageModel, LlmError, LlmOperation, Prompt, Reply as LlmReply};
use hindsight_testkit::{LlmRequest, Reply, ScriptedLlm};
use hindsight_types::decode::from_json;
use hindsight_types::operations::OperationStatus;
use hindsight_types::retain::RetainRequest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::jobs::{Working, quick};
use crate::model::HttpModel;
use crate::support::TestEngine;

/// Three bytes, and the id of them.
const DATA: &str = "AAEC";
const ID: &str = "ae4b3280e56e";
const MARK: &str = "⟦hs-att:ae4b3280e56e⟧";

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn image(data: &str) -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
}

fn fact(what: &str, from: &Value) -> Value {
    json!({
        "what": what, "when": "N/A", "where": "N/A", "who": "N/A", "why": "N/A", "fact_kind": "conversation",
        "occurred_start": null, "occurred_end": null, "fact_type": "world", "entities": [],
        "causal_relations": null, "from_attachments": from,
    })
}

/// What the model was shown: words, and media types with bytes.
fn shown(request: &LlmRequest) -> Vec<Value> {
    let content = &request.body["messages"][1]["content"];
    content.as_array().cloned().unwrap_or_else(|| vec![content.clone()])
}

async fn count(test: &TestEngine, table: &str) -> i64 {
    let query = format!("select count(*) from hindsight.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&test.pool).await.unwrap()
}

/// A model that takes texts only.
struct Blind(HttpModel);

#[async_trait]
impl LanguageModel for Blind {
    fn name(&self, operation: LlmOperation) -> String {
        self.0.name(operation)
    }

    async fn ask(&self, prompt: Prompt) -> Result<LlmReply, LlmError> {
        self.0.ask(prompt).await
    }

    fn sees_media(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_picture_is_shown_in_its_place_and_told_of_wherever_it_was_read() {
    let (test, llm) = TestEngine::with_llm(Settings::default()).await;
    llm.push(Reply::json(&json!({"facts": [
        fact("The receipt of Quillon Ltd says 48.20 euros.", &json!([1, 7, 0, 1])),
        fact("The user had lunch.", &json!(null)),
        fact("The user met Zorpa in Oslo.", &json!(null)),
    ]})));
    let content = json!([text("I had lunch. This is the receipt:"), image(DATA), text("Keep it.")]);
    let item = json!([{"content": content, "document_id": "d"}]);
    let answer = test.retained("b", item.clone()).await.unwrap();
    let dropped = answer.extraction.unwrap().facts_dropped;
    assert_eq!(dropped.no_evidence, 1, "what was not drawn from the picture has to stand in the text");

    let asked = llm.last_request();
    assert!(asked.schema().unwrap().pointer("/properties/facts/items/properties/from_attachments").is_some());
    assert!(asked.system().contains("# Attachments"));
    let pieces = shown(&asked);
    assert_eq!(pieces[1], json!({"type": "image/png", "bytes": [0, 1, 2]}));
    let words = |piece: &Value| piece["text"].as_str().unwrap().to_owned();
    assert!(
        words(&pieces[0]).ends_with("This is the receipt:\n[attachment 1: image image/png]"),
        "{pieces:?}"
    );
    assert_eq!(words(&pieces[2]), "\nKeep it.\n</text>");

    let memories = test.memories("b").await;
    let of = |words: &str| memories.iter().find(|memory| memory.text.contains(words)).unwrap();
    assert_eq!(of("lunch").attachments, None);
    let told = of("receipt").attachments.clone().unwrap();
    assert_eq!(
        json!(told),
        json!([{
            "id": ID, "hash": "ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc",
            "kind": "image", "media_type": "image/png", "byte_size": 3, "filename": null,
            "url": format!("/v1/default/banks/b/attachments/{ID}"),
        }])
    );
    let one = test.engine.memory("b", Uuid::parse_str(&of("receipt").id).unwrap()).await.unwrap();
    assert_eq!(one.attachments, Some(told.clone()));
    let found =
        test.recall("b", json!({"query": "receipt of Quillon", "include": {"chunks": {}}})).await.unwrap();
    let best = found.results.iter().find(|result| result.text.contains("receipt")).unwrap();
    assert_eq!(best.attachments, Some(told.clone()));
    assert!(found.results.iter().any(|result| result.attachments.is_none()));
    let chunks = found.chunks.unwrap();
    let chunk = chunks.values().next().unwrap();
    assert!(chunk.text.contains(MARK));
    assert_eq!(chunk.attachments, Some(told.clone()));
    let document = test.engine.document("b", "d").await.unwrap();
    assert_eq!(
        document.original_text.unwrap(),
        format!("I had lunch. This is the receipt:\n{MARK}\nKeep it.")
    );
    assert_eq!(document.attachments, Some(told.clone()));
    let page = test.engine.document_chunks("b", "d", 10, 0).await.unwrap();
    assert_eq!(page.items[0].attachments, Some(told.clone()));
    let same = test.engine.chunk(&page.items[0].chunk_id).await.unwrap();
    assert_eq!(same.attachments, Some(told.clone()));

    for id in [ID, told[0].hash.as_str()] {
        let file = test.engine.attachment("b", id).await.unwrap();
        assert_eq!((file.media_type.as_str(), file.bytes.as_slice()), ("image/png", &[0, 1, 2][..]));
    }
    for id in ["ae4b3280e56f", "ae4b", "ae4b3280e56e2faf", ""] {
        let missing = test.engine.attachment("b", id).await;
        assert!(matches!(missing, Err(EngineError::NotFound { kind: "Attachment", .. })), "{missing:?}");
    }
    // Sent again it is the same, and nobody is asked.
    test.retain("b", item).await.unwrap();
    assert_eq!((llm.asked(), count(&test, "attachments").await), (1, 1));
    test.audit().await;
}

#[tokio::test]
async fn marks_count_only_for_what_their_document_has() {
    let test = TestEngine::start().await;
    let with_picture = json!([{"content": [text("Look at this."), image(DATA)], "document_id": "d"}]);
    test.retain("b", with_picture).await.unwrap();
    let strange = "⟦hs-att:ffffffffffff⟧";
    let replaced = format!("The old picture {MARK} stays. This one {strange} never was.");
    test.retain("b", json!([{"content": replaced, "document_id": "d"}])).await.unwrap();
    let document = test.engine.document("b", "d").await.unwrap();
    let kept = format!("The old picture {MARK} stays. This one [hs-att:ffffffffffff] never was.");
    assert_eq!(document.original_text.as_deref(), Some(kept.as_str()));
    assert_eq!(document.attachments.unwrap()[0].id, ID);
    assert_eq!(test.engine.attachment("b", ID).await.unwrap().bytes, [0, 1, 2]);

    // Another document does not have it, nor another bank.
    let borrowed = json!([{"content": format!("Borrowed: {MARK}."), "document_id": "e"}]);
    for bank in ["b", "c"] {
        test.retain(bank, borrowed.clone()).await.unwrap();
        let document = test.engine.document(bank, "e").await.unwrap();
        assert_eq!(document.original_text.unwrap(), format!("Borrowed: [hs-att:{ID}]."));
        assert_eq!(document.attachments, None);
    }
    let elsewhere = test.engine.attachment("c", ID).await;
    assert!(matches!(elsewhere, Err(EngineError::NotFound { .. })));

    // What is added keeps what is there; what is replaced without the mark does not.
    let added = json!([{"content": [text("And one more."), image("AAED")], "document_id": "d", "update_mode": "append"}]);
    test.retain("b", added).await.unwrap();
    assert_eq!(test.engine.document("b", "d").await.unwrap().attachments.unwrap().len(), 2);
    test.retain("b", json!([{"content": "No picture any more.", "document_id": "d"}])).await.unwrap();
    assert_eq!(count(&test, "attachments").await, 0);
    assert_eq!(test.engine.document("b", "d").await.unwrap().attachments, None);
    test.audit().await;
}

#[tokio::test]
async fn attachments_go_with_their_document_and_their_bank() {
    let test = TestEngine::start().await;
    let item = |id: &str| json!([{"content": [text("Look at this."), image(DATA)], "document_id": id}]);
    for id in ["d", "e"] {
        test.retain("b", item(id)).await.unwrap();
    }
    test.engine.delete_document("b", "d").await.unwrap();
    assert_eq!(count(&test, "attachments").await, 1);
    assert!(test.engine.attachment("b", ID).await.is_ok(), "another document has it");
    test.engine.delete_bank("b").await.unwrap();
    assert_eq!(count(&test, "attachments").await, 0);
}

#[tokio::test]
async fn what_waits_lies_with_its_operation() {
    let (test, llm) = TestEngine::with_llm(Settings { batch_tokens: 1, ..Settings::default() }).await;
    llm.answer_with(|request: &LlmRequest| {
        let bytes = shown(request).iter().filter(|piece| piece.get("bytes").is_some()).count();
        let what = format!("It shows {bytes} pictures.");
        Reply::json(&json!({"facts": [fact(&what, &json!([1]))]}))
    });
    let request = |strategy: Option<&str>| -> RetainRequest {
        from_json(&json!({"async": true, "items": [
            {"content": [text("First"), image(DATA), image("AAED")], "document_id": "d"},
            {"content": "Second, without any", "document_id": "e", "strategy": strategy},
            {"content": [image("AAEE")], "document_id": "f"},
        ]}))
        .unwrap()
    };
    let refused = test.engine.retain("b", request(Some("unknown"))).await;
    assert!(matches!(refused, Err(EngineError::Invalid(_))));
    assert_eq!((count(&test, "file_storage").await, count(&test, "async_operations").await), (0, 0));

    let answer = test.engine.retain("b", request(None)).await.unwrap();
    assert_eq!((count(&test, "file_storage").await, count(&test, "attachments").await), (2, 0));
    let id = Uuid::parse_str(&answer.operation_id.unwrap()).unwrap();
    let worker = Working::start(&test.engine, quick());
    test.reaches("b", id, OperationStatus::Completed).await;
    worker.stop().await;
    assert_eq!((count(&test, "file_storage").await, count(&test, "attachments").await), (0, 3));
    let of = async |document: &str| test.engine.document("b", document).await.unwrap().attachments;
    assert_eq!(of("d").await.unwrap().len(), 2);
    assert_eq!(of("e").await, None);
    assert_eq!(of("f").await.unwrap().len(), 1);
    let mut texts: Vec<String> = test.memories("b").await.into_iter().map(|memory| memory.text).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["It shows 0 pictures.", "It shows 1 pictures.", "It shows 2 pictures."]);
    test.audit().await;
}

#[tokio::test]
async fn what_failed_can_be_tried_again_with_its_attachments() {
    let extraction = ExtractionSettings { content_retries: 0, ..ExtractionSettings::default() };
    let (test, llm) = TestEngine::with_llm(Settings { extraction, ..Settings::default() }).await;
    llm.answer_with(|_: &LlmRequest| Reply::server_error());
    let request: RetainRequest = from_json(&json!({"async": true, "items": [
        {"content": [text("Look"), image(DATA)], "document_id": "d"},
    ]}))
    .unwrap();
    let answer = test.engine.retain("b", request).await.unwrap();
    let id = Uuid::parse_str(&answer.operation_id.unwrap()).unwrap();
    let worker = Working::start(&test.engine, WorkerSettings { retries: 0, ..quick() });
    test.reaches("b", id, OperationStatus::Failed).await;
    llm.answer_with(|_: &LlmRequest| Reply::json(&json!({"facts": [fact("It shows a cat.", &json!([1]))]})));
    test.engine.retry_operation("b", id).await.unwrap();
    test.reaches("b", id, OperationStatus::Completed).await;
    worker.stop().await;
    assert_eq!((count(&test, "file_storage").await, count(&test, "attachments").await), (0, 1));
}

#[tokio::test]
async fn without_a_model_facts_tell_of_what_stands_in_them() {
    let test = TestEngine::start().await;
    let file = json!({"type": "file", "filename": "plan.zip", "source": {"media_type": "application/zip", "data": "UEs="}});
    let content = json!([text("The plan is attached."), file, text("Anna drew it in May.")]);
    test.retain("b", json!([{"content": content, "document_id": "d"}])).await.unwrap();
    let memories = test.memories("b").await;
    let with: Vec<_> = memories.iter().filter(|memory| memory.attachments.is_some()).collect();
    assert_eq!(with.len(), 1, "{memories:?}");
    assert!(with[0].text.contains("[file plan.zip]"), "{}", with[0].text);
    let private = |text: &str| text.chars().any(|c| ('\u{e000}'..='\u{f8ff}').contains(&c));
    assert!(memories.iter().all(|memory| !memory.text.contains('⟦') && !private(&memory.text)));
    assert!(memories.iter().any(|memory| memory.text.contains("Anna drew it")));

    let whole =
        Settings { extraction_mode: ExtractionMode::Chunks, attachments_per_chunk: 1, ..Settings::default() };
    let test = TestEngine::with(whole).await;
    let content = json!([text("One"), image(DATA), text("two"), image("AAED")]);
    test.retain("b", json!([{"content": content, "document_id": "d"}])).await.unwrap();
    let mut memories = test.memories("b").await;
    memories.sort_by(|one, other| one.text.cmp(&other.text));
    let texts: Vec<&str> = memories.iter().map(|memory| memory.text.as_str()).collect();
    assert_eq!(texts, ["One\n[image image/png]\ntwo", "[image image/png]"]);
    assert!(memories.iter().all(|memory| memory.attachments.as_ref().is_some_and(|all| all.len() == 1)));
    let alike = json!([image(DATA), image("AAED")]);
    test.retain("alike", json!([{"content": alike, "document_id": "d"}])).await.unwrap();
    assert_eq!(test.memories("alike").await.len(), 2, "different pictures that read alike");
}

#[tokio::test]
async fn a_model_that_cannot_see_is_not_shown_anything() {
    let llm = ScriptedLlm::start().await;
    let mut test = TestEngine::start().await;
    test.engine = test.engine.with_llm(Arc::new(Blind(HttpModel::new(&llm.url()))));
    let item = json!([{"content": [text("Look"), image(DATA)], "document_id": "d"}]);
    let error = test.retain("b", item.clone()).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Unprocessable(text) if text.contains("items[0].content") && text.contains("takes texts only")),
        "{error}"
    );
    let request: RetainRequest = from_json(&json!({"async": true, "items": item})).unwrap();
    assert!(matches!(test.engine.retain("b", request).await, Err(EngineError::Unprocessable(_))));
    assert!(test.store.bank("b").await.unwrap().is_none(), "nothing was made for it");
    assert_eq!((llm.asked(), count(&test, "file_storage").await), (0, 0));
    // A text in a file is a text.
    llm.push(Reply::json(&json!({"facts": [fact("Anna sings.", &json!([1]))]})));
    let file = json!({"type": "file", "filename": "a.txt", "source": {"media_type": "text/plain", "data": "QW5uYSBzaW5ncy4="}});
    test.retain("b", json!([{"content": [text("See the file."), file]}])).await.unwrap();
    let user = llm.last_request().user();
    assert!(
        user.contains("[attachment 1: file a.txt, which says:\nAnna sings.\nend of attachment 1]"),
        "{user}"
    );
}

#[tokio::test]
async fn the_settings_bound_what_may_be_attached() {
    let test =
        TestEngine::with(Settings { attachments: 1, attachment_bytes: 3, ..Settings::default() }).await;
    for (blocks, place) in [
        (json!([image(DATA), image("AAED")]), "items[1].content[1]: an item may have 1 attachments"),
        (json!([text("x"), image("AAECAw==")]), "items[1].content[1]: an attachment may have"),
        (json!([image("?")]), "items[1].content[0]: its data is no base64"),
    ] {
        let items = json!([{"content": "good", "document_id": "g"}, {"content": blocks, "document_id": "d"}]);
        let error = test.retain("b", items).await.unwrap_err();
        assert!(matches!(&error, EngineError::Invalid(text) if text.contains(place)), "{error}");
    }
    assert!(test.store.bank("b").await.unwrap().is_none(), "nothing of a request is stored");
}
