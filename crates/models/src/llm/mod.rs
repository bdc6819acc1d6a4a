//! Language models over HTTP, behind the engine's port.
//!
//! [`build`] makes one [`LanguageModel`](hindsight_engine::ports::LanguageModel) of [`LlmOptions`]:
//! a route for each kind of call, on it one model or several, each of which is an endpoint that
//! keeps the promises of the port. Layers, from the outside in:
//!
//! - `router`: which models a call may go to, by what it is for;
//! - `chain`: which of them is asked first, and who follows when one fails;
//! - `endpoint`: permits, attempts, waits, the time for all of it;
//! - `structured`: how JSON is asked for, and what is done about an answer that is none;
//! - `learned`: what a service has shown that it does not take;
//! - `exchange`: one request and its answer; `sent`: who hears of it;
//! - `wire`: what a provider calls things.
//!
//! Texts and keys go to the service that was chosen and nowhere else: not into errors, not into
//! logs.

mod chain;
mod endpoint;
mod exchange;
mod json;
mod learned;
mod options;
mod router;
mod sent;
mod structured;
mod trace;
mod waits;
mod wire;

pub use options::{Dialect, JsonMode, LlmOptions, ModelOptions, Order, RouteOptions, SchemaKeywords};
pub use router::{BuildError, Router, build};
