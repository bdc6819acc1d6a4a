//! Every failure is one clear line, at once.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use hindsight_pg::PgError;

use crate::starter::Starter;
use crate::support::{Home, allow, ask, instance_url};

#[tokio::test]
async fn leftovers_of_a_dead_initialisation() {
    let mut home = Home::open();
    let instance = home.instance("hindsight");
    std::fs::create_dir_all(instance.join("data.tmp-1/base")).unwrap();
    std::fs::write(instance.join("password.tmp-1"), "secret").unwrap();
    std::fs::write(instance.join("instance.json"), "{broken").unwrap();
    allow(&instance, 0o755);
    home.start("pg0").await.unwrap();
    let left: Vec<_> = std::fs::read_dir(&instance)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Kills a first start in its different stages, and some at times that nobody chose.
#[tokio::test]
async fn a_first_start_killed_at_any_point() {
    for stage in ["lock", "password.tmp-", "data.tmp-/global", "instance.json", "data", "start.log"] {
        let mut home = Home::open();
        let instance = home.instance("hindsight");
        let child = Starter::spawn(home.folder.path());
        let deadline = Instant::now() + Duration::from_secs(20);
        while !reached(&instance, stage) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(child);
        starts_all_the_same(&mut home, stage).await;
    }
    for _ in 0..4 {
        let mut home = Home::open();
        let child = Starter::spawn(home.folder.path());
        let random = u64::from(uuid::Uuid::new_v4().as_fields().1);
        let moment = Duration::from_millis(random % 2500);
        tokio::time::sleep(moment).await;
        drop(child);
        starts_all_the_same(&mut home, &format!("{moment:?}")).await;
    }
}

async fn starts_all_the_same(home: &mut Home, killed_after: &str) {
    let running = home.start("pg0").await.unwrap_or_else(|error| panic!("after {killed_after}: {error}"));
    assert_eq!(ask(&running, "SELECT current_database()::text").await, "hindsight", "after {killed_after}");
}

fn reached(instance: &std::path::Path, stage: &str) -> bool {
    let (name, inside) = stage.split_once('/').unwrap_or((stage, ""));
    let entries = std::fs::read_dir(instance).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let found = entry.file_name().into_string().unwrap();
            found == name || (name.ends_with('-') && found.starts_with(name))
        })
        .any(|entry| inside.is_empty() || entry.path().join(inside).exists())
}

#[tokio::test]
async fn a_process_id_that_means_nothing() {
    let mut home = Home::open();
    let data = home.start("pg0").await.unwrap().data_dir;
    let of_this_test = format!("{}\n{}\n1\n5432\n\n\n\nready\n", std::process::id(), data.display());
    for text in [of_this_test.as_str(), ""] {
        home.instances.stop("hindsight").await.unwrap();
        std::fs::write(data.join("postmaster.pid"), text).unwrap();
        std::fs::write(home.instance("hindsight").join("run/.s.PGSQL.5432.lock"), text).unwrap();
        assert!(home.start("pg0").await.unwrap().started_by_us, "{text:?}");
    }
}

#[tokio::test]
async fn data_of_another_major_version() {
    let mut home = Home::open();
    let running = home.start("pg0").await.unwrap();
    home.instances.stop("hindsight").await.unwrap();
    std::fs::write(running.data_dir.join("PG_VERSION"), "13\n").unwrap();
    let error = home.start("pg0").await.unwrap_err();
    assert!(matches!(&error, PgError::OtherMajor { data: 13, found, .. } if found == "18.1"), "{error}");
}

#[tokio::test]
async fn data_that_is_no_cluster() {
    let mut home = Home::open();
    let data = home.instance("hindsight").join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("letter"), "not to be deleted").unwrap();
    let error = home.start("pg0").await.unwrap_err();
    assert!(matches!(error, PgError::NotACluster(_)), "{error}");
    assert!(data.join("letter").exists());
}

#[tokio::test]
async fn no_binaries() {
    let empty = tempfile::tempdir().unwrap();
    allow(empty.path(), 0o755);
    let mut home = Home::with(|options| options.bin_dir = Some(empty.path().to_owned()));
    let error = home.start("pg0").await.unwrap_err();
    assert!(matches!(error, PgError::NoBinaries { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("no postgres in") && message.contains("HINDSIGHT_PG_BIN_DIR"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[tokio::test]
async fn a_user_that_does_not_exist() {
    let mut home = Home::with(|options| options.run_as = Some("no-such-user".to_owned()));
    let result = home.start("pg0").await;
    if nix::unistd::Uid::effective().is_root() {
        assert!(matches!(result, Err(PgError::NoUser { .. })));
    } else {
        assert!(result.is_ok(), "only root changes the user");
    }
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut home = Home::open();
    let error = home.start(&format!("pg0://notes:{port}")).await.unwrap_err();
    assert!(matches!(error, PgError::PortTaken(taken) if taken == port), "{error}");
}

#[tokio::test]
async fn settings_that_postgresql_refuses() {
    let mut home = Home::open();
    for url in ["pg0?no_such_setting=1", "pg0?work_mem=lots", "pg0?max_connections=-1"] {
        let error = home.start(url).await.unwrap_err();
        assert!(matches!(error, PgError::Setting(_)), "{url}: {error}");
    }
    home.start("pg0").await.unwrap();
}

#[tokio::test]
async fn credentials_that_differ_or_are_lost() {
    let mut home = Home::open();
    home.start("pg0").await.unwrap();
    for url in ["pg0://other@hindsight", "pg0://hindsight:other@hindsight"] {
        let error = home.start(url).await.unwrap_err();
        assert!(matches!(error, PgError::OtherCredentials { .. }), "{error}");
        assert!(!error.to_string().contains("other@"), "{error}");
    }
    let record = home.instance("hindsight").join("instance.json");
    std::fs::remove_file(record).unwrap();
    let error = home.start("pg0").await.unwrap_err();
    assert!(matches!(error, PgError::OtherCredentials { .. }), "{error}");

    home.instances.stop("hindsight").await.unwrap();
    let running = home.start("pg0://it's \"me\":p'w@hindsight").await.unwrap();
    assert_eq!(ask(&running, "SELECT current_user::text").await, "it's \"me\"");
    assert_eq!(
        ask(&running, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user").await,
        "true"
    );
}

#[tokio::test]
async fn a_name_that_leads_out_of_the_home() {
    let home = Home::open();
    for name in ["../other", "/tmp", "", "a/b"] {
        assert!(matches!(home.instances.stop(name).await, Err(PgError::Name(_))), "{name}");
        assert!(matches!(home.instances.status(name).await, Err(PgError::Name(_))), "{name}");
        assert!(matches!(home.instances.delete(name).await, Err(PgError::Name(_))), "{name}");
        let mut url = instance_url("pg0");
        name.clone_into(&mut url.name);
        assert!(matches!(home.instances.start(&url).await, Err(PgError::Name(_))), "{name}");
    }
}
