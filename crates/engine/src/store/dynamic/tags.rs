//! Tag filters as SQL predicates.

use hindsight_types::tags::{TagGroup, TagsMatch};
use sqlx::{Postgres, QueryBuilder};

use crate::text::sanitize;

/// Which rows a caller may see by their tags.
#[derive(Clone, Debug)]
pub enum TagFilter {
    /// All rows.
    All,
    /// One list of tags.
    List {
        /// The tags.
        tags: Vec<String>,
        /// How they select.
        matching: TagsMatch,
    },
    /// All of these trees.
    Groups(Vec<TagGroup>),
}

impl TagFilter {
    /// The filter of a plain list: no tags means no filter, except for exact matching,
    /// which then selects rows without tags.
    pub fn list(tags: Option<Vec<String>>, matching: TagsMatch) -> Self {
        let tags = tags.unwrap_or_default();
        if tags.is_empty() && matching != TagsMatch::Exact {
            Self::All
        } else {
            Self::List { tags, matching }
        }
    }

    /// True when every row passes.
    pub fn passes_all(&self) -> bool {
        match self {
            Self::All => true,
            Self::List { .. } => false,
            Self::Groups(groups) => groups.is_empty(),
        }
    }

    /// Whether every row that passes this filter passes another one, whatever rows there are. False
    /// where that cannot be told from the filters alone.
    pub fn is_within(&self, other: &Self) -> bool {
        if other.passes_all() {
            return true;
        }
        let (Self::List { tags, matching }, Self::List { tags: others, matching: other_matching }) =
            (self, other)
        else {
            return false;
        };
        let (tags, others) = (stored(tags), stored(others));
        let shares = || tags.iter().any(|tag| others.contains(tag));
        let holds = || others.iter().all(|tag| tags.contains(tag));
        let is_part = || tags.iter().all(|tag| others.contains(tag));
        match (matching, other_matching) {
            (TagsMatch::Exact, _) => leaf_passes(&tags, &others, *other_matching),
            (TagsMatch::AllStrict, TagsMatch::Any | TagsMatch::AnyStrict)
            | (TagsMatch::All, TagsMatch::Any) => shares(),
            (TagsMatch::AllStrict, TagsMatch::All | TagsMatch::AllStrict)
            | (TagsMatch::All, TagsMatch::All) => holds(),
            (TagsMatch::AnyStrict, TagsMatch::Any | TagsMatch::AnyStrict)
            | (TagsMatch::Any, TagsMatch::Any) => is_part(),
            _ => false,
        }
    }

    /// Whether a row with these tags passes, as the database would say.
    pub fn passes(&self, tags: &[String]) -> bool {
        match self {
            Self::All => true,
            Self::List { tags: wanted, matching } => leaf_passes(tags, wanted, *matching),
            Self::Groups(groups) => groups.iter().all(|group| group_passes(tags, group)),
        }
    }

    /// Appends ` and <predicate>` over the array column `column`.
    pub(super) fn push(&self, query: &mut QueryBuilder<Postgres>, column: &'static str) {
        match self {
            Self::All => {}
            Self::List { tags, matching } => {
                query.push(" and ");
                push_leaf(query, column, tags, *matching);
            }
            Self::Groups(groups) => {
                for group in groups {
                    query.push(" and ");
                    push_group(query, column, group);
                }
            }
        }
    }

    /// Appends ` and <predicate>` over the array column `column`, which the rows pass that this filter
    /// holds back.
    pub(super) fn push_opposite(&self, query: &mut QueryBuilder<Postgres>, column: &'static str) {
        query.push(" and not (true");
        self.push(query, column);
        query.push(")");
    }

    /// Appends ` and <predicate>` over the column `tag_mask`, which every row that passes the filter
    /// passes, and some others do.
    pub(super) fn push_mask(&self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::All => {}
            Self::List { tags, matching } => {
                query.push(" and ");
                push_mask_of_leaf(query, tags, *matching);
            }
            Self::Groups(groups) => {
                for group in groups {
                    query.push(" and ");
                    push_mask_of_group(query, group);
                }
            }
        }
    }
}

fn group_passes(tags: &[String], group: &TagGroup) -> bool {
    match group {
        TagGroup::Leaf { tags: wanted, matching, .. } => leaf_passes(tags, wanted, *matching),
        TagGroup::And { and } => and.iter().all(|group| group_passes(tags, group)),
        TagGroup::Or { or } => or.iter().any(|group| group_passes(tags, group)),
        TagGroup::Not { not } => !group_passes(tags, not),
    }
}

fn leaf_passes(tags: &[String], wanted: &[String], matching: TagsMatch) -> bool {
    let wanted: Vec<_> = wanted.iter().map(|tag| sanitize(tag)).collect();
    let has = |wanted: &str| tags.iter().any(|tag| tag == wanted);
    let any = || wanted.iter().any(|tag| has(tag));
    let all = || wanted.iter().all(|tag| has(tag));
    match matching {
        TagsMatch::Any => tags.is_empty() || any(),
        TagsMatch::AnyStrict => any(),
        TagsMatch::All => tags.is_empty() || all(),
        TagsMatch::AllStrict => !tags.is_empty() && all(),
        TagsMatch::Exact => all() && tags.iter().all(|tag| wanted.iter().any(|wanted| **wanted == **tag)),
    }
}

fn push_group(query: &mut QueryBuilder<Postgres>, column: &'static str, group: &TagGroup) {
    let mut each = |query: &mut QueryBuilder<Postgres>, group: &TagGroup| push_group(query, column, group);
    match group {
        TagGroup::Leaf { tags, matching, .. } => push_leaf(query, column, tags, *matching),
        TagGroup::And { and } => push_joined(query, and, ["true", " and "], &mut each),
        TagGroup::Or { or } => push_joined(query, or, ["false", " or "], &mut each),
        TagGroup::Not { not } => {
            query.push("not ");
            push_group(query, column, not);
        }
    }
}

