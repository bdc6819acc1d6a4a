//! Settings of reading facts with a language model.

use serde_json::Value;

use crate::labels::Labels;

/// How a model is asked for the facts of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractionSettings {
    /// What matters to the bank; it goes before the general rules.
    pub mission: Option<String>,
    /// What to keep, in mode `custom`.
    pub custom_instructions: Option<String>,
    /// Whether facts are asked for the facts that led to them.
    pub causal_links: bool,
    /// Whether a fact's dimensions (when, where, who, why) may be null instead of `N/A`.
    pub optional_dimensions: bool,
    /// Language of the facts, if not that of the text.
    pub output_language: Option<String>,
    /// Longest answer in tokens; none = the model's own bound.
    pub max_completion_tokens: Option<u32>,
    /// Further questions when an answer came but its content is not usable.
    pub content_retries: u32,
    /// Labels that facts are sorted by.
    pub labels: Labels,
    /// Whether facts have entities besides their labels.
    pub free_form_entities: bool,
    /// Chunks of one request that are read at one time.
    pub concurrency: usize,
    /// Strategy of items that name none.
    pub default_strategy: Option<String>,
}

impl Default for ExtractionSettings {
    fn default() -> Self {
        Self {
            mission: None,
            custom_instructions: None,
            causal_links: true,
            optional_dimensions: false,
            output_language: None,
            max_completion_tokens: Some(64_000),
            content_retries: 2,
            labels: Labels::default(),
            free_form_entities: true,
            concurrency: 8,
            default_strategy: None,
        }
    }
}

impl ExtractionSettings {
    /// These settings with a bank's or a strategy's own in front.
    #[must_use]
    pub(super) fn of_bank(&self, config: &Value) -> Self {
        let flag = |key: &str| config.get(key)?.as_bool();
        let text = |key: &str| {
            let text = config.get(key)?.as_str()?.trim();
            // An empty text is a choice too: none.
            Some((!text.is_empty()).then(|| text.to_owned()))
        };
        let labels = config.get("entity_labels").filter(|labels| !labels.is_null());
        Self {
            mission: text("retain_mission").unwrap_or_else(|| self.mission.clone()),
            custom_instructions: text("retain_custom_instructions")
                .unwrap_or_else(|| self.custom_instructions.clone()),
            causal_links: flag("retain_extract_causal_links").unwrap_or(self.causal_links),
            optional_dimensions: flag("retain_optional_fact_dimensions").unwrap_or(self.optional_dimensions),
            output_language: text("llm_output_language").unwrap_or_else(|| self.output_language.clone()),
            labels: labels
                .and_then(|labels| Labels::read(labels).ok())
                .unwrap_or_else(|| self.labels.clone()),
            free_form_entities: flag("entities_allow_free_form").unwrap_or(self.free_form_entities),
            default_strategy: text("retain_default_strategy")
                .unwrap_or_else(|| self.default_strategy.clone()),
            ..self.clone()
        }
    }
}
