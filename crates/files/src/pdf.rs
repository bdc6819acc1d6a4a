//! PDF.

use std::collections::HashSet;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use flate2::read::ZlibDecoder;
use pdf_extract::{Dictionary, Document, Object, ObjectId, PlainTextOutput, Stream, output_doc_page};

use crate::Limits;

/// Steps from a page up to the root of its tree, and from a page down to its innermost form.
const MOST_LEVELS: usize = 64;

/// The text of a PDF, page by page.
pub(crate) fn markdown(bytes: &[u8], limits: &Limits, deadline: Instant) -> Result<String, String> {
    count(bytes, limits, deadline)?;
    let mut document = Document::load_mem(bytes).map_err(|error| format!("it is broken: {error}"))?;
    if document.is_encrypted() {
        // Many are encrypted with an empty password, to forbid printing.
        document.decrypt("").map_err(|_| "it is encrypted; remove its password".to_owned())?;
    }
    let pages = document.get_pages();
    if pages.is_empty() {
        return Err("it is broken: it has no pages".to_owned());
    }
    if pages.len() > limits.pages {
        return Err(format!("it has {} pages, more than the {} that are read", pages.len(), limits.pages));
    }
    let mut markdown = String::new();
    for (number, page) in pages {
        in_time(deadline)?;
        check(&document, page)?;
        let text = text(&document, number)?;
        if !markdown.is_empty() {
            markdown.push_str("\n\n");
        }
        markdown.push_str(text.trim());
        if markdown.len() > limits.markdown {
            break;
        }
    }
    Ok(markdown)
}

fn in_time(deadline: Instant) -> Result<(), String> {
    if Instant::now() > deadline { Err("reading it takes too long".to_owned()) } else { Ok(()) }
}

/// The text of one page: laid out by its places on the page or, where that fails, as it comes.
fn text(document: &Document, number: u32) -> Result<String, String> {
    let laid_out = catch_unwind(AssertUnwindSafe(|| {
        let mut text = String::new();
        output_doc_page(document, &mut PlainTextOutput::new(&mut text), number).map(|()| text)
    }));
    if let Ok(Ok(text)) = laid_out {
        return Ok(text);
    }
    document.extract_text(&[number]).map_err(|error| format!("its page {number} is broken: {error}"))
}

/// Unpacks every stream once, to nowhere, so that none is a surprise to the parser.
fn count(bytes: &[u8], limits: &Limits, deadline: Instant) -> Result<(), String> {
    const BEGIN: &[u8] = b"stream";
    let packed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let most = packed.saturating_mul(limits.ratio).max(limits.packed_well);
    let mut unpacked = 0_u64;
    let mut rest = bytes;
    while let Some(at) = rest.windows(BEGIN.len()).position(|window| window == BEGIN) {
        in_time(deadline)?;
        rest = rest.get(at + BEGIN.len()..).unwrap_or_default();
        let data = rest.strip_prefix(b"\r").unwrap_or(rest);
        let Some(data) = data.strip_prefix(b"\n") else { continue };
        // What is no packed stream ends with an error at once, as one that is cut off does.
        let mut stream = ZlibDecoder::new(data).take(limits.unpacked.saturating_add(1));
        let mut sink = Sink::default();
        let _ = io::copy(&mut stream, &mut sink);
        unpacked = unpacked.saturating_add(sink.0);
        if sink.0 > limits.unpacked || unpacked > most {
            return Err("it unpacks to far more than a document of its size holds".to_owned());
        }
    }
    Ok(())
}

/// Counts what is written to it.
#[derive(Default)]
struct Sink(u64);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Refuses a page that the parser would follow in circles: it calls itself for what is above a
/// page and for every form inside it.
fn check(document: &Document, page: ObjectId) -> Result<(), String> {
    let circles = || Err("it is broken: it has parts that contain themselves".to_owned());
    let mut resources = None;
    let mut next = Some(page);
    for level in 0.. {
        let Some(dictionary) = next.and_then(|id| document.get_dictionary(id).ok()) else { break };
        if level == MOST_LEVELS {
            return circles();
        }
        resources = resources.or_else(|| document.get_dict_in_dict(dictionary, b"Resources").ok());
        next = dictionary.get(b"Parent").and_then(Object::as_reference).ok();
    }
    let mut level: Vec<&Dictionary> = resources.into_iter().collect();
    for _ in 0..MOST_LEVELS {
        let mut seen = HashSet::new();
        let forms = level.iter().flat_map(|resources| forms(document, resources).into_iter());
        let inner = forms.filter(|(id, _, _)| seen.insert(*id)).filter_map(|(_, form, outer)| {
            let own = document.get_dict_in_dict(&form.dict, b"Resources").ok();
            // A form without resources of its own uses those it is found in, itself among them.
            own.or_else(|| draws_others(form).then_some(outer))
        });
        level = inner.collect();
        if level.is_empty() {
            return Ok(());
        }
    }
    circles()
}

/// The forms that resources name, each with its id and the resources it is found in.
fn forms<'d>(
    document: &'d Document,
    resources: &'d Dictionary,
) -> Vec<(Option<ObjectId>, &'d Stream, &'d Dictionary)> {
    let Ok(objects) = document.get_dict_in_dict(resources, b"XObject") else { return Vec::new() };
    let form = |object: &'d Object| {
        let (id, object) = document.dereference(object).ok()?;
        let stream = object.as_stream().ok()?;
        let is_image =
            stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image");
        (!is_image).then_some((id, stream, resources))
    };
    objects.iter().filter_map(|(_, object)| form(object)).collect()
}

/// Whether a form may draw other ones.
fn draws_others(form: &Stream) -> bool {
    form.get_plain_content().is_ok_and(|content| content.windows(2).any(|window| window == b"Do"))
}
