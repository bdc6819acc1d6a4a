//! From what a model wrote to facts as they are kept.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Utc};
use hindsight_types::recall::FactType;
use serde_json::Value;

use super::attached::standing_in;
use super::evidence::Evidence;
use super::outcome::{Dropped, Extraction};
use super::prompt::ChunkText;
use super::reply::{Answer, RawFact, is_nothing};
use super::schema::FROM_ATTACHMENTS;
use crate::attachments::Attachment;
use crate::config::{ExtractionMode, ExtractionSettings};
use crate::retain::extracted::ExtractedFact;
use crate::retain::when;
use crate::text::dates::{DateWindow, Written, written_dates};
use crate::text::sanitize;

/// Years outside of these are placeholders or slips.
const YEARS: std::ops::RangeInclusive<i32> = 1000..=2999;

/// The facts of an answer, without those that are not borne out by what the model was given.
pub(super) fn facts(
    answer: &Answer,
    chunk: &ChunkText,
    mode: ExtractionMode,
    settings: &ExtractionSettings,
) -> Extraction {
    let shown = standing_in(&chunk.text, &chunk.attachments);
    let evidence = Evidence::of(chunk, settings.output_language.is_some());
    let mut dropped = Dropped { malformed: answer.malformed, empty: answer.empty, ..Dropped::default() };
    if mode == ExtractionMode::Verbatim {
        let fact = verbatim(&answer.facts, chunk, settings, &evidence);
        return Extraction { facts: vec![fact], dropped };
    }
    // Where each fact of the answer has ended up.
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut facts: Vec<ExtractedFact> = Vec::new();
    for raw in &answer.facts {
        let Some(parts) = Parts::of(raw) else {
            dropped.empty += 1;
            continue;
        };
        let entities = entities(raw);
        let attachments = drawn_from(raw, &shown);
        // What a picture shows stands in no word of the text.
        let missing = if attachments.is_empty() { evidence.missing(&parts.all(), &entities) } else { None };
        if let Some(missing) = missing {
            tracing::debug!(
                chunk = chunk.number,
                kind = missing.kind(),
                "a fact without evidence was dropped"
            );
            dropped.no_evidence += 1;
            continue;
        }
        let text = parts.text();
        let labelled = settings.labels.collect(raw.fields.get("labels").unwrap_or(&Value::Null));
        places.push((raw.place, facts.len()));
        facts.push(ExtractedFact {
            occurred: occurred(raw, &text, chunk.said_at, &evidence),
            speaker: None,
            fact_type: Some(fact_type(raw)),
            entities: if settings.free_form_entities { entities } else { Vec::new() },
            labels: labelled.labels,
            tags: labelled.tags,
            caused_by: if settings.causal_links { causes(raw, &places) } else { Vec::new() },
            attachments,
            text,
        });
    }
    Extraction { facts, dropped }
}

/// The chunk as one fact, with what the model's entries say of it.
fn verbatim(
    entries: &[RawFact],
    chunk: &ChunkText,
    settings: &ExtractionSettings,
    evidence: &Evidence,
) -> ExtractedFact {
    let text = chunk.in_words().trim().to_owned();
    let mut fact = ExtractedFact { text, ..ExtractedFact::default() };
    let shown = standing_in(&chunk.text, &chunk.attachments);
    add_new(&mut fact.attachments, shown.iter().map(|shown| shown.id.clone()).collect());
    if let Some(first) = entries.first() {
        fact.fact_type = Some(fact_type(first));
        fact.occurred = occurred(first, &fact.text, chunk.said_at, evidence);
    }
    for entry in entries {
        let labelled = settings.labels.collect(entry.fields.get("labels").unwrap_or(&Value::Null));
        add_new(&mut fact.labels, labelled.labels);
        add_new(&mut fact.tags, labelled.tags);
        if settings.free_form_entities {
            // The text is not the model's, but these are.
            let named = entities(entry).into_iter().filter(|name| {
                name.eq_ignore_ascii_case("user")
                    || !shown.is_empty()
                    || evidence.missing(&[name], std::slice::from_ref(name)).is_none()
            });
            add_new(&mut fact.entities, named.collect());
        }
    }
    fact
}

fn add_new(known: &mut Vec<String>, more: Vec<String>) {
    for one in more {
        if !known.contains(&one) {
            known.push(one);
        }
    }
}

/// What a fact says, by its dimensions.
struct Parts<'f> {
    what: &'f str,
    when: Option<&'f str>,
    place: Option<&'f str>,
    who: Option<&'f str>,
    why: Option<&'f str>,
}

impl<'f> Parts<'f> {
    fn of(raw: &'f RawFact) -> Option<Self> {
        Some(Self {
            what: raw.statement()?,
            when: raw.text("when"),
            place: raw.text("where"),
            who: raw.text("who"),
            why: raw.text("why"),
        })
    }

