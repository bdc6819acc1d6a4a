//! The vocabulary: which sequences of bytes are tokens, and which of them come first.

use std::hash::BuildHasher;
use std::io::{self, Read};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use hashbrown::{DefaultHashBuilder, HashTable};

/// One token in a line: its bytes in base64 and its rank, which is the number of the line.
static PACKED: &[u8] = include_bytes!("../../../data/o200k_base.tiktoken.gz");

static O200K: LazyLock<Vocabulary> = LazyLock::new(o200k);

/// The tokens of a vocabulary. The rank of a token tells when it is put together: the lower, the
/// earlier.
pub(super) struct Vocabulary {
    /// All tokens, one behind the other.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<u32>,
    ranks: HashTable<u32>,
    hasher: DefaultHashBuilder,
    longest: usize,
}

/// The vocabulary that budgets are counted in. The first call unpacks it.
pub(super) fn vocabulary() -> &'static Vocabulary {
    &O200K
}

#[expect(clippy::expect_used, reason = "the vocabulary is compiled in, and the tests read all of it")]
fn o200k() -> Vocabulary {
    let (mut text, mut vocabulary) = (Vec::new(), None);
    if GzDecoder::new(PACKED).read_to_end(&mut text).is_ok() {
        vocabulary = Vocabulary::read(&text).ok();
    }
    vocabulary.expect("the vocabulary can be read")
}

impl Vocabulary {
    fn read(text: &[u8]) -> io::Result<Self> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let token = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            BASE64_STANDARD.decode_vec(token, &mut bytes).map_err(io::Error::other)?;
            ends.push(u32::try_from(bytes.len()).map_err(io::Error::other)?);
        }
        bytes.shrink_to_fit();
        ends.shrink_to_fit();
        let ranks = HashTable::with_capacity(ends.len());
        let mut vocabulary = Self { bytes, ends, ranks, hasher: DefaultHashBuilder::default(), longest: 0 };
        vocabulary.index();
        Ok(vocabulary)
    }

    fn index(&mut self) {
        let mut ranks = std::mem::take(&mut self.ranks);
        for rank in (0..).take(self.ends.len()) {
            self.longest = self.longest.max(self.token(rank).len());
            let hash = |rank: u32| self.hasher.hash_one(self.token(rank));
            ranks.insert_unique(hash(rank), rank, |rank| hash(*rank));
        }
        self.ranks = ranks;
    }

    /// The rank of these bytes, if they are a token.
    pub(super) fn rank(&self, bytes: &[u8]) -> Option<u32> {
        // Hashing costs more than knowing better.
        if bytes.len() > self.longest {
            return None;
        }
        self.ranks.find(self.hasher.hash_one(bytes), |rank| self.token(*rank) == bytes).copied()
    }

    /// Bytes of the longest token.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    fn token(&self, rank: u32) -> &[u8] {
        let end = |rank: usize| self.ends.get(rank).map(|end| *end as usize);
        let rank = rank as usize;
        let start = rank.checked_sub(1).and_then(end).unwrap_or_default();
        end(rank).and_then(|end| self.bytes.get(start..end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{hex, sha256};

    #[test]
    fn it_is_the_published_one() {
        let mut text = Vec::new();
        GzDecoder::new(PACKED).read_to_end(&mut text).unwrap();
        let sum = hex(&sha256(std::str::from_utf8(&text).unwrap()));
        assert_eq!(sum, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d");
        for (line, rank) in text.split(|byte| *byte == b'\n').zip(0_u32..) {
            let line = std::str::from_utf8(line).unwrap();
            assert!(line.is_empty() || line.ends_with(&format!(" {rank}")), "{line:?} is not in its place");
        }
    }

    #[test]
    fn every_token_has_its_rank() {
        let vocabulary = vocabulary();
        assert_eq!((vocabulary.ends.len(), vocabulary.longest()), (199_998, 128));
        for rank in 0..199_998 {
            assert_eq!(vocabulary.rank(vocabulary.token(rank)), Some(rank));
        }
        // All bytes are tokens, so that every text can be counted.
        assert!((0..=u8::MAX).all(|byte| vocabulary.rank(&[byte]).is_some()));
        for nothing in [&b""[..], b"hindsight memory", &[b' '; 129]] {
            assert_eq!(vocabulary.rank(nothing), None);
        }
    }
}
