//! Many clients at once, one of which hangs up in the middle of each of its requests.
//!
//! Every answer has to be one, or a refusal that says when to come back; and what the hanging up has left
//! behind must not be missing afterwards: no connection of the database stays busy, the pools hold no more than
//! they may, and as many clients as before are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use hindsight_testkit::{Connections, connections};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::daemon::{Daemon, Home};
use crate::faults::INSTANCE;
use crate::usage;

/// Clients that ask at the same time; the server's default lets all of them search.
pub(crate) const CLIENTS: usize = 32;
/// Most connections of the server's two pools, by default.
const POOLS: i64 = 40;
/// No answer takes this long.
const TIMEOUT: Duration = Duration::from_mins(3);
/// How long requests whose clients have gone may go on.
const REST: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);

/// How a load has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) answered: usize,
    /// With 503 and `Retry-After`.
    pub(crate) refused: usize,
    pub(crate) hung_up: usize,
    pub(crate) took: Duration,
    pub(crate) before: Connections,
    pub(crate) after: Connections,
    /// What the server's memory has grown by, in MB.
    pub(crate) growth_mb: f64,
}

/// Puts the load on a bank for so long; an error when something is not as it has to be.
pub(crate) async fn run(
    server: &Daemon,
    home: &Home,
    bank: &str,
    questions: &[String],
    time: Duration,
) -> Result<Ended> {
    let asker = Asker::new(server, bank, questions)?;
    // Connections are opened, and vectors cached.
    let begin = Instant::now();
    all_answered(&asker).await.context("before the load")?;
    let usual = begin.elapsed();
    let before = at_rest(home).await?;
    let memory = usage::rss_mb(server.pid())?;

    let begin = Instant::now();
    let until = begin + time;
    let steady = (1..CLIENTS).map(|number| tokio::spawn(asker.clone().ask_until(number, until)));
    let steady: Vec<_> = steady.collect();
    let hung_up = asker.clone().hang_up_until(usual, until).await;
    let (mut answered, mut refused) = (0, 0);
    for client in steady {
        let (answers, refusals) = client.await??;
        answered += answers;
        refused += refusals;
    }
    let took = begin.elapsed();

    let after = at_rest(home).await?;
    let growth_mb = usage::rss_mb(server.pid())? - memory;
    if after.open > before.open.max(POOLS) {
        bail!("{} connections of the database are open, {} were before the load", after.open, before.open);
    }
    all_answered(&asker).await.context("after the load")?;
    Ok(Ended { answered, refused, hung_up, took, before, after, growth_mb })
}

/// Connections once none of them works for anybody.
async fn at_rest(home: &Home) -> Result<Connections> {
    let begin = Instant::now();
    loop {
        let now = connections(home.path(), INSTANCE).await?;
        if now.busy == 0 {
            return Ok(now);
        }
        if begin.elapsed() > REST {
            bail!(
                "{} of {} connections of the database are still busy after {} s",
                now.busy,
                now.open,
                REST.as_secs()
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

/// All clients at once, each with one question.
async fn all_answered(asker: &Asker) -> Result<()> {
    let answers = (0..CLIENTS).map(|number| async move {
        let response = asker.send(number).await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            status => bail!("a recall was answered {status}: {}", response.text().await?),
        }
    });
    try_join_all(answers).await?;
    Ok(())
}

/// Asks a bank over plain HTTP.
#[derive(Clone)]
struct Asker {
    http: reqwest::Client,
    url: String,
    questions: Arc<[String]>,
}

impl Asker {
    fn new(server: &Daemon, bank: &str, questions: &[String]) -> Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?,
            url: format!("{}/v1/default/banks/{bank}/memories/recall", server.url()),
            questions: questions.into(),
        })
    }

    async fn send(&self, number: usize) -> Result<Response> {
        let question = self.questions.iter().cycle().nth(number % self.questions.len().max(1));
        let body = json!({"query": question.context("there are no questions")?});
        Ok(self.http.post(&self.url).json(&body).send().await?)
    }

    /// Numbers of answers and of refusals.
    async fn ask_until(self, first: usize, until: Instant) -> Result<(usize, usize)> {
        let (mut answered, mut refused) = (0, 0);
        let mut number = first;
        while Instant::now() < until {
            number += CLIENTS;
            let response = self.send(number).await?;
            match response.status() {
                StatusCode::OK => answered += 1,
                StatusCode::SERVICE_UNAVAILABLE if response.headers().contains_key(RETRY_AFTER) => {
                    refused += 1;
                }
                status => bail!("a recall was answered {status}: {}", response.text().await?),
            }
            response.bytes().await?;
        }
        Ok((answered, refused))
    }

    /// Number of requests whose client has gone before the answer; it goes at random moments of the
    /// first part of what an answer usually takes, at least once.
    async fn hang_up_until(self, usual: Duration, until: Instant) -> usize {
        let mut random = fastrand::Rng::with_seed(1);
        let mut hung_up = 0;
        while Instant::now() < until || hung_up == 0 {
            let patience = usual.mul_f64(random.f64() / 8.0);
            // A connection of its own: to leave it ends it.
            if tokio::time::timeout(patience, self.send(hung_up)).await.is_err() {
                hung_up += 1;
            }
        }
        hung_up
    }
}
