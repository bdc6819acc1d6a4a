//! Homes of all kinds, as root and as an ordinary user.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use hindsight_pg::PgError;
use nix::unistd::Uid;

use crate::support::{Home, allow, ask, instance_url, run, system_dir};

/// The homes of all tests have a space in their name.
#[tokio::test]
async fn a_home_closed_to_the_database_user() {
    let mut home = Home::closed();
    let running = home.start("pg0").await.unwrap();
    let sockets = ask(&running, "SHOW unix_socket_directories").await;
    let nearby = std::fs::canonicalize(std::env::temp_dir()).unwrap();
    let below = std::path::Path::new(&sockets).strip_prefix(&nearby).unwrap().components().count();
    assert_eq!(below, 5, "a folder nearby: {sockets}");

    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.folder.path().to_owned()), 0o700, "the home stays closed");
    let instance = home.instance("hindsight");
    assert_eq!(mode(instance.join("instance.json")), 0o600);
    assert_eq!(mode(instance.join("run")), 0o700);
    assert_eq!(mode(instance.join("data")), 0o700);
    let linked = std::fs::symlink_metadata(instance.parent().unwrap()).unwrap().is_symlink();
    assert_eq!(linked, Uid::effective().is_root());
    assert_eq!(running.data_dir.starts_with(system_dir(home.folder.path())), linked);
    let owner = std::fs::metadata(instance.join("data")).unwrap().uid();
    assert_ne!(owner, 0, "root does not run a database");
}

#[tokio::test]
async fn root_runs_a_new_database_as_the_user_it_names() {
    let known = |name: &str| nix::unistd::User::from_name(name).ok().flatten();
    // Nobody whom root would choose by itself.
    let Some(user) = ["daemon", "games", "bin"].into_iter().find_map(known) else { return };
    if !Uid::effective().is_root() {
        return;
    }
    let mut home = Home::with(|options| options.run_as = Some(user.name.clone()));
    let running = home.start("pg0").await.unwrap();
    let owner = |path: &std::path::Path| std::fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&running.data_dir), user.uid.as_raw());
    assert_eq!(owner(std::path::Path::new(&format!("/proc/{}", running.pid))), user.uid.as_raw());
    assert_eq!(ask(&running, "SELECT 'fine'").await, "fine");
    // Data has an owner: whoever is named later changes nothing.
    assert!(home.instances.stop("hindsight").await.unwrap());
    let others = hindsight_pg::Options { bin_dir: Some(crate::support::bin_dir()), ..Default::default() };
    let others = hindsight_pg::Instances::new(crate::support::layout(home.folder.path()), others);
    let again = others.start(&instance_url("pg0")).await.unwrap();
    assert_eq!(owner(std::path::Path::new(&format!("/proc/{}", again.pid))), user.uid.as_raw());
}

#[tokio::test]
async fn what_lies_in_a_closed_home_is_taken_along() {
    let mut home = Home::closed();
    let left = home.instance("hindsight");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("note"), "from before").unwrap();
    home.start("pg0").await.unwrap();
    assert_eq!(std::fs::read_to_string(left.join("note")).unwrap(), "from before");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket() {
    let mut home = Home::open();
    let name = "n".repeat(100);
    let running = home.start(&format!("pg0://{name}")).await.unwrap();
    let hindsight_pg::Address::Socket(folder) = &running.connection.address else { panic!("no socket") };
    assert!(folder.as_os_str().len() < 85, "{}", folder.display());
    assert_eq!(ask(&running, "SELECT 'fine'").await, "fine");
    assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    let outside = folder.clone();
    drop(home);
    let _ = std::fs::remove_dir_all(outside);
}

#[tokio::test]
async fn text_outside_ascii_is_known() {
    let mut home = Home::open();
    let running = home.start("pg0").await.unwrap();
    run(&running, "CREATE EXTENSION pg_trgm").await;
    assert_eq!(ask(&running, "SELECT lower('ÄÖ')").await, "äö");
    assert_eq!(ask(&running, "SELECT array_length(show_trgm('日本語'), 1)::text").await, "4");
}

