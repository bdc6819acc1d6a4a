//! What the crates warn of, for Python's own logging.
//!
//! Warnings arise in threads that must not touch Python, so they are kept until a thread of Python comes by.

use std::fmt::{self, Write};
use std::sync::Mutex;

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Most that are kept.
const MOST: usize = 100;
/// Python's name for where they go.
const LOGGER: &str = "hindsight";

/// Only ever tried, never waited for: a fork may have left it locked for good in the child.
static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to keep warnings, unless the process sends them somewhere already.
pub(crate) fn keep() {
    let _ = tracing_subscriber::registry().with(Keep).try_init();
}

/// Hands over what was kept. What a logging system of the program makes of it is not our failure.
pub(crate) fn hand_over(py: Python<'_>) {
    let Ok(mut kept) = KEPT.try_lock() else { return };
    let messages = std::mem::take(&mut *kept);
    drop(kept);
    for message in messages {
        let warned = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", (LOGGER,)))
            .and_then(|logger| logger.call_method1("warning", ("%s", message)));
        if let Err(error) = warned {
            error.write_unraisable(py, None);
        }
    }
}

struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _context: Context<'_, S>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with(LOGGER)
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        if let Ok(mut kept) = KEPT.try_lock()
            && kept.len() < MOST
        {
            kept.push(format!("{}{}", text.message, text.fields));
        }
    }
}

/// A message with its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => {
                // A text takes everything.
                let _ = write!(self.fields, " {name}={value:?}");
            }
        }
    }
}
