//! Which arms of recall the evidence owes itself to.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use hindsight_client::types::banks::CreateBankRequest;
use hindsight_client::types::recall::RecallResponse;
use serde::Serialize;
use serde_json::Value;

/// Arms as a trace names them; a neighbour was found by none and stands beside a hit.
const ARMS: [&str; 5] = ["semantic", "bm25", "graph", "temporal", "neighbour"];

/// An arm that a bank can go without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    Bm25,
    Graph,
    Temporal,
}

/// A bank without these arms.
pub(super) fn bank_without(arms: &[Switch]) -> CreateBankRequest {
    let off = |arm| arms.contains(&arm).then_some(false);
    CreateBankRequest {
        enable_text_search: off(Switch::Bm25),
        enable_graph_retrieval: off(Switch::Graph),
        enable_temporal_retrieval: off(Switch::Temporal),
        ..CreateBankRequest::default()
    }
}

/// What one arm did for the results that hold evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) arm: &'static str,
    /// Share of these results that it found, others perhaps too.
    pub(super) found: f64,
    /// Share that nothing else found.
    pub(super) alone: f64,
}

/// Finders of every result that holds evidence.
#[derive(Debug, Default)]
pub(super) struct Finders(Vec<BTreeSet<String>>);

impl Finders {
    /// Counts the results of one traced answer that hold evidence.
    pub(super) fn add(&mut self, answer: &RecallResponse, holds: impl Fn(usize) -> bool) -> Result<()> {
        let told = answer.trace.as_ref().and_then(|trace| trace.get("final_results")?.as_array());
        let told = told.context("the server explains no results; it must be one of this project")?;
        if told.len() != answer.results.len() {
            bail!("the trace explains {} results of {}", told.len(), answer.results.len());
        }
        for (_, result) in told.iter().enumerate().filter(|(index, _)| holds(*index)) {
            let arms = result.get("found_by").and_then(Value::as_array).context("a result without arms")?;
            self.0.push(arms.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        Ok(())
    }

    /// Number of results that hold evidence.
    pub(super) fn results(&self) -> usize {
        self.0.len()
    }

    /// The share of every arm.
    pub(super) fn shares(&self) -> Vec<Share> {
        let share = |count: usize| count as f64 / self.0.len().max(1) as f64;
        let of_arm = |arm| {
            let found = self.0.iter().filter(|arms| arms.contains(arm));
            let alone = found.clone().filter(|arms| arms.len() == 1);
            Share { arm, found: share(found.count()), alone: share(alone.count()) }
        };
        ARMS.map(of_arm).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(found_by: &[&[&str]], results: usize) -> RecallResponse {
        let told: Vec<Value> = found_by.iter().map(|arms| json!({"found_by": arms})).collect();
        let result = json!({"id": "1", "text": "t"});
        serde_json::from_value(json!({
            "results": vec![result; results],
            "trace": {"final_results": told},
        }))
        .unwrap()
    }

    #[test]
    fn only_results_with_evidence_count_and_an_arm_may_be_alone() {
        let mut finders = Finders::default();
        let traced = answer(&[&["semantic", "bm25"], &["graph"], &["neighbour"]], 3);
        finders.add(&traced, |index| index != 1).unwrap();
        let shares = finders.shares();
        let share = |name: &str| {
            let share = shares.iter().find(|share| share.arm == name).unwrap();
            (share.found, share.alone)
        };
        assert_eq!(finders.results(), 2);
        assert_eq!(share("semantic"), (0.5, 0.0));
        assert_eq!(share("neighbour"), (0.5, 0.5));
        assert_eq!(share("graph"), (0.0, 0.0));
    }

    #[test]
    fn a_trace_that_explains_something_else_is_an_error() {
        assert!(Finders::default().add(&answer(&[&["bm25"]], 2), |_| true).is_err());
    }

    #[test]
    fn a_bank_goes_without_the_named_arms_only() {
        let bank = bank_without(&[Switch::Graph]);
        assert_eq!(bank.enable_graph_retrieval, Some(false));
        assert_eq!((bank.enable_text_search, bank.enable_temporal_retrieval), (None, None));
    }
}