#[tokio::test]
async fn settings_of_the_url_come_last() {
    let mut home = Home::open();
    let running = home.start("pg0?work_mem=7MB&max_connections=33").await.unwrap();
    let sql = "SELECT concat_ws(' ', current_setting('work_mem'), current_setting('max_connections'), \
               current_setting('fsync'), current_setting('jit'), current_setting('timezone'), \
               current_setting('listen_addresses') = '')";
    assert_eq!(ask(&running, sql).await, "7MB 33 on off UTC t");
}

/// Root repeats the tests of the life cycle as an ordinary user.
#[test]
fn an_ordinary_user_can_do_the_same() {
    let is_reachable = |program: &std::path::Path| {
        program.ancestors().all(|path| std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o001 != 0))
    };
    let program = std::env::current_exe().unwrap();
    if !Uid::effective().is_root() || !is_reachable(&program) {
        return;
    }
    crate::support::bin_dir();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let output = {
        use std::os::unix::process::CommandExt;
        Command::new(program)
            .args(["life::", "--test-threads=2"])
            .uid(nobody.uid.as_raw())
            .gid(nobody.gid.as_raw())
            .current_dir("/")
            .output()
            .unwrap()
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("life::"));
}

#[tokio::test]
async fn a_port_is_opened_when_asked_for() {
    let mut home = Home::open();
    // Others may take a free port before the database is made that is to have it.
    let mut left = 20;
    let (port, running) = loop {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        match home.start(&format!("pg0://me:secret@notes:{port}")).await {
            Ok(running) => break (port, running),
            Err(PgError::PortTaken(_)) if left > 0 => left -= 1,
            Err(error) => panic!("{error}"),
        }
    };
    let url = format!("postgresql://me:secret@127.0.0.1:{port}/hindsight");
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let user: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut connection).await.unwrap();
    assert_eq!(user, "me");
    assert_eq!(running.connection.port, port);
    assert_eq!(instance_url("pg0://notes").port, None);
}

#[tokio::test]
async fn links_in_place_of_written_files_are_not_followed() {
    for name in ["lock", "start.log"] {
        let mut home = Home::open();
        let (instance, victim) = (home.instance("hindsight"), home.folder.path().join("victim"));
        std::fs::create_dir_all(&instance).unwrap();
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, instance.join(name)).unwrap();
        let error = home.start("pg0").await.unwrap_err();
        assert!(matches!(&error, PgError::Io { path, .. } if path.ends_with(name)), "{error}");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }
}

#[tokio::test]
async fn root_moves_no_folder_of_another_user() {
    if !Uid::effective().is_root() {
        return;
    }
    let mut home = Home::closed();
    let instances = home.instance("hindsight").parent().unwrap().to_owned();
    std::fs::create_dir_all(&instances).unwrap();
    std::os::unix::fs::chown(&instances, Some(12_345), None).unwrap();
    let error = home.start("pg0").await.unwrap_err();
    assert!(matches!(error, PgError::Unreachable { .. }), "{error}");
    assert!(std::fs::symlink_metadata(&instances).unwrap().is_dir());
}

#[tokio::test]
async fn root_writes_in_no_system_folder_that_others_can_change() {
    if !Uid::effective().is_root() {
        return;
    }
    let mut home = Home::closed();
    let folder = system_dir(home.folder.path());
    std::fs::create_dir(&folder).unwrap();
    for (owner, mode) in [(0, 0o777), (12_345, 0o755)] {
        allow(&folder, mode);
        std::os::unix::fs::chown(&folder, Some(owner), None).unwrap();
        let error = home.start("pg0").await.unwrap_err();
        assert!(matches!(error, PgError::OpenToOthers { .. }), "{error}");
    }
}
