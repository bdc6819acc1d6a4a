//! `hindsight demo`: a server inside this process, a conversation to remember, questions about it.
//!
//! The demo has a database of its own and stops everything it started, also when it fails or is interrupted.
//! It ends badly when an answer that memory holds is not among the first results, so it also serves as a
//! check of an installation.

mod sample;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use hindsight_client::types::recall::{RecallRequest, RecallResult};
use hindsight_client::{Client, MemoryFilter};
use hindsight_server::Server;

use crate::commands::Outcome;
use crate::config::machine_settings;
use crate::output::{day, dim, note, strong, verdict};
use crate::progress::Bar;
use sample::{Question, Sample};

const DATABASE: &str = "pg0://hindsight-demo";
const BANK: &str = "demo";

/// An expected answer has to be among this many first results; as many are shown.
const SHOWN: usize = 3;

pub(crate) async fn run() -> Result<Outcome> {
    let sample = Sample::load()?;
    let mut config = machine_settings()?;
    config.port = 0;
    DATABASE.clone_into(&mut config.database_url);
    "warning".clone_into(&mut config.log_level);
    config.progress = Arc::new(Bar::default());
    hindsight_server::init_logging(&config, std::io::stderr)?;

    note("starting PostgreSQL and the server");
    let begin = Instant::now();
    let server = hindsight_server::start(config).await?;
    let told = tokio::select! {
        told = tell(&server, &sample, begin) => told,
        signal = tokio::signal::ctrl_c() => {
            signal.context("cannot wait for an interrupt")?;
            Err(anyhow!("interrupted"))
        }
    };
    note("stopping the server and PostgreSQL");
    server.shutdown().await;
    let missed = told?;
    if missed > 0 {
        bail!(
            "{missed} of {} questions were not answered by the first {SHOWN} results",
            sample.questions.len()
        );
    }
    io::stdout().write_all(HOW_TO_GO_ON.as_bytes())?;
    Ok(Outcome::Good)
}

/// Fills the bank and asks; the number of questions without their answer.
async fn tell(server: &Server, sample: &Sample, begin: Instant) -> Result<usize> {
    server.ready().await?;
    note(&format!("ready at {} after {:.1} s", server.url(), begin.elapsed().as_secs_f64()));
    let client = Client::new(&server.url())?;

    // An earlier run has left its memories.
    client.delete_bank(BANK).await?;
    let request = sample.request();
    let (texts, begin) = (request.items.len(), Instant::now());
    client.retain_batch(BANK, &request).await?;
    let took = begin.elapsed();
    let memories = client.list_memories(BANK, &MemoryFilter::default()).await?.total;

    let mut out = io::stdout();
    writeln!(
        out,
        "\nRetained {texts} texts as {memories} memories in {} ms, without a language model.",
        took.as_millis()
    )?;
    let mut missed = 0;
    for question in &sample.questions {
        let begin = Instant::now();
        let found = client.recall(BANK, &RecallRequest::new(&question.ask)).await?;
        let took = begin.elapsed();
        writeln!(out, "\n{} {}", strong(&question.ask), dim(&format!("({} ms)", took.as_millis())))?;
        if !show(&mut out, question, &found.results)? {
            missed += 1;
        }
    }
    writeln!(out)?;
    Ok(missed)
}

/// Prints the first results; true when one of them holds the answer.
fn show(out: &mut impl Write, question: &Question, results: &[RecallResult]) -> io::Result<bool> {
    let mut answered = false;
    for memory in results.iter().take(SHOWN) {
        let holds = memory.text.contains(&question.expect);
        let mark = if holds && !answered { verdict(true, "✓") } else { " ".to_owned() };
        answered |= holds;
        let score = memory.scores.map_or(0.0, |scores| scores.r#final);
        writeln!(out, "  {mark} {:.2}  {}", score, memory.text)?;
        writeln!(out, "          {}", dim(&dates(memory)))?;
    }
    if !answered {
        writeln!(out, "  {}", verdict(false, &format!("expected “{}” among these", question.expect)))?;
    }
    Ok(answered)
}

/// When it was said and, where the words tell, when it happened.
fn dates(memory: &RecallResult) -> String {
    let said = memory.mentioned_at.as_deref().map(|time| format!("said {}", day(time)));
    let happened = memory.occurred_start.as_deref().map(|time| format!("happened {}", day(time)));
    [said, happened].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

const HOW_TO_GO_ON: &str = r#"Now with your own memories. Start the server:

  hindsight serve

and use it from the command line,

  hindsight retain my-bank "Alice works at Google"
  hindsight recall my-bank "What does Alice do?"

over HTTP,

  curl http://localhost:8888/v1/default/banks/my-bank/memories/recall \
    --json '{"query": "What does Alice do?"}'

or from Python (pip install hindsight-client):

  from hindsight_client import Hindsight
  client = Hindsight(base_url="http://localhost:8888")
  client.retain(bank_id="my-bank", content="Alice works at Google")
  for memory in client.recall(bank_id="my-bank", query="What does Alice do?"):
      print(memory.text)

The memories of this demo are kept: hindsight serve --database-url pg0://hindsight-demo
"#;
