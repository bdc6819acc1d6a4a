//! `hindsight settings`: all tables of settings as one list, and as the reference page.

use std::io;

use anyhow::Result;
use hindsight_client::types::settings::Setting;
use hindsight_server::config::RemarkKind;
use serde::Serialize;

use crate::commands::Outcome;
use crate::config;
use crate::output::{Output, note, table};

/// The settings of all parts of the program.
pub(crate) const TABLES: [&[Setting]; 3] =
    [hindsight_server::SETTINGS, hindsight_embed_daemon::SETTINGS, config::SETTINGS];

/// What stands before the tables of the reference page.
const HEAD: &str = "# Settings

Environment variables. An empty one counts as not set; a value that is not usable stops the start with a message
that names the variable. Flags of the command line win over the environment, and so does a file `.env` in the
folder where `hindsight serve` is started, or the nearest one above it. A daemon of `hindsight-embed` looks for no
such file: it takes the settings of its profile (`hindsight-embed profile set-env`) over those of the environment.
Settings of the original that have no effect here are named in the log when a server starts, and so are names that
are no settings at all.

This page is made from the tables in the code: `cargo run -p hindsight-cli -- settings --markdown`.
";

/// One setting as programs read it.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    default: Option<&'static str>,
    values: &'static str,
    about: &'static str,
    group: &'static str,
}

pub(crate) fn run(output: &Output, as_markdown: bool) -> Result<Outcome> {
    if as_markdown {
        io::Write::write_all(&mut io::stdout(), markdown().as_bytes())?;
        return Ok(Outcome::Good);
    }
    let row = |setting: &Setting| Row {
        name: setting.name,
        default: (!setting.default.is_empty()).then_some(setting.default),
        values: setting.values,
        about: setting.about,
        group: setting.group,
    };
    let rows: Vec<_> = all().map(row).collect();
    output.answer(&rows, |out, rows| {
        let mut lines = table(&["setting", "default", "meaning"]);
        for row in rows {
            lines.add_row([row.name, row.default.unwrap_or_default(), row.about]);
        }
        writeln!(out, "{lines}")
    })?;
    Ok(Outcome::Good)
}

/// What to tell about settings of these names before they are saved: one line for each that is
/// none of any program here, or that has no effect.
pub(crate) fn remarks<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    hindsight_server::config::remarks(names, &TABLES).iter().map(ToString::to_string).collect()
}

/// Warns of variables that begin like settings and are none. What has no effect on a server is no
/// matter for commands that only talk to one.
pub(crate) fn warn_of_unknown_variables() {
    let names = hindsight_server::config::names();
    for remark in hindsight_server::config::remarks(names.iter().map(String::as_str), &TABLES) {
        if matches!(remark.kind, RemarkKind::Unknown(_)) {
            note(&format!("warning: {remark}"));
        }
    }
}

fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.into_iter().flatten()
}

/// The reference page.
fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut group = "";
    for setting in all() {
        if setting.group != group {
            group = setting.group;
            page.extend([
                "\n## ",
                group,
                "\n\n| Variable | Default | Values | Meaning |\n|---|---|---|---|\n",
            ]);
        }
        let default =
            if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        page.extend([
            "| `",
            setting.name,
            "` | ",
            &default,
            " | ",
            setting.values,
            " | ",
            setting.about,
            " |\n",
        ]);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_all_programs_are_known_and_slips_are_told() {
        let names = TABLES.iter().flat_map(|table| table.iter()).map(|setting| setting.name);
        assert_eq!(remarks(names), Vec::<String>::new());
        assert_eq!(
            remarks([
                "HINDSIGHT_API_URLL",
                "HINDSIGHT_EMBED_PROFIL",
                "HINDSIGHT_API_XAI_OAUTH_SCOPE",
                "HOME"
            ]),
            [
                "HINDSIGHT_API_URLL is not a setting: did you mean HINDSIGHT_API_URL?",
                "HINDSIGHT_API_XAI_OAUTH_SCOPE has no effect in this version",
                "HINDSIGHT_EMBED_PROFIL is not a setting: did you mean HINDSIGHT_EMBED_PROFILE?",
            ]
        );
    }

    #[test]
    fn the_reference_page_is_current() {
        let page = include_str!("../../../docs/reference/settings.md");
        assert_eq!(page, markdown(), "write it anew: cargo run -p hindsight-cli -- settings --markdown");
    }
}
