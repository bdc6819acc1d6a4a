//! Workers that are killed and stopped while they work on what was handed over.
//!
//! A server takes items and works on none; two workers do, over the same database and with a
//! language model played by a script. Now one is killed, now one is stopped for longer than its
//! lease and then goes on. In the end every item has to be there once, as a fact and as an
//! observation, and the model may have been asked again only for what was under way at a kill. No lease may run out for long without
//! a worker that takes the work over, and no memory that was there may be replaced by another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hindsight_client::MemoryFilter;
use hindsight_client::types::operations::OperationStatus;
use hindsight_client::types::recall::FactType;
use hindsight_client::types::retain::{MemoryItem, RetainRequest};
use hindsight_testkit::{Leases, Reply, ScriptedLlm, audit_instance};
use serde_json::{Value, json};

use super::INSTANCE;
use crate::checks::same;
use crate::daemon::{Daemon, Home, Signal, signal};

/// Items of the whole run and of each request.
const ITEMS: usize = 2000;
const BATCH: usize = 100;
const BANK: &str = "workers";
/// What a worker of this run is given: a lease that others need not wait long for.
const LEASE: &str = "4";
const LEASE_TIME: Duration = Duration::from_secs(4);
/// Operations of a worker at one time, and questions to the model at one time.
const SLOTS: usize = 4;
const QUESTIONS: usize = 8;
/// Tokens of a part: some items each.
const PART: &str = "60";
/// Time of the model for an answer.
const ANSWER: Duration = Duration::from_millis(40);
/// Longest time for everything to be done after the last kill.
const PATIENCE: Duration = Duration::from_mins(10);

/// Longest time that work whose lease has run out may wait for a place with another worker.
const TAKEN_OVER: Duration = Duration::from_mins(1);

/// Kills `rounds` times; every tenth time a worker is stopped for longer than its lease instead.
pub(super) async fn rounds(
    home: &Home,
    rounds: u32,
    random: &mut fastrand::Rng,
    passed: &mut u32,
) -> Result<()> {
    let begin = Instant::now();
    let asked = Arc::new(Mutex::new(BTreeMap::new()));
    let llm = model(&asked).await;
    let url = llm.url();
    let settings = [
        ("HINDSIGHT_API_LLM_PROVIDER", "openai"),
        ("HINDSIGHT_API_LLM_API_KEY", "none"),
        ("HINDSIGHT_API_LLM_BASE_URL", url.as_str()),
        ("HINDSIGHT_API_LLM_MAX_CONCURRENT", "8"),
        ("HINDSIGHT_API_WORKER_LEASE_SECONDS", LEASE),
        ("HINDSIGHT_API_WORKER_MAX_SLOTS", "4"),
        // A kill is no failure of the work.
        ("HINDSIGHT_API_WORKER_MAX_RETRIES", "1000"),
        ("HINDSIGHT_API_RETAIN_BATCH_TOKENS", PART),
    ];
    let idle = [&settings[..], &[("HINDSIGHT_API_WORKER_ENABLED", "false")]].concat();
    let server = Daemon::start_with(home, &idle).await?;
    let mut workers =
        vec![Daemon::start_worker(home, &settings).await?, Daemon::start_worker(home, &settings).await?];
    let mut leases = Leases::of_instance(home.path(), INSTANCE).await?;
    let mut operations = Vec::new();
    let mut seen = BTreeSet::new();

    let (mut kills, mut busy, mut overdue) = (0, 0, Duration::ZERO);
    for number in 0..rounds {
        // Bit by bit, so that every kill meets work.
        let batches = (number as usize + 2) * (ITEMS / BATCH) / (rounds as usize + 1);
        while operations.len() < batches.clamp(1, ITEMS / BATCH) {
            operations.push(submit(&server, operations.len() * BATCH).await?);
        }
        tokio::time::sleep(Duration::from_millis(random.u64(50..700))).await;
        busy += u32::from(leases.open().await? > 0);
        let victim = random.usize(0..workers.len());
        if number % 10 == 9 {
            let pid = workers.get(victim).context("no worker")?.pid();
            signal(pid, Signal::SIGSTOP)?;
            tokio::time::sleep(LEASE_TIME + Duration::from_secs(1)).await;
            // What others have done meanwhile it may not do over.
            seen.extend(memories(&server).await?.into_keys());
            signal(pid, Signal::SIGCONT)?;
        } else {
            workers.swap_remove(victim).kill()?;
            workers.push(Daemon::start_worker(home, &settings).await?);
        }
        overdue = overdue.max(leases.overdue().await?);
        if overdue > TAKEN_OVER {
            bail!(
                "a lease has run out {:.1} s ago, and nobody has taken the work over",
                overdue.as_secs_f64()
            );
        }
        kills += 1;
        *passed += 1;
    }
    while operations.len() < ITEMS / BATCH {
        operations.push(submit(&server, operations.len() * BATCH).await?);
    }
    wait(&server, &operations).await?;
    wait_for_observations(&server).await?;
    let repeated = look(&server, &asked, kills, &seen).await?;
    same(&leases.open().await?, &0)?;
    for worker in workers {
        same(&worker.terminate()?.code(), &Some(0))?;
    }
    same(&audit_instance(home.path(), INSTANCE).await?, &Vec::new())?;
    same(&server.terminate()?.code(), &Some(0))?;
    println!(
        "Worker: {ITEMS} items once each in {:.0} s under {kills} kills and stops, {busy} of them amid work; {repeated} questions asked again; work was taken over {:.1} s after its lease at the latest",
        begin.elapsed().as_secs_f64(),
        overdue.as_secs_f64()
    );
    Ok(())
}

