//! Files of every kind, good and bad.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hindsight_engine::ports::{ConvertError, FileConverter, SentFile};
use hindsight_files::{Converter, Limits, Program, convert};
use pdf_extract::encryption::{EncryptionState, EncryptionVersion, Permissions};
use pdf_extract::{Document, Object, Stream, dictionary};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const LETTER: &[u8] = include_bytes!("../data/letter.pdf");
const REPORT: &[u8] = include_bytes!("../data/report.docx");
const PLAN: &[u8] = include_bytes!("../data/plan.pptx");
const BUDGET: &[u8] = include_bytes!("../data/budget.xlsx");

fn sent(name: &str, bytes: &[u8]) -> SentFile {
    SentFile { name: name.to_owned(), media_type: None, bytes: bytes.to_vec() }
}

fn within(name: &str, bytes: &[u8], limits: &Limits) -> Result<String, String> {
    convert(&sent(name, bytes), limits, Instant::now() + Duration::from_mins(10))
}

fn read(name: &str, bytes: &[u8]) -> Result<String, String> {
    within(name, bytes, &Limits::default())
}

/// Checks that a file is refused with its name and a reason.
fn refused(name: &str, bytes: &[u8], reason: &str) {
    let problem = read(name, bytes).expect_err(name);
    assert!(problem.starts_with(&format!("cannot read {name}: ")) && problem.contains(reason), "{problem}");
}

/// A copy of an office document with other contents for one part.
fn with_part(document: &[u8], name: &str, contents: &[u8]) -> Vec<u8> {
    let mut old = ZipArchive::new(Cursor::new(document)).unwrap();
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let mut part = old.by_index(index).unwrap();
        let part_name = part.name().unwrap().into_owned();
        new.start_file(part_name.as_str(), SimpleFileOptions::default()).unwrap();
        if part_name == name {
            new.write_all(contents).unwrap();
        } else {
            std::io::copy(&mut part, &mut new).unwrap();
        }
    }
    new.finish().unwrap().into_inner()
}

#[test]
fn documents_become_markdown() {
    assert_eq!(
        read("letter.pdf", LETTER).unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
        "Dear Carol, the concert is on Friday. Best wishes, Dave"
    );
    let report = read("report.docx", REPORT).unwrap();
    for part in ["# Travel report", "Anna moved to Rome in May 2024.", "Zürich", "| Rome | 12 |"] {
        assert!(report.contains(part), "{report}");
    }
    let plan = read("plan.pptx", PLAN).unwrap();
    assert!(
        plan.find("Bob leads the team.").unwrap() < plan.find("The launch is on 3 June.").unwrap(),
        "{plan}"
    );
    let budget = read("budget.xlsx", BUDGET).unwrap();
    assert!(budget.contains("Budget") && budget.contains("| Piano | 4200 |"), "{budget}");
    // The kind is seen where the name says nothing.
    assert_eq!(read("report", REPORT).unwrap(), report);
}

#[test]
fn pages_become_markdown() {
    let html = "<html><head><title>t</title><style>b{}</style></head><body><h1>Diary</h1><p>Anna &amp; <b>Bob</b></p>
        <script>hidden()</script><ul><li>one</li></ul></body></html>";
    let page = read("page.html", html.as_bytes()).unwrap();
    assert!(page.contains("# Diary") && page.contains("Anna & **Bob**") && page.contains("one"), "{page}");
    assert!(!page.contains("hidden") && !page.contains("b{}"), "{page}");
    let latin = b"<meta charset=\"iso-8859-2\"><p>\xa3\xf3d\xbc</p>";
    assert_eq!(read("page.htm", latin).unwrap().trim(), "Łódź");
    let deep = "<div>".repeat(5000) + "text";
    refused("deep.html", deep.as_bytes(), "nested more than 500 deep");
}

#[test]
fn texts_are_read_in_the_usual_encodings() {
    let utf_16 = |text: &str| {
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect::<Vec<u8>>()
    };
    for (name, bytes) in [
        ("a.txt", "Zürich".as_bytes().to_vec()),
        ("a.md", [b"\xef\xbb\xbf", "Zürich".as_bytes()].concat()),
        ("a.csv", utf_16("Zürich")),
        ("a.txt", b"Z\xfcrich".to_vec()),
    ] {
        assert_eq!(read(name, &bytes).unwrap(), "Zürich", "{name}");
    }
    let mut labelled = sent("a.txt", b"\xcc\xee\xf1\xea\xe2\xe0");
    labelled.media_type = Some("text/plain; charset=windows-1251".to_owned());
    let deadline = Instant::now() + Duration::from_mins(10);
    assert_eq!(convert(&labelled, &Limits::default(), deadline).unwrap(), "Москва");
}

