//! What a model's answer holds, once what is wrong with it is put right or left out.
//!
//! Nothing is believed: an id counts when it was shown, an entry when it rests on a fact that was
//! asked about, and the text of what is there changes only by an entry that names it. What goes
//! without another one taking its facts needs a new fact of its own that shows why, so an answer
//! can take away no more observations than there are facts in the question.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::store::{ObservationRow, WaitingFact};
use crate::text::sanitize;

/// Characters at the beginning of an id by which one that was copied badly is still known.
const KNOWN_BY: usize = 13;
/// The same where several ids begin alike, as those do that were made at one moment.
const KNOWN_BY_AMONG_ALIKE: usize = 18;
/// Longest text of an observation, in characters.
const LONGEST: usize = 8000;

/// An observation to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Create {
    /// Its text.
    pub(super) text: String,
    /// The facts it rests on.
    pub(super) sources: Vec<Uuid>,
}

/// What an observation becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Its new text; none = as it is.
    pub(super) text: Option<String>,
    /// The facts that come to it.
    pub(super) sources: Vec<Uuid>,
}

/// An observation that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Removal {
    /// Which one.
    pub(super) observation: Uuid,
    /// Who gets its facts.
    pub(super) merged_into: Option<Uuid>,
}

/// An answer, put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions {
    /// Observations to make.
    pub(super) creates: Vec<Create>,
    /// Observations to change.
    pub(super) changes: BTreeMap<Uuid, Change>,
    /// Observations that go.
    pub(super) removals: Vec<Removal>,
    /// The facts that an entry rests on.
    pub(super) cited: HashSet<Uuid>,
    /// Number of entries that could not be used.
    pub(super) unresolved: usize,
}

/// What an answer is read against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    /// The facts that were asked about.
    pub(super) facts: &'k [WaitingFact],
    /// The observations that were shown.
    pub(super) observations: &'k [ObservationRow],
    /// Observations that may still be made; none = no limit.
    pub(super) free: Option<usize>,
}

/// Reads an answer. An error says why it is none.
pub(super) fn read(value: &Value, known: Known<'_>) -> Result<Actions, String> {
    let lists = ["creates", "updates", "deletes"];
    let answer = value.as_object().filter(|answer| lists.iter().any(|list| answer.contains_key(*list)));
    let Some(answer) = answer else {
        return Err("it has none of the lists creates, updates and deletes".to_owned());
    };
    let mut reading = Reading { known, actions: Actions::default() };
    // What changes first: what is to be made or to go depends on it.
    for entry in entries(answer, "updates")? {
        reading.update(entry);
    }
    for entry in entries(answer, "creates")? {
        reading.create(entry);
    }
    reading.removals(&entries(answer, "deletes")?);
    Ok(reading.actions)
}

/// The entries of a list; one that is missing or null is empty.
fn entries<'v>(answer: &'v Map<String, Value>, list: &str) -> Result<Vec<&'v Value>, String> {
    match answer.get(list) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(entries)) => Ok(entries.iter().collect()),
        Some(entry @ Value::Object(_)) => Ok(vec![entry]),
        Some(_) => Err(format!("{list} is no list")),
    }
}

struct Reading<'k> {
    known: Known<'k>,
    actions: Actions,
}