/// A model that makes one fact of every item and keeps count of them, and one observation of every
/// fact.
async fn model(asked: &Arc<Mutex<BTreeMap<String, usize>>>) -> ScriptedLlm {
    let llm = ScriptedLlm::start().await;
    let asked = Arc::clone(asked);
    llm.answer_with(move |request| {
        let (user, system) = (request.user(), request.system());
        if system.contains("Two observations are nearly the same") {
            return Reply::json(&json!({"action": "keep", "text": "", "reason": "other items"}));
        }
        if system.contains("observations that were made of earlier facts") {
            let facts = user.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] "));
            let create =
                |(id, text): (&str, &str)| json!({"text": text, "source_fact_ids": [id], "reason": "new"});
            let creates: Vec<Value> = facts.map(create).collect();
            return Reply::json(&json!({"creates": creates, "updates": [], "deletes": []})).after(ANSWER);
        }
        // The last one: a carry-over may quote others before it.
        let item = user.rmatch_indices("Item ").find_map(|(at, _)| name(&user[at..]));
        let item = item.unwrap_or_default();
        *asked.lock().unwrap_or_else(PoisonError::into_inner).entry(item.clone()).or_default() += 1;
        let fact = json!({
            "what": format!("{item} was noted."), "when": "N/A", "where": "N/A", "who": "N/A", "why": "N/A",
            "fact_kind": "conversation", "occurred_start": null, "occurred_end": null, "fact_type": "world",
            "entities": [], "causal_relations": null,
        });
        Reply::json(&json!({"facts": [fact]})).after(ANSWER)
    });
    llm
}

/// `Item 17` at the beginning of a text.
fn name(text: &str) -> Option<String> {
    let digits: String = text.strip_prefix("Item ")?.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("Item {digits}"))
}

/// Hands a batch over, from item `first` on. Returns the operation.
async fn submit(server: &Daemon, first: usize) -> Result<String> {
    let item = |number: usize| MemoryItem {
        document_id: Some(format!("item-{number}")),
        ..MemoryItem::new(format!("Item {number} came in and was noted by the clerk."))
    };
    let request = RetainRequest {
        items: (first..first + BATCH).map(item).collect(),
        run_async: true,
        document_tags: None,
        operation_id: None,
    };
    let answer = server.client.retain_batch(BANK, &request).await?;
    answer.operation_id.context("no operation")
}

async fn wait(server: &Daemon, operations: &[String]) -> Result<()> {
    let begin = Instant::now();
    for id in operations {
        loop {
            let operation = server.client.get_operation(BANK, id).await?;
            if operation.status == OperationStatus::Completed {
                break;
            }
            if operation.status.is_terminal() || begin.elapsed() > PATIENCE {
                bail!("operation {id} is {} after all: {operation:#?}", operation.status);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// Waits until no fact waits to go into an observation.
async fn wait_for_observations(server: &Daemon) -> Result<()> {
    let begin = Instant::now();
    loop {
        let stats = server.client.bank_stats(BANK).await?;
        if stats.pending_consolidation == 0 && stats.pending_operations == 0 {
            return same(&stats.failed_consolidation, &0);
        }
        if begin.elapsed() > PATIENCE {
            bail!("{} facts wait for observations after all", stats.pending_consolidation);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All facts: their ids, and the items they tell of.
async fn memories(server: &Daemon) -> Result<BTreeMap<String, String>> {
    of_kind(server, false).await
}

/// All facts, or all observations: their ids, and the items they tell of.
async fn of_kind(server: &Daemon, is_observed: bool) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut offset = 0;
    loop {
        let filter = MemoryFilter { limit: Some(1000), offset: Some(offset), ..MemoryFilter::default() };
        let page = server.client.list_memories(BANK, &filter).await?;
        offset += i64::try_from(page.items.len())?;
        for memory in &page.items {
            if is_observed == (memory.fact_type == Some(FactType::Observation)) {
                found.insert(memory.id.clone(), name(&memory.text).context("a memory of no item")?);
            }
        }
        if offset >= page.total || page.items.is_empty() {
            return Ok(found);
        }
    }
}

/// Every item is there once, and all memories that were `seen` are. Returns how many questions
/// were asked more than once.
async fn look(
    server: &Daemon,
    asked: &Mutex<BTreeMap<String, usize>>,
    kills: usize,
    seen: &BTreeSet<String>,
) -> Result<usize> {
    let there = memories(server).await?;
    if let Some(gone) = seen.iter().find(|id| !there.contains_key(*id)) {
        bail!("memory {gone} was there and is not any more: somebody has written what was written already");
    }
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for item in there.into_values() {
        *found.entry(item).or_default() += 1;
    }
    let wanted: BTreeMap<String, usize> = (0..ITEMS).map(|number| (format!("Item {number}"), 1)).collect();
    if found != wanted {
        let wrong: Vec<_> = wanted.keys().filter(|item| found.get(*item) != Some(&1)).take(5).collect();
        bail!("{} of {ITEMS} items are there, and these not once: {wrong:?}", found.len());
    }
    let mut observed: BTreeMap<String, usize> = BTreeMap::new();
    for item in of_kind(server, true).await?.into_values() {
        *observed.entry(item).or_default() += 1;
    }
    if observed != wanted {
        let wrong: Vec<_> = wanted.keys().filter(|item| observed.get(*item) != Some(&1)).take(5).collect();
        bail!("{} of {ITEMS} items are observed, and these not once: {wrong:?}", observed.len());
    }
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let repeated = asked.values().map(|times| times - 1).sum();
    // What was under way in the worker, and what it had answered but not yet kept.
    let most = kills * 2 * SLOTS.max(QUESTIONS);
    if repeated > most {
        bail!("{repeated} questions were asked again, more than the {most} that can have been under way");
    }
    Ok(repeated)
}
