//! How the database finds the candidates of a recall: which indexes it reads, and in what order.
//!
//! Snapshots hold the whole plan of each shape of the statement. A change of the schema or the
//! statement that changes one has to be looked at and measured: write them anew with
//! `INSTA_UPDATE=always cargo test -p hindsight-engine plans`.

use std::fmt::Write as _;

use hindsight_engine::config::Settings;
use hindsight_engine::store::{
    CandidateQuery, GraphQuery, ListQuery, PostingsQuery, RecallSession, TagFilter, WordHit,
};
use hindsight_engine::text::dates::DateWindow;
use hindsight_engine::text::terms::{Language, query_terms};
use hindsight_testkit::HashEmbedder;
use hindsight_types::recall::FactType;
use hindsight_types::tags::TagsMatch;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestEngine, time};

const QUERY: &str = "Vienna violin sonata";

/// Banks of notes in conversations, written in turn as in use, of which the database knows what
/// is in them. Were there only one, nothing would be gained by an index over its vectors.
async fn banks(settings: Settings) -> TestEngine {
    let test = TestEngine::with(settings).await;
    for from in (0..400).step_by(40) {
        for bank in ["a", "b", "c"] {
            test.retain(bank, (from..from + 40).map(note).collect()).await.expect("retained");
        }
    }
    test.engine.tend_cells().await.expect("tended");
    // Of the whole database: plans must not depend on when PostgreSQL does it by itself.
    sqlx::query("vacuum (analyze)").execute(&test.pool).await.expect("vacuumed");
    test
}

fn note(number: usize) -> Value {
    const MATTERS: [&str; 5] =
        ["garden tulips", "violin sonata", "train timetable", "chess opening", "rye bread"];
    json!({
        "content": format!("{} note {number}", MATTERS[number % MATTERS.len()]),
        "document_id": number.to_string(),
        "context": "notes",
        "timestamp": format!("2023-{:02}-{:02}T10:00:00Z", 1 + number % 12, 1 + number % 28),
        "entities": [{"text": (["Vienna", "Kiel", "Oslo"][number % 3])}],
        "tags": ([format!("tag {}", number % 4)]),
    })
}

/// What a session says of a query whose filters are as given.
async fn asked<T>(
    test: &TestEngine,
    tags: TagFilter,
    window: Option<DateWindow>,
    probes: Option<i64>,
    ask: impl AsyncFnOnce(RecallSession, CandidateQuery<'_>) -> T,
) -> T {
    let bank = test.store.bank("b").await.expect("asked").expect("there").key;
    let vector = HashEmbedder::vector(QUERY);
    let hashes = query_terms(QUERY, Language::ENGLISH);
    // The last word is taken for one whose list is too long to be read.
    let probed: Vec<(usize, i64)> = hashes.into_iter().enumerate().skip(2).collect();
    assert_eq!(probed.len(), 1);
    let words = [WordHit { memory_id: Uuid::from_u128(1), fact_type: FactType::World }];
    let names = ["vienna".to_owned()];
    let query = CandidateQuery {
        bank,
        types: FactType::ALL,
        vector: Some(&vector),
        min_similarity: 0.1,
        probes,
        words: &words,
        probed: &probed,
        per_arm: 100,
        graph: Some(GraphQuery { names: &names, mentions: 100 }),
        window,
        context: 20,
        tags: &tags,
        few: None,
    };
    ask(test.store.recall_session().await.expect("a session"), query).await
}

/// The plan of such a query.
async fn plan(test: &TestEngine, tags: TagFilter, window: Option<DateWindow>, probes: Option<i64>) -> Value {
    let explain = async |mut session: RecallSession, query: CandidateQuery<'_>| {
        session.explain_candidates(&query).await.expect("explained")
    };
    asked(test, tags, window, probes, explain).await[0]["Plan"].clone()
}

/// The plan of the lists of the words of a query, as a whole or cut.
async fn plan_of_lists(test: &TestEngine, tags: TagFilter, depth: Option<i64>) -> Value {
    let bank = test.store.bank("b").await.expect("asked").expect("there").key;
    let hashes = query_terms(QUERY, Language::ENGLISH).into_iter().enumerate();
    let lists: Vec<ListQuery> = hashes.map(|(place, hash)| ListQuery { place, hash, depth }).collect();
    let query = PostingsQuery { bank, lists: &lists, types: FactType::ALL, tags: &tags };
    let mut session = test.store.recall_session().await.expect("a session");
    let explained = session.explain_postings(&query).await.expect("explained");
    explained[0]["Plan"].clone()
}

/// Nodes and indexes of a plan, one on a line, deeper ones further in.
fn tree(plan: &Value) -> String {
    let mut text = String::new();
    write_node(&mut text, plan, 0);
    text
}

fn write_node(text: &mut String, node: &Value, depth: usize) {
    let of = |key: &str| node[key].as_str();
    let name = of("Subplan Name").map_or_else(String::new, |name| format!("{name}: "));
    let index = of("Index Name").map_or_else(String::new, |index| format!(" {index}"));
    let cte = of("CTE Name").map_or_else(String::new, |cte| format!(" {cte}"));
    let table = of("Relation Name").map_or_else(String::new, |table| format!(" on {table}"));
    let kind = of("Node Type").expect("a node has a type");
    writeln!(text, "{:depth$}{name}{kind}{index}{cte}{table}", "", depth = depth * 2).expect("written");
    for child in node["Plans"].as_array().into_iter().flatten() {
        write_node(text, child, depth + 1);
    }
}

/// What holds for every shape.
fn reads_no_table_as_a_whole(tree: &str) {
    assert!(!tree.contains("Seq Scan"), "{tree}");
}

