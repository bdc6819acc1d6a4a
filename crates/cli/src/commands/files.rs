//! `hindsight memory retain-files`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hindsight_client::Client;
use hindsight_client::types::retain::{Content, MemoryItem};
use serde::Serialize;

use super::Outcome;
use crate::args::RetainFilesArguments;
use crate::output::{Output, counted, note, plain};

/// A file that is to be remembered.
#[derive(Debug, PartialEq, Eq)]
struct Text {
    /// Its path below the folder that was named, or its name.
    document_id: String,
    text: String,
}

/// A file as programs read it.
#[derive(Serialize)]
struct Retained {
    document_id: String,
}

pub(crate) async fn retain(
    client: &Client,
    output: &Output,
    arguments: RetainFilesArguments,
) -> Result<Outcome> {
    let (path, is_recursive) = (arguments.path, arguments.recursive);
    // All are read before the first is sent: what cannot be read is told while nothing is done.
    let texts = tokio::task::spawn_blocking(move || read(&path, is_recursive)).await??;
    let mut retained = Vec::new();
    for Text { document_id, text } in texts {
        let busy = output.busy(&format!("retaining {}", plain(&document_id)));
        let item = MemoryItem {
            content: Content::Text(text),
            context: arguments.context.clone(),
            document_id: Some(document_id.clone()),
            ..MemoryItem::new("")
        };
        client.retain(&arguments.bank, item).await.with_context(|| {
            let before = counted(i64::try_from(retained.len()).unwrap_or(i64::MAX), "file", "files");
            format!("{} was not retained, {before} before it were", plain(&document_id))
        })?;
        drop(busy);
        retained.push(Retained { document_id });
    }
    output.answer(&retained, |out, retained| {
        for file in retained {
            writeln!(out, "{}", plain(&file.document_id))?;
        }
        let files = counted(i64::try_from(retained.len()).unwrap_or(i64::MAX), "file", "files");
        writeln!(out, "{files} retained in bank {}", plain(&arguments.bank))
    })?;
    Ok(Outcome::Good)
}

/// The texts of a file or of a folder, by name. In a folder files that hold no text are left out
/// and told; a file that was named has to hold some.
fn read(path: &Path, is_recursive: bool) -> Result<Vec<Text>> {
    let cannot = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(cannot)?.is_dir() {
        let name = path.file_name().with_context(cannot)?.to_string_lossy().into_owned();
        let Some(text) = text_of(path)? else {
            bail!("{} holds no text: only files of UTF-8 text are taken", path.display());
        };
        return Ok(vec![Text { document_id: name, text }]);
    }
    let mut files = Vec::new();
    collect(path, is_recursive, &mut files)?;
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let Some(text) = text_of(&file)? else {
            note(&format!("left out, holds no text: {}", plain(&file.display().to_string())));
            continue;
        };
        let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
        texts.push(Text { document_id: name, text });
    }
    if texts.is_empty() {
        let hint = if is_recursive { "" } else { "; take those of folders inside with --recursive" };
        bail!("no files with text in {}{hint}", path.display());
    }
    Ok(texts)
}

/// Files of a folder. Links to folders are not followed, so that there is an end.
fn collect(folder: &Path, is_recursive: bool, files: &mut Vec<PathBuf>) -> Result<()> {
    let cannot = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type().with_context(cannot)?.is_dir() {
            if is_recursive {
                collect(&path, is_recursive, files)?;
            }
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// The text of a file; none when it is empty or something else.
fn text_of(path: &Path) -> Result<Option<String>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty() && !text.contains('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[Text]) -> Vec<&str> {
        texts.iter().map(|text| text.document_id.as_str()).collect()
    }

    #[test]
    fn files_are_taken_by_name_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("inner")).unwrap();
        fs::create_dir(at(".hidden")).unwrap();
        for (name, bytes) in [
            ("b.txt", &b"Alice"[..]),
            ("a.md", "Zürich".as_bytes()),
            ("inner/c.txt", b"Bob"),
            (".secret", b"hush"),
            (".hidden/d.txt", b"hush"),
            ("picture.png", &[0x89, b'P', 0xff]),
            ("zeros", b"a\0b"),
            ("empty", b" \n"),
        ] {
            fs::write(at(name), bytes).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("inner/round")).unwrap();
        assert_eq!(names(&read(folder.path(), false).unwrap()), ["a.md", "b.txt"]);
        let all = read(folder.path(), true).unwrap();
        assert_eq!(names(&all), ["a.md", "b.txt", "inner/c.txt"]);
        assert_eq!(all[0].text, "Zürich");
        assert_eq!(names(&read(&at("inner/c.txt"), false).unwrap()), ["c.txt"]);
        for (path, reason) in [
            (at("picture.png"), "only files of UTF-8 text"),
            (at("missing"), "cannot read"),
            (at("inner/round/.hidden/none"), "cannot read"),
        ] {
            let error = read(&path, false).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_folder_without_texts_says_what_else_to_try() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        let error = read(folder.path(), false).unwrap_err().to_string();
        assert!(error.ends_with("with --recursive"), "{error}");
        assert!(read(folder.path(), true).is_err());
    }
}
