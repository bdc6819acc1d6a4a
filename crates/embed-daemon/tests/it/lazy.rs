//! The client that starts its daemon.

use hindsight_client::{BankFilter, Client, ClientError};
use hindsight_embed_daemon::{DaemonStatus, EmbedError, EmbeddedClient, Profile, Resend};
use nix::sys::signal::Signal;

use crate::stand_in::{PATIENCE, Stage, profile, send, until};

async fn list(client: Client) -> Result<i64, ClientError> {
    client.list_banks(&BankFilter::default()).await.map(|banks| banks.total)
}

async fn ask(client: &EmbeddedClient, resend: Resend) -> Result<i64, EmbedError> {
    client.call(resend, list).await
}

/// Twenty tasks of one runtime and four threads with their own, all at once.
async fn crowd(client: &EmbeddedClient) {
    let tasks = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { ask(&client, Resend::Harmless).await.unwrap() })
    });
    let tasks: Vec<_> = tasks.collect();
    let threads = (0..4).map(|_| {
        let client = client.clone();
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { ask(&client, Resend::Harmless).await.unwrap() })
        })
    });
    for task in tasks.into_iter().chain(threads.collect::<Vec<_>>()) {
        assert_eq!(task.await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_start_one_daemon_and_replace_a_dead_one_once() {
    let stage = Stage::new();
    let client = stage.client(&profile("crowd"));
    assert!(!client.is_running().await, "nothing is started before the first call");
    crowd(&client).await;
    assert_eq!(stage.lines("starts").len(), 1);
    assert_eq!(stage.lines("requests").len(), 24);

    let run = client.daemon().await.unwrap();
    send(&run, Signal::SIGKILL);
    crowd(&client).await;
    assert_eq!(stage.lines("starts").len(), 2);
    assert_ne!(client.daemon().await.unwrap().instance_id, run.instance_id);
}

#[tokio::test]
async fn a_request_that_may_have_been_carried_out_is_not_sent_again() {
    let stage = Stage::new();
    let client = stage.client(&profile("once"));
    client.daemon().await.unwrap();
    stage.tell("break");
    let error = ask(&client, Resend::Never).await.unwrap_err();
    assert!(matches!(error, EmbedError::Client(ClientError::Transport { .. })), "{error:?}");
    assert_eq!(stage.lines("requests").len(), 1, "the server saw it once");
    // One that only reads is.
    stage.tell("break");
    assert_eq!(ask(&client, Resend::Harmless).await.unwrap(), 0);
    assert_eq!(stage.lines("requests").len(), 3);
    assert_eq!(stage.lines("starts").len(), 1, "the daemon lived all the time");
}

#[tokio::test]
async fn a_request_to_a_daemon_that_ends_goes_to_the_next() {
    let stage = Stage::new();
    let client = stage.client(&profile("next"));
    let first = client.daemon().await.unwrap();
    stage.tell("end");
    assert_eq!(ask(&client, Resend::Never).await.unwrap(), 0);
    assert_eq!(stage.lines("starts").len(), 2);
    assert_ne!(client.daemon().await.unwrap().instance_id, first.instance_id);
    // One that is gone when it is asked has done nothing either.
    send(&client.daemon().await.unwrap(), Signal::SIGTERM);
    until(|| !stage.daemons.home().files(client.profile()).run.exists()).await;
    assert_eq!(ask(&client, Resend::Never).await.unwrap(), 0);
    assert_eq!(stage.lines("starts").len(), 3);
}

/// Whether a process has ended, waited for or not.
#[cfg(target_os = "linux")]
fn is_gone(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with('Z'))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_daemon_that_was_killed_between_two_requests_is_not_asked() {
    let stage = Stage::new();
    let client = stage.client(&profile("killed"));
    for starts in 1..=10 {
        // Once there is a connection that could be used again.
        assert_eq!(ask(&client, Resend::Never).await.unwrap(), 0);
        assert_eq!(stage.lines("starts").len(), starts);
        let run = client.daemon().await.unwrap();
        send(&run, Signal::SIGKILL);
        until(|| is_gone(run.pid)).await;
    }
}

#[tokio::test]
async fn the_key_of_the_profile_is_sent() {
    let stage = Stage::with(|config| {
        config.server_key = Some("of-the-environment".to_owned());
        config.api_token = Some("token".to_owned());
    });
    let write = async |name: &str, text: &str| {
        let files = stage.daemons.home().files(&profile(name));
        stage.daemons.ensure_running(&profile(name), &Stage::options()).await.unwrap();
        std::fs::write(files.config, text).unwrap();
        ask(&stage.client(&profile(name)), Resend::Never).await.unwrap();
        stage.lines("requests").last().unwrap().split_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(write("own", "HINDSIGHT_API_TENANT_API_KEY=hush\n").await, "bearer hush");
    assert_eq!(write("inherits", "").await, "bearer of-the-environment");
    assert_eq!(write("clears", "HINDSIGHT_API_TENANT_API_KEY=\n").await, "bearer token");
}

#[tokio::test]
async fn a_daemon_hears_that_it_is_wanted_until_the_client_is_closed() {
    let stage = Stage::with(|config| config.idle_timeout = Some(1));
    let client = stage.client(&profile("kept"));
    let run = client.daemon().await.unwrap();
    until(|| stage.lines("signs").contains(&run.instance_id)).await;
    client.close(None).await.unwrap();
    assert!(matches!(ask(&client, Resend::Harmless).await, Err(EmbedError::Closed)));
    assert!(matches!(client.clone().daemon().await, Err(EmbedError::Closed)));
    assert!(client.is_running().await, "others may use it");
}

/// Starts a daemon that does not come to its end yet.
async fn held(
    stage: &Stage,
    name: &Profile,
) -> (EmbeddedClient, tokio::task::JoinHandle<Result<(), EmbedError>>) {
    stage.tell("hold");
    let client = stage.client(name);
    let starting = tokio::spawn({
        let client = client.clone();
        async move { client.daemon().await.map(drop) }
    });
    until(|| !stage.lines("starts").is_empty()).await;
    (client, starting)
}

#[tokio::test]
async fn a_client_that_is_closed_while_it_starts_stays_closed() {
    let stage = Stage::new();
    let (client, starting) = held(&stage, &profile("closing")).await;
    client.close(None).await.unwrap();
    std::fs::remove_file(stage.path("hold")).unwrap();
    assert!(matches!(starting.await.unwrap(), Err(EmbedError::Closed)));
    assert!(matches!(client.daemon().await, Err(EmbedError::Closed)));
}

#[tokio::test]
async fn a_daemon_that_is_starting_is_stopped_as_well() {
    let stage = Stage::new();
    let (client, starting) = held(&stage, &profile("stopping")).await;
    let closing = tokio::spawn({
        let client = client.clone();
        async move { client.close(Some(PATIENCE)).await }
    });
    std::fs::remove_file(stage.path("hold")).unwrap();
    closing.await.unwrap().unwrap();
    // It may have had its daemon before it was closed.
    let _ = starting.await.unwrap();
    assert_eq!(stage.daemons.status(client.profile()).await.unwrap(), DaemonStatus::Stopped);
    assert_eq!(stage.lines("starts").len(), 1);
}
