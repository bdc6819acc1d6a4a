//! Tag filters whose words are looked up by likeness: which of a bank's tags a word means.

use std::collections::{BTreeSet, HashSet};

use hindsight_types::tags::{TagGroup, TagResolve, TagsMatch};

/// Tags of a bank beyond which likeness is not looked for.
pub(super) const MOST_TAGS: usize = 5000;
/// Combinations that one filter may become.
const MOST_BRANCHES: usize = 32;
/// Likeness from which a tag is meant, as `pg_trgm` measures it.
const LIKE: f64 = 0.45;

/// True when a word anywhere in the trees is to be looked up by likeness.
pub(super) fn is_fuzzy(group: &TagGroup) -> bool {
    match group {
        TagGroup::Leaf { resolve, .. } => *resolve == TagResolve::Fuzzy,
        TagGroup::And { and } => and.iter().any(is_fuzzy),
        TagGroup::Or { or } => or.iter().any(is_fuzzy),
        TagGroup::Not { not } => is_fuzzy(not),
    }
}

/// The trees with the bank's tags in place of words that are like them. Fails, with the
/// reason, where a filter would become too many combinations.
pub(super) fn resolve(groups: &[TagGroup], known: &[String]) -> Result<Vec<TagGroup>, String> {
    groups.iter().map(|group| resolve_group(group, known)).collect()
}

fn resolve_group(group: &TagGroup, known: &[String]) -> Result<TagGroup, String> {
    Ok(match group {
        TagGroup::Leaf { tags, matching, resolve: TagResolve::Fuzzy } => leaf(tags, *matching, known)?,
        TagGroup::Leaf { .. } => group.clone(),
        TagGroup::And { and } => TagGroup::And { and: resolve(and, known)? },
        TagGroup::Or { or } => TagGroup::Or { or: resolve(or, known)? },
        TagGroup::Not { not } => TagGroup::Not { not: Box::new(resolve_group(not, known)?) },
    })
}

fn leaf(words: &[String], matching: TagsMatch, known: &[String]) -> Result<TagGroup, String> {
    let exact = |tags: Vec<String>, matching| TagGroup::Leaf { tags, matching, resolve: TagResolve::Exact };
    let meant: Vec<Vec<String>> = words.iter().map(|word| tags_like(word, known)).collect();
    Ok(match matching {
        TagsMatch::Any | TagsMatch::AnyStrict => {
            let all: BTreeSet<String> = meant.into_iter().flatten().collect();
            exact(all.into_iter().collect(), matching)
        }
        TagsMatch::All | TagsMatch::AllStrict => {
            let any = if matching == TagsMatch::All { TagsMatch::Any } else { TagsMatch::AnyStrict };
            TagGroup::And { and: meant.into_iter().map(|tags| exact(tags, any)).collect() }
        }
        TagsMatch::Exact => {
            let sets = combinations(&meant)?;
            TagGroup::Or { or: sets.into_iter().map(|tags| exact(tags, TagsMatch::Exact)).collect() }
        }
    })
}

/// One tag for each word, in every way; ways that take a tag twice are none.
fn combinations(meant: &[Vec<String>]) -> Result<Vec<Vec<String>>, String> {
    let ways = meant.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul);
    if ways.is_none_or(|ways| ways > MOST_BRANCHES) {
        return Err(format!(
            "the words of a fuzzy tag filter are like too many tags: more than {MOST_BRANCHES} combinations; use fewer or longer words"
        ));
    }
    let mut sets: Vec<Vec<String>> = vec![Vec::new()];
    for tags in meant {
        sets = sets
            .iter()
            .flat_map(|set| tags.iter().map(move |tag| set.iter().chain([tag]).cloned().collect()))
            .collect();
    }
    sets.retain(|set| set.iter().collect::<HashSet<_>>().len() == set.len());
    Ok(sets)
}

