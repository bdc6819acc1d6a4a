//! `hindsight memory retain-files`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hindsight_client::types::files::FileMetadata;
use hindsight_client::types::operations::OperationStatus;
use hindsight_client::types::retain::{MemoryItem, RetainRequest};
use hindsight_client::{Client, FileUpload};
use serde::Serialize;

use super::{Outcome, operation};
use crate::args::RetainFilesArguments;
use crate::output::{Output, counted, note, plain};

/// Endings of files that the server reads; everything else has to be text.
const READ_BY_SERVER: &[&str] = &["pdf", "docx", "pptx", "xlsx", "html", "htm"];

/// A file that is to be remembered.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    /// Its path below the folder that was named, or its name.
    document_id: String,
    content: Taking,
}

#[derive(Debug, PartialEq, Eq)]
enum Taking {
    /// A text.
    Text(String),
    /// A file that the server reads, to be loaded when it is its turn.
    File(PathBuf),
}

/// A file as programs read it.
#[derive(Serialize)]
struct Retained {
    document_id: String,
    /// What works on it, or did, in the background.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    /// What has become of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<OperationStatus>,
    /// Why it was not retained.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn retain(
    client: &Client,
    output: &Output,
    arguments: RetainFilesArguments,
) -> Result<Outcome> {
    let (path, is_recursive) = (arguments.path.clone(), arguments.recursive);
    // All are looked at before the first is sent: what cannot be read is told while nothing is done.
    let taken = tokio::task::spawn_blocking(move || read(&path, is_recursive)).await??;
    let mut retained = Vec::new();
    for Taken { document_id, content } in taken {
        let busy = output.busy(&format!("retaining {}", plain(&document_id)));
        let operation_id = send(client, &arguments, &document_id, content).await.with_context(|| {
            let before = counted(i64::try_from(retained.len()).unwrap_or(i64::MAX), "file", "files");
            let sent = if arguments.run_async { "handed over" } else { "sent" };
            format!("{} was not {sent}, {before} before it were", plain(&document_id))
        })?;
        drop(busy);
        retained.push(Retained { document_id, operation_id, status: None, error: None });
    }
    if !arguments.run_async || arguments.wait {
        for file in &mut retained {
            let Some(id) = &file.operation_id else { continue };
            let ended = operation::wait_for_file(client, output, &arguments.bank, id).await?;
            file.status = Some(ended.status);
            file.error = ended.error_message;
        }
    }
    let is_bad =
        |file: &Retained| file.status.is_some_and(|status| operation::outcome_of(status) == Outcome::Bad);
    output.answer(&retained, |out, retained| {
        let number = |files: usize| counted(i64::try_from(files).unwrap_or(i64::MAX), "file", "files");
        let (mut done, mut waiting) = (0, 0);
        for file in retained {
            let name = plain(&file.document_id);
            match (&file.operation_id, file.status) {
                (_, Some(status)) if is_bad(file) => {
                    let error = file.error.as_deref().map(plain).unwrap_or_default();
                    writeln!(out, "{name}: {status}: {error}")?;
                }
                (Some(id), None) => {
                    waiting += 1;
                    writeln!(out, "{name}: operation {}", plain(id))?;
                }
                _ => {
                    done += 1;
                    writeln!(out, "{name}")?;
                }
            }
        }
        let bank = plain(&arguments.bank);
        if waiting > 0 {
            writeln!(out, "{} handed over for bank {bank}", number(waiting))?;
        }
        if done > 0 || waiting == 0 {
            writeln!(out, "{} retained in bank {bank}", number(done))?;
        }
        Ok(())
    })?;
    Ok(if retained.iter().any(is_bad) { Outcome::Bad } else { Outcome::Good })
}

/// Sends a file; the operation that works on it, if it is not done with this.
async fn send(
    client: &Client,
    arguments: &RetainFilesArguments,
    document_id: &str,
    content: Taking,
) -> Result<Option<String>> {
    let document = Some(document_id.to_owned());
    let context = arguments.context.clone();
    match content {
        Taking::Text(text) => {
            let item = MemoryItem { context, document_id: document, ..MemoryItem::new(text) };
            let request = RetainRequest {
                items: vec![item],
                run_async: arguments.run_async,
                document_tags: None,
                operation_id: None,
            };
            Ok(client.retain_batch(&arguments.bank, &request).await?.operation_id)
        }
        Taking::File(path) => {
            let bytes = tokio::task::spawn_blocking({
                let path = path.clone();
                move || fs::read(&path)
            });
            let bytes = bytes.await?.with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let metadata = FileMetadata { document_id: document, context, ..FileMetadata::default() };
            let sent =
                client.retain_files(&arguments.bank, vec![FileUpload { name, bytes, metadata }]).await?;
            Ok(sent.operation_ids.into_iter().next())
        }
    }
}

/// What to take of a file or of a folder, by name. In a folder files that hold no text are left
/// out and told; a file that was named has to hold some.
fn read(path: &Path, is_recursive: bool) -> Result<Vec<Taken>> {
    let cannot = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(cannot)?.is_dir() {
        let name = path.file_name().with_context(cannot)?.to_string_lossy().into_owned();
        let Some(content) = content_of(path)? else {
            bail!(
                "{} holds no text: files of UTF-8 text, PDF, docx, pptx, xlsx and HTML are taken",
                path.display()
            );
        };
        return Ok(vec![Taken { document_id: name, content }]);
    }
    let mut files = Vec::new();
    collect(path, is_recursive, &mut files)?;
    files.sort();
    let mut taken = Vec::new();
    for file in files {
        let Some(content) = content_of(&file)? else {
            note(&format!("left out, holds no text: {}", plain(&file.display().to_string())));
            continue;
        };
        let document_id = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
        taken.push(Taken { document_id, content });
    }
    if taken.is_empty() {
        let hint = if is_recursive { "" } else { "; take those of folders inside with --recursive" };
        bail!("no files with text in {}{hint}", path.display());
    }
    Ok(taken)
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

/// What to send of a file; none when it is empty or something else.
fn content_of(path: &Path) -> Result<Option<Taking>> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    if ending.is_some_and(|ending| READ_BY_SERVER.contains(&ending.as_str())) {
        return Ok(Some(Taking::File(path.to_owned())));
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8(bytes).ok();
    Ok(text.filter(|text| !text.trim().is_empty() && !text.contains('\0')).map(Taking::Text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(taken: &[Taken]) -> Vec<&str> {
        taken.iter().map(|taken| taken.document_id.as_str()).collect()
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
            ("letter.PDF", b"%PDF-"),
            ("page.html", b"<p>text</p>"),
            ("picture.png", &[0x89, b'P', 0xff]),
            ("zeros", b"a\0b"),
            ("empty", b" \n"),
        ] {
            fs::write(at(name), bytes).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("inner/round")).unwrap();
        assert_eq!(names(&read(folder.path(), false).unwrap()), ["a.md", "b.txt", "letter.PDF", "page.html"]);
        let all = read(folder.path(), true).unwrap();
        assert_eq!(names(&all), ["a.md", "b.txt", "inner/c.txt", "letter.PDF", "page.html"]);
        assert_eq!(all[0].content, Taking::Text("Zürich".to_owned()));
        assert_eq!(all[3].content, Taking::File(at("letter.PDF")));
        assert_eq!(names(&read(&at("inner/c.txt"), false).unwrap()), ["c.txt"]);
        for (path, reason) in [
            (at("picture.png"), "files of UTF-8 text"),
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
