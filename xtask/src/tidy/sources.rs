//! Rules about the text of the sources: where SQL and the environment may appear, how long a file may be,
//! and what may never be written down.

use std::collections::BTreeSet;

use anyhow::Result;
use regex::Regex;

use super::{SourceFile, Tree};

/// Where SQL is written. Everything else asks the store.
const SQL_HOMES: &[&str] = &[
    "crates/engine/src/store/",
    // The engine's own tests look behind the store: keys, statistics, what a start leaves alone.
    "crates/engine/tests/",
    // Creates role, database and extension of a fresh cluster; no memory tables.
    "crates/pg/",
    "crates/testkit/",
    "migrations/",
    // Holds the pattern itself and its tests.
    "xtask/src/tidy/",
];

/// The only files that read the environment; the rest receives values.
const ENVIRONMENT_HOMES: &[&str] = &[
    "crates/cli/src/config.rs",
    "crates/embed-daemon/src/config.rs",
    "crates/server/src/config.rs",
    "xtask/src/tidy/",
];

/// Where names of variables are written out: the tables of settings, and texts about them.
const SETTING_HOMES: &[&str] = &[
    "crates/cli/src/config.rs",
    "crates/embed-daemon/src/config.rs",
    "crates/server/src/config",
    "crates/types/src/settings.rs",
    // It knows no settings, but names one in a message.
    "crates/pg/src/layout.rs",
    "xtask/",
];

const MAX_LINES: usize = 500;

/// Longer files, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut problems = sql_stays_in_the_store(tree)?;
    problems.extend(environment_stays_in_config(tree)?);
    problems.extend(settings_stay_in_tables(tree)?);
    problems.extend(files_stay_short(tree));
    problems.extend(nothing_names_a_registry(tree));
    Ok(problems)
}

fn at_home(file: &SourceFile, homes: &[&str]) -> bool {
    homes.iter().any(|home| file.path.starts_with(home))
}

fn matches_outside(tree: &Tree, homes: &[&str], pattern: &Regex, what: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.rust().filter(|file| !at_home(file, homes)) {
        // As a whole, because a text may go on in the next line.
        let code: String = file.text.lines().flat_map(|line| [without_comment(line), "\n"]).collect();
        let line_of = |at: usize| code.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let lines: BTreeSet<_> = pattern.find_iter(&code).map(|found| line_of(found.start())).collect();
        problems.extend(lines.into_iter().map(|line| format!("{}:{line}: {what}", file.path)));
    }
    problems
}

/// A line up to its comment. What looks like one inside a text, as in a URL, has no space before it.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split_once(" //").map_or(line, |(code, _)| code)
}

fn sql_stays_in_the_store(tree: &Tree) -> Result<Vec<String>> {
    let pattern = Regex::new(
        r#"\bsqlx::|\bquery(_as|_scalar|_file)?!\(|"\s*(SELECT\s|INSERT INTO\s|UPDATE \w+ SET|DELETE FROM\s|WITH \w+ AS|CREATE (TABLE|INDEX|EXTENSION|SCHEMA|DATABASE)|DROP (TABLE|INDEX|SCHEMA|DATABASE))"#,
    )?;
    Ok(matches_outside(tree, SQL_HOMES, &pattern, "SQL belongs into crates/engine/src/store"))
}

fn environment_stays_in_config(tree: &Tree) -> Result<Vec<String>> {
    let pattern = Regex::new(r"\benv::(var|vars|var_os|vars_os|set_var|remove_var)\b")?;
    let what = "only the config.rs of server, embed-daemon and cli use the environment";
    Ok(matches_outside(tree, ENVIRONMENT_HOMES, &pattern, what))
}

