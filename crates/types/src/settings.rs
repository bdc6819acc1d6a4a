//! Settings: environment variables, declared in tables that are read and documented alike.
//!
//! Every program part has one table, made by [`settings!`](crate::settings!). Defaults stand
//! there as text and are read like values that somebody has given, so the documented default
//! is the one that counts. An empty variable counts as not set.

use std::fmt;
use std::str::FromStr;

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name of the variable.
    pub name: &'static str,
    /// What counts when nobody says anything; empty = nothing.
    pub default: &'static str,
    /// Which values there are, to go on after "give".
    pub values: &'static str,
    /// What it means, a phrase for people.
    pub about: &'static str,
    /// Heading it belongs to.
    pub group: &'static str,
}

/// A setting that is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// Name of the variable.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

impl std::error::Error for SettingError {}

impl Setting {
    /// The error that says what is wrong with this setting.
    pub fn refuse(&self, problem: impl Into<String>) -> SettingError {
        SettingError { name: self.name, problem: problem.into() }
    }

    /// The error for a value that is none of this setting's.
    pub fn unusable(&self, value: &str) -> SettingError {
        self.refuse(format!("'{value}' is not usable; give {}", self.values))
    }
}

/// Declares a table of settings, a constant for each: its name, its default, its values and
/// what it means, below headings.
///
/// ```
/// hindsight_types::settings! {
///     /// Where the server listens.
///     pub TABLE;
///     "Listening" {
///         PORT = "HINDSIGHT_API_PORT", "8888", "a port number", "port to listen on";
///     }
/// }
/// assert_eq!(TABLE[0].name, PORT.name);
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])* $visibility:vis $table:ident;
        $($group:literal { $($constant:ident = $name:literal, $default:literal, $values:literal, $about:literal;)* })*
    ) => {
        $($(
            #[doc = concat!("`", $name, "`: ", $about, ".")]
            pub(crate) const $constant: $crate::settings::Setting = $crate::settings::Setting {
                name: $name,
                default: $default,
                values: $values,
                about: $about,
                group: $group,
            };
        )*)*
        $(#[$meta])*
        $visibility const $table: &[$crate::settings::Setting] = &[$($($constant),*),*];
    };
}

/// Typed reading of settings.
pub struct Reader<'l> {
    lookup: &'l dyn Fn(&str) -> Option<String>,
}

impl<'l> Reader<'l> {
    /// Reads what `lookup` knows of a variable.
    pub fn new(lookup: &'l dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    /// What somebody has given.
    pub fn given(&self, setting: &Setting) -> Option<String> {
        (self.lookup)(setting.name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// What was given, else the default.
    pub fn text(&self, setting: &Setting) -> Option<String> {
        let default = || (!setting.default.is_empty()).then(|| setting.default.to_owned());
        self.given(setting).or_else(default)
    }

    /// What was given, else the default, if there is either.
    pub fn optional<T: FromStr>(&self, setting: &Setting) -> Result<Option<T>, SettingError> {
        let Some(text) = self.text(setting) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| setting.unusable(&text))
    }

    /// What was given, else the default, which there has to be.
    pub fn value<T: FromStr>(&self, setting: &Setting) -> Result<T, SettingError> {
        self.optional(setting)?.ok_or_else(|| setting.refuse(format!("give {}", setting.values)))
    }

    /// A number of at least 1.
    pub fn positive<T: FromStr + From<u8> + PartialOrd>(&self, setting: &Setting) -> Result<T, SettingError> {
        let value: T = self.value(setting)?;
        if value < T::from(1) {
            return Err(setting.refuse(format!("too small; give {}", setting.values)));
        }
        Ok(value)
    }

    /// Whether it is so.
    pub fn flag(&self, setting: &Setting) -> Result<bool, SettingError> {
        let text = self.text(setting).unwrap_or_default();
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(setting.unusable(&text)),
        }
    }

    /// A number from 0 to 1.
    pub fn share(&self, setting: &Setting) -> Result<f64, SettingError> {
        let value: f64 = self.value(setting)?;
        if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(setting.unusable(&value.to_string())) }
    }

    /// Parts of a text that commas separate.
    pub fn list(&self, setting: &Setting) -> Vec<String> {
        let text = self.text(setting).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

/// The known name that is most like an unknown one; none when nothing is.
pub fn nearest<'k>(unknown: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Names have a long beginning in common, so what is alike is a matter of few letters.
    let distance = |name: &str| strsim::damerau_levenshtein(unknown, name);
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, _)| *distance <= 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    settings! {
        TABLE;
        "Numbers" {
            COUNT = "COUNT", "3", "a whole number of at least 1", "how many";
            SHARE = "SHARE", "", "a number from 0 to 1", "how much";
        }
        "Words" {
            FLAG = "FLAG", "true", "true or false", "whether";
            LIST = "LIST", "", "names separated by commas", "who";
        }
    }

    fn reading<T>(name: &str, value: &str, read: impl FnOnce(&Reader) -> T) -> T {
        read(&Reader::new(&|asked| (asked == name).then(|| value.to_owned())))
    }

    #[test]
    fn what_is_given_counts_then_the_default() {
        assert_eq!(reading("", "", |reader| reader.positive::<u32>(&COUNT)), Ok(3));
        assert_eq!(reading("COUNT", " 7 ", |reader| reader.positive::<u32>(&COUNT)), Ok(7));
        assert_eq!(reading("COUNT", " ", |reader| reader.positive::<u32>(&COUNT)), Ok(3));
        assert_eq!(reading("", "", |reader| reader.optional::<f64>(&SHARE)), Ok(None));
        assert_eq!(reading("FLAG", "Off", |reader| reader.flag(&FLAG)), Ok(false));
        assert_eq!(reading("LIST", " a, ,b ", |reader| reader.list(&LIST)), ["a", "b"]);
    }

    #[test]
    fn what_is_not_usable_is_named_with_what_would_be() {
        let refused = |result: Result<(), SettingError>| result.unwrap_err().to_string();
        assert_eq!(
            refused(reading("COUNT", "many", |reader| reader.positive::<u32>(&COUNT).map(drop))),
            "COUNT: 'many' is not usable; give a whole number of at least 1"
        );
        assert_eq!(
            refused(reading("COUNT", "0", |reader| reader.positive::<u32>(&COUNT).map(drop))),
            "COUNT: too small; give a whole number of at least 1"
        );
        assert_eq!(
            refused(reading("SHARE", "1.5", |reader| reader.share(&SHARE).map(drop))),
            "SHARE: '1.5' is not usable; give a number from 0 to 1"
        );
        assert_eq!(
            refused(reading("FLAG", "maybe", |reader| reader.flag(&FLAG).map(drop))),
            "FLAG: 'maybe' is not usable; give true or false"
        );
    }

    #[test]
    fn a_name_with_a_slip_is_recognised() {
        let names =
            TABLE.iter().map(|setting| setting.name).chain(["HINDSIGHT_API_PORT", "HINDSIGHT_API_HOST"]);
        let names: Vec<_> = names.collect();
        assert_eq!(nearest("HINDSIGHT_API_PROT", names.clone()), Some("HINDSIGHT_API_PORT"));
        assert_eq!(nearest("HINDSIGHT_API_POST", names.clone()), Some("HINDSIGHT_API_HOST"));
        assert_eq!(nearest("HINDSIGHT_API_SOMETHING_ELSE", names), None);
    }
}
