//! Work that nobody waits for: the engine's upkeep of what it has stored.

use std::time::Duration;

use hindsight_engine::Engine;
use tokio::sync::watch;

/// Time between two looks for work. A look at a database without any is two short statements.
const INTERVAL: Duration = Duration::from_secs(20);
/// Looks between two sweeps of answers that nobody came back for: an hour's.
const SWEEP_EVERY: u32 = 180;

/// Tends the cells of large banks and the links of new memories, forgets old operations and
/// sweeps what language models have answered in vain, until `stopped`; a step under way is given
/// up then, which loses nothing.
///
/// Operations that came to their end more than `retention_days` ago are forgotten.
/// Every `consolidation` facts are looked for that wait to go into observations although no run is
/// under way.
pub(crate) async fn run(
    engine: Engine,
    retention_days: Option<i32>,
    consolidation: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let sweep = async {
        loop {
            if let Err(error) = engine.tend_consolidation().await {
                tracing::warn!(%error, "facts that wait to go into observations were not looked for; they are later");
            }
            tokio::time::sleep(consolidation).await;
        }
    };
    let work = async {
        for look in (0..SWEEP_EVERY).cycle() {
            if let Err(error) = engine.tend_cells().await {
                tracing::warn!(%error, "the cells of large banks were not tended; recall looks at more vectors until they are");
            }
            if let Err(error) = engine.tend_links().await {
                tracing::warn!(%error, "new memories were not linked to those that are like them; it is tried again");
            }
            if look == 0
                && let Err(error) = engine.sweep_extractions().await
            {
                tracing::warn!(%error, "old answers of language models were not removed; they are later");
            }
            if let Some(days) = retention_days
                && look == 0
                && let Err(error) = engine.sweep_operations(days).await
            {
                tracing::warn!(%error, "old operations could not be forgotten");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = sweep => {}
        // An error means that the server is gone.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}
