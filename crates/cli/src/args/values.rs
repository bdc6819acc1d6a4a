//! Readers of single values.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use hindsight_client::types::retain::Timestamp;
use hindsight_client::types::time;

/// A value that is one of the words of an enum of the wire; the help lists them.
pub(super) fn word<T: FromStr<Err = String> + Copy + Send + Sync + 'static>(
    all: &[T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names: Vec<&'static str> = all.iter().copied().map(name).collect();
    PossibleValuesParser::new(names).try_map(|word| word.parse::<T>())
}

pub(super) fn timestamp(text: &str) -> Result<Timestamp, String> {
    if text.eq_ignore_ascii_case("unset") {
        return Ok(Timestamp::Unset);
    }
    time::parse(text)
        .map(Timestamp::At)
        .ok_or_else(|| "write it like 2025-03-01 or 2025-03-01T18:30:00Z".to_owned())
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it like source=slack".to_owned()),
    }
}
