//! Settings under longer names: those of one kind of calls, and of one model in a row.

use hindsight_types::settings::{Reader, Setting, SettingError};

/// What the names of all settings of language models have in front.
const BASE: &str = "HINDSIGHT_API_LLM_";
/// What kinds of calls put before their settings.
pub(super) const OPERATIONS: [&str; 4] = ["RETAIN", "REFLECT", "CONSOLIDATION", "MENTAL_MODEL_REFRESH"];
/// What may be set for one kind of calls.
const OF_OPERATION: [&str; 13] = [
    "PROVIDER",
    "API_KEY",
    "MODEL",
    "BASE_URL",
    "MAX_CONCURRENT",
    "MAX_RETRIES",
    "INITIAL_BACKOFF",
    "MAX_BACKOFF",
    "TIMEOUT",
    "REASONING_EFFORT",
    "EXTRA_BODY",
    "DEFAULT_HEADERS",
    "STRATEGY",
];
/// What may be set for the model that is shown pictures and files.
const OF_MEDIA: [&str; 4] = ["PROVIDER", "API_KEY", "MODEL", "BASE_URL"];
/// What may be set for one model in a row.
const OF_MEMBER: [&str; 9] = [
    "PROVIDER",
    "API_KEY",
    "MODEL",
    "BASE_URL",
    "REASONING_EFFORT",
    "EXTRA_BODY",
    "DEFAULT_HEADERS",
    "TIMEOUT",
    "MAX_RETRIES",
];

/// Settings of language models by the names of one place: for all calls, for calls of one kind,
/// or for one model in the row of either.
#[derive(Clone, Copy)]
pub(super) struct Scope<'l> {
    lookup: &'l dyn Fn(&str) -> Option<String>,
    /// A kind of calls; none = all.
    operation: Option<&'static str>,
    /// Place in the row; none = the first.
    member: Option<usize>,
    /// Whether it is for what is shown pictures and files.
    is_media: bool,
}

impl<'l> Scope<'l> {
    /// The settings for all calls.
    pub(super) fn base(lookup: &'l dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, operation: None, member: None, is_media: false }
    }

    pub(super) fn operation(self, operation: &'static str) -> Self {
        Self { operation: Some(operation), ..self }
    }

    pub(super) fn member(self, member: usize) -> Self {
        Self { member: Some(member), ..self }
    }

    /// The settings of the model that is shown pictures and files.
    pub(super) fn media(self) -> Self {
        Self { is_media: true, ..self }
    }

    /// What belongs to this place has in front, behind `HINDSIGHT_API_`.
    fn front(self) -> String {
        if self.is_media {
            return "VLM_".to_owned();
        }
        let operation = self.operation.map(|operation| format!("{operation}_")).unwrap_or_default();
        let member = self.member.map(|member| format!("{member}_")).unwrap_or_default();
        format!("{operation}LLM_{member}")
    }

    /// What somebody has given under the name that the setting has here.
    pub(super) fn given(self, setting: &Setting) -> Option<String> {
        self.reading(|reader| reader.given(setting))
    }

    /// Whether anything is given of what one model in a row, or this one, may have.
    pub(super) fn has_any(self) -> bool {
        let front = self.front();
        let is_given = |name: &&str| {
            let value = (self.lookup)(&format!("HINDSIGHT_API_{front}{name}"));
            value.is_some_and(|value| !value.trim().is_empty())
        };
        if self.is_media { OF_MEDIA.iter().any(is_given) } else { OF_MEMBER.iter().any(is_given) }
    }

    /// Reads by the names of this place.
    pub(super) fn reading<T>(self, read: impl FnOnce(&Reader) -> T) -> T {
        let front = self.front();
        let lookup = |name: &str| match name.strip_prefix(BASE) {
            Some(rest) if self.is_media && !OF_MEDIA.contains(&rest) => None,
            Some(rest) => (self.lookup)(&format!("HINDSIGHT_API_{front}{rest}")),
            None => (self.lookup)(name),
        };
        read(&Reader::new(&lookup))
    }

    /// An error that says which name is meant.
    pub(super) fn told(self, error: SettingError) -> SettingError {
        if self.operation.is_none() && self.member.is_none() && !self.is_media {
            return error;
        }
        SettingError { problem: format!("{} (of {}…)", error.problem, self.front()), ..error }
    }
}

/// Reads a setting under the first name under which it is given, else its default.
pub(super) fn first_given<T>(
    scopes: &[Scope<'_>],
    setting: &Setting,
    read: impl Fn(&Reader) -> Result<T, SettingError>,
) -> Result<T, SettingError> {
    let given = scopes.iter().find(|scope| scope.given(setting).is_some()).or(scopes.last());
    match given {
        Some(scope) => scope.reading(read).map_err(|error| scope.told(error)),
        None => Err(setting.refuse(format!("give {}", setting.values))),
    }
}

/// Whether a variable is a known setting of one kind of calls, or of one model in a row.
pub(in super::super) fn is_of_scope(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("HINDSIGHT_API_") else { return false };
    let of_operation =
        OPERATIONS.iter().find_map(|operation| rest.strip_prefix(operation)?.strip_prefix("_LLM_"));
    let Some(own) = of_operation.or_else(|| rest.strip_prefix("LLM_")) else { return false };
    match own.split_once('_') {
        Some((number, suffix)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            OF_MEMBER.contains(&suffix)
        }
        _ => of_operation.is_some() && OF_OPERATION.contains(&own),
    }
}
