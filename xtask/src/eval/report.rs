//! What was measured, as a table and as JSON.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::score::Scores;
use crate::commands::read;

/// Measures for each token budget, and how long it took.
pub(super) struct Report {
    budgets: Vec<(i64, Scores)>,
    turns: usize,
    retaining: Duration,
    recalls: Vec<Duration>,
}

impl Report {
    pub(super) fn new(budgets: &[i64]) -> Self {
        let budgets = budgets.iter().map(|budget| (*budget, Scores::default())).collect();
        Self { budgets, turns: 0, retaining: Duration::ZERO, recalls: Vec::new() }
    }

    pub(super) fn retained(&mut self, turns: usize, took: Duration) {
        self.turns += turns;
        self.retaining += took;
    }

    pub(super) fn asked(&mut self, took: Duration) {
        self.recalls.push(took);
    }

    pub(super) fn add(&mut self, budget: i64, scores: Scores) {
        if let Some((_, sum)) = self.budgets.iter_mut().find(|(of, _)| *of == budget) {
            sum.merge(scores);
        }
    }

    pub(super) fn print(&self) {
        println!(
            "\n{:>8}  {:<12} {:>9} {:>9} {:>7} {:>8}",
            "tokens", "questions", "number", "evidence", "MRR", "results"
        );
        for (budget, scores) in &self.budgets {
            for (kind, measures) in scores.measures() {
                println!(
                    "{budget:>8}  {kind:<12} {:>9} {:>9.3} {:>7.3} {:>8.1}",
                    measures.questions, measures.evidence_recall, measures.mrr, measures.results
                );
            }
        }
        println!(
            "\nretained {:.0} turns/s; recall {:.1} ms at the median, {:.1} ms at the 95th percentile",
            self.turns_per_second(),
            self.recall_ms(50),
            self.recall_ms(95)
        );
    }

    /// The report with where it comes from.
    pub(super) fn json(&self, root: &Path, data: &Path) -> Result<String> {
        let mut budgets = Map::new();
        for (budget, scores) in &self.budgets {
            let measures = scores.measures().into_iter().map(|(kind, measures)| (kind, json!(measures)));
            budgets.insert(budget.to_string(), Value::Object(measures.collect()));
        }
        let commit = read(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root))?;
        let report = json!({
            "commit": commit,
            "cores": std::thread::available_parallelism()?.get(),
            "data": data.file_name().map(|name| name.to_string_lossy()),
            "turns": self.turns,
            "turns_per_second": self.turns_per_second(),
            "recall_ms": {"p50": self.recall_ms(50), "p95": self.recall_ms(95)},
            "max_tokens": budgets,
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }

    #[expect(clippy::cast_precision_loss, reason = "the number of turns is small")]
    fn turns_per_second(&self) -> f64 {
        self.turns as f64 / self.retaining.as_secs_f64().max(f64::EPSILON)
    }

    fn recall_ms(&self, percentile: usize) -> f64 {
        let mut sorted = self.recalls.clone();
        sorted.sort_unstable();
        let at = sorted.len().saturating_sub(1) * percentile / 100;
        sorted.get(at).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}
