//! `hindsight-embed profile` and `hindsight-embed configure`.

use std::time::Duration;

use anyhow::{Result, bail};
use hindsight_embed_daemon::{IdleTimeout, Profile, ProfileEntry, environment_settings};
use hindsight_pg::{DatabaseUrl, Instances, Layout, Options};
use serde_json::{Value, json};

use super::Embed;
use super::daemon::stop_leftover;
use crate::args::ProfileCommand;
use crate::commands::Outcome;
use crate::output::{day, note, plain, strong, table};
use crate::settings::remarks;

/// Longest wait for the end of a daemon that is restarted.
const STOP: Duration = Duration::from_secs(30);

pub(super) async fn run(embed: &Embed, command: ProfileCommand) -> Result<Outcome> {
    match command {
        ProfileCommand::List => list(embed).await?,
        ProfileCommand::Show => show(embed).await?,
        ProfileCommand::Create { name, port, env, merge } => {
            let profile: Profile = name.parse()?;
            if !merge && embed.profiles.exists(&profile)? && !profile.is_default() {
                bail!("there is a profile '{profile}' already: change it with --merge");
            }
            write(embed, &profile, port, &settings(&env)?).await?;
            changed(embed, &profile, "saved").await?;
        }
        ProfileCommand::SetEnv { name, key, value } => {
            let profile: Profile = name.parse()?;
            warn_of_other_keys([&key]);
            embed.profiles.set_env(&profile, &key, &value).await?;
            // Not the value: it may be a key of a provider.
            changed(embed, &profile, &format!("{key} set")).await?;
        }
        ProfileCommand::RemoveEnv { name, key } => {
            let profile: Profile = name.parse()?;
            embed.profiles.remove_env(&profile, &key).await?;
            changed(embed, &profile, &format!("{key} removed")).await?;
        }
        ProfileCommand::SetActive { name, none } => {
            if name.is_none() && !none {
                bail!("name a profile, or give --none for the default one");
            }
            let profile = name.map(|name| name.parse::<Profile>()).transpose()?;
            embed.profiles.set_active(profile.as_ref())?;
            let profile = profile.unwrap_or_default();
            embed.output.answer(&json!({"active": profile.as_str()}), |out, _| {
                writeln!(out, "profile {} is used when none is named", strong(profile.as_str()))
            })?;
        }
        ProfileCommand::Delete { name, yes, purge_data } => {
            return delete(embed, &name, yes, purge_data).await;
        }
    }
    Ok(Outcome::Good)
}

pub(super) async fn configure(embed: &Embed, port: Option<u16>, env: Vec<String>) -> Result<Outcome> {
    let env = if env.is_empty() { environment_settings() } else { settings(&env)? };
    if env.is_empty() && port.is_none() {
        bail!("nothing to save: give --env KEY=VALUE, or set HINDSIGHT_API_* variables");
    }
    write(embed, &embed.profile, port, &env).await?;
    if let Some(run) = embed.daemons.find(&embed.profile).await {
        embed.daemons.stop(&embed.profile, STOP, false).await?;
        let options = embed.start_options(IdleTimeout::Seconds(run.idle_timeout));
        embed.daemons.ensure_running(&embed.profile, &options).await?;
        tell(embed, &embed.profile, "saved, its daemon restarted").await?;
    } else {
        changed(embed, &embed.profile, "saved").await?;
    }
    Ok(Outcome::Good)
}

/// Settings as they stand on the command line.
fn settings(given: &[String]) -> Result<Vec<(String, String)>> {
    let split = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => bail!("--env {}: write it like KEY=VALUE", plain(text)),
    };
    given.iter().map(split).collect()
}

async fn write(embed: &Embed, profile: &Profile, port: Option<u16>, env: &[(String, String)]) -> Result<()> {
    warn_of_other_keys(env.iter().map(|(key, _)| key));
    embed.profiles.write(profile, port, env).await?;
    Ok(())
}

/// Says what was done, and that a daemon that runs does not know of it.
async fn changed(embed: &Embed, profile: &Profile, what: &str) -> Result<()> {
    if embed.profiles.show(profile).await?.daemon_running {
        note("the daemon runs with the settings from before: stop it to apply the new ones");
    }
    tell(embed, profile, what).await
}

