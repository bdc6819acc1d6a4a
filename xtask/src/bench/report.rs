//! What was measured, as a table with the budgets beside it and as JSON.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Options;
use crate::commands::read;

/// One measured figure.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// What the design allows, if it says so.
    budget: Option<Bound>,
}

/// Bound of the design.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }

    fn to_json(self) -> Value {
        match self {
            Self::AtMost(bound) => json!({"at_most": bound}),
            Self::AtLeast(bound) => json!({"at_least": bound}),
        }
    }
}

/// All figures, in the order they were measured.
#[derive(Default)]
pub(super) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        budget: Option<Bound>,
    ) {
        let figure = Figure { name: name.into(), value, unit, budget };
        // At once: a run takes minutes.
        println!("{}", line(&figure));
        self.figures.push(figure);
    }

    /// Median and tails of latencies, in milliseconds.
    pub(super) fn latencies(&mut self, name: &str, times: &mut [Duration], p50: Option<Bound>) {
        times.sort_unstable();
        for (percent, budget) in [(50, p50), (95, None), (99, None)] {
            let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            let time = times.get(index).copied().unwrap_or_default();
            self.add(format!("{name}, p{percent}"), time.as_secs_f64() * 1000.0, "ms", budget);
        }
    }

    pub(super) fn print(&self) {
        println!("\n{:<64} {:>10} {:<9} {:>8}", "what", "value", "unit", "budget");
        for figure in &self.figures {
            println!("{}", line(figure));
        }
    }

    /// The figures with what they depend on.
    pub(super) fn json(&self, root: &Path, options: &Options) -> Result<String> {
        let commit = read(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root)).ok();
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                json!({
                    "name": figure.name,
                    "value": figure.value,
                    "unit": figure.unit,
                    "budget": figure.budget.map(Bound::to_json),
                    "within_budget": figure.budget.map(|budget| budget.holds(figure.value)),
                })
            })
            .collect();
        let cores = std::thread::available_parallelism().map(usize::from).ok();
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        let report = json!({
            "commit": commit,
            "cores": cores,
            "load": load,
            "facts": options.facts,
            "embeddings": options.embeddings,
            "figures": figures,
        });
        Ok(serde_json::to_string_pretty(&report)?)
    }
}

fn line(figure: &Figure) -> String {
    let budget = match figure.budget {
        Some(Bound::AtMost(bound)) => format!("< {bound}"),
        Some(Bound::AtLeast(bound)) => format!("> {bound}"),
        None => String::new(),
    };
    let verdict = match figure.budget {
        Some(budget) if !budget.holds(figure.value) => " MISSED",
        _ => "",
    };
    format!("{:<64} {:>10.2} {:<9} {:>8}{verdict}", figure.name, figure.value, figure.unit, budget)
}
