//! Language models over HTTP: what six providers are sent, and what comes of their answers.

mod chain;
mod heard;
mod learning;
mod outcomes;
mod player;
mod providers;
mod requests;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hindsight_engine::ports::{
    About, Clock, LanguageModel, LlmOperation, Message, Output, Prompt, Tool, ToolChoice,
};
use hindsight_models::llm::{LlmOptions, ModelOptions, Order, RouteOptions, Router, SchemaKeywords, build};
use serde_json::{Value, json};

/// A time that stands still.
struct Now;

impl Clock for Now {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }
}

/// Models in a row for all kinds of calls, without temperature.
fn route(models: Vec<ModelOptions>) -> RouteOptions {
    RouteOptions {
        models,
        order: Order::Failover,
        cooldown: Duration::from_mins(1),
        max_concurrent: None,
        temperature: Some(0.1),
    }
}

fn router(route: &RouteOptions) -> Router {
    router_with(route, 32)
}

/// With so many calls at once.
fn router_with(route: &RouteOptions, max_concurrent: usize) -> Router {
    let options = LlmOptions {
        retain: route.clone(),
        retain_with_media: route.clone(),
        sees_media: true,
        reflect: route.clone(),
        consolidation: route.clone(),
        mental_model_refresh: route.clone(),
        max_concurrent,
        connect_timeout: Duration::from_secs(10),
        keywords: SchemaKeywords { max_items: true, pattern: false },
    };
    build(options, Arc::new(Now)).unwrap()
}

/// A model for all kinds of calls.
fn model(options: ModelOptions) -> impl LanguageModel {
    router(&route(vec![options]))
}

fn prompt(output: Output) -> Prompt {
    Prompt {
        operation: LlmOperation::Retain,
        messages: vec![
            Message::System("Find facts.".to_owned()),
            Message::User("Alice moved to Berlin.".to_owned()),
        ],
        output,
        max_tokens: Some(20_000),
        temperature: None,
        budget: None,
        about: About::default(),
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"facts": {"type": "array", "maxItems": 9, "items": {"type": "string", "pattern": "^A"}}},
        "required": ["facts"],
        "additionalProperties": false,
    })
}

fn json() -> Output {
    Output::Json { name: "facts".to_owned(), schema: schema() }
}

fn tools(choice: ToolChoice) -> Output {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: format!("Does {name}."),
        parameters: json!({"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}),
    };
    Output::Tools { tools: vec![tool("recall"), tool("done")], choice }
}
