//! What a daemon is doing.

use std::time::Duration;

use hindsight_client::{Client, ClientError, ClientOptions};

use crate::profile::Profile;
use crate::run_file::RunFile;

/// What is known of the daemon of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonStatus {
    /// There is none.
    Stopped,
    /// It answers.
    Running {
        /// What it says about itself.
        run: RunFile,
        /// For how long, as far as the clock of its files tells.
        uptime: Option<Duration>,
    },
    /// It lives, but is starting, stopping, or too busy to answer.
    Busy {
        /// What it says about itself, if it has come that far.
        run: Option<RunFile>,
        /// What it is doing, as far as it says so.
        phase: Option<String>,
    },
}

/// What a daemon answered when it was asked how it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It serves; whether requests are under way.
    Ready { is_busy: bool },
    /// It says what it is doing.
    Other(String),
    /// Somebody is there, who does not answer in time.
    Silent,
    /// Nobody answers, or somebody else.
    Nobody,
}

/// Asks the daemon of a run file how it is, and waits `limit` for the answer.
pub(crate) async fn probe(run: &RunFile, profile: &Profile, limit: Duration) -> Probe {
    let options = ClientOptions { timeout: limit, ..ClientOptions::default() };
    let Ok(client) = Client::with_options(&run.url, &options) else { return Probe::Nobody };
    match client.health().await {
        // Another program may have the port by now, also the daemon of another profile.
        Ok(health) if health.instance_id.as_deref() != Some(&run.instance_id) => Probe::Nobody,
        Ok(health) if health.profile.as_deref() != Some(profile.as_str()) => Probe::Nobody,
        Ok(health) if health.phase == "ready" => {
            Probe::Ready { is_busy: health.in_flight.is_some_and(|requests| requests > 0) }
        }
        Ok(health) => Probe::Other(health.phase),
        Err(ClientError::Timeout { .. }) => Probe::Silent,
        Err(_) => Probe::Nobody,
    }
}
