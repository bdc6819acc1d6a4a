//! The environment of the command line: the only file of this crate that reads it.

use hindsight_server::{Config, ConfigError};

/// What the demo takes from the environment: where things are on this machine, nothing else.
const PLACES: [&str; 3] = ["HINDSIGHT_ASSETS_DIR", "HINDSIGHT_PG_BIN_DIR", "HINDSIGHT_PG_USER"];

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
        Self {
            url: variable("HINDSIGHT_API_URL"),
            api_key: variable("HINDSIGHT_API_KEY"),
            profile: variable("HINDSIGHT_PROFILE"),
        }
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

/// Settings for the demo's server, whatever servers of this user are set to.
pub(crate) fn demo_settings() -> Result<Config, ConfigError> {
    Config::read(&|name| variable(name).filter(|_| PLACES.contains(&name)))
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
