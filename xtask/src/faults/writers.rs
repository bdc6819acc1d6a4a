//! Writers that retain until their server is gone, and remember what it promised.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hindsight_client::types::retain::{MemoryItem, RetainRequest};
use hindsight_client::{Client, ClientError};

/// The document with long versions.
pub(crate) const LONG: &str = "ledger";
/// Documents that get one version after the other.
pub(crate) const VERSIONED: [&str; 3] = ["report", "minutes", LONG];
/// Texts of one version of a document, and of a long one.
const TEXTS: u32 = 4;
const LONG_TEXTS: u32 = 500;
/// Documents of one batch.
const BATCH: u32 = 3;

/// What a writer did with one text or one version of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server said that it is retained.
    Acknowledged,
    /// It was sent, and no answer came.
    Sent,
}

/// A bank to write to, until the kill or the first request that fails.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) bank: String,
    pub(crate) is_over: Arc<AtomicBool>,
}

impl Target {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// What a bank must hold.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Single texts.
    pub(crate) texts: BTreeMap<String, Fate>,
    /// Versions of documents in the order they were sent; the last may be in doubt.
    pub(crate) documents: BTreeMap<String, Vec<Fate>>,
}

impl Promises {
    pub(crate) fn merge(&mut self, other: Self) {
        self.texts.extend(other.texts);
        self.documents.extend(other.documents);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        let fates = self.texts.values().chain(self.documents.values().flatten());
        fates.filter(|fate| **fate == Fate::Acknowledged).count()
    }
}

/// The texts of one version of a document in alphabetical order. No two are equal, and none is
/// in another version.
pub(crate) fn texts(document: &str, version: usize) -> Vec<String> {
    let count = if document == LONG { LONG_TEXTS } else { TEXTS };
    (0..count)
        .map(|part| {
            format!(
                "Report {document} of edition {version} says item {part:03} weighs {version}{part:03} tons"
            )
        })
        .collect()
}

/// One text after the other.
pub(crate) async fn singles(to: Target) -> Promises {
    let mut promises = Promises::default();
    for number in (0..).take_while(|_| !to.is_over()) {
        let text = format!("Sensor {number} of {} measured {number} degrees", to.bank);
        promises.texts.insert(text.clone(), Fate::Sent);
        if to.client.retain(&to.bank, MemoryItem::new(text.as_str())).await.is_err() {
            break;
        }
        promises.texts.insert(text, Fate::Acknowledged);
    }
    promises
}

/// Batches of new documents, each batch as a whole.
pub(crate) async fn batches(to: Target) -> Promises {
    let mut promises = Promises::default();
    for number in (0..).take_while(|_| !to.is_over()) {
        let documents: Vec<_> = (0..BATCH).map(|part| format!("batch-{number}-{part}")).collect();
        for document in &documents {
            promises.documents.insert(document.clone(), vec![Fate::Sent]);
        }
        if send(&to, documents.iter().map(|document| (document.as_str(), 0))).await.is_err() {
            break;
        }
        for document in documents {
            promises.documents.insert(document, vec![Fate::Acknowledged]);
        }
    }
    promises
}

/// One version after the other of the same document.
pub(crate) async fn versions(to: Target, document: &'static str) -> Promises {
    let mut fates = Vec::new();
    while !to.is_over() {
        fates.push(Fate::Sent);
        if send(&to, [(document, fates.len() - 1)]).await.is_err() {
            break;
        }
        if let Some(last) = fates.last_mut() {
            *last = Fate::Acknowledged;
        }
    }
    Promises { documents: BTreeMap::from([(document.to_owned(), fates)]), ..Promises::default() }
}

async fn send(to: &Target, versions: impl IntoIterator<Item = (&str, usize)>) -> Result<(), ClientError> {
    let items = versions
        .into_iter()
        .map(|(document, version)| {
            let mut item = MemoryItem::new(texts(document, version).join("\n\n"));
            item.document_id = Some(document.to_owned());
            item
        })
        .collect();
    let request = RetainRequest { items, run_async: false, document_tags: None, operation_id: None };
    to.client.retain_batch(&to.bank, &request).await.map(|_| ())
}
