//! How alike two texts are, as Ratcliff and Obershelp count it.

use std::collections::HashMap;
use std::ops::Range;

/// Length from which characters of the second text that are frequent in it begin no match.
const POPULAR_FROM: usize = 200;

/// Twice the number of matching characters over the length of both texts, 0 to 1: those of the
/// longest common block, and of what lies to its left and to its right again. Gives what
/// Python's `difflib.SequenceMatcher(None, a, b).ratio()` gives, so it is not symmetric.
pub fn ratio(a: &str, b: &str) -> f64 {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let length = a.len() + b.len();
    if length == 0 {
        return 1.0;
    }
    let pair = Pair { places: places(&b), a: &a, b: &b };
    let mut matched = 0;
    let mut open = vec![(0..a.len(), 0..b.len())];
    while let Some((left, right)) = open.pop() {
        let Some(block) = pair.longest(&left, &right) else { continue };
        matched += block.length;
        open.push((left.start..block.a, right.start..block.b));
        open.push((block.a + block.length..left.end, block.b + block.length..right.end));
    }
    2.0 * matched as f64 / length as f64
}

/// Where each character stands in a text, without those that are frequent in a long one.
fn places(text: &[char]) -> HashMap<char, Vec<usize>> {
    let mut places: HashMap<char, Vec<usize>> = HashMap::new();
    for (place, character) in text.iter().enumerate() {
        places.entry(*character).or_default().push(place);
    }
    if text.len() >= POPULAR_FROM {
        let most = text.len() / 100 + 1;
        places.retain(|_, places| places.len() <= most);
    }
    places
}

struct Pair<'t> {
    a: &'t [char],
    b: &'t [char],
    /// Where the characters of `b` stand in it.
    places: HashMap<char, Vec<usize>>,
}

/// Characters that both texts have in a row.
struct Block {
    a: usize,
    b: usize,
    length: usize,
}

impl Pair<'_> {
    /// The longest common block inside these ranges; of several the one that begins first in
    /// `a`, then in `b`.
    fn longest(&self, left: &Range<usize>, right: &Range<usize>) -> Option<Block> {
        let mut best = Block { a: left.start, b: right.start, length: 0 };
        // Lengths of the blocks that end at a place of `b`, for one character of `a` and the next.
        let (mut before, mut here): (HashMap<usize, usize>, HashMap<usize, usize>) = Default::default();
        for (i, character) in self.a.iter().enumerate().take(left.end).skip(left.start) {
            here.clear();
            let places = self.places.get(character).map(Vec::as_slice).unwrap_or_default();
            for &j in places.iter().skip_while(|&&j| j < right.start).take_while(|&&j| j < right.end) {
                let length = 1 + j.checked_sub(1).and_then(|j| before.get(&j)).copied().unwrap_or(0);
                here.insert(j, length);
                if length > best.length {
                    best = Block { a: i + 1 - length, b: j + 1 - length, length };
                }
            }
            std::mem::swap(&mut before, &mut here);
        }
        // Frequent characters begin no block, but they belong to the one they touch.
        while best.a > left.start && best.b > right.start && self.agree(best.a - 1, best.b - 1) {
            (best.a, best.b, best.length) = (best.a - 1, best.b - 1, best.length + 1);
        }
        while best.a + best.length < left.end
            && best.b + best.length < right.end
            && self.agree(best.a + best.length, best.b + best.length)
        {
            best.length += 1;
        }
        (best.length > 0).then_some(best)
    }

    fn agree(&self, a: usize, b: usize) -> bool {
        self.a.get(a).is_some_and(|character| self.b.get(b) == Some(character))
    }
}

#[cfg(test)]
mod tests {
    use super::ratio;

    /// Made with Python's difflib: pairs of texts with their ratio, in JSON.
    const GOLDEN: &str = include_str!("ratio.golden.json");

    #[test]
    fn ratios_are_those_of_difflib() {
        let pairs: Vec<(String, String, f64)> = serde_json::from_str(GOLDEN).unwrap();
        assert!(pairs.len() > 100);
        for (a, b, expected) in pairs {
            let found = ratio(&a, &b);
            assert!((found - expected).abs() < 1e-12, "{a:?} and {b:?}: {found} instead of {expected}");
        }
    }
}
