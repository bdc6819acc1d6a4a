//! `hindsight reflect`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use hindsight_client::Client;
use hindsight_client::types::reflect::{
    FactsIncludeOptions, ReflectIncludeOptions, ReflectRequest, ReflectResponse, ReflectTrace,
    ToolCallsIncludeOptions,
};
use serde_json::{Map, Value};

use super::Outcome;
use crate::args::ReflectArguments;
use crate::output::{Output, counted, day, dim, plain, strong};

pub(crate) async fn run(client: &Client, output: &Output, arguments: ReflectArguments) -> Result<Outcome> {
    let response_schema = arguments.schema.as_deref().map(read_schema).transpose()?;
    let (tags, tags_match) = arguments.tags.filter();
    let request = ReflectRequest {
        budget: arguments.budget,
        context: arguments.context,
        max_tokens: arguments.max_tokens,
        fact_types: (!arguments.types.is_empty()).then_some(arguments.types),
        tags,
        tags_match,
        apply_all_directives: arguments.all_directives,
        response_schema,
        include: ReflectIncludeOptions {
            facts: arguments.facts.then(FactsIncludeOptions::default),
            tool_calls: arguments.trace.then_some(ToolCallsIncludeOptions { output: true }),
        },
        ..ReflectRequest::new(arguments.query)
    };
    let busy = output.busy("thinking");
    let answer = client.reflect(&arguments.bank, &request).await?;
    drop(busy);
    output.answer(&answer, print)?;
    Ok(Outcome::Good)
}

fn read_schema(file: &Path) -> Result<Map<String, Value>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the schema from {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no JSON object", file.display()))
}

fn print(out: &mut dyn Write, answer: &ReflectResponse) -> io::Result<()> {
    writeln!(out, "{}", plain(&answer.text))?;
    if let Some(value) = &answer.structured_output {
        writeln!(out, "\n{}", plain(&serde_json::to_string_pretty(value)?))?;
    }
    if let Some(problem) = &answer.structured_output_error {
        writeln!(out, "\n{}", dim(&plain(&format!("no values of the schema: {problem}"))))?;
    }
    if let Some(based_on) = &answer.based_on {
        writeln!(out, "\n{}", strong("based on"))?;
        for memory in &based_on.memories {
            let date = memory.occurred_start.as_deref().or(memory.mentioned_at.as_deref()).map(day);
            let kind = memory.fact_type.map(hindsight_client::types::recall::FactType::as_str);
            let remarks = [date, kind, memory.document_id.as_deref()].into_iter().flatten();
            writeln!(out, "  {}", plain(&memory.text))?;
            writeln!(out, "     {}", dim(&plain(&remarks.collect::<Vec<_>>().join(", "))))?;
        }
        if based_on.memories.is_empty() {
            writeln!(out, "  {}", dim("no memory"))?;
        }
        for directive in &based_on.directives {
            writeln!(out, "  {}", dim(&plain(&format!("directive: {}", directive.name))))?;
        }
    }
    if let Some(trace) = &answer.trace {
        print_trace(out, trace)?;
    }
    Ok(())
}

fn print_trace(out: &mut dyn Write, trace: &ReflectTrace) -> io::Result<()> {
    writeln!(out, "\n{}", strong("searches"))?;
    for call in &trace.tool_calls {
        let input = Value::Object(call.input.clone());
        let line = format!("turn {}: {} {input}, {} ms", call.iteration, call.tool, call.duration_ms);
        writeln!(out, "  {}", plain(&line))?;
    }
    let total: i64 = trace.llm_calls.iter().map(|call| call.duration_ms).sum();
    let scopes: Vec<_> = trace.llm_calls.iter().map(|call| call.scope.as_str()).collect();
    let count = i64::try_from(scopes.len()).unwrap_or(i64::MAX);
    let calls = counted(count, "call of the language model", "calls of the language model");
    writeln!(out, "{}", dim(&plain(&format!("{calls}, {total} ms: {}", scopes.join(", ")))))
}
