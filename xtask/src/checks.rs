//! Counting what an end-to-end run has shown.

use anyhow::{Result, bail};
use serde_json::Value;

/// Checks made so far.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Not possible for this user or on this machine.
    pub(crate) skipped: usize,
}

impl Checks {
    /// Notes how one check ended. A failure does not keep the others from being made.
    pub(crate) fn note(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("ok      {name}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED  {name}: {error:#}");
            }
        }
    }

    /// Notes that one check could not be made here, and why.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        println!("skipped {name}: {reason}");
    }

    /// The line that `ci` and people look for, and an error if something failed.
    pub(crate) fn finish(&self, part: &str) -> Result<()> {
        println!("{part}: {} passed, {} failed", self.passed, self.failed);
        if self.skipped > 0 {
            println!("{} checks were not possible here", self.skipped);
        }
        if self.failed > 0 {
            bail!("{} checks of {part} failed", self.failed);
        }
        Ok(())
    }
}

/// The part of a JSON document that a pointer leads to; null when there is none.
pub(crate) fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Fails with the two values unless they are equal.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<()> {
    if found != expected {
        bail!("expected {expected:?}, found {found:?}");
    }
    Ok(())
}

/// Fails with the text unless it holds the part.
pub(crate) fn holds(text: &str, part: &str) -> Result<()> {
    if !text.contains(part) {
        bail!("expected “{part}” in: {text}");
    }
    Ok(())
}
