//! One file per group of commands.

pub(crate) mod assets;
pub(crate) mod bank;
pub(crate) mod memory;
pub(crate) mod monitoring;
pub(crate) mod serve;

use std::process::ExitCode;

/// How a command ended. Errors are reported by the caller; this is for commands whose data is itself bad
/// news, and has been printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    Bad,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Good => Self::SUCCESS,
            Outcome::Bad => Self::FAILURE,
        }
    }
}
