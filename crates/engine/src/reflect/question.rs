//! What is asked, of whom, and what may be seen for it.

use chrono::{DateTime, Utc};
use hindsight_types::recall::{Budget, FactType, RecallRequest, RecallResponse, Types};
use hindsight_types::reflect::ReflectRequest;
use hindsight_types::tags::{TagGroup, TagsMatch};
use serde_json::{Map, Value, json};

use crate::character::Character;
use crate::config::ReflectSettings;
use crate::recall::exact_groups;
use crate::store::{BankRow, DirectiveFilter, DirectiveRow, RecallSession, StoreError, TagFilter};
use crate::text::sanitize;
use crate::{Engine, EngineError};

/// A question with everything settled that does not depend on the model.
#[derive(Debug)]
pub(super) struct Question {
    /// The bank that is asked.
    pub(super) bank: BankRow,
    /// The question, with what was said about it.
    pub(super) text: String,
    /// How long to search.
    pub(super) budget: Budget,
    /// Length of the answer in tokens that is aimed for.
    pub(super) max_tokens: usize,
    /// Types of memory that may be seen.
    pub(super) types: Vec<FactType>,
    /// Memories that may be seen.
    pub(super) scope: Scope,
    /// Rules for the answer, those of the highest priority first.
    pub(super) directives: Vec<DirectiveRow>,
    /// Mission and disposition.
    pub(super) character: Character,
    /// Settings as they count for the bank and the request.
    pub(super) settings: ReflectSettings,
    /// Mental models that are left alone; none = all of them are, or there are none.
    pub(super) models: Option<Vec<String>>,
    /// What the document is called that is to be written; none = an answer is.
    pub(super) document: Option<String>,
    /// Whether the texts of documents are kept.
    pub(super) has_texts: bool,
    /// Language of the answer, if not that of the question.
    pub(super) language: Option<String>,
    /// Schema of the answer for programs.
    pub(super) schema: Option<Map<String, Value>>,
    /// When it is asked.
    pub(super) now: DateTime<Utc>,
}

/// A document that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Commission {
    /// What it is called.
    pub(crate) name: String,
    /// How it is searched for.
    pub(crate) settings: ReflectSettings,
}

/// Which memories may be seen, by their tags.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    tags: Option<Vec<String>>,
    groups: Option<Vec<TagGroup>>,
    matching: Option<TagsMatch>,
}

impl Scope {
    /// The scope of a request; with the tags that a replica has not heard of, if that is wanted.
    async fn of(
        engine: &Engine,
        bank: &BankRow,
        request: &ReflectRequest,
        is_current: bool,
    ) -> Result<Self, EngineError> {
        let groups = match &request.tag_groups {
            Some(groups) => Some(exact_groups(&engine.store, bank.key, groups, is_current).await?),
            None => None,
        };
        Ok(Self { tags: request.tags.clone(), groups, matching: Some(request.tags_match) })
    }

    /// The active directives for questions of this scope.
    async fn directives(
        &self,
        engine: &Engine,
        bank: &BankRow,
        takes_all: bool,
    ) -> Result<Vec<DirectiveRow>, EngineError> {
        let active = DirectiveFilter { tags: None, active_only: true };
        // All of them: a rule that is not told is a rule that is broken.
        let (mut directives, _) = engine.store.directives(bank.key, &active, i64::MAX, 0).await?;
        directives.retain(|directive| takes_all || self.is_for(directive));
        Ok(directives)
    }

    /// The filter of this scope.
    pub(super) fn filter(&self) -> TagFilter {
        match &self.groups {
            Some(groups) => TagFilter::Groups(groups.clone()),
            None => TagFilter::list(self.tags.clone(), self.matching.unwrap_or(TagsMatch::Any)),
        }
    }

    /// A recall in this scope, of memories of these types.
    pub(super) fn recall(&self, query: &str, types: Vec<FactType>) -> RecallRequest {
        RecallRequest {
            types: Some(Types::new(types)),
            tags: self.tags.clone(),
            tags_match: self.matching.unwrap_or(TagsMatch::Any),
            tag_groups: self.groups.clone(),
            ..RecallRequest::new(query)
        }
    }

    /// Whether a directive is for questions of this scope: one without tags always is.
    fn is_for(&self, directive: &DirectiveRow) -> bool {
        let filter = self.filter();
        directive.tags.is_empty() || (!filter.passes_all() && filter.passes(&directive.tags))
    }
}

impl Question {
    /// Settles a request. The bank is made when it is missing.
    pub(super) async fn read(
        engine: &Engine,
        bank_id: &str,
        request: &ReflectRequest,
    ) -> Result<Self, EngineError> {
        let bank = engine.bank_for_writing(bank_id).await?;
        Self::of(engine, bank, request, None).await
    }

    /// Settles a request for a document.
    pub(super) async fn commissioned(
        engine: &Engine,
        bank: &BankRow,
        request: &ReflectRequest,
        commission: Commission,
    ) -> Result<Self, EngineError> {
        Self::of(engine, bank.clone(), request, Some(commission)).await
    }

    /// The directives that hold for a document, and its language, if not that of the question.
    pub(super) async fn rules(
        engine: &Engine,
        bank: &BankRow,
        request: &ReflectRequest,
    ) -> Result<(Vec<DirectiveRow>, Option<String>), EngineError> {
        let scope = Scope::of(engine, bank, request, true).await?;
        let directives = scope.directives(engine, bank, request.apply_all_directives).await?;
        Ok((directives, engine.settings.of_bank(&bank.config).extraction.output_language))
    }

