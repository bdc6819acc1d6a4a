//! What all requests share: the phase of the server, its engine, the last look at the
//! database.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hindsight_engine::Engine;
use hindsight_engine::store::PoolHealth;
use tokio::sync::watch;

use crate::Identity;
use crate::activity::Activity;
use crate::outage::Disk;

/// Where the server is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Loading; only health answers.
    Starting,
    /// Everything answers.
    Ready,
    /// Loading failed.
    Failed(String),
    /// On its way out.
    Stopping,
}

/// What the last look at the database found.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// When.
    pub(crate) at: Instant,
    /// What.
    pub(crate) outcome: Result<PoolHealth, String>,
}

/// Shared by all requests.
#[derive(Debug)]
pub(crate) struct State {
    started: Instant,
    phase: watch::Sender<Phase>,
    engine: RwLock<Option<Engine>>,
    probe: RwLock<Option<Probe>>,
    /// Why the embedded database is gone and does not come back.
    outage: RwLock<Option<String>>,
    disk: OnceLock<Disk>,
    activity: Arc<Activity>,
    identity: OnceLock<Identity>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            phase: watch::Sender::new(Phase::Starting),
            engine: RwLock::new(None),
            probe: RwLock::new(None),
            outage: RwLock::new(None),
            disk: OnceLock::new(),
            activity: Arc::new(Activity::new()),
            identity: OnceLock::new(),
        }
    }

    /// Who uses the server.
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Which daemon this is, if it is one.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// Says which daemon this is; the first word counts.
    pub(crate) fn identify(&self, identity: Identity) {
        let _ = self.identity.set(identity);
    }

    /// Stops taking requests if there were none for as long as `limit` says. It is asked once
    /// more when everybody can see that the server stops: whoever raises the limit and still
    /// finds the server open afterwards is sure to have been heard.
    pub(crate) fn close_if_unused(&self, limit: &dyn Fn() -> Option<Duration>) -> bool {
        let is_due = || limit().is_some_and(|limit| self.activity.close_if_unused(limit));
        if self.phase() != Phase::Ready || !is_due() {
            return false;
        }
        self.phase.send_replace(Phase::Stopping);
        if is_due() {
            return true;
        }
        self.activity.reopen();
        // A signal may have stopped the server meanwhile; then it is loaded to the end anyway.
        self.phase.send_replace(Phase::Ready);
        false
    }

    /// Time since the server began to listen.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Opens the routes, unless the server is stopping already.
    pub(crate) fn ready(&self, engine: Engine) {
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = Some(engine);
        // Loading is no lack of interest.
        self.activity.touch();
        self.phase.send_if_modified(|phase| {
            let starting = *phase == Phase::Starting;
            if starting {
                *phase = Phase::Ready;
            }
            starting
        });
    }

    pub(crate) fn failed(&self, problem: String) {
        self.phase.send_if_modified(|phase| {
            let starting = *phase == Phase::Starting;
            if starting {
                *phase = Phase::Failed(problem);
            }
            starting
        });
    }

    pub(crate) fn stopping(&self) {
        self.phase.send_replace(Phase::Stopping);
    }

    /// Waits until the server is no longer starting.
    pub(crate) async fn settled(&self) -> Phase {
        let mut phase = self.phase.subscribe();
        match phase.wait_for(|phase| *phase != Phase::Starting).await {
            Ok(phase) => phase.clone(),
            Err(_) => Phase::Stopping,
        }
    }

    /// The engine, once everything is loaded.
    pub(crate) fn engine(&self) -> Option<Engine> {
        self.engine.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The engine, for its last user.
    pub(crate) fn take_engine(&self) -> Option<Engine> {
        self.engine.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Why the embedded database is gone, if it does not come back by itself.
    pub(crate) fn outage(&self) -> Option<String> {
        self.outage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_outage(&self, reason: Option<String>) {
        *self.outage.write().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Where the embedded database lies, if it is embedded.
    pub(crate) fn disk(&self) -> Option<&Disk> {
        self.disk.get()
    }

    /// Says where the embedded database lies; the first word counts.
    pub(crate) fn set_disk(&self, disk: Disk) {
        let _ = self.disk.set(disk);
    }

    pub(crate) fn probe(&self) -> Option<Probe> {
        self.probe.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn probed(&self, outcome: Result<PoolHealth, String>) {
        let probe = Probe { at: Instant::now(), outcome };
        *self.probe.write().unwrap_or_else(PoisonError::into_inner) = Some(probe);
    }
}
