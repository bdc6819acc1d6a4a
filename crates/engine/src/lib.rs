//! The memory engine: retain and recall over one PostgreSQL database.
//!
//! [`Engine`] is the whole public surface: it takes the request types of
//! `hindsight-types`, keeps facts in a [`store::Store`], and asks the outside world
//! through the traits of [`ports`]. It knows no HTTP, no argument vector, no
//! environment variable and no model provider.

pub mod error;
pub mod ports;
pub mod retain;
pub mod store;
pub mod text;
