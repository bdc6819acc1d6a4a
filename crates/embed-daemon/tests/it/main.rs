//! Daemons as their users meet them, with a small stand-in for the server: this program,
//! started anew.
#![expect(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod lazy;
mod stand_in;
mod start;
mod stop;
