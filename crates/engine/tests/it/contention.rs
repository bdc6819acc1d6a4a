//! Many writers at once over the same documents and entities.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::TestEngine;

const WRITERS: usize = 16;
const ROUNDS: usize = 20;

/// What a writer does in a round: documents that are only added to, and ones that are replaced,
/// named in an order of its own, with entities that all others name too.
fn request(writer: usize, round: usize) -> Value {
    const NAMES: [&str; 5] = ["Alice", "Bob", "Berlin", "Google", "Opera"];
    let seed = writer * 31 + round * 17;
    let name = |i: usize| NAMES[(seed + i) % NAMES.len()];
    let mark = format!("mark{writer}x{round}");
    let added = json!({
        "content": format!("{} met {} {mark}", name(0), name(1)), "document_id": format!("added {}", seed % 3),
        "update_mode": "append", "tags": [name(2)], "entities": [{"text": name(0)}, {"text": name(3)}],
    });
    let text = |i: usize| format!("{} likes {} {}", name(i), name(i + 1), i % 3);
    let whole = |i: usize, mode: &str| {
        json!({
            "content": text(i), "document_id": format!("whole {}", (seed + i) % 3), "update_mode": mode,
            "entities": [{"text": name(i)}, {"text": name(i + 2)}], "tags": [name(i + 4)],
        })
    };
    let mode = if round.is_multiple_of(3) { "append" } else { "replace" };
    let mut items = vec![added, whole(1, mode), whole(1, "append"), whole(2, mode)];
    if seed.is_multiple_of(2) {
        items.reverse();
        // What comes first decides: nothing may be replaced behind what was added.
        items.iter_mut().skip(1).for_each(|item| item["update_mode"] = json!("append"));
    }
    items.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_blocks_nothing_is_lost_and_everything_fits_together() {
    let test = TestEngine::start().await;
    let writers = (0..WRITERS).map(|writer| {
        let test = &test;
        async move {
            for round in 0..ROUNDS {
                test.retain("b", request(writer, round)).await.expect("every retain is stored");
            }
        }
    });
    join_all(writers).await;
    test.audit().await;

    let mut marks = 0;
    for document in 0..3 {
        let body =
            test.engine.document("b", &format!("added {document}")).await.unwrap().original_text.unwrap();
        marks += body.lines().count();
        for line in body.lines() {
            assert_eq!(
                body.matches(&format!("{line}\n")).count() + usize::from(body.ends_with(line)),
                1,
                "{line}"
            );
        }
        for writer in 0..WRITERS {
            for round in 0..ROUNDS {
                let is_here = (writer * 31 + round * 17) % 3 == document;
                let is_there = body.lines().any(|line| line.ends_with(&format!(" mark{writer}x{round}")));
                assert_eq!(is_there, is_here, "mark{writer}x{round} in {document}");
            }
        }
    }
    assert_eq!(marks, WRITERS * ROUNDS);
    // Every item is one chunk here: whatever came and went, the text is made of the chunks.
    let torn: i64 = sqlx::query_scalar(
        "select count(*) from documents d where d.body is distinct from (select string_agg(c.body, e'\\n' order by
           c.chunk_index) from chunks c where (c.bank_key, c.document_id) = (d.bank_key, d.document_id))",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(torn, 0);
    let lost: i64 = sqlx::query_scalar(
        "select count(*) from chunks c where c.document_id like 'added%' and not exists (select 1 from memories m
           where (m.bank_key, m.document_id, m.chunk_index) = (c.bank_key, c.document_id, c.chunk_index))",
    )
    .fetch_one(&test.pool)
    .await
    .unwrap();
    assert_eq!(lost, 0, "what every chunk says is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_append_to_one_document() {
    let test = TestEngine::start().await;
    let turn = |writer: usize| format!(r#"[{{"role": "user", "content": "writer {writer} was here"}}]"#);
    let appends = (0..16).map(|writer| {
        let items = json!([{
            "content": turn(writer), "document_id": "d", "update_mode": "append", "tags": [format!("t{writer}")],
            "timestamp": format!("2024-01-{:02}T10:00:00Z", writer + 1), "context": format!("c{writer}"),
        }]);
        test.retain("b", items)
    });
    join_all(appends).await.into_iter().for_each(|outcome| outcome.expect("added"));
    let body = test.engine.document("b", "d").await.unwrap().original_text.unwrap();
    let turns: Vec<Value> = serde_json::from_str(&body).expect("one array");
    assert_eq!(turns.len(), 16);
    let memories = test.memories("b").await;
    assert_eq!(memories.len(), 16);
    for memory in memories {
        let writer: usize = memory.text.split(' ').find_map(|word| word.parse().ok()).expect("a number");
        assert_eq!(memory.tags, [format!("t{writer}")]);
        assert_eq!(memory.context, format!("c{writer}"));
        assert_eq!(memory.mentioned_at, Some(format!("2024-01-{:02}T10:00:00+00:00", writer + 1)));
    }
    test.audit().await;
}
