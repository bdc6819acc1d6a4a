//! `hindsight configure` and `hindsight profile`: saved connections.

use anyhow::Result;
use serde::Serialize;

use super::Outcome;
use crate::args::ConnectionCommand;
use crate::connections::{Connection, Connections};
use crate::output::{Output, plain, strong, table};

/// A connection as it is shown: its key stays where it is.
#[derive(Serialize)]
struct Shown {
    name: String,
    api_url: Option<String>,
    has_api_key: bool,
}

impl Shown {
    fn new(name: String, connection: Connection) -> Self {
        Self { name, api_url: connection.api_url, has_api_key: connection.api_key.is_some() }
    }
}

pub(crate) fn configure(
    output: &Output,
    connections: &Connections,
    connection: Connection,
) -> Result<Outcome> {
    let (path, connection) = connections.configure(connection)?;
    output.answer(&Shown::new(String::new(), connection), |out, _| {
        writeln!(out, "saved in {}", path.display())
    })?;
    Ok(Outcome::Good)
}

/// `api_key` is the key of a connection that is created.
pub(crate) fn run(
    output: &Output,
    connections: &Connections,
    api_key: Option<String>,
    command: ConnectionCommand,
) -> Result<Outcome> {
    match command {
        ConnectionCommand::Create { name, api_url } => {
            let connection = Connection { api_url: Some(api_url), api_key };
            connections.create(&name, &connection)?;
            output.answer(&Shown::new(name, connection), |out, shown| {
                writeln!(out, "use it with --profile {}", strong(&plain(&shown.name)))
            })?;
        }
        ConnectionCommand::List => {
            let all = connections.list()?;
            let all: Vec<_> =
                all.into_iter().map(|(name, connection)| Shown::new(name, connection)).collect();
            output.answer(&all, |out, all| {
                if all.is_empty() {
                    return writeln!(out, "no connections");
                }
                let mut rows = table(&["profile", "server", "key"]);
                for shown in all {
                    let key = if shown.has_api_key { "saved" } else { "" };
                    rows.add_row([
                        &plain(&shown.name),
                        &plain(shown.api_url.as_deref().unwrap_or_default()),
                        key,
                    ]);
                }
                writeln!(out, "{rows}")
            })?;
        }
        ConnectionCommand::Show { name } => {
            let shown = Shown::new(name.clone(), connections.show(&name)?);
            output.answer(&shown, |out, shown| {
                let key = if shown.has_api_key { ", with a key" } else { "" };
                writeln!(out, "{}{key}", plain(shown.api_url.as_deref().unwrap_or_default()))
            })?;
        }
        ConnectionCommand::Delete { name, yes } => {
            if !output.confirm(&format!("delete connection {}?", plain(&name)), yes)? {
                return Ok(Outcome::Bad);
            }
            let shown = Shown::new(name.clone(), connections.show(&name)?);
            connections.delete(&name)?;
            output.answer(&shown, |out, shown| writeln!(out, "connection {} deleted", plain(&shown.name)))?;
        }
    }
    Ok(Outcome::Good)
}
