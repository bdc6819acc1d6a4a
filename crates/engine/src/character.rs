//! Mission and disposition of a bank, which may be said in three places: its settings go before
//! the bank's own row, and that before what the server is set to.

use hindsight_types::banks::Disposition;
use serde_json::{Map, Value};

use crate::config::{ReflectSettings, Traits};
use crate::store::{BankRow, BankUpdate};

/// Names of the traits in the row, and of the settings that go before them.
const TRAITS: [(&str, &str); 3] = [
    ("skepticism", "disposition_skepticism"),
    ("literalism", "disposition_literalism"),
    ("empathy", "disposition_empathy"),
];
/// The setting that goes before the mission in the row.
const MISSION: &str = "reflect_mission";

/// What a bank is for, and how it takes what it hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Character {
    /// What it is for, if anybody has said.
    pub(crate) mission: Option<String>,
    /// How it takes what it hears.
    pub(crate) disposition: Disposition,
}

impl Character {
    /// The character of a bank on a server with these settings.
    pub(crate) fn of(bank: &BankRow, server: &ReflectSettings) -> Self {
        let Traits { skepticism, literalism, empathy } = server.traits;
        let usual = Disposition::default();
        let own = |name: &str| bank.config.get(name).filter(|value| !value.is_null());
        let level = |(name, setting): (&str, &str), server: Option<i64>, usual: i64| {
            let row = || bank.disposition.as_ref()?.get(name);
            own(setting).or_else(row).and_then(Value::as_i64).or(server).unwrap_or(usual)
        };
        let [skeptic, literal, empath] = TRAITS;
        let row = bank.mission.as_deref().filter(|mission| !mission.trim().is_empty());
        let mission = match own(MISSION).and_then(Value::as_str) {
            // An empty text is a choice too: none.
            Some(own) => Some(own),
            None => row.or(server.mission.as_deref()),
        };
        Self {
            mission: mission.map(|text| text.trim().to_owned()).filter(|mission| !mission.is_empty()),
            disposition: Disposition {
                skepticism: level(skeptic, skepticism, usual.skepticism),
                literalism: level(literal, literalism, usual.literalism),
                empathy: level(empath, empathy, usual.empathy),
            },
        }
    }
}

/// Lets settings of the bank follow a change of what they go before: the last word counts,
/// whichever way it came.
pub(crate) fn follow(bank: &BankRow, update: &mut BankUpdate) {
    let is_set = |name: &str| bank.config.get(name).is_some_and(|value| !value.is_null());
    let mut followed = Map::new();
    for (name, setting) in TRAITS {
        let given = update.disposition.as_ref().and_then(|traits| traits.get(name));
        if let Some(level) = given.filter(|_| is_set(setting)) {
            followed.insert(setting.to_owned(), level.clone());
        }
    }
    if let Some(mission) = update.mission.as_ref().filter(|_| is_set(MISSION)) {
        followed.insert(MISSION.to_owned(), Value::String(mission.clone()));
    }
    if followed.is_empty() {
        return;
    }
    match &mut update.config {
        Some(Value::Object(config)) => config.extend(followed),
        config => *config = Some(Value::Object(followed)),
    }
}
