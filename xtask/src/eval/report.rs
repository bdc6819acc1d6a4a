//! What was measured, as a table and as JSON.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::Setting;
use super::arms::Finders;
use super::score::{Interval, RESAMPLES, SEED, Scores};
use crate::commands::read;

/// Measures for each token budget, and how long it took.
pub(super) struct Report {
    budgets: Vec<(i64, Scores)>,
    /// Who found the evidence at the largest budget.
    finders: Finders,
    dialogues: usize,
    turns: usize,
    retaining: Duration,
    recalls: Vec<Duration>,
}

impl Report {
    pub(super) fn new(budgets: &[i64]) -> Self {
        Self {
            budgets: budgets.iter().map(|budget| (*budget, Scores::default())).collect(),
            finders: Finders::default(),
            dialogues: 0,
            turns: 0,
            retaining: Duration::ZERO,
            recalls: Vec::new(),
        }
    }

    pub(super) fn retained(&mut self, turns: usize, took: Duration) {
        self.dialogues += 1;
        self.turns += turns;
        self.retaining += took;
    }

    pub(super) fn asked(&mut self, took: Duration) {
        self.recalls.push(took);
    }

    /// The budgets with what their answers held so far.
    pub(super) fn budgets(&mut self) -> impl Iterator<Item = &mut (i64, Scores)> {
        self.budgets.iter_mut()
    }

    /// Who found the evidence.
    pub(super) fn finders(&mut self) -> &mut Finders {
        &mut self.finders
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
        println!("\n95 % intervals over all questions, by bootstrap over questions");
        for (budget, scores) in &self.budgets {
            let intervals = scores.intervals();
            let text = |Interval(low, high): Interval| format!("{low:.3} to {high:.3}");
            println!(
                "{budget:>8}  evidence {}, MRR {}",
                text(intervals.evidence_recall),
                text(intervals.mrr)
            );
        }
        println!("\n{} results held evidence at the largest budget; found by", self.finders.results());
        for share in self.finders.shares() {
            println!(
                "{:>10}  {:>5.1} %, alone {:>5.1} %",
                share.arm,
                share.found * 100.0,
                share.alone * 100.0
            );
        }
        println!(
            "\nretained {:.0} turns/s; recall {:.1} ms at the median, {:.1} ms at the 95th percentile",
            self.turns_per_second(),
            self.recall_ms(50),
            self.recall_ms(95)
        );
    }

    /// The report with where it comes from.
    pub(super) fn json(&self, root: &Path, data: &Path, setting: &Setting) -> Result<String> {
        let mut budgets = Map::new();
        for (budget, scores) in &self.budgets {
            let measures = scores.measures().into_iter().map(|(kind, measures)| (kind, json!(measures)));
            let mut kinds: Map<String, Value> = measures.collect();
            if let Some(Value::Object(all)) = kinds.get_mut("all") {
                all.insert("intervals".to_owned(), json!(scores.intervals()));
            }
            budgets.insert(budget.to_string(), Value::Object(kinds));
        }
        let commit = read(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root))?;
        let report = json!({
            "commit": commit,
            "cores": std::thread::available_parallelism()?.get(),
            "data": data.file_name().map(|name| name.to_string_lossy()),
            "unit": setting.unit,
            "without": setting.without,
            "dialogues": self.dialogues,
            "turns": self.turns,
            "turns_per_second": self.turns_per_second(),
            "recall_ms": {"p50": self.recall_ms(50), "p95": self.recall_ms(95)},
            "intervals": {"confidence": 0.95, "over": "questions", "resamples": RESAMPLES, "seed": SEED},
            "max_tokens": budgets,
            "arms": {
                "max_tokens": self.budgets.last().map(|(budget, _)| budget),
                "evidence_results": self.finders.results(),
                "shares": self.finders.shares(),
            },
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }

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