#[test]
fn what_is_something_else_than_its_name_says_is_refused() {
    refused("a.pdf", b"\x89PNG\r\n\x1a\n\0\0", "it is a PNG picture");
    refused("a.docx", include_bytes!("../data/photos.zip"), "zip archive without an office document");
    refused("a.pdf", REPORT, "its name says that it is a PDF, but it is a Word document");
    refused("a.docx", BUDGET, "but it is an Excel workbook");
    refused("a.pdf", b"just a text", "but it is a text");
    refused("a.txt", LETTER, "but it is a PDF");
    refused("a.bin", b"a\0b", "neither a text");
    refused("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more", "before 2007");
    refused("a.txt", b"", "it is empty");
    refused("a.txt", b" \n", "it holds no text");
    refused("a.pdf", include_bytes!("../data/scan.pdf"), "it holds no text");
}

#[test]
fn encrypted_documents_are_refused_unless_anybody_may_read_them() {
    let encrypted = |password| {
        let mut document = Document::load_mem(LETTER).unwrap();
        let version = EncryptionVersion::V2 {
            document: &document,
            owner_password: "owner",
            user_password: password,
            key_length: 128,
            permissions: Permissions::all(),
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    };
    refused("a.pdf", &encrypted("secret"), "it is encrypted");
    assert!(read("a.pdf", &encrypted("")).unwrap().contains("the concert is on Friday."));

    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let compound = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", name.as_slice()].concat();
    refused("a.docx", &compound, "it is encrypted");
}

#[test]
fn broken_documents_are_refused() {
    refused("a.pdf", &LETTER[..LETTER.len() / 2], "it is broken");
    refused("a.pdf", b"%PDF-1.4\nnothing", "it is broken");
    refused("a.docx", &REPORT[..REPORT.len() / 2], "zip archive is broken");
    refused("a.docx", &with_part(REPORT, "word/document.xml", b"<w:document><w:body></w:p>"), "");
    // Bytes turned over anywhere never do worse than a refusal.
    for (name, document) in [("a.pdf", LETTER), ("a.docx", REPORT), ("a.pptx", PLAN), ("a.xlsx", BUDGET)] {
        for at in (0..document.len()).step_by(7) {
            let mut bytes = document.to_vec();
            bytes[at] ^= 0x55;
            let _ = std::panic::catch_unwind(|| read(name, &bytes));
        }
    }
}

#[test]
fn documents_that_contain_themselves_are_refused() {
    let mut document = Document::load_mem(LETTER).unwrap();
    let page = *document.get_pages().get(&1).unwrap();
    document.get_dictionary_mut(page).unwrap().set("Parent", Object::Reference(page));
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    refused("a.pdf", &bytes, "contain themselves");

    for with_resources in [true, false] {
        let mut document = Document::load_mem(LETTER).unwrap();
        let page = *document.get_pages().get(&1).unwrap();
        let form = document.new_object_id();
        let resources = dictionary! { "XObject" => dictionary! { "Me" => form } };
        let mut dict = dictionary! { "Subtype" => "Form" };
        if with_resources {
            dict.set("Resources", resources.clone());
        }
        document.objects.insert(form, Object::Stream(Stream::new(dict, b"/Me Do".to_vec())));
        document.get_dictionary_mut(page).unwrap().set("Resources", resources);
        let content = document.add_object(Stream::new(dictionary! {}, b"/Me Do".to_vec()));
        document.get_dictionary_mut(page).unwrap().set("Contents", content);
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        refused("a.pdf", &bytes, "contain themselves");
    }
}

#[test]
fn what_unpacks_to_far_too_much_is_refused() {
    let bomb = with_part(REPORT, "word/document.xml", &vec![b' '; 32 << 20]);
    assert!(bomb.len() < 100_000, "a small file");
    refused("a.docx", &bomb, "unpacks to far more");
    let mut document = Document::load_mem(LETTER).unwrap();
    let mut stream = Stream::new(dictionary! {}, vec![b' '; 32 << 20]);
    stream.compress().unwrap();
    document.add_object(stream);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    assert!(bytes.len() < 100_000, "a small file");
    refused("a.pdf", &bytes, "unpacks to far more");
    // A sheet that is as wide and high as can be, with two cells in it.
    let wide = read("wide.xlsx", include_bytes!("../data/wide.xlsx"));
    assert!(
        wide.as_ref().map_or_else(|problem| problem.contains("wide.xlsx"), |text| text.contains("far")),
        "{wide:?}"
    );
}

#[test]
fn the_limits_count() {
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    for (name, bytes, limits, reason) in [
        ("a.pdf", LETTER, limits(|limits| limits.pages = 1), "it has 2 pages"),
        ("a.txt", b"abc", limits(|limits| limits.text = 2), "it is larger than"),
        ("a.txt", b"abc", limits(|limits| limits.markdown = 2), "its text is longer than"),
        ("a.docx", REPORT, limits(|limits| limits.parts = 1), "parts, more than the 1"),
        ("a.docx", REPORT, limits(|limits| limits.unpacked = 100), "unpacks to far more"),
    ] {
        let problem = within(name, bytes, &limits).unwrap_err();
        assert!(problem.contains(reason), "{problem}");
    }
    let late = convert(
        &sent("a.pdf", LETTER),
        &Limits::default(),
        Instant::now().checked_sub(Duration::from_secs(1)).unwrap(),
    );
    assert!(late.unwrap_err().contains("takes too long"));
}

/// A program that is a shell with a script.
fn script(name: &str, lines: &str) -> Program {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("{name}-{}.sh", std::process::id()));
    std::fs::write(&file, format!("{lines}\n")).unwrap();
    Program { path: "/bin/sh".into(), arguments: vec![file.display().to_string()] }
}