/// A variable that stands in no table is documented nowhere.
fn settings_stay_in_tables(tree: &Tree) -> Result<Vec<String>> {
    let pattern = Regex::new(r#"(env!\()?"_?HINDSIGHT_[A-Z0-9_]*[A-Z0-9]""#)?;
    let mut problems = Vec::new();
    for file in tree.rust().filter(|file| file.path.contains("/src/") && !at_home(file, SETTING_HOMES)) {
        // Tests set what they like.
        let shipped = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (index, line) in shipped.lines().enumerate() {
            // What the compiler is told is no setting of the program.
            let found =
                pattern.find(without_comment(line)).filter(|found| !found.as_str().starts_with("env!"));
            if found.is_some() {
                let what =
                    "settings are named in the tables of the config.rs of server, embed-daemon and cli";
                problems.push(format!("{}:{}: {what}", file.path, index + 1));
            }
        }
    }
    Ok(problems)
}

fn files_stay_short(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if lines > MAX_LINES && !excused {
            problems.push(format!(
                "{}: {lines} lines, more than {MAX_LINES}: split it by reason to change",
                file.path
            ));
        }
        if lines <= MAX_LINES && excused {
            problems.push(format!("{}: short again, take it off the list of long files", file.path));
        }
    }
    problems
}

fn nothing_names_a_registry(tree: &Tree) -> Vec<String> {
    // In two parts, so that this file does not name one either.
    let hosts = [
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["registry.npm", "js"],
        ["static.crates", ".io"],
        ["index.crates", ".io"],
        ["deb.debian", ".org"],
    ]
    .map(|parts| parts.concat());
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != "Cargo.lock") {
        for host in hosts.iter().filter(|host| file.text.contains(host.as_str())) {
            let path = &file.path;
            problems.push(format!("{path}: names {host}; name the package and let its own client find it"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_is_found_outside_the_store_only() {
        let count =
            |path: &str, text: &str| sql_stays_in_the_store(&Tree::of(&[(path, text)])).unwrap().len();
        assert_eq!(count("crates/server/src/a.rs", "let q = \"SELECT 1 FROM t\";"), 1);
        assert_eq!(count("crates/server/src/a.rs", "sqlx::query!(\"x\")"), 1);
        assert_eq!(count("crates/engine/src/store/a.rs", "sqlx::query!(\"SELECT 1\")"), 0);
        assert_eq!(count("crates/server/src/a.rs", "let q = \"\n    SELECT 1 FROM t\";"), 1);
        assert_eq!(count("crates/server/src/a.rs", "let u = \"http://x\"; sqlx::query(u);"), 1);
        assert_eq!(
            count("crates/server/src/a.rs", "// sqlx::query is for the store\nlet s = \"select one\";"),
            0
        );
    }

    #[test]
    fn the_environment_is_read_in_config_only() {
        let count = |path: &str| {
            environment_stays_in_config(&Tree::of(&[(path, "std::env::var(\"X\")")])).unwrap().len()
        };
        assert_eq!(count("crates/engine/src/lib.rs"), 1);
        assert_eq!(count("crates/server/src/config.rs"), 0);
    }

    #[test]
    fn settings_are_named_in_tables_only() {
        let count =
            |path: &str, text: &str| settings_stay_in_tables(&Tree::of(&[(path, text)])).unwrap().len();
        let text = "let port = lookup(\"HINDSIGHT_API_PORT\");";
        assert_eq!(count("crates/engine/src/lib.rs", text), 1);
        assert_eq!(count("crates/server/src/config.rs", text), 0);
        assert_eq!(count("crates/engine/src/lib.rs", &format!("#[cfg(test)]\nmod tests {{ {text} }}")), 0);
        assert_eq!(count("crates/engine/src/lib.rs", "option_env!(\"HINDSIGHT_BUILD_COMMIT\")"), 0);
    }

    #[test]
    fn long_files_are_reported() {
        let text = "\n".repeat(MAX_LINES + 1);
        assert_eq!(files_stay_short(&Tree::of(&[("a.rs", &text), ("a.md", &text)])).len(), 1);
    }

    #[test]
    fn registry_hosts_are_reported() {
        let text = ["see pypi", ".org"].concat();
        assert_eq!(nothing_names_a_registry(&Tree::of(&[("a.md", &text)])).len(), 1);
    }
}
