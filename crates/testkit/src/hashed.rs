//! Vectors of texts without a model: fast, deterministic, without files.

/// Name of what makes them.
pub(crate) const MODEL: &str = "hashed-words";

/// As many as the default model has.
pub(crate) const DIMENSION: u32 = 384;

/// The vector of a text, of length 1: the sum of a fixed vector per word, so that texts with
/// common words are near each other.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut sums = vec![0.0_f32; DIMENSION as usize];
    let lower = text.to_lowercase();
    for word in words(&lower) {
        let hash = fnv1a(word);
        let index = usize::try_from(hash % u64::from(DIMENSION)).unwrap_or_default();
        if let Some(sum) = sums.get_mut(index) {
            // The sign keeps different words from looking alike where they collide.
            *sum += if hash >> 63 == 0 { 1.0 } else { -1.0 };
        }
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
    if length > 0.0 {
        for sum in &mut sums {
            *sum /= length;
        }
    } else if let Some(first) = sums.first_mut() {
        *first = 1.0;
    }
    sums
}

/// Words between spaces and punctuation; in scripts without spaces every character is one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).flat_map(|word| {
        let single = word.chars().any(|c| c >= '\u{2e80}');
        let step = if single { 1 } else { usize::MAX };
        let mut rest = word;
        std::iter::from_fn(move || {
            let end = rest.char_indices().nth(step).map_or(rest.len(), |(index, _)| index);
            let (head, tail) = rest.split_at(end);
            rest = tail;
            (!head.is_empty()).then_some(head)
        })
    })
}

fn fnv1a(word: &str) -> u64 {
    word.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
