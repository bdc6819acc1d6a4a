//! Dependencies between our crates point one way, and each crate keeps to its own side of the house.

use anyhow::{Context, Result};
use toml::Table;

use super::{SourceFile, Tree};

/// What one crate may depend on.
struct Rule {
    package: &'static str,
    /// Our own crates it may name in `[dependencies]`.
    ours: &'static [&'static str],
    /// Foreign crates that would mean it does another crate's job.
    never: &'static [&'static str],
}

const HTTP_SERVER: &str = "axum";
const HTTP_CLIENT: &str = "reqwest";
const ARGUMENTS: &str = "clap";
const DATABASE: &str = "sqlx";

/// The dependency rule of `docs/architecture.md`. A crate without a row fails: add the row on purpose.
const RULES: &[Rule] = &[
    Rule {
        package: "hindsight-types",
        ours: &[],
        never: &["tokio", DATABASE, HTTP_SERVER, HTTP_CLIENT, ARGUMENTS],
    },
    Rule { package: "hindsight-migrations", ours: &[], never: &[HTTP_SERVER, HTTP_CLIENT, ARGUMENTS] },
    Rule { package: "hindsight-assets", ours: &[], never: &[DATABASE, HTTP_SERVER, ARGUMENTS] },
    Rule {
        package: "hindsight-client",
        ours: &["hindsight-types"],
        never: &[DATABASE, HTTP_SERVER, ARGUMENTS],
    },
    Rule {
        package: "hindsight-embed-daemon",
        ours: &["hindsight-types", "hindsight-client"],
        never: &[DATABASE, HTTP_SERVER, ARGUMENTS],
    },
    Rule {
        package: "hindsight-engine",
        ours: &["hindsight-types", "hindsight-migrations"],
        never: &[HTTP_SERVER, HTTP_CLIENT, ARGUMENTS],
    },
    Rule {
        package: "hindsight-models",
        ours: &["hindsight-types", "hindsight-engine", "hindsight-assets"],
        never: &[DATABASE, HTTP_SERVER, ARGUMENTS],
    },
    Rule {
        package: "hindsight-files",
        ours: &["hindsight-engine"],
        never: &[DATABASE, HTTP_SERVER, HTTP_CLIENT, ARGUMENTS],
    },
    Rule {
        package: "hindsight-pg",
        ours: &["hindsight-assets"],
        never: &[DATABASE, HTTP_SERVER, HTTP_CLIENT, ARGUMENTS],
    },
    Rule {
        package: "hindsight-server",
        ours: &[
            "hindsight-types",
            "hindsight-engine",
            "hindsight-models",
            "hindsight-files",
            "hindsight-pg",
            "hindsight-assets",
        ],
        never: &[DATABASE, ARGUMENTS],
    },
    Rule {
        package: "hindsight-cli",
        ours: &[
            "hindsight-types",
            "hindsight-client",
            "hindsight-embed-daemon",
            "hindsight-server",
            "hindsight-pg",
            "hindsight-assets",
        ],
        never: &[DATABASE, HTTP_SERVER],
    },
    Rule {
        package: "hindsight-python",
        ours: &["hindsight-cli", "hindsight-client", "hindsight-embed-daemon", "hindsight-server"],
        never: &[DATABASE, HTTP_SERVER, HTTP_CLIENT, ARGUMENTS],
    },
    Rule {
        package: "hindsight-testkit",
        ours: &[
            "hindsight-types",
            "hindsight-engine",
            "hindsight-migrations",
            "hindsight-models",
            "hindsight-pg",
            "hindsight-assets",
        ],
        never: &[ARGUMENTS],
    },
    Rule {
        package: "hindsight-tests",
        ours: &[
            "hindsight-types",
            "hindsight-client",
            "hindsight-engine",
            "hindsight-models",
            "hindsight-server",
            "hindsight-pg",
            "hindsight-assets",
            "hindsight-testkit",
        ],
        never: &[],
    },
    Rule {
        package: "xtask",
        ours: &["hindsight-assets", "hindsight-client", "hindsight-embed-daemon", "hindsight-testkit"],
        never: &[HTTP_SERVER],
    },
];

/// The crate that only tests may use.
const TESTKIT: &str = "hindsight-testkit";

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        problems.extend(check_manifest(file)?);
    }
    Ok(problems)
}

fn check_manifest(file: &SourceFile) -> Result<Vec<String>> {
    let manifest: Table = file.text.parse().with_context(|| format!("{} is not valid TOML", file.path))?;
    let package = manifest
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(|name| name.as_str())
        .with_context(|| format!("{} names no package", file.path))?;
    let Some(rule) = RULES.iter().find(|rule| rule.package == package) else {
        return Ok(vec![format!("{}: {package} has no row in the dependency rule of xtask tidy", file.path)]);
    };

    let mut problems = Vec::new();
    for (is_test, name) in dependencies(&manifest) {
        let ours = name.starts_with("hindsight-");
        let allowed = rule.ours.contains(&name) || (is_test && name == TESTKIT) || name == package;
        if ours && !allowed {
            problems.push(format!("{}: {package} must not depend on {name}", file.path));
        }
        if !is_test && rule.never.contains(&name) {
            problems.push(format!("{}: {name} is not {package}'s business", file.path));
        }
    }
    Ok(problems)
}

/// Whether it is for tests only, and the name of the package, of every dependency: those of
/// single platforms too, and by their real name where the manifest gives them another.
fn dependencies(manifest: &Table) -> Vec<(bool, &str)> {
    let platforms =
        manifest.get("target").and_then(|target| target.as_table()).into_iter().flat_map(Table::values);
    let tables = platforms.filter_map(|platform| platform.as_table()).chain([manifest]);
    let mut found = Vec::new();
    for table in tables {
        for (section, is_test) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let section = table.get(section).and_then(|section| section.as_table());
            for (name, value) in section.into_iter().flatten() {
                let real = value.get("package").and_then(|package| package.as_str());
                found.push((is_test, real.unwrap_or(name)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(manifest: &str) -> Vec<String> {
        check(&Tree::of(&[("crates/x/Cargo.toml", manifest)])).unwrap()
    }

    #[test]
    fn arrows_point_one_way() {
        let engine = "[package]\nname = \"hindsight-engine\"\n[dependencies]\n";
        assert!(problems(&format!("{engine}hindsight-types.workspace = true")).is_empty());
        assert_eq!(problems(&format!("{engine}hindsight-server.workspace = true")).len(), 1);
        assert_eq!(problems(&format!("{engine}axum.workspace = true")).len(), 1);
    }

    #[test]
    fn neither_a_platform_nor_another_name_hides_a_dependency() {
        let engine = "[package]\nname = \"hindsight-engine\"\n";
        assert_eq!(problems(&format!("{engine}[target.'cfg(unix)'.dependencies]\naxum = \"1\"")).len(), 1);
        assert_eq!(problems(&format!("{engine}[dependencies]\nweb = {{ package = \"axum\" }}")).len(), 1);
    }

    #[test]
    fn only_tests_use_the_testkit() {
        let client = "[package]\nname = \"hindsight-client\"\n";
        assert!(problems(&format!("{client}[dev-dependencies]\nhindsight-testkit = \"1\"")).is_empty());
        assert_eq!(problems(&format!("{client}[dependencies]\nhindsight-testkit = \"1\"")).len(), 1);
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert_eq!(problems("[package]\nname = \"hindsight-surprise\"").len(), 1);
    }
}
