//! `cargo xtask sqlx [--check]`: what the database says about every query of the engine.
//!
//! The engine compiles without a database from the descriptions in `crates/engine/.sqlx`. This task compiles it
//! against a migrated one, which writes them anew, and keeps or compares the result.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use hindsight_testkit::TestDatabase;

use crate::commands::{self, cargo};

const COMMITTED: &str = "crates/engine/.sqlx";
const ENGINE: &str = "crates/engine/src/lib.rs";

/// Writes the descriptions, or with `check` only says whether the committed ones are right.
pub(crate) async fn run(root: &Path, check: bool) -> Result<()> {
    let database = TestDatabase::create().await;
    let fresh = tempfile::tempdir().context("cannot create a temporary folder")?;

    // The macros only run when cargo finds the crate changed; the new folder knows what time it is.
    let now = fs::metadata(fresh.path())?.modified()?;
    let engine = root.join(ENGINE);
    File::options().append(true).open(&engine)?.set_modified(now).context("cannot touch the engine")?;
    commands::run(
        cargo(root, &["check", "--quiet", "--package", "hindsight-engine"])
            .env("DATABASE_URL", database.url_with_search_path())
            .env("SQLX_OFFLINE_DIR", fresh.path())
            .env("SQLX_OFFLINE", "false"),
    )?;

    let committed = root.join(COMMITTED);
    let (new, old) = (descriptions(fresh.path())?, descriptions(&committed)?);
    if new.is_empty() {
        bail!("the engine was not compiled anew: no query was described");
    }
    if check {
        let differences = differences(&old, &new);
        for difference in &differences {
            println!("sqlx: {difference}");
        }
        if !differences.is_empty() {
            bail!("{COMMITTED} is out of date: run `cargo xtask sqlx` and commit the result");
        }
        println!("sqlx: {} queries are as the database has them", new.len());
        return Ok(());
    }
    fs::create_dir_all(&committed)?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(committed.join(name))?;
    }
    for (name, text) in &new {
        if old.get(name) != Some(text) {
            fs::write(committed.join(name), text)?;
        }
    }
    println!("sqlx: {} queries described in {COMMITTED}", new.len());
    Ok(())
}

/// File name to content; a folder that is not there has none.
fn descriptions(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            found.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(found)
}

fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let missing = new.keys().filter(|name| !old.contains_key(*name)).map(|name| format!("{name} is missing"));
    let stale =
        old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{name} belongs to no query"));
    let changed = new
        .iter()
        .filter(|(name, text)| old.get(*name).is_some_and(|old| old != *text))
        .map(|(name, _)| format!("{name} is described differently"));
    missing.chain(stale).chain(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let set = |entries: &[(&str, &str)]| {
            entries.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect::<BTreeMap<_, _>>()
        };
        let old = set(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let new = set(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(
            differences(&old, &new),
            ["d is missing", "c belongs to no query", "b is described differently"]
        );
        assert!(differences(&old, &old).is_empty());
    }
}
