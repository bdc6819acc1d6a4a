//! Recalls: by breadth of the search, and by the number of clients that ask at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hindsight_client::Client;
use hindsight_client::types::recall::{Budget, RecallRequest};
use hindsight_client::types::tags::TagsMatch;

use super::Embeddings;
use super::corpus::{Question, questions, tag};
use super::report::Bound::AtMost;
use super::size::{BANK, Bench};

/// Different questions for each breadth.
const QUESTIONS: usize = 150;
/// Clients that ask at the same time.
const CLIENTS: [usize; 4] = [1, 4, 8, 32];
/// Requests of all clients together.
const REQUESTS: usize = 600;

/// Milliseconds that the design allows to a recall of breadth mid in a bank of so many facts: for the
/// whole of it without the vector of the question, of the server's processor, of the database's.
fn budget(facts: usize) -> [Option<f64>; 3] {
    match facts {
        10_000 => [Some(30.0), Some(2.0), Some(25.0)],
        100_000 => [Some(45.0), Some(2.0), Some(35.0)],
        1_000_000 => [Some(120.0), Some(2.0), None],
        _ => NONE,
    }
}

/// No budget.
const NONE: [Option<f64>; 3] = [None; 3];

impl Bench<'_> {
    /// New questions first; then the same again, whose vectors are cached.
    pub(super) async fn recalls(&mut self, facts: usize, name: &str, breadth: Budget) -> Result<()> {
        let label = format!("{facts} facts: recall {name}");
        // No breadth may profit from questions that another one has asked.
        let asked: Vec<Question> = questions(facts, QUESTIONS)
            .map(|question| Question { text: format!("{} ({name} {facts})", question.text), ..question })
            .collect();
        let plain = RecallRequest { budget: breadth, ..RecallRequest::new("") };
        let (mut new, found) = ask(&self.server.client, &plain, asked.iter()).await?;
        let share = found as f64 / asked.len() as f64;
        self.report.add(format!("{label}, questions that found their answer"), share * 100.0, "%", None);
        self.report.latencies(&format!("{label}, new question"), &mut new, None);
        let (mut cached, _) = ask(&self.server.client, &plain, asked.iter()).await?;
        if breadth == Budget::Mid {
            let difference = (median(&mut new) - median(&mut cached)) * 1000.0;
            let bound = (self.embeddings == Embeddings::Local).then_some(AtMost(15.0));
            let name = format!("{label}, vector of a new question (new less cached), p50");
            self.report.add(name, difference, "ms", bound);
        }
        let asked = Arc::new(asked);
        let several = if breadth == Budget::Mid { &CLIENTS[..] } else { &[1] };
        for clients in several {
            let bound = if breadth == Budget::Mid && *clients == 1 { budget(facts) } else { NONE };
            self.crowd(&label, &plain, bound, &asked, *clients).await?;
        }
        if breadth == Budget::Mid {
            let tagged =
                RecallRequest { tags: Some(vec![tag(0)]), tags_match: TagsMatch::AnyStrict, ..plain };
            self.crowd(&format!("{label} under a tag of 1 %"), &tagged, NONE, &asked, 1).await?;
        }
        Ok(())
    }

    /// So many clients at once, vectors cached.
    async fn crowd(
        &mut self,
        label: &str,
        request: &RecallRequest,
        [latency, server, database]: [Option<f64>; 3],
        asked: &Arc<Vec<Question>>,
        clients: usize,
    ) -> Result<()> {
        let before = self.cpu()?;
        let begin = Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|first| {
                let (client, request, asked) =
                    (self.server.client.clone(), request.clone(), Arc::clone(asked));
                tokio::spawn(async move {
                    let own = asked.iter().cycle().take(REQUESTS).skip(first).step_by(clients);
                    ask(&client, &request, own).await
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??.0);
        }
        let rate = times.len() as f64 / begin.elapsed().as_secs_f64();
        let used = std::iter::zip(self.cpu()?, before).map(|(after, before)| after - before);

        let label = format!("{label}, {clients} client{}", if clients == 1 { "" } else { "s" });
        let requests = times.len() as f64;
        self.report.latencies(&label, &mut times, latency.map(AtMost));
        self.report.add(label.as_str(), rate, "recalls/s", None);
        for ((what, bound), seconds) in [("server", server), ("database", database)].into_iter().zip(used) {
            let each = seconds * 1000.0 / requests;
            self.report.add(format!("{label}, {what} CPU"), each, "ms", bound.map(AtMost));
        }
        Ok(())
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

/// Asks every question and counts the answers that are among the results.
async fn ask(
    client: &Client,
    request: &RecallRequest,
    asked: impl Iterator<Item = &Question>,
) -> Result<(Vec<Duration>, usize)> {
    let mut times = Vec::new();
    let mut found = 0;
    for question in asked {
        let request = RecallRequest { query: question.text.clone(), ..request.clone() };
        let begin = Instant::now();
        let answer = client.recall(BANK, &request).await?;
        times.push(begin.elapsed());
        found += usize::from(answer.results.iter().any(|memory| memory.text.contains(&question.answer)));
    }
    Ok((times, found))
}
