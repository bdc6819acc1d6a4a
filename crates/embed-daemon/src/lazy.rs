//! A client that starts its daemon when it is first used.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hindsight_client::types::errors::SERVER_STOPPING;
use hindsight_client::{Client, ClientError};
use tokio::sync::Mutex;

use crate::daemons::{Daemon, Daemons};
use crate::error::{EmbedError, Result};
use crate::options::StartOptions;
use crate::profile::Profile;
use crate::run_file::RunFile;

/// A client of a profile's daemon. Nothing is started until the first call; then one start
/// serves all tasks and threads that wait for it. Clones share everything.
///
/// When the daemon dies or ends, the next call starts it again, once. A request is sent a
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
    connected: RwLock<Option<Connected>>,
    /// Held while the daemon is looked for or started.
    starting: Mutex<()>,
    closed: AtomicBool,
}

#[derive(Clone, Debug)]
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
                connected: RwLock::new(None),
                starting: Mutex::new(()),
                closed: AtomicBool::new(false),
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
        Ok(self.connect(None).await?.run)
    }

    /// A plain client of the daemon, which is started now if need be. Its calls fail when the
    /// daemon ends; those of [`call`](Self::call) start it again.
    pub async fn client(&self) -> Result<Client> {
        Ok(self.connect(None).await?.client)
    }

    /// Carries out a request, on a daemon that is started first if need be.
    pub async fn call<T>(
        &self,
        resend: Resend,
        request: impl AsyncFn(Client) -> std::result::Result<T, ClientError>,
    ) -> Result<T> {
        let connected = self.connect(None).await?;
        let error = match request(connected.client.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !is_loss(&error) {
            return Err(error.into());
        }
        // The daemon ended. A connection that broke halfway leaves open what was done.
        let again = self.connect(Some(&connected.run)).await?;
        if was_not_sent(&error) || resend == Resend::Harmless {
            return Ok(request(again.client).await?);
        }
        Err(error.into())
    }

    /// Stops using the daemon, and stops it for everybody if asked to. Calls fail from now on.
    pub async fn close(&self, stop_daemon: Option<std::time::Duration>) -> Result<()> {
        self.inner.closed.store(true, Ordering::SeqCst);
        *self.inner.connected.write().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(limit) = stop_daemon {
            self.inner.daemons.stop(&self.inner.profile, limit, false).await?;
        }
        Ok(())
    }

    /// The daemon to talk to, but not the `lost` one.
    async fn connect(&self, lost: Option<&RunFile>) -> Result<Connected> {
        let usable = || {
            let connected = self.inner.connected.read().unwrap_or_else(PoisonError::into_inner).clone();
            connected
                .filter(|connected| lost.is_none_or(|lost| lost.instance_id != connected.run.instance_id))
        };
        if self.inner.closed.load(Ordering::SeqCst) {
            return Err(EmbedError::Closed);
        }
        if let Some(connected) = usable() {
            return Ok(connected);
        }
        let _starting = self.inner.starting.lock().await;
        if let Some(connected) = usable() {
            return Ok(connected);
        }
        let Daemon { run, .. } =
            self.inner.daemons.ensure_running(&self.inner.profile, &self.inner.options).await?;
        let connected = Connected { client: Client::new(&run.url)?, run };
        *self.inner.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connected.clone());
        Ok(connected)
    }
}

/// Errors that mean that the daemon is gone or going.
fn is_loss(error: &ClientError) -> bool {
    was_not_sent(error) || matches!(error, ClientError::Transport { .. })
}

/// True for an error after which the request certainly was not carried out: the server was
/// gone, or going. It can be sent again to the next one.
pub fn was_not_sent(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Api { status: 503, detail } => detail.to_string() == SERVER_STOPPING,
        _ => false,
    }
}