    fn all(&self) -> Vec<&'f str> {
        let others = [self.when, self.place, self.who, self.why];
        std::iter::once(self.what).chain(others.into_iter().flatten()).collect()
    }

    /// The text to keep: what the statement says already is not said again.
    fn text(&self) -> String {
        let mut text = self.what.to_owned();
        for (label, part) in
            [("When: ", self.when), ("Where: ", self.place), ("Involving: ", self.who), ("", self.why)]
        {
            if let Some(part) = part.filter(|part| !says(self.what, part)) {
                // Writing to a text cannot fail.
                let _ = write!(text, " | {label}{part}");
            }
        }
        sanitize(&text).into_owned()
    }
}

/// Whether the words of `part` stand in `text` in a row.
fn says(text: &str, part: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let (text, part) = (words(text), words(part));
    !part.is_empty() && text.windows(part.len()).any(|row| row == part.as_slice())
}

fn fact_type(raw: &RawFact) -> FactType {
    let word = |key: &str| raw.text(key).map(str::to_lowercase);
    match word("fact_type").as_deref() {
        Some("assistant" | "experience") => FactType::Experience,
        Some("world") => FactType::World,
        _ if word("fact_kind").as_deref() == Some("assistant") => FactType::Experience,
        _ => FactType::World,
    }
}

fn entities(raw: &RawFact) -> Vec<String> {
    let list = match raw.fields.get("entities") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    let name = |value: &Value| match value {
        Value::String(name) => Some(name.clone()),
        Value::Object(object) => {
            ["text", "name"].iter().find_map(|key| object.get(*key)?.as_str()).map(str::to_owned)
        }
        _ => None,
    };
    let names = list.iter().filter_map(name).map(|name| sanitize(name.trim()).into_owned());
    names.filter(|name| !is_nothing(name)).collect()
}

/// The attachments that a fact was drawn from, of those that were shown.
fn drawn_from(raw: &RawFact, shown: &[&Attachment]) -> Vec<String> {
    let listed = raw.fields.get(FROM_ATTACHMENTS).and_then(Value::as_array);
    let mut ids = Vec::new();
    for number in listed.into_iter().flatten().filter_map(Value::as_u64) {
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        if let Some(attachment) = place.and_then(|place| shown.get(place)) {
            add_new(&mut ids, vec![attachment.id.clone()]);
        }
    }
    ids
}

/// Causes of a fact among those that were kept before it.
fn causes(raw: &RawFact, places: &[(usize, usize)]) -> Vec<usize> {
    let relations = raw.fields.get("causal_relations").and_then(Value::as_array);
    let mut causes = Vec::new();
    for relation in relations.into_iter().flatten() {
        let kind = relation.get("relation_type").and_then(Value::as_str).unwrap_or("caused_by");
        let target = relation.get("target_index").and_then(Value::as_u64);
        let target =
            target.and_then(|target| usize::try_from(target).ok()).filter(|target| *target < raw.place);
        let kept = places.iter().find(|(place, _)| Some(*place) == target).map(|(_, kept)| *kept);
        if let Some(kept) = kept.filter(|kept| kind == "caused_by" && !causes.contains(kept)) {
            causes.push(kept);
        }
    }
    causes
}

/// When an event took place: as the model says, if that can be, else as the text says by our
/// own rules.
fn occurred(
    raw: &RawFact,
    text: &str,
    said_at: Option<DateTime<Utc>>,
    evidence: &Evidence,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    if !raw.text("fact_kind").is_some_and(|kind| kind.eq_ignore_ascii_case("event")) {
        return None;
    }
    let moment = |key: &str| raw.text(key).and_then(moment);
    let told = match (moment("occurred_start"), moment("occurred_end")) {
        (Some(start), Some(end)) if end.end >= start.start => {
            Some(DateWindow { start: start.start, end: end.end })
        }
        (Some(one), _) | (None, Some(one)) => Some(one),
        (None, None) => None,
    };
    let told = told.filter(|window| evidence.allows(*window) && !contradicts(text, *window));
    let window = told.or_else(|| when::resolve(text, said_at))?;
    Some((window.start, window.end))
}

/// Whether the text names days, and none of them is in the window.
fn contradicts(text: &str, window: DateWindow) -> bool {
    let mut days = written_dates(text).filter_map(|found| match found.written {
        Written::Days(first, last) => Some(DateWindow::days(first, last)),
        _ => None,
    });
    // Another hour of the same day is another day elsewhere.
    let day = chrono::TimeDelta::days(1);
    let meets = |days: DateWindow| days.start - day <= window.end && window.start <= days.end + day;
    let Some(first) = days.next() else { return false };
    !meets(first) && !days.any(meets)
}

/// A moment, day, month or year in ISO 8601.
fn moment(text: &str) -> Option<DateWindow> {
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let window = match (text.split_once('-'), text.len()) {
        (None, 4) if digits(text, 4) => DateWindow::year(text.parse().ok()?)?,
        (Some((year, month)), 7) if digits(year, 4) && digits(month, 2) => {
            DateWindow::month(year.parse().ok()?, month.parse().ok()?)?
        }
        (Some(_), 10) => DateWindow::day(text.parse().ok()?),
        _ => {
            let at = hindsight_types::time::parse(text)?;
            DateWindow { start: at, end: at }
        }
    };
    YEARS.contains(&window.start.year()).then_some(window)
}

#[cfg(test)]
mod tests;