/// The tags a word means: the one that is equal but for case, else those of its namespace
/// (what stands before the first colon) that are like it, else only itself.
fn tags_like(word: &str, known: &[String]) -> Vec<String> {
    let folded = word.to_lowercase();
    let equal: Vec<String> = known.iter().filter(|tag| tag.to_lowercase() == folded).cloned().collect();
    if !equal.is_empty() {
        return equal;
    }
    let (space, value) = split(&folded);
    let wanted = trigrams(value);
    let like: Vec<String> = known
        .iter()
        .filter(|tag| {
            let tag = tag.to_lowercase();
            let (other_space, other) = split(&tag);
            other_space == space && likeness(&wanted, &trigrams(other)) >= LIKE
        })
        .cloned()
        .collect();
    if like.is_empty() { vec![word.to_owned()] } else { like }
}

fn split(tag: &str) -> (Option<&str>, &str) {
    tag.split_once(':').map_or((None, tag), |(space, value)| (Some(space), value))
}

/// Runs of three characters of each word, two spaces before and one behind it.
fn trigrams(text: &str) -> HashSet<[char; 3]> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let padded: Vec<char> = [' ', ' '].into_iter().chain(word.chars()).chain([' ']).collect();
            padded.windows(3).filter_map(|run| <[char; 3]>::try_from(run).ok()).collect::<Vec<_>>()
        })
        .collect()
}

/// Shared trigrams over all trigrams.
fn likeness(a: &HashSet<[char; 3]>, b: &HashSet<[char; 3]>) -> f64 {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<String> {
        ["user:alice", "user:alicia", "user:bob", "team:alice", "Projects", "project"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn a_word_means_the_tags_like_it() {
        let like = |word: &str| tags_like(word, &known());
        assert_eq!(like("USER:ALICE"), ["user:alice"], "equal but for case, and then no other");
        assert_eq!(like("user:alic"), ["user:alice", "user:alicia"]);
        assert_eq!(like("user:carol"), ["user:carol"], "like none: itself, which finds nothing");
        assert_eq!(like("projcts"), ["Projects"]);
        assert_eq!(like("alice"), ["alice"], "another namespace");
    }

    #[test]
    fn likeness_is_that_of_pg_trgm() {
        // select similarity('word', 'two words') = 0.36363637
        let measured = likeness(&trigrams("word"), &trigrams("two words"));
        assert!((measured - 4.0 / 11.0).abs() < 1e-6, "{measured}");
        assert!((likeness(&trigrams("abc"), &trigrams("abc")) - 1.0).abs() < 1e-9);
        assert!(likeness(&trigrams(""), &trigrams("")).abs() < 1e-9);
    }

    #[test]
    fn every_mode_is_rewritten_in_its_own_way() {
        let words = ["user:alic".to_owned(), "user:bob".to_owned()];
        let leaf_of = |tags: &[&str], matching| TagGroup::Leaf {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            matching,
            resolve: TagResolve::Exact,
        };
        let all = ["user:alice", "user:alicia", "user:bob"];
        assert_eq!(leaf(&words, TagsMatch::Any, &known()), Ok(leaf_of(&all, TagsMatch::Any)));
        assert_eq!(
            leaf(&words, TagsMatch::AllStrict, &known()),
            Ok(TagGroup::And {
                and: vec![
                    leaf_of(&["user:alice", "user:alicia"], TagsMatch::AnyStrict),
                    leaf_of(&["user:bob"], TagsMatch::AnyStrict),
                ]
            })
        );
        assert_eq!(
            leaf(&words, TagsMatch::Exact, &known()),
            Ok(TagGroup::Or {
                or: vec![
                    leaf_of(&["user:alice", "user:bob"], TagsMatch::Exact),
                    leaf_of(&["user:alicia", "user:bob"], TagsMatch::Exact),
                ]
            })
        );
        let many: Vec<String> = (0..40).map(|number| format!("user:alice{number}")).collect();
        assert!(leaf(&["user:alice".to_owned()], TagsMatch::Exact, &many).is_err());
        // The same tag for two words is no set of two.
        let twice = ["user:alic".to_owned(), "user:alici".to_owned()];
        let Ok(TagGroup::Or { or }) = leaf(&twice, TagsMatch::Exact, &known()) else { panic!("sets") };
        assert!(or.iter().all(|group| matches!(group, TagGroup::Leaf { tags, .. } if tags[0] != tags[1])));
    }
}
