//! `cargo xtask ci`: everything that has to hold before a change is merged, in the order that fails fastest.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use regex::Regex;

use crate::commands::{self, cargo, run_and_see};

/// Numbers of tests, added up over all test programs and the end-to-end checks.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
}

/// Runs all parts and stops at the first that fails. The last line is `N passed, N failed`.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut totals = Totals::default();
    let mut times = Vec::new();
    let ended = run_parts(root, &mut totals, &mut times);

    println!();
    for (part, took) in &times {
        println!("{part:<8} {:>7.1} s", took.as_secs_f64());
    }
    if ended.is_err() && totals.failed == 0 {
        // A part without tests of its own, or one that could not even count them.
        totals.failed = 1;
    }
    if let Err(error) = &ended {
        println!("ci stopped: {error:#}");
    }
    println!("{} passed, {} failed", totals.passed, totals.failed);
    ended
}

fn run_parts(root: &Path, totals: &mut Totals, times: &mut Vec<(&'static str, Duration)>) -> Result<()> {
    let mut part = |name: &'static str, work: &mut dyn FnMut() -> Result<()>| {
        println!("\n== {name}");
        let begin = Instant::now();
        let ended = work();
        times.push((name, begin.elapsed()));
        ended
    };
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    let doc = ["doc", "--workspace", "--no-deps", "--document-private-items"];

    part("fmt", &mut || commands::run(&mut cargo(root, &["fmt", "--all", "--check"])))?;
    part("tidy", &mut || crate::tidy::run(root))?;
    part("clippy", &mut || commands::run(&mut cargo(root, &clippy)))?;
    part("doc", &mut || commands::run(cargo(root, &doc).env("RUSTDOCFLAGS", "--deny warnings")))?;
    part("test", &mut || {
        counted(totals, |see| run_and_see(&mut cargo(root, &["test", "--workspace"]), see))
    })?;
    part("sqlx", &mut || commands::run(&mut cargo(root, &["xtask", "sqlx", "--check"])))?;
    part("e2e", &mut || counted(totals, |see| run_and_see(&mut cargo(root, &["xtask", "e2e"]), see)))?;
    part("python", &mut || counted(totals, |see| run_and_see(&mut cargo(root, &["xtask", "python"]), see)))?;
    part("faults", &mut || {
        // A few rounds on every change; whoever touches the writers runs hundreds.
        counted(totals, |see| run_and_see(&mut cargo(root, &["xtask", "faults", "--rounds", "5"]), see))
    })
}

/// Runs something that prints summaries of tests and adds them up.
fn counted(totals: &mut Totals, work: impl FnOnce(&mut dyn FnMut(&str)) -> Result<()>) -> Result<()> {
    let summary = Regex::new(r"^(?:test result: \w+\.|e2e:|python:|faults:) (\d+) passed[;,] (\d+) failed")?;
    work(&mut |line| {
        if let Some(found) = summary.captures(line) {
            totals.passed += found[1].parse::<usize>().unwrap_or_default();
            totals.failed += found[2].parse::<usize>().unwrap_or_default();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_added_up() {
        let mut totals = Totals::default();
        let lines = [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
            "e2e: 40 passed, 1 failed",
            "python: 90 passed, 0 failed",
            "faults: 15 passed, 0 failed",
            "the words 9 passed, 9 failed in the middle of a line",
        ];
        let work = |see: &mut dyn FnMut(&str)| {
            for line in lines {
                see(line);
            }
            Ok(())
        };
        counted(&mut totals, work).unwrap();
        assert_eq!((totals.passed, totals.failed), (160, 3));
    }
}
