//! English words that say nothing about a subject.

/// Sorted, for binary search. Question words and auxiliaries are among them. Left out on
/// purpose: "may" (the month) and verbs with a meaning of their own (go, get, like).
#[rustfmt::skip]
const ENGLISH: &[&str] = &[
    "a", "about", "above", "after", "again", "against", "all", "also", "am", "an", "and", "any", "are",
    "arent", "as", "at", "be", "because", "been", "before", "being", "below", "between", "both", "but",
    "by", "can", "cannot", "cant", "could", "couldnt", "did", "didnt", "do", "does", "doesnt", "doing",
    "dont", "down", "during", "each", "either", "else", "etc", "ever", "every", "few", "for", "from",
    "further", "had", "has", "hasnt", "have", "havent", "having", "he", "her", "here", "hers", "herself",
    "him", "himself", "his", "how", "however", "i", "if", "im", "in", "into", "is", "isnt", "it", "its",
    "itself", "ive", "just", "let", "me", "might", "more", "most", "must", "my", "myself", "neither", "no",
    "nor", "not", "of", "off", "on", "once", "only", "onto", "or", "other", "ought", "our", "ours",
    "ourselves", "out", "over", "own", "per", "same", "shall", "she", "should", "shouldnt", "since", "so",
    "some", "such", "than", "that", "thats", "the", "their", "theirs", "them", "themselves", "then",
    "there", "these", "they", "this", "those", "though", "through", "to", "too", "toward", "towards",
    "under", "until", "unto", "up", "upon", "us", "very", "was", "wasnt", "we", "were", "werent", "what",
    "whatever", "whats", "when", "whenever", "where", "wherever", "whether", "which", "whichever", "while",
    "who", "whoever", "whom", "whose", "why", "will", "with", "within", "without", "wont", "would",
    "wouldnt", "yet", "you", "your", "yours", "yourself", "yourselves",
];

/// True for an English stop word; expects lower case.
pub(crate) fn is_stop_word(word: &str) -> bool {
    ENGLISH.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(ENGLISH.is_sorted());
    }

    #[test]
    fn months_and_names_of_things_are_kept() {
        assert!(is_stop_word("what") && is_stop_word("does") && is_stop_word("will"));
        assert!(!is_stop_word("may") && !is_stop_word("won") && !is_stop_word("like"));
    }
}