impl Reading<'_> {
    fn update(&mut self, entry: &Value) {
        let id = text_of(entry, "observation_id").or_else(|| text_of(entry, "id"));
        let (Some(id), Some(text)) = (id, usable(entry)) else {
            self.actions.unresolved += 1;
            return;
        };
        let mut sources = self.sources(entry);
        if let Some(observation) = find(id, &observation_ids(&self.known)) {
            if sources.is_empty() {
                self.actions.unresolved += 1;
            } else {
                self.change(observation, Some(text), sources);
            }
        } else if let Some(fact) = find(id, &fact_ids(&self.known)) {
            // There is no observation of this fact yet.
            if !sources.contains(&fact) {
                sources.push(fact);
            }
            self.make(text, sources);
        } else {
            self.actions.unresolved += 1;
        }
    }

    fn create(&mut self, entry: &Value) {
        let sources = self.sources(entry);
        match usable(entry) {
            Some(text) if !sources.is_empty() => self.make(text, sources),
            _ => self.actions.unresolved += 1,
        }
    }

    /// Makes an observation, unless one says the same: that one gets the facts.
    fn make(&mut self, text: String, sources: Vec<Uuid>) {
        let same = |other: &str| words(other).eq(words(&text));
        let changed = |id: &Uuid| self.actions.changes.get(id).and_then(|change| change.text.as_deref());
        let shown = self
            .known
            .observations
            .iter()
            .map(|shown| (shown.memory_id, changed(&shown.memory_id).unwrap_or(shown.body.as_str())));
        let twin = shown.into_iter().find(|(_, said)| same(said)).map(|(id, _)| id);
        if let Some(twin) = twin {
            return self.change(twin, None, sources);
        }
        self.actions.cited.extend(&sources);
        if let Some(twin) = self.actions.creates.iter_mut().find(|create| same(&create.text)) {
            return add(&mut twin.sources, sources);
        }
        if self.known.free.is_some_and(|free| self.actions.creates.len() >= free) {
            self.actions.unresolved += 1;
            return;
        }
        self.actions.creates.push(Create { text, sources });
    }

    /// Changes an observation; of several texts for one the last counts.
    fn change(&mut self, observation: Uuid, text: Option<String>, sources: Vec<Uuid>) {
        let stored = self.known.observations.iter().find(|shown| shown.memory_id == observation);
        let text = text.filter(|text| stored.is_none_or(|stored| stored.body != *text));
        self.actions.cited.extend(&sources);
        let change =
            self.actions.changes.entry(observation).or_insert(Change { text: None, sources: Vec::new() });
        change.text = text.or(change.text.take());
        add(&mut change.sources, sources);
    }

    fn removals(&mut self, entries: &[&Value]) {
        let ids = observation_ids(&self.known);
        let mut gone: BTreeMap<Uuid, Option<Uuid>> = BTreeMap::new();
        // Each fact shows one observation to be wrong at most.
        let mut used: HashSet<Uuid> = HashSet::new();
        for entry in entries {
            let observation = text_of(entry, "observation_id").or_else(|| text_of(entry, "id"));
            let observation = observation.and_then(|id| find(id, &ids));
            let observation =
                observation.filter(|id| !self.actions.changes.contains_key(id) && !gone.contains_key(id));
            let Some(observation) = observation else {
                self.actions.unresolved += 1;
                continue;
            };
            let sources = self.sources(entry);
            let target = text_of(entry, "merged_into").filter(|id| !id.is_empty() && *id != "null");
            if let Some(target) = target {
                // To a place that is not there nothing is moved: the observation stays.
                match find(target, &ids).filter(|target| *target != observation) {
                    Some(target) => {
                        gone.insert(observation, Some(target));
                        self.actions.cited.extend(sources);
                    }
                    None => self.actions.unresolved += 1,
                }
            } else if let Some(fact) = sources.iter().find(|fact| !used.contains(*fact)) {
                used.insert(*fact);
                gone.insert(observation, None);
                self.actions.cited.extend(sources);
            } else {
                self.actions.unresolved += 1;
            }
        }
        for (observation, target) in &gone {
            match target.map(|target| last(target, *observation, &gone)) {
                None => self.actions.removals.push(Removal { observation: *observation, merged_into: None }),
                Some(Some(target)) => {
                    self.actions
                        .removals
                        .push(Removal { observation: *observation, merged_into: Some(target) });
                }
                // It would go with those it is merged into.
                Some(None) => self.actions.unresolved += 1,
            }
        }
    }

    /// The facts that an entry rests on, of those that were asked about, each once.
    fn sources(&self, entry: &Value) -> Vec<Uuid> {
        let ids = fact_ids(&self.known);
        let mut named: Vec<&str> = Vec::new();
        match entry.get("source_fact_ids") {
            Some(Value::Array(list)) => named.extend(list.iter().filter_map(Value::as_str)),
            Some(Value::String(list)) => {
                named.extend(list.split(|c: char| c == ',' || c.is_whitespace()).filter(|id| !id.is_empty()));
            }
            _ => {}
        }
        let mut sources = Vec::new();
        add(&mut sources, named.into_iter().filter_map(|id| find(id, &ids)).collect());
        sources
    }
}

/// Where what is merged into `target` ends up: with one that stays. None when there is no such.
fn last(target: Uuid, start: Uuid, gone: &BTreeMap<Uuid, Option<Uuid>>) -> Option<Uuid> {
    let mut target = target;
    for _ in 0..=gone.len() {
        match gone.get(&target) {
            None => return Some(target).filter(|target| *target != start),
            Some(None) => return None,
            Some(Some(next)) => target = *next,
        }
    }
    None
}

fn add(ids: &mut Vec<Uuid>, more: Vec<Uuid>) {
    for id in more {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}

fn fact_ids(known: &Known<'_>) -> Vec<Uuid> {
    known.facts.iter().map(|fact| fact.memory_id).collect()
}

fn observation_ids(known: &Known<'_>) -> Vec<Uuid> {
    known.observations.iter().map(|observation| observation.memory_id).collect()
}

fn text_of<'v>(entry: &'v Value, key: &str) -> Option<&'v str> {
    entry.get(key)?.as_str().map(str::trim)
}

/// The text of an entry, as it can be stored.
fn usable(entry: &Value) -> Option<String> {
    let text = sanitize(text_of(entry, "text")?);
    let is_usable = text.contains(char::is_alphanumeric) && text.chars().nth(LONGEST).is_none();
    is_usable.then(|| text.into_owned())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// The id that is meant, though it may be cut off or not copied well.
fn find(text: &str, ids: &[Uuid]) -> Option<Uuid> {
    let text = text.trim_matches(|c: char| !c.is_ascii_hexdigit()).to_ascii_lowercase();
    if let Ok(id) = Uuid::try_parse(&text)
        && ids.contains(&id)
    {
        return Some(id);
    }
    let shared = |id: &Uuid| {
        let id = id.to_string();
        std::iter::zip(text.bytes(), id.bytes()).take_while(|(a, b)| a == b).count()
    };
    let alike: Vec<(usize, Uuid)> =
        ids.iter().map(|id| (shared(id), *id)).filter(|(shared, _)| *shared >= KNOWN_BY).collect();
    match alike.as_slice() {
        [(_, id)] => Some(*id),
        _ => {
            let most = alike.iter().map(|(shared, _)| *shared).max()?;
            let mut best = alike.iter().filter(|(shared, _)| *shared == most);
            let (_, id) = best.next()?;
            (most >= KNOWN_BY_AMONG_ALIKE && best.next().is_none()).then_some(*id)
        }
    }
}

#[cfg(test)]
mod tests;
