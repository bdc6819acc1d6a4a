//! Tasks of the project: checks, end-to-end runs and measurements, called as `cargo xtask <task>`.
//!
//! One file per task. Nothing depends on this crate.
#![expect(clippy::print_stdout, reason = "a task's report is its output")]

mod bench;
mod checks;
mod ci;
mod commands;
mod daemon;
mod e2e;
mod environments;
mod eval;
mod faults;
mod load;
mod python;
mod queries;
mod tidy;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Run everything that has to hold before a change is merged
    Ci,
    /// Drive the built program with the command line, raw HTTP and the official Python client
    E2e(e2e::Options),
    /// Make the Python package, check its types, and run its tests and the examples of documents
    Python(python::Options),
    /// Measure speed and size against the budgets of the design
    Bench(bench::Options),
    /// Kill server and database at random points of retains, and look what is left
    Faults(faults::Options),
    /// Measure the quality of recall on dialogues with gold questions
    Eval(eval::Options),
    /// Describe every query of the engine anew, or check the committed descriptions
    Sqlx {
        /// Change nothing; fail when the descriptions are out of date
        #[arg(long)]
        check: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().task).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> Result<()> {
    let root = root()?;
    match task {
        Task::Tidy => tidy::run(&root),
        Task::Ci => ci::run(&root),
        Task::E2e(options) => e2e::run(&root, &options).await,
        Task::Python(options) => python::run(&root, &options),
        Task::Bench(options) => bench::run(&root, options).await,
        Task::Faults(options) => faults::run(&root, &options).await,
        Task::Eval(options) => eval::run(&root, options).await,
        Task::Sqlx { check } => queries::run(&root, check).await,
    }
}

/// The folder of the workspace.
fn root() -> Result<PathBuf> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask lies inside the workspace")?.to_owned())
}
