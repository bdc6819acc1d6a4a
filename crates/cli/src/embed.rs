//! `hindsight-embed`: profiles, their daemons, and memory commands that start them.

mod process;

pub(crate) use process::serve;
