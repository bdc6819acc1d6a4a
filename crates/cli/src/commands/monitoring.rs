//! `hindsight health` and `hindsight version`.

use anyhow::Result;
use hindsight_client::Client;

use super::Outcome;
use crate::output::{Output, plain, verdict};

pub(crate) async fn health(client: &Client, output: &Output) -> Result<Outcome> {
    let health = client.health().await?;
    let healthy = health.status == "healthy";
    output.answer(&health, |out, health| {
        let phase =
            if health.phase.is_empty() { String::new() } else { format!(" ({})", plain(&health.phase)) };
        let reason = health.error.as_ref().or(health.reason.as_ref());
        let remark = reason.map_or_else(String::new, |reason| format!(": {}", plain(reason)));
        writeln!(out, "{}{phase}{remark}", verdict(healthy, &plain(&health.status)))
    })?;
    Ok(if healthy { Outcome::Good } else { Outcome::Bad })
}

pub(crate) async fn version(client: &Client, output: &Output) -> Result<Outcome> {
    let version = client.version().await?;
    output.answer(&version, |out, version| {
        // Servers of the original tell less.
        let build = version.build.as_ref().map_or("of the original", |build| build.version.as_str());
        writeln!(out, "hindsight {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "server {} at {}", plain(build), client.shown_url())?;
        writeln!(out, "API {}", plain(&version.api_version))?;
        match &version.llm {
            Some(llm) => writeln!(out, "language model {}", plain(llm)),
            None => Ok(()),
        }
    })?;
    Ok(Outcome::Good)
}
