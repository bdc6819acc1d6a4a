//! Downloads as the user sees them: a bar on a terminal, a line for each elsewhere.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hindsight_assets::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::note;

const TEMPLATE: &str = "fetching {msg} {bar:30} {bytes} of {total_bytes}";

/// One bar for all downloads that are under way: database and model are fetched at the same time. It is shown on
/// standard error.
#[derive(Default)]
pub struct Bar {
    shown: Mutex<Option<Shown>>,
}

struct Shown {
    bar: ProgressBar,
    what: Vec<String>,
    running: usize,
}

impl Progress for Bar {
    fn begin(&self, what: &str, total: Option<u64>) {
        let mut shown = self.shown();
        let shown = shown.get_or_insert_with(|| Shown { bar: bar(), what: Vec::new(), running: 0 });
        shown.running += 1;
        shown.what.push(what.to_owned());
        if shown.bar.is_hidden() {
            note(&format!("fetching {what}"));
        }
        shown.bar.inc_length(total.unwrap_or_default());
        shown.bar.set_message(shown.what.join(", "));
    }

    fn advance(&self, bytes: u64) {
        if let Some(shown) = self.shown().as_ref() {
            shown.bar.inc(bytes);
        }
    }

    fn finish(&self) {
        let mut shown = self.shown();
        if let Some(now) = shown.as_mut() {
            now.running = now.running.saturating_sub(1);
            if now.running == 0 {
                now.bar.finish_and_clear();
                *shown = None;
            }
        }
    }
}

impl Bar {
    fn shown(&self) -> MutexGuard<'_, Option<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
