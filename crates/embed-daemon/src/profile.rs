//! Names of profiles.

use std::fmt;
use std::str::FromStr;

/// Name of the profile that is meant when none is named.
const DEFAULT: &str = "default";
/// Longest name in bytes; the log and lock files carry it.
const MAX_LEN: usize = 64;
/// Names that no file may have on Windows, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
/// The same with a digit behind.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// Name of a profile: one configuration, one daemon, one port, one database.
///
/// Made from what a user wrote: every character but ASCII letters, digits, `-` and `_`
/// becomes `-`. The empty name and `default` are the same profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Profile(String);

/// Why a text is no name of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is not a profile's name: {problem}")]
pub struct ProfileError {
    name: String,
    problem: &'static str,
}

impl Profile {
    /// The name of the profile.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the profile that is meant when none is named.
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        let refuse = |problem| {
            // A name may hold anything, a terminal should not.
            let name = text.chars().filter(|c| !c.is_control()).take(MAX_LEN).collect();
            Err(ProfileError { name, problem })
        };
        if text.len() > MAX_LEN {
            return refuse("it has more than 64 bytes");
        }
        let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name: String = text.chars().map(|c| if is_kept(c) { c } else { '-' }).collect();
        if name.starts_with('-') {
            return refuse("it has to start with an ASCII letter, a digit or _");
        }
        if is_device(&name) {
            return refuse("some systems keep that name for a device");
        }
        Ok(Self(name))
    }
}

fn is_device(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let numbered = || {
        let mut stems = NUMBERED_DEVICES.iter().filter_map(|device| name.strip_prefix(device));
        stems.any(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    DEVICES.contains(&name.as_str()) || numbered()
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_default_are_one_profile() {
        for name in ["", " ", "default"] {
            let profile: Profile = name.parse().unwrap();
            assert!(profile.is_default(), "{name:?}");
            assert_eq!(profile, Profile::default());
        }
    }

    #[test]
    fn other_characters_become_dashes() {
        for (name, kept) in [("my-app_1", "my-app_1"), ("a b", "a-b"), ("x/../y", "x----y"), ("café", "caf-")]
        {
            assert_eq!(name.parse::<Profile>().unwrap().as_str(), kept);
        }
    }

    #[test]
    fn names_that_would_harm_are_refused() {
        let long = "x".repeat(300);
        for name in ["../x", ".hidden", "é", "-p", "CON", "lpt1", "日本", &long] {
            let error = name.parse::<Profile>().unwrap_err().to_string();
            assert!(error.contains("is not a profile's name"), "{error}");
            assert!(error.len() < 200, "{error}");
        }
        for name in ["console", "com", "com10", "nullable"] {
            assert!(name.parse::<Profile>().is_ok(), "{name}");
        }
    }
}
