//! Which scopes a fact goes to. A scope is a set of tags: observations of it have exactly these
//! tags, and are made of facts that go to it and of no others.

use std::collections::BTreeSet;

use serde_json::Value;

/// The tags of a scope, sorted, each once. None = what is no tag's own.
pub(crate) type Scope = Vec<String>;

/// Most scopes that the combinations of one fact's tags make; of more the smallest are taken, and
/// the one of all tags.
const MOST_COMBINATIONS: usize = 64;

/// The scopes of a fact with these tags, of which `wanted` were asked for, each once and sorted.
/// Never none.
pub(crate) fn resolve(tags: &[String], wanted: Option<&Value>) -> Vec<Scope> {
    let all = scope(tags);
    let resolved: BTreeSet<Scope> = match wanted {
        Some(Value::String(rule)) if rule == "per_tag" && !all.is_empty() => {
            all.iter().map(|tag| vec![tag.clone()]).collect()
        }
        Some(Value::String(rule)) if rule == "all_combinations" && !all.is_empty() => combinations(&all),
        Some(Value::String(rule)) if rule == "shared" => BTreeSet::from([Scope::new()]),
        Some(Value::Array(sets)) => sets.iter().filter_map(|set| named(set, &all)).collect(),
        _ => BTreeSet::new(),
    };
    if resolved.is_empty() { vec![all] } else { resolved.into_iter().collect() }
}

/// Tags as a scope.
pub(crate) fn scope(tags: &[String]) -> Scope {
    let tags: BTreeSet<&String> = tags.iter().collect();
    tags.into_iter().cloned().collect()
}

/// A scope that was named. `*` stands for anything in the fact's tags: a tag with it is every tag
/// of the fact that is like it. None when no tag is.
fn named(set: &Value, tags: &[String]) -> Option<Scope> {
    let mut named = Scope::new();
    for pattern in set.as_array()?.iter().filter_map(Value::as_str) {
        if pattern.contains('*') {
            let before = named.len();
            named.extend(tags.iter().filter(|tag| is_like(pattern, tag)).cloned());
            if named.len() == before {
                return None;
            }
        } else {
            named.push(pattern.to_owned());
        }
    }
    Some(scope(&named))
}

/// Every set of at least one of the tags, the smallest first, as far as there may be so many.
fn combinations(tags: &[String]) -> BTreeSet<Scope> {
    let mut sets: BTreeSet<Scope> = BTreeSet::from([tags.to_vec()]);
    // The sets of each size grow out of those of the size before, by tags behind their last.
    let mut grown: Vec<(usize, Scope)> = vec![(0, Scope::new())];
    while !grown.is_empty() && sets.len() < MOST_COMBINATIONS {
        let mut larger = Vec::new();
        for (next, set) in grown {
            for (place, tag) in tags.iter().enumerate().skip(next) {
                let mut set = set.clone();
                set.push(tag.clone());
                if sets.len() < MOST_COMBINATIONS {
                    sets.insert(set.clone());
                    larger.push((place + 1, set));
                }
            }
        }
        grown = larger;
    }
    sets
}

/// Whether a text is like a pattern in which `*` stands for anything.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(tags: &[&str], wanted: Value) -> Vec<Vec<String>> {
        let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        resolve(&tags, Some(wanted).filter(|wanted| !wanted.is_null()).as_ref())
    }

    #[test]
    fn rules() {
        for (tags, wanted, expected) in [
            (&["b", "a", "b"][..], json!(null), json!([["a", "b"]])),
            (&["b", "a"], json!("combined"), json!([["a", "b"]])),
            (&["b", "a"], json!("per_tag"), json!([["a"], ["b"]])),
            (&[], json!("per_tag"), json!([[]])),
            (&["b", "a"], json!("all_combinations"), json!([["a"], ["a", "b"], ["b"]])),
            (&[], json!("all_combinations"), json!([[]])),
            (&["a"], json!("shared"), json!([[]])),
            (&["a"], json!("unheard of"), json!([["a"]])),
        ] {
            assert_eq!(json!(resolved(tags, wanted.clone())), expected, "{tags:?} {wanted}");
        }
    }

    #[test]
    fn named_scopes() {
        let tags = &["user:ann", "user:bob", "team"][..];
        for (wanted, expected) in [
            (json!([["x"]]), json!([["x"]])),
            (json!([[]]), json!([[]])),
            (json!([["y", "x", "x"], ["x", "y"]]), json!([["x", "y"]])),
            (json!([["user:*"]]), json!([["user:ann", "user:bob"]])),
            (json!([["user:*", "x"], ["team"]]), json!([["team"], ["user:ann", "user:bob", "x"]])),
            (json!([["room:*"], ["team"]]), json!([["team"]])),
            (json!([["room:*"]]), json!([["team", "user:ann", "user:bob"]])),
            (json!([]), json!([["team", "user:ann", "user:bob"]])),
        ] {
            assert_eq!(json!(resolved(tags, wanted.clone())), expected, "{wanted}");
        }
    }

    #[test]
    fn combinations_are_bounded_and_hold_the_smallest_and_the_whole() {
        let tags: Vec<String> = (0..30).map(|tag| format!("{tag:02}")).collect();
        let sets = resolve(&tags, Some(&json!("all_combinations")));
        assert_eq!(sets.len(), MOST_COMBINATIONS);
        assert!(sets.contains(&tags));
        assert!(tags.iter().all(|tag| sets.contains(&vec![tag.clone()])));
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("user:*", "user:ann", true),
            ("user:*", "user:", true),
            ("user:*", "a user:ann", false),
            ("*", "", true),
            ("*:ann", "user:ann", true),
            ("u*r:*n", "user:ann", true),
            ("a*a", "a", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("ann", "ann", true),
            ("ann", "anna", false),
            ("**", "ü", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
