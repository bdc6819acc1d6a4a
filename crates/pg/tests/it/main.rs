//! Tests against a real PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing helper fails the test")]

mod failures;
mod life;
mod places;
mod starter;
mod support;
mod urls;
