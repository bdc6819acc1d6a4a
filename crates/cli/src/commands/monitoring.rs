//! `hindsight health` and `hindsight version`.

use anyhow::Result;
use hindsight_client::Client;

use super::Outcome;
use crate::output::{Output, verdict};

pub(crate) async fn health(client: &Client, output: &Output) -> Result<Outcome> {
    let health = client.health().await?;
    let healthy = health.status == "healthy";
    output.answer(&health, |out, health| {
        let reason = health.error.as_ref().or(health.reason.as_ref());
        let remark = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        writeln!(out, "{} ({}){remark}", verdict(healthy, &health.status), health.phase)
    })?;
    Ok(if healthy { Outcome::Good } else { Outcome::Bad })
}

pub(crate) async fn version(client: &Client, output: &Output) -> Result<Outcome> {
    let version = client.version().await?;
    output.answer(&version, |out, version| {
        writeln!(out, "hindsight {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "server {} at {}", version.build.version, client.base_url())?;
        writeln!(out, "API {}, language model {}", version.api_version, version.llm)
    })?;
    Ok(Outcome::Good)
}