fn push_mask_of_group(query: &mut QueryBuilder<Postgres>, group: &TagGroup) {
    match group {
        TagGroup::Leaf { tags, matching, .. } => push_mask_of_leaf(query, tags, *matching),
        TagGroup::And { and } => push_joined(query, and, ["true", " and "], &mut push_mask_of_group),
        TagGroup::Or { or } => push_joined(query, or, ["false", " or "], &mut push_mask_of_group),
        // Rows that may have a tag may also lack it.
        TagGroup::Not { .. } => {
            query.push("true");
        }
    }
}

/// Appends the trees in brackets, between them the word; what stands for none goes first.
fn push_joined(
    query: &mut QueryBuilder<Postgres>,
    groups: &[TagGroup],
    [none, word]: [&str; 2],
    push: &mut dyn FnMut(&mut QueryBuilder<Postgres>, &TagGroup),
) {
    query.push("(").push(none);
    for group in groups {
        query.push(word);
        push(query, group);
    }
    query.push(")");
}

/// Tags as they are stored.
fn stored(tags: &[String]) -> Vec<String> {
    tags.iter().map(|tag| sanitize(tag).into_owned()).collect()
}

fn push_mask_of_leaf(query: &mut QueryBuilder<Postgres>, tags: &[String], matching: TagsMatch) {
    let push_mask = |query: &mut QueryBuilder<Postgres>| {
        query.push("(select tag_mask(").push_bind(stored(tags)).push("::text[]))");
    };
    query.push("(");
    match matching {
        TagsMatch::Any | TagsMatch::AnyStrict => {
            query.push("tag_mask & ");
            push_mask(query);
            query.push(" <> 0");
        }
        TagsMatch::All | TagsMatch::AllStrict => {
            query.push("(~tag_mask) & ");
            push_mask(query);
            query.push(" = 0");
        }
        TagsMatch::Exact => {
            query.push("tag_mask = ");
            push_mask(query);
        }
    }
    if matches!(matching, TagsMatch::Any | TagsMatch::All) {
        query.push(" or tag_mask = 0");
    }
    query.push(")");
}

fn push_leaf(query: &mut QueryBuilder<Postgres>, column: &'static str, tags: &[String], matching: TagsMatch) {
    let tags = stored(tags);
    let (operator, untagged) = match matching {
        TagsMatch::Any => ("&&", true),
        TagsMatch::AnyStrict => ("&&", false),
        TagsMatch::All => ("@>", true),
        TagsMatch::AllStrict => ("@>", false),
        TagsMatch::Exact => {
            query.push("(").push(column).push(" @> ").push_bind(tags.clone());
            query.push(" and ").push(column).push(" <@ ").push_bind(tags.clone()).push(")");
            return;
        }
    };
    query.push("(");
    if untagged {
        query.push(column).push(" = '{}' or ");
    }
    query.push(column).push(" ").push(operator).push(" ").push_bind(tags.clone());
    if !untagged {
        query.push(" and ").push(column).push(" <> '{}'");
    }
    query.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATCHES: [TagsMatch; 5] =
        [TagsMatch::Any, TagsMatch::AnyStrict, TagsMatch::All, TagsMatch::AllStrict, TagsMatch::Exact];

    /// All sets of three tags.
    fn sets() -> Vec<Vec<String>> {
        let of = |number: usize| {
            let tags = ["a", "b", "c"].iter().enumerate().filter(move |(place, _)| number >> place & 1 == 1);
            tags.map(|(_, tag)| (*tag).to_owned()).collect()
        };
        (0..8).map(of).collect()
    }

    #[test]
    fn a_filter_is_within_another_one_only_if_no_row_tells_otherwise() {
        let mut filters = vec![TagFilter::All];
        for matching in MATCHES {
            filters.extend(sets().into_iter().map(|tags| TagFilter::list(Some(tags), matching)));
        }
        let mut within = 0;
        for (one, other) in filters.iter().flat_map(|one| filters.iter().map(move |other| (one, other))) {
            if one.is_within(other) {
                within += 1;
                let told = sets().into_iter().find(|tags| one.passes(tags) && !other.passes(tags));
                assert_eq!(told, None, "{one:?} {other:?}");
            }
        }
        assert!(within > filters.len(), "and not only where all pass: {within}");
    }

    #[test]
    fn tags_of_a_mental_model_are_within_those_of_a_question() {
        let list = |tags: &[&str], matching| {
            TagFilter::list(Some(tags.iter().map(|tag| (*tag).to_owned()).collect()), matching)
        };
        let own = list(&["a", "b"], TagsMatch::AllStrict);
        for (tags, matching, is_within) in [
            (&["a"][..], TagsMatch::Any, true),
            (&["a", "x"], TagsMatch::AnyStrict, true),
            (&["x"], TagsMatch::Any, false),
            (&["a"], TagsMatch::AllStrict, true),
            (&["a", "x"], TagsMatch::All, false),
            (&["a", "b"], TagsMatch::Exact, false),
        ] {
            assert_eq!(own.is_within(&list(tags, matching)), is_within, "{tags:?} {matching:?}");
        }
        let everything = TagFilter::All;
        assert!(!everything.is_within(&list(&["a"], TagsMatch::Any)) && own.is_within(&everything));
        assert!(list(&[], TagsMatch::Exact).is_within(&list(&["a"], TagsMatch::Any)), "what belongs to all");
    }
}
