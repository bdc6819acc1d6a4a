//! Work that nobody waits for: the engine's upkeep of what it has stored.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use hindsight_engine::Engine;
use tokio::sync::watch;

/// Time between two looks for work. A look at a database without any is two short statements.
const INTERVAL: Duration = Duration::from_secs(20);
/// Looks between two sweeps of answers that nobody came back for: an hour's.
const SWEEP_EVERY: u32 = 180;

/// How often what is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    /// Days after whose end operations are forgotten; none = never.
    pub(crate) retention_days: Option<i32>,
    /// Time between two looks for facts that wait to go into observations although no run is under
    /// way.
    pub(crate) consolidation: Duration,
    /// Time between two looks for mental models whose time has come to be written anew.
    pub(crate) mental_models: Duration,
}

/// Tends the cells of large banks and the links of new memories, forgets old operations and
/// sweeps what language models have answered in vain and old records of their calls, until `stopped`; a step under way is given
/// up then, which loses nothing.
pub(crate) async fn run(engine: Engine, rhythm: Rhythm, mut stopped: watch::Receiver<bool>) {
    let Rhythm { retention_days, consolidation, mental_models } = rhythm;
    let refreshes = async {
        loop {
            let later = "mental models were not looked at whose time has come; they are later";
            step(engine.tend_mental_models(), later).await;
            tokio::time::sleep(mental_models).await;
        }
    };
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
            let cells =
                "the cells of large banks were not tended; recall looks at more vectors until they are";
            step(engine.tend_cells(), cells).await;
            let links = "new memories were not linked to those that are like them; it is tried again";
            step(engine.tend_links(), links).await;
            if look == 0 {
                let answers = "old answers of language models were not removed; they are later";
                step(engine.sweep_extractions(), answers).await;
                let calls = "old records of model calls were not removed; they are later";
                step(engine.sweep_model_calls(), calls).await;
            }
            if let Some(days) = retention_days
                && look == 0
            {
                step(engine.sweep_operations(days), "old operations could not be forgotten").await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = sweep => {}
        () = refreshes => {}
        // An error means that the server is gone.
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

/// One step of the work. What goes wrong in it keeps nobody from the others, were it a fault of ours.
async fn step<T, E: Display>(work: impl Future<Output = Result<T, E>>, consequence: &str) {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "{consequence}"),
        // The cause has been told where it arose.
        Err(_) => tracing::error!("internal error: {consequence}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_breaks_off_is_not_the_last() {
        let broken = async || -> Result<(), String> { panic!("a fault") };
        step(broken(), "nothing was done").await;
        step(async { Err::<(), _>("the database is away") }, "nothing was done").await;
        let mut done = false;
        let mut work = async || {
            done = true;
            Ok::<_, String>(())
        };
        step(work(), "nothing was done").await;
        assert!(done);
    }
}
