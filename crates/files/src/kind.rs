//! What a file is: seen from its bytes, and compared with what its name says.

use std::collections::HashSet;
use std::io::{self, Cursor, Read};

use hindsight_engine::ports::SentFile;
use zip::ZipArchive;

use crate::Limits;

/// A kind of file that has a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pdf,
    Word,
    Slides,
    Sheets,
    Html,
    Text,
}

/// First bytes of files that are no texts, and what such files are.
const MARKS: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\x1f\x8b", "packed with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\0", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"ID3", "a sound"),
    (b"fLaC", "a sound"),
    (b"OggS", "a sound or a film"),
    (b"{\\rtf", "rich text (RTF)"),
];
/// First bytes of compound files: office documents before 2007, and encrypted ones.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// Name of the part of a compound file that holds an encrypted document, as it is stored.
const ENCRYPTED_PART: &str = "EncryptedPackage";
/// How far from its beginning a PDF may begin.
const PDF_LEAD: usize = 1024;

impl Kind {
    /// The kind of a file; the error says what it is instead, or what is wrong with it.
    pub(crate) fn of(file: &SentFile, limits: &Limits) -> Result<Self, String> {
        let named = Self::named(file);
        let seen = Self::seen(&file.bytes, limits)?;
        match (named, seen) {
            // A page may be taken for a text, and what makes it one is its name.
            (Some(named @ (Self::Html | Self::Text)), Self::Text) => Ok(named),
            (None, seen) => Ok(seen),
            (Some(named), seen) if named == seen => Ok(seen),
            (Some(named), seen) => {
                Err(format!("its name says that it is {}, but it is {}", named.described(), seen.described()))
            }
        }
    }

    /// The kind that its name says, or else its sender.
    fn named(file: &SentFile) -> Option<Self> {
        let ending = file.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let by_name = match ending.as_deref().unwrap_or_default() {
            "pdf" => Some(Self::Pdf),
            "docx" | "docm" | "dotx" => Some(Self::Word),
            "pptx" | "pptm" | "ppsx" => Some(Self::Slides),
            "xlsx" | "xlsm" => Some(Self::Sheets),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "txt" | "text" | "md" | "markdown" | "csv" | "tsv" | "log" | "json" | "jsonl" => Some(Self::Text),
            _ => None,
        };
        let media_type = file.media_type.as_deref().unwrap_or_default();
        by_name.or_else(|| media_type.trim_start().starts_with("text/html").then_some(Self::Html))
    }

    /// The kind that its bytes are.
    fn seen(bytes: &[u8], limits: &Limits) -> Result<Self, String> {
        let lead = bytes.get(..PDF_LEAD).unwrap_or(bytes);
        if contains(lead, b"%PDF-") {
            return Ok(Self::Pdf);
        }
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return package(bytes, limits);
        }
        if bytes.starts_with(COMPOUND) {
            let name: Vec<u8> = ENCRYPTED_PART.encode_utf16().flat_map(u16::to_le_bytes).collect();
            return Err(if contains(bytes, &name) {
                "it is encrypted; remove its password".to_owned()
            } else {
                "it is an office document of the time before 2007; save it as docx, pptx or xlsx".to_owned()
            });
        }
        if let Some((_, what)) = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
            return Err(format!("it is {what}; PDF, docx, pptx, xlsx, HTML and plain text are read"));
        }
        Ok(Self::Text)
    }

    fn described(self) -> &'static str {
        match self {
            Self::Pdf => "a PDF",
            Self::Word => "a Word document",
            Self::Slides => "a PowerPoint presentation",
            Self::Sheets => "an Excel workbook",
            Self::Html => "an HTML page",
            Self::Text => "a text",
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The kind of a zip archive. All of it is unpacked once, to nowhere: what its directory says of
/// sizes may be a lie.
fn package(bytes: &[u8], limits: &Limits) -> Result<Kind, String> {
    let broken = |error: &dyn std::fmt::Display| format!("its zip archive is broken: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if archive.len() > limits.parts {
        return Err(format!("it has {} parts, more than the {} that are read", archive.len(), limits.parts));
    }
    let mut names = HashSet::new();
    let mut unpacked = 0_u64;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|error| broken(&error))?;
        let left = limits.unpacked.saturating_sub(unpacked);
        let size = io::copy(&mut (&mut part).take(left.saturating_add(1)), &mut io::sink())
            .map_err(|error| broken(&error))?;
        let most = part.compressed_size().saturating_mul(limits.ratio).max(limits.packed_well);
        if size > left || size > most {
            return Err("it unpacks to far more than a document of its size holds".to_owned());
        }
        unpacked = unpacked.saturating_add(size);
        names.insert(part.name().map_err(|error| broken(&error))?.to_ascii_lowercase());
    }
    let has = |name: &str| names.contains(name);
    if has("word/document.xml") {
        Ok(Kind::Word)
    } else if has("ppt/presentation.xml") {
        Ok(Kind::Slides)
    } else if has("xl/workbook.xml") {
        Ok(Kind::Sheets)
    } else {
        Err("it is a zip archive without an office document in it; send the files in it".to_owned())
    }
}
