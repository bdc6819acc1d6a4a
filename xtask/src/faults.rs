//! `cargo xtask faults`: kill -9 at random points of retains, again and again.
//!
//! Every round has a bank of its own and writers that retain into it at the same time: single
//! texts, batches over several documents, and new versions of one document. At a random
//! moment the server, its PostgreSQL or both are killed. Then everything that was
//! acknowledged has to be there, once and whole, and the rows have to fit together.
//!
//! In some rounds a writer with long documents takes part, and the kill waits until one of them
//! is being written. The target `backend` kills a process of PostgreSQL, whose others survive.
//!
//! Three targets are another thing. `worker`: workers are killed that work in the background. `herd`: many processes want the daemon of one profile, and one
//! of them is killed. `first`: a server is killed during the first start in a new home, which
//! must not block the next.

mod first;
mod herd;
mod round;
mod workers;
mod writers;

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::daemon::{Home, build};

/// Name of the instance that a server uses when nobody names one.
pub(crate) const INSTANCE: &str = "hindsight";

/// One round of so many has long documents, which take their time.
const LONG: u32 = 8;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds for each target
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// What is killed: server, postgres, backend, both, herd, first, worker; all in turn when not given
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
    Backend,
    Both,
    Herd,
    First,
    Worker,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "server" => Ok(Self::Server),
            "postgres" => Ok(Self::Postgres),
            "backend" => Ok(Self::Backend),
            "both" => Ok(Self::Both),
            "herd" => Ok(Self::Herd),
            "first" => Ok(Self::First),
            "worker" => Ok(Self::Worker),
            _ => Err("give server, postgres, backend, both, herd, first or worker".to_owned()),
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
        None => {
            vec![
                Target::Herd,
                Target::First,
                Target::Worker,
                Target::Server,
                Target::Postgres,
                Target::Backend,
                Target::Both,
            ]
        }
    };
    let mut passed = 0;
    let mut result = Ok(());
    for target in targets {
        let ended = match target {
            Target::Herd => herd_rounds(&home, options.rounds, &mut random, &mut passed),
            Target::First => first::rounds(root, &program, options.rounds, &mut random, &mut passed).await,
            Target::Worker => workers::rounds(&home, options.rounds, &mut random, &mut passed).await,
            _ => write_rounds(&home, target, options.rounds, &mut random, &mut passed).await,
        };
        result = result.and(ended.with_context(|| format!("seed {seed}")));
    }
    println!("faults: {passed} passed, {} failed", u32::from(result.is_err()));
    result
}

/// Kills under writers.
async fn write_rounds(
    home: &Home,
    target: Target,
    rounds: u32,
    random: &mut fastrand::Rng,
    passed: &mut u32,
) -> Result<()> {
    let begin = Instant::now();
    let mut run = round::Run::start(home).await?;
    let mut sum = round::Figures::default();
    for number in 0..rounds {
        let name = format!("{target:?}-{number}").to_lowercase();
        let is_long = number % LONG == LONG - 1;
        match run.round(&name, target, is_long, random).await {
            Ok(figures) => sum += figures,
            Err(error) => bail!("round {name}: {error:#}\n{}", run.log_text()),
        }
        *passed += 1;
    }
    println!("{target:?}: {rounds} rounds in {:.0} s, {sum}", begin.elapsed().as_secs_f64());
    run.finish().await
}

/// Kills among processes that want one daemon.
fn herd_rounds(home: &Home, rounds: u32, random: &mut fastrand::Rng, passed: &mut u32) -> Result<()> {
    let mut slowest = Duration::ZERO;
    for number in 0..rounds {
        slowest = herd::round(home, random).with_context(|| format!("round herd-{number}"))?.max(slowest);
        *passed += 1;
    }
    herd::finish(home)?;
    println!("Herd: {rounds} rounds, the slowest took {:.1} s", slowest.as_secs_f64());
    Ok(())
}
