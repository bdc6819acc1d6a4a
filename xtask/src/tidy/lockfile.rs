//! Large or process-wide crates exist once in the build.

use anyhow::{Context, Result};
use toml::Table;

use super::Tree;

/// Two versions of one of these mean two TLS stacks, two pools or two runtimes in one program.
const ONCE: &[&str] = &["axum", "http", "ort", "reqwest", "rustls", "sqlx", "tokenizers", "tokio"];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let lockfile =
        tree.get("Cargo.lock").context("Cargo.lock is missing: it is committed with the project")?;
    let lockfile: Table = lockfile.text.parse().context("Cargo.lock is not valid TOML")?;
    let packages =
        lockfile.get("package").and_then(|packages| packages.as_array()).map_or(&[][..], Vec::as_slice);
    let text = |package: &toml::Value, key: &str| {
        package.get(key).and_then(|value| value.as_str()).map(str::to_owned)
    };

    let mut problems = Vec::new();
    for name in ONCE {
        let versions: Vec<String> = packages
            .iter()
            .filter(|package| text(package, "name").as_deref() == Some(name))
            .filter_map(|package| text(package, "version"))
            .collect();
        if versions.len() > 1 {
            problems.push(format!(
                "Cargo.lock: {name} is built in {} versions: {}",
                versions.len(),
                versions.join(", ")
            ));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_version_is_reported() {
        let entry = |version: &str| format!("[[package]]\nname = \"http\"\nversion = \"{version}\"\n");
        let problems = |text: &str| check(&Tree::of(&[("Cargo.lock", text)])).unwrap();
        assert!(problems(&entry("1.3.1")).is_empty());
        assert_eq!(problems(&(entry("0.2.12") + &entry("1.3.1"))).len(), 1);
    }
}