async fn tell(embed: &Embed, profile: &Profile, what: &str) -> Result<()> {
    let entry = embed.profiles.show(profile).await?;
    embed.output.answer(&as_json(&entry), |out, _| {
        let port = entry.port.map_or_else(String::new, |port| format!(" (port {port})"));
        writeln!(out, "profile {}{port}: {}", strong(profile.as_str()), plain(what))
    })?;
    Ok(())
}

fn warn_of_other_keys<'a>(keys: impl IntoIterator<Item = &'a String>) {
    let keys: Vec<_> = keys.into_iter().map(String::as_str).collect();
    for key in &keys {
        if !key.starts_with("HINDSIGHT_EMBED_") && !key.starts_with("HINDSIGHT_API_") {
            note(&format!(
                "{}: not a setting of daemons, these begin with HINDSIGHT_API_ or HINDSIGHT_EMBED_",
                plain(key)
            ));
        }
    }
    for remark in remarks(keys) {
        note(&format!("warning: {}", plain(&remark)));
    }
}

fn as_json(entry: &ProfileEntry) -> Value {
    json!({
        "name": entry.profile.as_str(),
        "port": entry.port,
        "config": entry.config,
        "created_at": entry.created_at,
        "last_used": entry.last_used,
        "is_active": entry.is_active,
        "daemon_running": entry.daemon_running,
    })
}

async fn list(embed: &Embed) -> Result<()> {
    let entries = embed.profiles.list().await?;
    let answer: Vec<_> = entries.iter().map(as_json).collect();
    embed.output.answer(&answer, |out, _| {
        if entries.is_empty() {
            return writeln!(out, "no profiles: the default one is made when it is first used");
        }
        let mut rows = table(&["profile", "port", "daemon", "last used", ""]);
        for entry in &entries {
            rows.add_row([
                entry.profile.to_string(),
                entry.port.map(|port| port.to_string()).unwrap_or_default(),
                if entry.daemon_running { "running" } else { "stopped" }.to_owned(),
                entry.last_used.map(|time| day(&time.to_rfc3339()).to_owned()).unwrap_or_default(),
                if entry.is_active { "active" } else { "" }.to_owned(),
            ]);
        }
        writeln!(out, "{rows}")
    })?;
    Ok(())
}

async fn show(embed: &Embed) -> Result<()> {
    let entry = embed.profiles.show(&embed.profile).await?;
    let answer = json!({
        "name": entry.profile.as_str(),
        "source": embed.source.as_str(),
        "config": entry.config,
        "port": entry.port,
    });
    embed.output.answer(&answer, |out, _| {
        writeln!(out, "profile {} (from {})", strong(entry.profile.as_str()), embed.source.as_str())?;
        writeln!(out, "settings  {}", entry.config.display())?;
        entry.port.map_or(Ok(()), |port| writeln!(out, "port      {port}"))
    })?;
    Ok(())
}

async fn delete(embed: &Embed, name: &str, yes: bool, purge_data: bool) -> Result<Outcome> {
    let profile: Profile = name.parse()?;
    let entry = embed.profiles.show(&profile).await?;
    let own = embed.daemons.home().instance(&profile);
    if purge_data {
        match embed.daemons.database(&profile)?.parse() {
            Ok(DatabaseUrl::Embedded(url)) if url.name == own => {}
            Ok(DatabaseUrl::Embedded(url)) => bail!(
                "profile '{profile}' uses the database {} that is not its own: others may use it, so it is not deleted",
                plain(&url.name)
            ),
            _ => bail!("the memories of profile '{profile}' are in another database: delete them there"),
        }
    }
    let question = match (entry.daemon_running, purge_data) {
        (_, true) => Some("with all its memories"),
        (true, false) => Some("and stop its daemon"),
        (false, false) => None,
    };
    if let Some(what) = question
        && !embed.output.confirm(&format!("delete profile {profile} {what}?"), yes)?
    {
        return Ok(Outcome::Bad);
    }
    embed
        .profiles
        .delete(&profile, async || {
            if purge_data {
                let layout = Layout::new(embed.daemons.home().path());
                Instances::new(layout, Options::default()).delete(&own).await?;
            } else {
                stop_leftover(embed, &profile).await?;
            }
            anyhow::Ok(())
        })
        .await?;
    embed.output.answer(&json!({"name": profile.as_str(), "data_deleted": purge_data}), |out, _| {
        let data = if purge_data { "with its memories" } else { "its memories are kept" };
        writeln!(out, "profile {} deleted, {data}", strong(profile.as_str()))
    })?;
    Ok(Outcome::Good)
}
