//! Work that is handed over: how long it waits until an idle worker has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_client::Client;
use hindsight_client::types::operations::OperationStatus;
use hindsight_client::types::retain::{MemoryItem, RetainRequest};

use super::report::Bound::AtMost;
use super::report::Report;

/// Pieces of work, one after the other.
const ROUNDS: usize = 60;
/// Bank of its own, so that nothing else is written there.
const BANK: &str = "wake";
/// Longest time for one piece of work.
const PATIENCE: Duration = Duration::from_secs(30);

/// Hands over one text at a time to a server that has nothing to do, and asks for it until it is
/// not waiting any more. The answer to a submission comes right behind its commit.
pub(super) async fn idle(report: &mut Report, client: &Client) -> Result<()> {
    let mut waits = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        // At any moment between two looks of the worker.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..520))).await;
        let request = RetainRequest {
            items: vec![MemoryItem::new(format!("Note {round}: the kettle was moved to the window."))],
            run_async: true,
            document_tags: None,
            operation_id: None,
        };
        let answer = client.retain_batch(BANK, &request).await?;
        let begin = Instant::now();
        let id = answer.operation_id.context("no operation")?;
        waits.push(until_claimed(client, &id, begin).await?);
        while !client.get_operation(BANK, &id).await?.status.is_terminal() {
            if begin.elapsed() > PATIENCE {
                bail!("operation {id} was not done within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    report.latencies(
        "work handed over, answer until claimed by an idle worker",
        &mut waits,
        Some(AtMost(50.0)),
    );
    Ok(())
}

async fn until_claimed(client: &Client, id: &str, begin: Instant) -> Result<Duration> {
    loop {
        let operation = client.get_operation(BANK, id).await?;
        let waited = begin.elapsed();
        let parts = operation.child_operations.unwrap_or_default();
        if parts.iter().any(|part| part.status != OperationStatus::Pending) {
            return Ok(waited);
        }
        if waited > PATIENCE {
            bail!("nobody has claimed operation {id} within {} s", PATIENCE.as_secs());
        }
    }
}
