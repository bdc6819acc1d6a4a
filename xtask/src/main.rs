//! Tasks of the project: checks, end-to-end runs and measurements, called as `cargo xtask <task>`.
//!
//! One file per task. Nothing depends on this crate.
#![expect(clippy::print_stdout, reason = "a task's report is its output")]

mod tidy;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the Hindsight project")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the rules of the house: dependency arrows, where SQL may stand, links, duplicates
    Tidy,
}

fn main() -> Result<()> {
    let root = root()?;
    match Arguments::parse().task {
        Task::Tidy => tidy::run(&root),
    }
}

/// The folder of the workspace.
fn root() -> Result<PathBuf> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask lies inside the workspace")?.to_owned())
}
