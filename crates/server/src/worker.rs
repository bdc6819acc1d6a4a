//! The worker inside a server: does what clients hand to the background.

use std::sync::Arc;

use hindsight_engine::Engine;
use hindsight_engine::jobs::{Worker, WorkerSettings};
use tokio::sync::watch;

use crate::state::State;

/// Works until `stopped`. While it does, the server counts as used.
pub(crate) async fn run(
    engine: Engine,
    settings: WorkerSettings,
    state: Arc<State>,
    stopped: watch::Receiver<bool>,
) {
    let (busy, mut is_busy) = watch::channel(false);
    let work = Worker::new(engine, settings).run(stopped, busy);
    let hold = async {
        // An error means that the worker is gone.
        while is_busy.wait_for(|busy| *busy).await.is_ok() {
            // A server that takes nothing any more is about to stop the worker too.
            let _used = state.activity().begin();
            if is_busy.wait_for(|busy| !*busy).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(work, hold);
}
