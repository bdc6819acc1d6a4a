//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Every rule is a function from the tree of committed files to a list of problems, so that each can be
//! tested on a few lines of text and a run reports everything at once.

mod dependencies;
mod docs;
mod lockfile;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A text file that is or could be committed; `path` is relative to the root, with `/`.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// Everything the rules look at.
pub(crate) struct Tree {
    pub(crate) files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the files that git tracks or would track; binary files are left out.
    fn read(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("cannot run git to list the files of the project")?;
        if !output.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut files = Vec::new();
        for path in String::from_utf8(output.stdout)?.split_terminator('\0') {
            let full: PathBuf = root.join(path);
            // A tracked file may be deleted in the working copy, and links to folders are listed as files.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(SourceFile { path: path.to_owned(), text });
            }
        }
        Ok(Self { files })
    }

    fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn with_extension<'t>(&'t self, extension: &'t str) -> impl Iterator<Item = &'t SourceFile> {
        self.files.iter().filter(move |file| file.has_extension(extension))
    }

    fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.with_extension("rs")
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|&(path, text)| SourceFile { path: path.into(), text: text.into() });
        Self { files: files.collect() }
    }
}

/// Runs every rule and fails when one of them has something to say.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut problems = dependencies::check(&tree)?;
    problems.extend(lockfile::check(&tree)?);
    problems.extend(sources::check(&tree)?);
    problems.extend(docs::check(&tree)?);
    for problem in &problems {
        println!("tidy: {problem}");
    }
    if !problems.is_empty() {
        bail!("tidy found {} problem(s), listed above", problems.len());
    }
    println!("tidy: {} files, nothing to complain about", tree.files.len());
    Ok(())
}