    async fn of(
        engine: &Engine,
        bank: BankRow,
        request: &ReflectRequest,
        commission: Option<Commission>,
    ) -> Result<Self, EngineError> {
        let scope = Scope::of(engine, &bank, request, commission.is_some()).await?;
        let directives = scope.directives(engine, &bank, request.apply_all_directives).await?;
        let settings = engine.settings.of_bank(&bank.config);
        let mut reflect = settings.reflect;
        reflect.chunks = reflect.chunks.filter(|_| settings.store_document_text);
        if let Some(size) = request.reflect_search_observations_max_tokens {
            reflect.observations = size;
        }
        if let Some(shown) = request.reflect_search_observations_include_entities {
            reflect.observation_entities = shown;
        }
        let (document, reflect) = match commission {
            Some(commission) => (Some(commission.name), commission.settings),
            None => (None, reflect),
        };
        let has_models = !request.exclude_mental_models && engine.store.has_mental_models(bank.key).await?;
        let models = has_models.then(|| request.exclude_mental_model_ids.clone().unwrap_or_default());
        Ok(Self {
            models,
            document,
            text: text(&request.query, request.context.as_deref()),
            budget: request.budget,
            max_tokens: usize::try_from(request.max_tokens).unwrap_or(usize::MAX),
            types: request.fact_types.clone().unwrap_or_else(|| FactType::ALL.to_vec()),
            scope,
            directives,
            character: Character::of(&bank, &engine.settings.reflect),
            settings: reflect,
            has_texts: settings.store_document_text,
            language: settings.extraction.output_language,
            schema: request.response_schema.clone().map(as_object),
            now: engine.clock.now(),
            bank,
        })
    }

    /// Whether nothing may be overlooked that a replica has not heard of: a document says until when
    /// it has seen everything.
    fn is_current(&self) -> bool {
        self.document.is_some()
    }

    /// Searches memory.
    pub(super) async fn search(
        &self,
        engine: &Engine,
        request: &RecallRequest,
    ) -> Result<RecallResponse, EngineError> {
        engine.recall_over(&self.bank.bank_id, request, self.is_current()).await
    }

    /// A connection to look memories up with.
    pub(super) async fn session(&self, engine: &Engine) -> Result<RecallSession, StoreError> {
        if self.is_current() {
            engine.store.current_session().await
        } else {
            engine.store.recall_session().await
        }
    }

    /// Turns of the model, the one that writes the answer included.
    pub(super) fn iterations(&self) -> u32 {
        let base = self.settings.max_iterations;
        match self.budget {
            // Half, rounded up.
            Budget::Low => base.div_ceil(2),
            Budget::Mid => base,
            Budget::High => base.saturating_mul(2),
        }
        .max(1)
    }
}

/// The question with what was said about it.
fn text(query: &str, context: Option<&str>) -> String {
    let query = sanitize(query);
    match context.map(str::trim).filter(|context| !context.is_empty()) {
        None => query.trim().to_owned(),
        Some(context) if query.trim().is_empty() => sanitize(context).into_owned(),
        Some(context) => format!("{}\n\nAdditional context: {}", query.trim(), sanitize(context)),
    }
}

/// A schema that says that it is one of an object.
fn as_object(mut schema: Map<String, Value>) -> Map<String, Value> {
    schema.entry("type").or_insert_with(|| json!("object"));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_stands_behind_the_question() {
        assert_eq!(text(" who? ", None), "who?");
        assert_eq!(text("who?", Some(" ")), "who?");
        assert_eq!(text("who?", Some("at work")), "who?\n\nAdditional context: at work");
        assert_eq!(text(" ", Some("who?\0")), "who?");
    }

    #[test]
    fn directives_follow_the_tags_of_the_request() {
        let directive = |tags: &[&str]| DirectiveRow {
            directive_id: uuid::Uuid::nil(),
            name: String::new(),
            content: String::new(),
            priority: 0,
            is_active: true,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let scope = |tags: &[&str], matching| Scope {
            tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
            groups: None,
            matching: Some(matching),
        };
        let (untagged, a, ab) = (directive(&[]), directive(&["a"]), directive(&["a", "b"]));
        let of = |scope: &Scope| [&untagged, &a, &ab].map(|directive| scope.is_for(directive));
        assert_eq!(of(&Scope::default()), [true, false, false], "no tags: only rules for all");
        assert_eq!(of(&scope(&["b"], TagsMatch::Any)), [true, false, true]);
        assert_eq!(of(&scope(&["a"], TagsMatch::AnyStrict)), [true, true, true]);
        assert_eq!(of(&scope(&["a", "b"], TagsMatch::All)), [true, false, true]);
        assert_eq!(of(&scope(&["a"], TagsMatch::Exact)), [true, true, false]);
        assert_eq!(of(&scope(&[], TagsMatch::Exact)), [true, false, false]);
        let leaf = TagGroup::Leaf {
            tags: vec!["b".to_owned()],
            matching: TagsMatch::AnyStrict,
            resolve: hindsight_types::tags::TagResolve::Exact,
        };
        let group = TagGroup::Not { not: Box::new(leaf) };
        assert_eq!(
            of(&Scope { groups: Some(vec![group]), ..Scope::default() }),
            [true, true, false],
            "groups select too"
        );
    }
}
