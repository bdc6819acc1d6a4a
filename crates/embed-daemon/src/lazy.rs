//! A client that starts its daemon when it is first used.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use hindsight_client::types::errors::SERVER_STOPPING;
use hindsight_client::{Client, ClientError, ClientOptions};
use tokio::sync::Mutex;

use crate::daemons::{Daemon, Daemons};
use crate::error::{EmbedError, Result};
use crate::keeper::Keeper;
use crate::options::StartOptions;
use crate::process;
use crate::profile::Profile;
use crate::run_file::RunFile;

/// A client of a profile's daemon. Nothing is started until the first call; then one start
/// serves all tasks and threads that wait for it. Clones share everything.
///
/// As long as it lives, the daemon does not end for want of use. When it dies or is stopped,
/// the next call starts it again, once. A request is sent a
/// second time only if it was not sent before, or if sending it twice does no harm.
#[derive(Clone, Debug)]
pub struct EmbeddedClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    daemons: Daemons,
    profile: Profile,
    options: StartOptions,
    state: RwLock<State>,
    /// Held while the daemon is looked for or started.
    starting: Mutex<()>,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked yet.
    New,
    /// A daemon was found; the keeper tells it that it is wanted.
    Connected(Arc<Connected>, Keeper),
    Closed,
}

#[derive(Debug)]
struct Connected {
    run: RunFile,
    client: Client,
}

/// Whether a request may be sent again when nobody knows if it was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// It only reads.
    Harmless,
    /// It changes something.
    Never,
}

impl EmbeddedClient {
    /// A client of the profile's daemon; nothing is started.
    pub fn new(daemons: Daemons, profile: Profile, options: StartOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                daemons,
                profile,
                options,
                state: RwLock::new(State::New),
                starting: Mutex::new(()),
            }),
        }
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.inner.profile
    }

    /// True when the daemon serves; starts nothing.
    pub async fn is_running(&self) -> bool {
        self.inner.daemons.find(&self.inner.profile).await.is_some()
    }

    /// The daemon, started now if need be.
    pub async fn daemon(&self) -> Result<RunFile> {
        Ok(self.connect(None).await?.run.clone())
    }

    /// A plain client of the daemon, which is started now if need be. Its calls fail when the
    /// daemon ends; those of [`call`](Self::call) start it again.
    pub async fn client(&self) -> Result<Client> {
        Ok(self.connect(None).await?.client.clone())
    }

    /// Carries out a request, on a daemon that is started first if need be.
    pub async fn call<T, F>(&self, resend: Resend, request: impl Fn(Client) -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, ClientError>>,
    {
        let cause = |error: &EmbedError| match error {
            EmbedError::Client(error) => Some(Loss::of(error)),
            _ => None,
        };
        let request = |client| {
            let answer = request(client);
            async move { Ok(answer.await?) }
        };
        self.call_as(resend, cause, request).await
    }

    /// Carries out a request of a program that has errors of its own. `cause` says of one
    /// whether a failure of the client is behind it, and what it means for the daemon.
    pub async fn call_as<T, E: From<EmbedError>, F>(
        &self,
        resend: Resend,
        cause: impl Fn(&E) -> Option<Loss>,
        request: impl Fn(Client) -> F,
    ) -> std::result::Result<T, E>
    where
        F: Future<Output = std::result::Result<T, E>>,
    {
        let mut connected = self.connect(None).await?;
        if resend == Resend::Never && has_ended(&connected.run) {
            // Its last connection may still look open, and what is sent on it could not be sent again.
            connected = self.connect(Some(&connected.run)).await?;
        }
        let error = match request(connected.client.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let may_send = match cause(&error) {
            Some(Loss::NotSent) => true,
            Some(Loss::Broken) => resend == Resend::Harmless,
            Some(Loss::None) | None => return Err(error),
        };
        // The daemon ended. A connection that broke halfway leaves open what was done.
        let again = self.connect(Some(&connected.run)).await?;
        if may_send { request(again.client.clone()).await } else { Err(error) }
    }

    /// Stops using the daemon, and stops it for everybody if asked to. Calls fail from now on.
    pub async fn close(&self, stop_daemon: Option<Duration>) -> Result<()> {
        let before = std::mem::replace(&mut *self.write(), State::Closed);
        if let State::Connected(_, keeper) = before {
            keeper.end().await;
        }
        if let Some(limit) = stop_daemon {
            // A start under way would come to its end after the stop.
            let _starting = self.inner.starting.lock().await;
            self.inner.daemons.stop(&self.inner.profile, limit, false).await?;
        }
        Ok(())
    }

    /// The daemon to talk to, but not the `lost` one.
    async fn connect(&self, lost: Option<&RunFile>) -> Result<Arc<Connected>> {
        if let Some(connected) = self.connected(lost)? {
            return Ok(connected);
        }
        let _starting = self.inner.starting.lock().await;
        if let Some(connected) = self.connected(lost)? {
            return Ok(connected);
        }
        let Inner { daemons, profile, options, .. } = &*self.inner;
        let Daemon { run, .. } = daemons.ensure_running(profile, options).await?;
        let api_key = daemons.api_key(profile, options)?;
        let client = Client::with_options(&run.url, &ClientOptions { api_key, ..ClientOptions::default() })?;
        let connected = Arc::new(Connected { run, client });
        let keeper = self.keeper(&connected);
        let mut state = self.write();
        // It may have been closed meanwhile, and stays so.
        if matches!(*state, State::Closed) {
            return Err(EmbedError::Closed);
        }
        *state = State::Connected(Arc::clone(&connected), keeper);
        Ok(connected)
    }

    /// The daemon that is known to this client and not the `lost` one.
    fn connected(&self, lost: Option<&RunFile>) -> Result<Option<Arc<Connected>>> {
        let (connected, is_kept) = match &*self.inner.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::New => return Ok(None),
            State::Closed => return Err(EmbedError::Closed),
            State::Connected(connected, keeper) => (Arc::clone(connected), !keeper.is_over()),
        };
        if lost.is_some_and(|lost| lost.instance_id == connected.run.instance_id) {
            return Ok(None);
        }
        if !is_kept {
            // The runtime that the keeper lived in has ended; this one goes on.
            let keeper = self.keeper(&connected);
            if let State::Connected(known, kept) = &mut *self.write()
                && known.run.instance_id == connected.run.instance_id
            {
                *kept = keeper;
            }
        }
        Ok(Some(connected))
    }

    fn keeper(&self, connected: &Connected) -> Keeper {
        let path = self.inner.daemons.home().files(&self.inner.profile).run;
        Keeper::begin(connected.client.clone(), connected.run.clone(), path)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a daemon is gone, where that can be seen at next to no cost.
fn has_ended(run: &RunFile) -> bool {
    cfg!(target_os = "linux") && process::start_time(run.pid) != Some(run.start_time)
}

/// What a failed request means for the daemon it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It lives, and has refused or failed at the request.
    None,
    /// It is gone or going, and the request was certainly not carried out.
    NotSent,
    /// The connection broke: nobody knows what was carried out.
    Broken,
}

impl Loss {
    /// What an error of the client means.
    pub fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Unreachable { .. } => Self::NotSent,
            ClientError::Api { status: 503, detail } if detail.to_string() == SERVER_STOPPING => {
                Self::NotSent
            }
            ClientError::Transport { .. } => Self::Broken,
            _ => Self::None,
        }
    }
}
