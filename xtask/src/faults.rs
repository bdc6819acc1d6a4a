//! `cargo xtask faults`: kill -9 at random points of retains, again and again.
//!
//! Every round has a bank of its own and writers that retain into it at the same time: single
//! texts, batches over several documents, and new versions of one document. At a random
//! moment the server, its PostgreSQL or both are killed. Then everything that was
//! acknowledged has to be there, once and whole, and the rows have to fit together.

mod round;
mod writers;

use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::daemon::{Home, build};

/// Name of the instance that a server uses when nobody names one.
const INSTANCE: &str = "hindsight";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds for each target
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// What is killed: server, postgres, both; all in turn when not given
    #[arg(long)]
    target: Option<Target>,
    /// Begin of the random numbers; printed, so that a run can be repeated
    #[arg(long)]
    seed: Option<u64>,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Server,
    Postgres,
    Both,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "server" => Ok(Self::Server),
            "postgres" => Ok(Self::Postgres),
            "both" => Ok(Self::Both),
            _ => Err("give server, postgres or both".to_owned()),
        }
    }
}

/// Runs all rounds; stops at the first that finds something wrong.
pub(crate) async fn run(root: &Path, options: &Options) -> Result<()> {
    let program = build(root)?;
    let home = Home::new(root, &program)?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let targets = match options.target {
        Some(target) => vec![target],
        None => vec![Target::Server, Target::Postgres, Target::Both],
    };
    let mut run = round::Run::start(&home).await?;
    let mut passed = 0;
    for target in targets {
        let begin = Instant::now();
        let mut sum = round::Figures::default();
        for number in 0..options.rounds {
            let name = format!("{target:?}-{number}").to_lowercase();
            match run.round(&name, target, &mut random).await {
                Ok(figures) => sum += figures,
                Err(error) => {
                    println!("faults: {passed} passed, 1 failed");
                    bail!("round {name}, seed {seed}: {error:#}\n{}", run.log_text());
                }
            }
            passed += 1;
        }
        println!("{target:?}: {} rounds in {:.0} s, {sum}", options.rounds, begin.elapsed().as_secs_f64());
    }
    run.finish().await?;
    println!("faults: {passed} passed, 0 failed");
    Ok(())
}
