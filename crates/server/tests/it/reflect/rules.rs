//! What an answer is told to follow: directives, mission, disposition, language.

use axum::http::{Method, StatusCode};
use hindsight_testkit::{LlmRequest, ScriptedLlm};
use serde_json::{Value, json};

use super::{CONFIG, DIRECTIVES, QUESTION, answered, app, asking, dialogue, done, hands_in, patch_config};
use crate::support::{Answer, TestApp};

async fn direct(app: &TestApp, name: &str, tags: Value) -> String {
    let body = json!({"name": name, "content": format!("obey {name}"), "tags": tags});
    let answer = app.post(DIRECTIVES, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// The system's part of a question, in a scope.
async fn system(app: &TestApp, llm: &ScriptedLlm, scope: Value) -> (String, Vec<String>) {
    llm.answer_with(|_: &LlmRequest| hands_in(&done("Berlin.", &[])));
    let mut request = asking(QUESTION);
    request.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
    let response = answered(app, request).await;
    let told = response["based_on"]["directives"].as_array().unwrap();
    let names = told.iter().map(|directive| directive["name"].as_str().unwrap().to_owned()).collect();
    (llm.last_request().system(), names)
}

#[tokio::test]
async fn directives_reach_the_model_by_their_tags() {
    let (app, llm) = dialogue(&[]).await;
    for (name, tags) in [("all", json!([])), ("home", json!(["home"])), ("both", json!(["home", "work"]))] {
        direct(&app, name, tags).await;
    }
    let off = direct(&app, "off", json!([])).await;
    let answer = app.json(Method::PATCH, &format!("{DIRECTIVES}/{off}"), json!({"is_active": false})).await;
    assert_eq!(answer.status, StatusCode::OK);
    for (scope, expected) in [
        (json!({}), vec!["all"]),
        (json!({"tags": ["home"]}), vec!["both", "home", "all"]),
        (json!({"tags": ["work"], "tags_match": "any_strict"}), vec!["both", "all"]),
        (json!({"tags": ["home"], "tags_match": "exact"}), vec!["home", "all"]),
        (json!({"tag_groups": [{"not": {"tags": ["work"]}}]}), vec!["home", "all"]),
        (
            json!({"tag_groups": [{"tags": ["HOME"], "match": "any_strict", "resolve": "fuzzy"}]}),
            vec!["both", "home", "all"],
        ),
        (json!({"apply_all_directives": true}), vec!["both", "home", "all"]),
        (json!({"tags": ["work"], "apply_all_directives": true}), vec!["both", "home", "all"]),
    ] {
        let (system, mut told) = system(&app, &llm, scope.clone()).await;
        let mut expected = expected;
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected, "{scope}");
        let request = llm.last_request();
        let tools = request.body["tools"].to_string();
        for name in ["all", "home", "both", "off"] {
            let rule = format!("- {name}: obey {name}");
            let times = if expected.contains(&name) { 2 } else { 0 };
            assert_eq!(
                system.matches(&rule).count(),
                times,
                "{name} stands at both ends, or nowhere: {scope}"
            );
            assert_eq!(tools.contains(&rule), times > 0, "{name} stands with the answer too");
        }
        assert!(tools.contains("directive_compliance"));
    }
}

#[tokio::test]
async fn all_directives_are_told_however_many() {
    let (app, llm) = dialogue(&[]).await;
    for number in 0..150 {
        let body = json!({"name": format!("rule{number}"), "content": "x", "priority": number});
        assert_eq!(app.post(DIRECTIVES, body).await.status, StatusCode::OK);
    }
    let (system, told) = system(&app, &llm, json!({})).await;
    assert_eq!(told.len(), 150);
    assert_eq!((told[0].as_str(), told[149].as_str()), ("rule149", "rule0"), "the most important first");
    for number in 0..150 {
        assert!(system.contains(&format!("- rule{number}: x")));
    }
}

#[tokio::test]
async fn every_level_of_every_trait_changes_what_the_model_is_told() {
    let (app, llm) = dialogue(&[]).await;
    let (usual, _) = system(&app, &llm, json!({})).await;
    assert!(usual.contains("Disposition: skepticism=3, literalism=3, empathy=3"), "{usual}");
    let mut said = std::collections::HashSet::new();
    for name in ["skepticism", "literalism", "empathy"] {
        for (level, word) in [(1, "very low"), (2, "low"), (4, "high"), (5, "very high")] {
            patch_config(&app, json!({ format!("disposition_{name}"): level })).await;
            let (system, _) = system(&app, &llm, json!({})).await;
            assert!(system.contains(&format!("- {name}={level} ({word}): ")), "{system}");
            assert!(said.insert(system));
        }
        patch_config(&app, json!({ format!("disposition_{name}"): null })).await;
    }
    assert_eq!(said.len(), 12);
    let (again, _) = system(&app, &llm, json!({})).await;
    assert_eq!(again, usual, "what was taken back counts no more");
}

#[tokio::test]
async fn the_last_word_about_the_character_counts_whichever_way_it_came() {
    let (app, llm) = dialogue(&[
        ("HINDSIGHT_API_REFLECT_MISSION", "the server's mission"),
        ("HINDSIGHT_API_DISPOSITION_EMPATHY", "2"),
    ])
    .await;
    let bank = "/v1/default/banks/b";
    let profile =
        |answer: &Answer| (answer.body["mission"].clone(), answer.body["disposition"]["empathy"].clone());
    let answer = app.json(Method::PATCH, bank, json!({})).await;
    assert_eq!(profile(&answer), (json!("the server's mission"), json!(2)));
    let row = json!({"mission": "the bank's mission", "disposition_empathy": 4});
    assert_eq!(profile(&app.json(Method::PATCH, bank, row).await), (json!("the bank's mission"), json!(4)));
    patch_config(&app, json!({"reflect_mission": "a set mission", "disposition_empathy": 5})).await;
    let listed = app.get("/v1/default/banks").await;
    assert_eq!(listed.body["banks"][0]["disposition"]["empathy"], 5);
    let (system, _) = system(&app, &llm, json!({})).await;
    assert!(system.contains("# Role\na set mission") && system.contains("empathy=5 (very high)"), "{system}");
    assert!(
        llm.last_request()
            .user()
            .contains("# Mission\nIt decides what to look for and how to answer.\na set mission")
    );
    let row = json!({"background": "another mission", "disposition": {"skepticism": 3, "literalism": 3, "empathy": 1}});
    assert_eq!(profile(&app.json(Method::PUT, bank, row).await), (json!("another mission"), json!(1)));
    let config = app.get(CONFIG).await.body;
    assert_eq!(config["overrides"]["reflect_mission"], "another mission");
    patch_config(&app, json!({"reflect_mission": null, "disposition_empathy": null})).await;
    assert_eq!(
        profile(&app.json(Method::PATCH, bank, json!({})).await),
        (json!("another mission"), json!(1)),
        "the row is what remains"
    );
}

#[tokio::test]
async fn an_output_language_has_the_last_word() {
    let (app, llm) = dialogue(&[("HINDSIGHT_API_LLM_OUTPUT_LANGUAGE", "German")]).await;
    let (system, _) = system(&app, &llm, json!({})).await;
    assert!(!system.contains("in the language of the question"));
    let asked = llm.last_request();
    assert!(
        asked.user().ends_with("Write the answer in German; names stay as they are."),
        "{}",
        asked.user()
    );
    assert!(asked.body["tools"].to_string().contains("Write it in German."));
}

#[tokio::test]
async fn settings_of_reflect_are_checked_before_they_are_kept() {
    let (app, _llm) = app(&[]).await;
    for (updates, words) in [
        (json!({"disposition_empathy": 0}), "disposition_empathy must be a whole number from 1 to 5"),
        (json!({"reflect_source_facts_max_tokens": -2}), "reflect_source_facts_max_tokens must be"),
        (json!({"reflect_default_options": {"budget": "low"}}), "'budget' is no option"),
        (json!({"recall_max_tokens": 0}), "recall_max_tokens must be a positive whole number"),
        (json!({"reflect_use_decision_model": true}), "has no effect"),
    ] {
        let answer = app.json(Method::PATCH, CONFIG, json!({ "updates": updates })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.detail().contains(words), "{}", answer.detail());
    }
    assert_eq!(app.get("/v1/default/banks").await.body["total"], 0, "nothing half-written");
}
