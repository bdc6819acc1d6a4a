//! A file `.env` in the folder where a server is started, or the nearest one above it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hindsight_types::settings::SettingError;

use super::remarks::PREFIX;
use super::table;

/// The settings of a file `.env`.
pub(super) struct Dotenv {
    path: PathBuf,
    pub(super) settings: BTreeMap<String, String>,
}

impl Dotenv {
    /// The first file of a folder and those above it.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>, SettingError> {
        let mut paths = folder.ancestors().map(|folder| folder.join(".env"));
        let Some(path) = paths.find(|path| path.is_file()) else { return Ok(None) };
        let read = dotenvy::from_path_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        // The parser's message may hold a line, and that a key.
        let settings = read.map_err(|_| {
            table::NO_DOTENV.refuse(format!(
                "{} cannot be read as lines of KEY=VALUE; correct it, or set this to true",
                path.display()
            ))
        })?;
        let is_ours = |name: &str| name.starts_with(PREFIX) || name == table::ORT_DYLIB_PATH.name;
        let settings = settings.into_iter().filter(|(name, _)| is_ours(name)).collect();
        Ok(Some(Self { path, settings }))
    }

    /// What to say of it: where it is, and the names that it replaces.
    pub(super) fn told(&self, replaced: &[&str]) -> String {
        let path = self.path.display();
        match replaced {
            [] => format!("settings were read from {path}"),
            names => format!(
                "settings were read from {path}; they replace {} of the environment",
                names.join(", ")
            ),
        }
    }
}
