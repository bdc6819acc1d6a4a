//! Whether a fact stands in what the model was given.
//!
//! A name, number or date that stands nowhere in the chunk or beside it was made up, and the
//! fact with it is dropped. Whatever can be derived counts as given, and in doubt a fact is
//! kept: this catches inventions, it does not judge wording.

mod dates;
mod names;
mod numbers;

use serde_json::Value;

use self::dates::Dates;
use self::names::Names;
use self::numbers::Numbers;
use super::prompt::{ChunkText, said};
use crate::text::dates::DateWindow;

/// What stands nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// A word of a name.
    Name(String),
    /// A number.
    Number(String),
    /// A date.
    Date(String),
}

impl Missing {
    /// What kind of thing it is: logs say no more, the rest is of somebody's memory.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Number(_) => "number",
            Self::Date(_) => "date",
        }
    }
}

/// What a chunk and what comes with it give.
#[derive(Debug)]
pub(super) struct Evidence {
    names: Names,
    numbers: Numbers,
    dates: Dates,
    checks_names: bool,
}

impl Evidence {
    /// Of a chunk. Facts that are translated may spell names in another way, so theirs are not
    /// looked at.
    pub(super) fn of(chunk: &ChunkText, is_translated: bool) -> Self {
        let source = source(chunk);
        let names = Names::of(&source, &chunk.in_words());
        let numbers = Numbers::of(&source, names.is_english());
        let dates = Dates::of(&source, chunk.said_at, names.is_english());
        Self { names, numbers, dates, checks_names: !is_translated }
    }

    /// The first thing in the parts of a fact that stands nowhere, with the names it claims to
    /// mention.
    pub(super) fn missing(&self, parts: &[&str], entities: &[String]) -> Option<Missing> {
        let claimed = names::folded_words(&entities.join(" "));
        parts.iter().find_map(|part| {
            if let Some(date) = self.dates.missing(part, &self.numbers) {
                return Some(Missing::Date(date));
            }
            let part = dates::without_dates(part);
            if let Some(number) = self.numbers.missing(&part) {
                return Some(Missing::Number(number));
            }
            let name = self.checks_names.then(|| self.names.missing(&part, &claimed)).flatten();
            name.map(Missing::Name)
        })
    }

    /// Whether such a span of time can be meant.
    pub(super) fn allows(&self, window: DateWindow) -> bool {
        self.dates.allows(window, &self.numbers)
    }
}

/// Everything a fact may draw on, as one text.
fn source(chunk: &ChunkText) -> String {
    let mut source = chunk.in_words().into_owned();
    if source.trim_start().starts_with(['[', '{']) {
        // Escapes of JSON would stick to the words behind them.
        source = ["\\n", "\\t", "\\r", "\\\""].iter().fold(source, |text, escape| text.replace(escape, " "));
    }
    let metadata = chunk.metadata.iter().filter_map(Value::as_object).flatten();
    let metadata = metadata.map(|(key, value)| format!("{key}: {value}"));
    let said = chunk.said_at.map(said);
    let beside = [Some(chunk.earlier.clone()), chunk.context.clone(), said];
    for more in beside.into_iter().flatten().chain(metadata) {
        source.push('\n');
        source.push_str(&more);
    }
    source
}

#[cfg(test)]
mod tests;
