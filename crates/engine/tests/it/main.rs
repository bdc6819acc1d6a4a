//! The engine through its public API, over a real PostgreSQL.

mod isolation;
mod recall;
mod retain;
mod startup;
mod statistics;
mod streams;
mod support;