/// What holds without a filter by tags, which are in the table only.
fn reads_vectors_from_the_index_alone(tree: &str) {
    let semantic = tree.lines().skip_while(|line| !line.contains("CTE sem")).skip(1);
    let semantic = semantic.take_while(|line| !line.starts_with("  CTE"));
    let scans: Vec<&str> = semantic.map(str::trim).filter(|line| line.ends_with(" memory_vectors")).collect();
    assert_eq!(scans, ["Index Only Scan memory_vectors_scan on memory_vectors"; 3], "{tree}");
}

fn window() -> DateWindow {
    DateWindow { start: time("2023-06-01T00:00:00Z"), end: time("2023-06-30T00:00:00Z") }
}

fn tags() -> TagFilter {
    TagFilter::list(Some(vec!["tag 1".to_owned()]), TagsMatch::AnyStrict)
}

#[tokio::test]
async fn without_a_filter() {
    let test = banks(Settings::default()).await;
    let tree = tree(&plan(&test, TagFilter::All, None, None).await);
    reads_no_table_as_a_whole(&tree);
    reads_vectors_from_the_index_alone(&tree);
    insta::assert_snapshot!(tree);
}

#[tokio::test]
async fn under_a_tag() {
    let test = banks(Settings::default()).await;
    let tree = tree(&plan(&test, tags(), None, None).await);
    reads_no_table_as_a_whole(&tree);
    insta::assert_snapshot!(tree);
}

#[tokio::test]
async fn under_a_tag_of_few() {
    let test = banks(Settings::default()).await;
    let explain = async |mut session: RecallSession, query: CandidateQuery<'_>| {
        let few = session.explain_few(query.bank, query.tags).await.expect("explained");
        let ids = [Uuid::from_u128(1)];
        let query = CandidateQuery { few: Some(&ids), ..query };
        [few, session.explain_candidates(&query).await.expect("explained")]
    };
    let trees = asked(&test, tags(), None, None, explain).await;
    let [few, candidates] = trees.map(|explained| tree(&explained[0]["Plan"]));
    reads_no_table_as_a_whole(&few);
    reads_no_table_as_a_whole(&candidates);
    assert!(few.contains("Index Only Scan memory_vectors_by_tags on memory_vectors"), "{few}");
    insta::assert_snapshot!(format!("few\n{few}\ncandidates\n{candidates}"));
}

#[tokio::test]
async fn in_a_window_of_time() {
    let test = banks(Settings::default()).await;
    let tree = tree(&plan(&test, TagFilter::All, Some(window()), None).await);
    reads_no_table_as_a_whole(&tree);
    reads_vectors_from_the_index_alone(&tree);
    assert!(tree.contains("memory_vectors_by_event"), "{tree}");
    assert!(tree.contains("memory_vectors_by_long_event"), "{tree}");
    insta::assert_snapshot!(tree);
}

#[tokio::test]
async fn in_a_bank_with_cells() {
    let test = banks(Settings { exact_limit: 50, ..Settings::default() }).await;
    let tree = tree(&plan(&test, TagFilter::All, None, Some(2)).await);
    reads_no_table_as_a_whole(&tree);
    reads_vectors_from_the_index_alone(&tree);
    // What lies behind differs with the cells, whose number depends on where they begin.
    let semantic: Vec<&str> = tree.lines().take_while(|line| !line.contains("CTE complete")).collect();
    insta::assert_snapshot!(semantic.join("\n"));
}

#[tokio::test]
async fn in_a_bank_that_is_held() {
    let test = banks(Settings::default()).await;
    let ids: Vec<Uuid> = test.ids("7").await;
    let explain = async |mut session: RecallSession, query: CandidateQuery<'_>| {
        session.explain_held(&query, &ids).await.expect("explained")
    };
    let trees = asked(&test, TagFilter::All, Some(window()), None, explain).await;
    let trees = trees.map(|explained| tree(&explained[0]["Plan"]));
    for tree in &trees {
        reads_no_table_as_a_whole(tree);
    }
    let [related, words] = trees;
    assert!(related.contains("memory_vectors_by_event"), "{related}");
    insta::assert_snapshot!(format!("what is related\n{related}\nwords\n{words}"));
}

#[tokio::test]
async fn words_are_found_in_a_held_bank_as_in_another() {
    let test = banks(Settings::default()).await;
    let ask = async |mut session: RecallSession, query: CandidateQuery<'_>| {
        let found = session.candidates(&query).await.expect("found").candidates;
        let ids = found.iter().map(|candidate| candidate.memory_id);
        (session.matches(&query, ids).await.expect("looked up"), found)
    };
    let (mut matches, found) = asked(&test, TagFilter::All, None, None, ask).await;
    assert!(!matches.is_empty() && matches.len() < found.len(), "{}", matches.len());
    for candidate in found {
        let held = matches.remove(&candidate.memory_id).unwrap_or_default();
        assert_eq!((candidate.matches, candidate.length), held);
    }
}

#[tokio::test]
async fn of_the_lists_of_words() {
    let test = banks(Settings::default()).await;
    let whole = tree(&plan_of_lists(&test, TagFilter::All, None).await);
    let cut = tree(&plan_of_lists(&test, TagFilter::All, Some(100)).await);
    let tagged = tree(&plan_of_lists(&test, tags(), Some(100)).await);
    for tree in [&whole, &cut, &tagged] {
        reads_no_table_as_a_whole(tree);
        assert!(tree.contains("Index Only Scan memory_terms_pkey on memory_terms"), "{tree}");
        assert!(!tree.contains("Sort"), "the newest come first from the index: {tree}");
    }
    insta::assert_snapshot!(format!("whole\n{whole}\ncut\n{cut}\nunder a tag\n{tagged}"));
}
