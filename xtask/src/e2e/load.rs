//! Recall while many ask at once and one hangs up again and again.

use std::time::Duration;

use anyhow::Result;
use hindsight_client::types::retain::{MemoryItem, RetainRequest};

use crate::checks::Checks;
use crate::daemon::{Daemon, Home};
use crate::load;

const BANK: &str = "load";
const FACTS: usize = 200;
const TIME: Duration = Duration::from_secs(3);

pub(super) async fn check(checks: &mut Checks, home: &Home, server: &Daemon) {
    checks.note(
        "load: every recall is answered or refused, and nothing is left behind",
        run(home, server).await,
    );
}

async fn run(home: &Home, server: &Daemon) -> Result<()> {
    let items =
        (0..FACTS).map(|number| MemoryItem::new(format!("Shelf {number} holds crate {}", number * 7)));
    let request =
        RetainRequest { items: items.collect(), run_async: false, document_tags: None, operation_id: None };
    server.client.retain_batch(BANK, &request).await?;
    let questions: Vec<String> =
        (0..FACTS).step_by(9).map(|number| format!("What is on shelf {number}?")).collect();
    let ended = load::run(server, home, BANK, &questions, TIME).await?;
    println!(
        "        {} answered, {} refused, {} hung up; {} connections before, {} after; {:+.1} MB",
        ended.answered, ended.refused, ended.hung_up, ended.before.open, ended.after.open, ended.growth_mb
    );
    Ok(())
}