#[tokio::test]
async fn a_process_that_hangs_is_ended_and_its_place_is_free() {
    let refused = |converted: Result<String, ConvertError>| match converted.unwrap_err() {
        ConvertError::Refused(problem) => problem,
        other => panic!("{other}"),
    };
    let hangs = Converter::new(Limits::default(), Duration::from_millis(200), 1)
        .in_processes_of(script("hangs", "exec sleep 1000"));
    for _ in 0..3 {
        let problem = refused(hangs.convert(sent("a.pdf", &vec![0; 1 << 20])).await);
        assert_eq!(problem, "cannot read a.pdf: reading it takes longer than 0 s");
    }
    // Who waits for longer than a file may take is not turned away.
    let waits = || hangs.convert(sent("b.pdf", b"x"));
    let (first, second, third) = tokio::join!(waits(), waits(), waits());
    for converted in [first, second, third] {
        drop(refused(converted));
    }
    let usual = || Converter::new(Limits::default(), Duration::from_mins(1), 1);
    let dies = usual().in_processes_of(script("dies", "printf +half; kill -9 $$"));
    assert_eq!(refused(dies.convert(sent("a.pdf", b"x")).await), "cannot read a.pdf: it is broken");
    let fails = usual().in_processes_of(script("fails", "cat > /dev/null; printf +half; exit 1"));
    assert_eq!(refused(fails.convert(sent("a.pdf", b"x")).await), "cannot read a.pdf: it is broken");
    let says = usual().in_processes_of(script(
        "says",
        "cat > /dev/null; printf -- '-cannot read %s: %s' \"$3\" \"$4$HOME\"",
    ));
    let mut file = sent("a\0b.pdf", b"x");
    file.media_type = Some("t/p".to_owned());
    assert_eq!(refused(says.convert(file).await), "cannot read ab.pdf: t/p");
    let echoes = usual().in_processes_of(script("echoes", "printf +; cat"));
    let large = "text ".repeat(1 << 20);
    assert_eq!(echoes.convert(sent("a.txt", large.as_bytes())).await.unwrap(), large);
    let missing =
        usual().in_processes_of(Program { path: "/nowhere/hindsight".into(), arguments: Vec::new() });
    let missing = missing.convert(sent("a.txt", b"x")).await;
    let Err(ConvertError::Unready(problem)) = missing else { panic!("{missing:?}") };
    assert!(
        problem.starts_with("cannot read a.txt: the program that reads files cannot be run"),
        "{problem}"
    );
}

#[test]
fn a_program_is_started_for_a_file_only_by_all_its_words() {
    let words = |words: &[&str]| words.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
    for line in [&["serve"][..], &[], &["read-file", "1000", "a.txt"], &["read-file", "soon", "a.txt", ""]] {
        assert!(!hindsight_files::serve_process(&words(line)).unwrap(), "{line:?}");
    }
}

#[tokio::test]
async fn the_converter_gives_up_what_takes_too_long() {
    let converter = Converter::default();
    assert_eq!(converter.convert(sent("a.txt", b"text")).await.unwrap(), "text");
    let refused = converter.convert(sent("a.txt", b"")).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot read a.txt: it is empty");
    let none = Converter::new(Limits::default(), Duration::ZERO, 0);
    assert!(matches!(none.convert(sent("a.txt", b"text")).await, Err(ConvertError::Busy)));
    let hasty = Converter::new(Limits::default(), Duration::ZERO, 1);
    let refused = hasty.convert(sent("a.pdf", LETTER)).await;
    assert!(matches!(refused, Err(ConvertError::Refused(_))), "{refused:?}");
}
