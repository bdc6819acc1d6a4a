//! The environment of the command line: the only file of this crate that reads it.

use hindsight_client::types::settings::{Reader, SettingError};
use hindsight_server::Config;

hindsight_client::types::settings! {
    /// All settings of commands that talk to a server.
    pub(crate) SETTINGS;
    "Command line" {
        API_URL = "HINDSIGHT_API_URL", "", "a URL", "server that commands talk to; if not set, the saved one, else http://localhost:8888";
        API_KEY = "HINDSIGHT_API_KEY", "", "a key", "key of that server";
        PROFILE = "HINDSIGHT_PROFILE", "", "the name of a saved connection", "connection to use when HINDSIGHT_API_URL is not set, see `hindsight profile`";
    }
}

/// Where things are on this machine and how programs may look: what commands take from the
/// environment that are not about the server somebody runs.
const PLACES: [&str; 4] = ["HINDSIGHT_ASSETS_DIR", "HINDSIGHT_PG_BIN_DIR", "HINDSIGHT_PG_USER", "NO_COLOR"];

/// Where commands find their server when no option says so.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HINDSIGHT_API_URL`.
    pub url: Option<String>,
    /// `HINDSIGHT_API_KEY`.
    pub api_key: Option<String>,
    /// `HINDSIGHT_PROFILE`: name of a saved connection.
    pub profile: Option<String>,
}

impl Environment {
    /// Reads the environment of this process; an empty variable counts as not set.
    pub fn read() -> Self {
        Self::of(&variable)
    }

    /// What `lookup` knows.
    fn of(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let reader = Reader::new(lookup);
        Self { url: reader.text(&API_URL), api_key: reader.text(&API_KEY), profile: reader.text(&PROFILE) }
    }
}

/// Turns off what ONNX Runtime reports to its maker, which leaves files in the home folder
/// too; its own switch comes too late for them. To be called before there are threads.
pub fn keep_libraries_quiet() {
    #[expect(
        unsafe_code,
        reason = "nothing else reads or writes the environment yet: this is the only thread"
    )]
    // SAFETY: no other thread exists, by the contract of this function.
    unsafe {
        std::env::set_var("ORT_DISABLE_TELEMETRY", "1");
    }
}

/// Settings of this machine alone, whatever servers of this user are set to: for the demo's
/// server, and for its files.
pub(crate) fn machine_settings() -> Result<Config, SettingError> {
    Config::read(&|name| variable(name).filter(|_| PLACES.contains(&name)))
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_setting_is_read_and_nothing_else() {
        let asked = RefCell::new(BTreeSet::new());
        Environment::of(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        });
        assert_eq!(asked.into_inner(), SETTINGS.iter().map(|setting| setting.name.to_owned()).collect());
    }

    #[test]
    fn what_is_read_lands_where_it_belongs() {
        let environment = Environment::of(&|name| match name {
            "HINDSIGHT_PROFILE" => Some("  ".to_owned()),
            name => Some(format!(" {name} ")),
        });
        assert_eq!(environment.url.as_deref(), Some("HINDSIGHT_API_URL"));
        assert_eq!(environment.api_key.as_deref(), Some("HINDSIGHT_API_KEY"));
        assert_eq!(environment.profile, None, "an empty variable counts as not set");
    }

    #[test]
    fn places_are_settings() {
        for place in PLACES {
            assert!(hindsight_server::SETTINGS.iter().any(|setting| setting.name == place), "{place}");
        }
    }
}
