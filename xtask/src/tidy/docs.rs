//! Links between the documents lead somewhere.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use regex::Regex;

use super::Tree;

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let link = Regex::new(r"\]\(([^)\s]+)\)")?;
    let mut problems = Vec::new();
    for file in tree.with_extension("md") {
        for capture in link.captures_iter(&file.text) {
            let target = &capture[1];
            let path = target.split('#').next().unwrap_or_default();
            if target.contains("://") || target.starts_with("mailto:") || path.is_empty() {
                continue;
            }
            let resolved = resolve(&file.path, path);
            let folder = format!("{resolved}/");
            if !tree.files.iter().any(|other| other.path == resolved || other.path.starts_with(&folder)) {
                problems.push(format!("{}: the link to {target} leads nowhere", file.path));
            }
        }
    }
    Ok(problems)
}

/// The path from the root that `link` means inside `document`.
fn resolve(document: &str, link: &str) -> String {
    let joined = Path::new(document).parent().unwrap_or(Path::new("")).join(link);
    let mut resolved = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(part) => resolved.push(part),
            _ => {}
        }
    }
    resolved.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_resolve_from_the_document() {
        let tree = |text: &str| Tree::of(&[("docs/a.md", text), ("docs/sub/b.md", ""), ("README.md", "")]);
        assert!(
            check(&tree("[b](sub/b.md#part) [top](../README.md) [dir](sub) [web](https://x.y/z)"))
                .unwrap()
                .is_empty()
        );
        assert_eq!(check(&tree("[b](b.md)")).unwrap().len(), 1);
    }
}
