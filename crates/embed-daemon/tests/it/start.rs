//! Starting, and what profiles remember of it.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use hindsight_embed_daemon::{Profile, Profiles, RunFile, StartOptions, preferred_port};

use crate::stand_in::{PATIENCE, Stage, profile};

/// Names whose sums pick the same port.
const TWINS: [&str; 2] = ["four-notes", "north"];

fn settings(given: &[(&str, &str)]) -> StartOptions {
    let settings = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    StartOptions { settings, ..Stage::options() }
}

fn file_of(stage: &Stage, name: &Profile) -> String {
    fs::read_to_string(stage.daemons.home().files(name).config).unwrap_or_default()
}

#[tokio::test]
async fn profiles_whose_names_hash_alike_have_their_own_daemons() {
    let stage = Stage::new();
    let [a, b] = TWINS.map(profile);
    assert_eq!(preferred_port(&a), preferred_port(&b));
    let (first, second) = tokio::join!(stage.run(&a), stage.run(&b));
    assert_ne!(first.port, second.port);
    assert_ne!(first.instance_id, second.instance_id);
    assert_eq!((first.profile.as_str(), second.profile.as_str()), (a.as_str(), b.as_str()));
    for (name, run) in [(&a, &first), (&b, &second)] {
        assert_eq!(stage.daemons.find(name).await.as_ref(), Some(run));
        assert!(file_of(&stage, name).contains(&format!("HINDSIGHT_API_PORT={}\n", run.port)));
    }
}

/// Times that a port is found which somebody else takes before this test does.
const TRIES: usize = 50;

/// Runs a daemon and stops it; its port is taken by the listener from then on. Other tests, and
/// whatever else runs here, find ports in the same range and may be quicker.
async fn port_of_a_stopped_daemon(stage: &Stage, name: &Profile) -> (RunFile, TcpListener) {
    let mut left = TRIES;
    loop {
        let run = stage.run(name).await;
        stage.daemons.stop(name, PATIENCE, false).await.unwrap();
        match TcpListener::bind(("127.0.0.1", run.port)) {
            Ok(taken) => return (run, taken),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}"),
        }
        left -= 1;
        assert!(left > 0, "others took the port each of {TRIES} times");
    }
}

#[tokio::test]
async fn a_port_that_was_found_is_found_anew_and_a_chosen_one_is_not() {
    let stage = Stage::new();
    let p = profile("p");
    let (run, taken) = port_of_a_stopped_daemon(&stage, &p).await;
    let moved = stage.run(&p).await;
    assert_ne!(moved.port, run.port);
    assert!(file_of(&stage, &p).contains(&format!("HINDSIGHT_API_PORT={}\n", moved.port)));
    stage.daemons.stop(&p, PATIENCE, false).await.unwrap();

    Profiles::new(stage.daemons.clone()).write(&p, Some(run.port), &[]).await.unwrap();
    let error = stage.daemons.ensure_running(&p, &Stage::options()).await.unwrap_err().to_string();
    assert!(error.contains("is used by another program"), "{error}");
    drop(taken);
}

#[tokio::test]
async fn what_callers_give_is_kept_with_the_profile() {
    let stage = Stage::new();
    for name in [Profile::default(), profile("named")] {
        let given =
            settings(&[("HINDSIGHT_API_LOG_LEVEL", "debug"), ("HINDSIGHT_EMBED_DAEMON_IDLE_TIMEOUT", "60")]);
        let daemon = stage.daemons.ensure_running(&name, &given).await.unwrap();
        assert_eq!(daemon.run.idle_timeout, 60);
        let file = file_of(&stage, &name);
        assert!(file.contains("HINDSIGHT_API_LOG_LEVEL=debug\n") && !file.contains("IDLE"), "{file}");
        // Whoever comes later changes nothing of it, and adds what is not there.
        let other = settings(&[("HINDSIGHT_API_LOG_LEVEL", "info"), ("HINDSIGHT_API_LLM_MODEL", "m")]);
        assert!(!stage.daemons.ensure_running(&name, &other).await.unwrap().started);
        let file = file_of(&stage, &name);
        assert!(file.contains("LOG_LEVEL=debug\n") && file.contains("LLM_MODEL=m\n"), "{file}");
    }
}

#[tokio::test]
async fn a_use_is_remembered() {
    let stage = Stage::new();
    let p = profile("p");
    stage.run(&p).await;
    let list = stage.path(".hindsight/profiles/metadata.json");
    let text = fs::read_to_string(&list).unwrap();
    let mut entries: serde_json::Value = serde_json::from_str(&text).unwrap();
    entries["profiles"]["p"]["last_used"] = "2025-01-01T00:00:00+00:00".into();
    fs::write(&list, entries.to_string()).unwrap();
    let profiles = Profiles::new(stage.daemons.clone());
    let before = profiles.show(&p).await.unwrap().last_used.unwrap();
    stage.run(&p).await;
    assert!(profiles.show(&p).await.unwrap().last_used.unwrap() > before);
}

#[tokio::test]
async fn a_port_of_an_older_list_moves_to_the_settings() {
    let stage = Stage::new();
    let folder = stage.path(".hindsight/profiles");
    fs::create_dir_all(&folder).unwrap();
    let list = r#"{"version": 1, "profiles": {"old": {"created_at": "", "last_used": "", "port": 9876}}}"#;
    fs::write(folder.join("metadata.json"), list).unwrap();
    let old = profile("old");
    let profiles = Profiles::new(stage.daemons.clone());
    assert_eq!(profiles.show(&old).await.unwrap().port, Some(9876), "it is honoured before it has moved");
    profiles.set_env(&old, "HINDSIGHT_API_LOG_LEVEL", "info").await.unwrap();
    assert!(file_of(&stage, &old).contains("HINDSIGHT_API_PORT=9876\n"));
    let list = fs::read_to_string(folder.join("metadata.json")).unwrap();
    assert!(!list.contains("\"port\""), "{list}");
    assert_eq!(profiles.show(&old).await.unwrap().port, Some(9876));
}

#[tokio::test]
async fn names_that_differ_only_by_case_are_refused() {
    let stage = Stage::new();
    let profiles = Profiles::new(stage.daemons.clone());
    profiles.write(&profile("made"), None, &[]).await.unwrap();
    fs::write(stage.path(".hindsight/profiles/byhand.env"), "").unwrap();
    for name in ["Default", "DEFAULT", "ByHand", "MADE"] {
        let error = profiles.write(&profile(name), None, &[]).await.unwrap_err().to_string();
        assert!(error.contains("only by case"), "{error}");
        let error = stage.daemons.ensure_running(&profile(name), &Stage::options()).await.unwrap_err();
        assert!(error.to_string().contains("only by case"), "{error}");
        assert!(!stage.daemons.home().files(&profile(name)).config.exists());
    }
    assert!(stage.lines("starts").is_empty());
}

#[tokio::test]
async fn the_name_of_the_starter_is_only_for_people() {
    let stage = Stage::new();
    let p = profile("p");
    fs::create_dir_all(&stage.daemons.home().files(&p).start_lock_owner).unwrap();
    stage.run(&p).await;
}
