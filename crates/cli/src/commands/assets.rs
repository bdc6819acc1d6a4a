//! `hindsight assets`.

use anyhow::Result;
use hindsight_assets::{Asset, AssetStore};
use hindsight_pg::Layout;
use serde::Serialize;

use super::Outcome;
use crate::args::AssetsCommand;
use crate::config::machine_settings;
use crate::output::{Output, plain, table, verdict};
use crate::progress::Bar;

/// One asset as programs read it.
#[derive(Serialize)]
struct Row {
    asset: &'static str,
    version: Option<&'static str>,
    size: Option<u64>,
    state: &'static str,
    source: Option<String>,
    path: Option<String>,
}

/// The check of one asset as programs read it.
#[derive(Serialize)]
struct Check {
    asset: &'static str,
    ok: bool,
    path: Option<String>,
    error: Option<String>,
}

/// Works on files, so it blocks.
pub(crate) fn run(output: &Output, command: AssetsCommand) -> Result<Outcome> {
    // Whatever servers are set to, their files are in the same places.
    let config = machine_settings()?;
    let store = AssetStore::new(config.assets_dir, Layout::new(config.home).installation());
    match command {
        AssetsCommand::List => list(&store, output),
        AssetsCommand::Pull { assets } => {
            let bar = Bar::default();
            for asset in chosen(assets, || Asset::ALL.to_vec()) {
                store.ensure(asset, &bar)?;
            }
            list(&store, output)
        }
        AssetsCommand::Verify { assets } => {
            let installed = || Asset::ALL.into_iter().filter(|asset| store.find(*asset).is_some()).collect();
            verify(&store, output, chosen(assets, installed))
        }
    }
}

fn chosen(named: Vec<Asset>, otherwise: impl FnOnce() -> Vec<Asset>) -> Vec<Asset> {
    if named.is_empty() { otherwise() } else { named }
}

fn list(store: &AssetStore, output: &Output) -> Result<Outcome> {
    let rows: Vec<Row> = store
        .status()
        .into_iter()
        .map(|status| Row {
            asset: status.asset.name(),
            version: status.version,
            size: status.size,
            state: status.state.name(),
            source: status.source,
            path: status.path.map(|path| path.display().to_string()),
        })
        .collect();
    output.answer(&rows, |out, rows| {
        let mut lines = table(&["asset", "version", "download", "state", "where"]);
        for row in rows {
            let size = row.size.map(|bytes| format!("{} MB", bytes.div_ceil(1_000_000))).unwrap_or_default();
            let place = row.path.as_deref().or(row.source.as_deref()).unwrap_or_default();
            lines.add_row([row.asset, row.version.unwrap_or_default(), &size, row.state, &plain(place)]);
        }
        writeln!(out, "{lines}")
    })?;
    Ok(Outcome::Good)
}

fn verify(store: &AssetStore, output: &Output, assets: Vec<Asset>) -> Result<Outcome> {
    let check = |asset: Asset| {
        let (path, error) = match store.verify(asset) {
            Ok(path) => (Some(path.display().to_string()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Check { asset: asset.name(), ok: error.is_none(), path, error }
    };
    let checks: Vec<Check> = assets.into_iter().map(check).collect();
    output.answer(&checks, |out, checks| {
        if checks.is_empty() {
            return writeln!(out, "no assets installed: fetch them with `hindsight assets pull`");
        }
        for check in checks {
            let remark = check.error.as_deref().or(check.path.as_deref()).unwrap_or_default();
            writeln!(
                out,
                "{} {}: {}",
                verdict(check.ok, if check.ok { "ok" } else { "bad" }),
                check.asset,
                plain(remark)
            )?;
        }
        Ok(())
    })?;
    Ok(if checks.iter().all(|check| check.ok) { Outcome::Good } else { Outcome::Bad })
}
