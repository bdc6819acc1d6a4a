//! Tags: filters by them, and which there are.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode::{Decoder, FromJson, words};

words! {
    /// How a list of tags selects rows.
    pub enum TagsMatch("literal_error") {
        /// At least one of the tags, or no tags at all.
        Any = "any",
        /// All of the tags, or no tags at all.
        All = "all",
        /// At least one of the tags.
        AnyStrict = "any_strict",
        /// All of the tags.
        AllStrict = "all_strict",
        /// Exactly these tags; with an empty list, rows without tags.
        Exact = "exact",
    }
}

words! {
    /// How a list of tags selects directives.
    pub enum DirectiveTagsMatch("literal_error") {
        /// At least one of the tags, or no tags at all.
        Any = "any",
        /// All of the tags, or no tags at all.
        All = "all",
        /// Exactly these tags; with an empty list, directives without tags.
        Exact = "exact",
    }
}

words! {
    /// How the words of a tag filter are looked up.
    pub enum TagResolve("literal_error") {
        /// As written.
        Exact = "exact",
        /// By similarity with the bank's tags.
        Fuzzy = "fuzzy",
    }
}

words! {
    /// What has the tags of a listing.
    pub enum TagSource("literal_error") {
        /// Memories.
        Memories = "memories",
        /// Mental models.
        MentalModels = "mental_models",
    }
}

/// Answer to `GET tags`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListTagsResponse {
    /// One page of tags, the most frequent first.
    pub items: Vec<TagItem>,
    /// Number of tags in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Tags skipped.
    pub offset: i64,
}

/// A tag in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TagItem {
    /// The tag.
    pub tag: String,
    /// How many have it.
    pub count: i64,
}

/// Answer to `GET observations/scopes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationScopesResponse {
    /// One page of scopes, the most frequent first.
    pub scopes: Vec<ObservationScope>,
    /// Number of scopes in all pages.
    pub total: i64,
    /// Page size asked for.
    pub limit: i64,
    /// Scopes skipped.
    pub offset: i64,
}

/// A set of tags that observations have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationScope {
    /// The tags; none for observations that all share.
    pub tags: Vec<String>,
    /// How many observations have exactly these.
    pub count: i64,
}

/// A boolean tree over tag filters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TagGroup {
    /// A plain filter.
    Leaf {
        /// The tags.
        tags: Vec<String>,
        /// How they select.
        #[serde(rename = "match")]
        matching: TagsMatch,
        /// How they are looked up.
        resolve: TagResolve,
    },
    /// All of the groups.
    And {
        /// The groups.
        and: Vec<TagGroup>,
    },
    /// At least one of the groups.
    Or {
        /// The groups.
        or: Vec<TagGroup>,
    },
    /// Not the group.
    Not {
        /// The group.
        not: Box<TagGroup>,
    },
}

impl TagGroup {
    /// Whether a word anywhere in the tree is to be looked up by likeness.
    pub fn is_fuzzy(&self) -> bool {
        match self {
            Self::Leaf { resolve, .. } => *resolve == TagResolve::Fuzzy,
            Self::And { and } => and.iter().any(Self::is_fuzzy),
            Self::Or { or } => or.iter().any(Self::is_fuzzy),
            Self::Not { not } => not.is_fuzzy(),
        }
    }
}

/// Deepest nesting of a tag tree; deeper ones are refused before they are followed.
const MAX_DEPTH: usize = 32;

impl FromJson for TagGroup {
    fn from_json(value: &Value, decoder: &mut Decoder) -> Option<Self> {
        read(value, decoder, 0)
    }
}

fn read(value: &Value, decoder: &mut Decoder, depth: usize) -> Option<TagGroup> {
    if depth > MAX_DEPTH {
        decoder.value_error(&format!("tag groups are nested deeper than {MAX_DEPTH} levels"), value);
        return None;
    }
    let object = decoder.object(value)?;
    let list = |decoder: &mut Decoder, name: &'static str| {
        let elements = object.get(name)?;
        decoder.at(name, |decoder| {
            let Some(elements) = elements.as_array() else {
                decoder.fail("list_type", "Input should be a valid list", elements);
                return None;
            };
            let read: Vec<Option<TagGroup>> = elements
                .iter()
                .enumerate()
                .map(|(i, element)| decoder.at(i, |decoder| read(element, decoder, depth + 1)))
                .collect();
            read.into_iter().collect()
        })
    };
    if object.contains_key("and") {
        return Some(TagGroup::And { and: list(decoder, "and")? });
    }
    if object.contains_key("or") {
        return Some(TagGroup::Or { or: list(decoder, "or")? });
    }
    if let Some(inner) = object.get("not") {
        let not = decoder.at("not", |decoder| read(inner, decoder, depth + 1))?;
        return Some(TagGroup::Not { not: Box::new(not) });
    }
    let tags = decoder.required(object, "tags");
    let matching = decoder.optional(object, "match");
    let resolve = decoder.optional(object, "resolve");
    Some(TagGroup::Leaf {
        tags: tags?,
        matching: matching?.unwrap_or(TagsMatch::AnyStrict),
        resolve: resolve?.unwrap_or(TagResolve::Exact),
    })
}
