//! Profiles and their daemons: the first call starts a server, everyone who uses the same
//! profile shares it, and it ends by itself when nobody needs it any more.
//!
//! - [`Profile`] is a name that is safe to use in files, URLs and the database.
//! - [`Home`] is the folder where profiles, locks, logs and run files lie.
//! - [`Daemons`] starts, finds, looks at and stops the daemon of a profile.
//! - [`EmbeddedClient`] is a client that starts its daemon when it is first used.
//! - [`DaemonProcess`] is the other side: what a program does that was started as a daemon.
//!
//! A daemon holds one file lock as long as it lives, so that there is never a second one
//! and nobody has to trust a process id. This crate must not know what a daemon serves:
//! it links neither server nor database, and starts the program it is told of.
#![cfg(unix)]

mod child;
mod config;
mod daemons;
mod env_file;
mod error;
mod files;
mod home;
mod joining;
mod keeper;
mod launch;
mod lazy;
mod log;
mod options;
mod ports;
mod process;
mod profile;
mod profiles;
mod registry;
mod run_file;
mod start_lock;
mod status;
mod stop;

pub use child::DaemonProcess;
pub use config::{Config, SETTINGS, environment_settings};
pub use daemons::{Daemon, Daemons};
pub use env_file::EnvFile;
pub use error::{EmbedError, Result};
pub use files::{create_private_dir, write_private};
pub use home::{Home, ProfileFiles};
pub use lazy::{EmbeddedClient, Loss, Resend};
pub use log::{Log, last_lines};
pub use options::{IdleTimeout, Program, StartOptions};
pub use ports::{DEFAULT_PORT, preferred_port};
pub use profile::{Profile, ProfileError};
pub use profiles::{ProfileEntry, Profiles, Source};
pub use run_file::{RunFile, StartedBy};
pub use status::DaemonStatus;
pub use stop::Stopped;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
