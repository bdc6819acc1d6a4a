//! The server as the daemon of a profile.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::Result;
use hindsight_assets::Progress;
use hindsight_embed_daemon::{DaemonProcess, Program};
use hindsight_server::{Config, Identity, StartError};

use crate::args::ServeArguments;
use crate::commands::Outcome;
use crate::commands::serve::with_arguments;
use crate::settings::TABLES;

/// Serves as the daemon that `process` is, until it is told to stop or nobody uses it.
pub(crate) async fn serve(
    process: DaemonProcess,
    arguments: ServeArguments,
    itself: Program,
) -> Result<Outcome> {
    let process = Arc::new(process);
    let config = Config::for_server(&TABLES).map_err(anyhow::Error::from).and_then(|config| {
        let mut config = with_arguments(config, arguments, itself);
        config.progress = Arc::new(ToStarter::new(&process));
        hindsight_server::init_logging(&config, process.log())?;
        Ok(config)
    });
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            process.failed(&format!("{error:#}"), false);
            return Err(error);
        }
    };
    let served = hindsight_server::serve_while(config, async |server| {
        server.identify(Identity {
            profile: process.profile().to_owned(),
            instance_id: process.instance_id().to_owned(),
        });
        // Others that come now wait for this daemon instead of starting one.
        process.listening(server.address()).map_err(|error| StartError::Load(error.to_string()))?;
        server.ready().await?;
        tracing::info!(url = server.url(), profile = process.profile(), "ready");
        process.ready();
        server.unused(|| process.idle_timeout()).await;
        tracing::info!("nobody uses the daemon any more");
        Ok(())
    })
    .await;
    if let Err(error) = &served {
        tracing::error!(%error, "ended");
        // Heard only by a starter that still waits.
        process.failed(&error.to_string(), matches!(error, StartError::PortTaken(_)));
    }
    served?;
    Ok(Outcome::Good)
}

/// Tells the starter of downloads: it has a terminal, or knows somebody who has.
struct ToStarter {
    process: Weak<DaemonProcess>,
    download: Mutex<Download>,
}

/// Downloads that are under way, as one.
#[derive(Default)]
struct Download {
    what: Vec<String>,
    running: usize,
    total: u64,
    done: u64,
    told: u64,
}

impl ToStarter {
    fn new(process: &Arc<DaemonProcess>) -> Self {
        Self { process: Arc::downgrade(process), download: Mutex::default() }
    }

    fn change(&self, change: impl FnOnce(&mut Download) -> Option<String>) {
        let text = change(&mut self.download.lock().unwrap_or_else(PoisonError::into_inner));
        if let (Some(text), Some(process)) = (text, self.process.upgrade()) {
            process.progress(&text);
        }
    }
}

impl Progress for ToStarter {
    fn begin(&self, what: &str, total: Option<u64>) {
        self.change(|download| {
            download.running += 1;
            download.what.push(what.to_owned());
            download.total += total.unwrap_or_default();
            Some(format!("fetching {}", download.what.join(", ")))
        });
    }

    fn advance(&self, bytes: u64) {
        self.change(|download| {
            download.done += bytes;
            let tenths = (download.done * 10).checked_div(download.total)?;
            let is_news = tenths > download.told;
            download.told = tenths;
            let megabytes = |bytes: u64| bytes >> 20;
            is_news.then(|| {
                let (done, total) = (megabytes(download.done), megabytes(download.total));
                format!("fetching {}: {done} of {total} MB", download.what.join(", "))
            })
        });
    }

    fn finish(&self) {
        self.change(|download| {
            download.running = download.running.saturating_sub(1);
            if download.running == 0 {
                *download = Download::default();
            }
            None
        });
    }
}
