//! Embedded PostgreSQL: finds or fetches the programs, creates instances, starts, adopts
//! and stops them.
//!
//! - [`DatabaseUrl`] reads what a user wrote: `pg0://NAME` or `postgresql://…`.
//! - [`Layout`] says where a home keeps installation and instances, also for root.
//! - [`Instances`] starts, stops and looks at instances; [`RunningInstance`] says how to
//!   reach one.
//! - [`PgError`] has one variant per thing to do about a failure.
//!
//! A started postmaster is not tied to the process that started it: whoever starts the
//! same instance next adopts it. This crate must not know what the database is used for;
//! it speaks no SQL beyond creating a user and a database, and reads no environment.
#![cfg(unix)]

mod account;
mod binaries;
mod cluster;
mod command;
mod connection;
mod copy;
mod error;
mod instances;
mod launch;
mod layout;
mod lock;
mod postmaster;
mod record;
mod settings;
mod url;

pub use connection::{Address, Connection};
pub use error::{PgError, Result};
pub use instances::{InstanceStatus, Instances, Options, RunningInstance};
pub use layout::Layout;
pub use url::{DatabaseUrl, ExternalUrl, InstanceUrl, UrlError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
