//! Settings of files that are sent to be remembered.

use hindsight_types::settings::{Reader, SettingError};

use super::table;

/// The one parser there is: its name is the original's, what it does is our own.
const PARSERS: &[&str] = &["markitdown"];

/// How files are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Whether they are.
    pub enabled: bool,
    /// Most files in one request.
    pub most: usize,
    /// Most bytes of all files in one request.
    pub max_bytes: usize,
    /// Who reads them where a request does not say.
    pub parsers: Vec<String>,
    /// Who may be asked to read them.
    pub allowed_parsers: Vec<String>,
}

impl FileOptions {
    pub(super) fn read(reader: &Reader) -> Result<Self, SettingError> {
        let parsers = reader.list(&table::FILE_PARSER);
        if let Some(unknown) = parsers.iter().find(|name| !PARSERS.contains(&name.as_str())) {
            return Err(table::FILE_PARSER.refuse(format!(
                "'{unknown}' is not available in this version; give {}",
                table::FILE_PARSER.values
            )));
        }
        let mut allowed_parsers: Vec<String> = PARSERS.iter().map(|name| (*name).to_owned()).collect();
        if reader.given(&table::FILE_PARSER_ALLOWLIST).is_some() {
            let allowed = reader.list(&table::FILE_PARSER_ALLOWLIST);
            allowed_parsers.retain(|name| allowed.contains(name));
        }
        Ok(Self {
            enabled: reader.flag(&table::ENABLE_FILE_UPLOAD)?,
            most: reader.positive(&table::FILE_MAX_BATCH)?,
            max_bytes: reader.positive::<usize>(&table::FILE_MAX_BATCH_MB)?.saturating_mul(1 << 20),
            parsers,
            allowed_parsers,
        })
    }
}
