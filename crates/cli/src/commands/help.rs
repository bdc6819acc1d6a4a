//! Scripts for shells and manual pages, from the grammar of the command line.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::Command;

use super::Outcome;
use crate::args::HelpCommand;

pub(crate) fn run(mut grammar: Command, command: &HelpCommand) -> Result<Outcome> {
    match command {
        HelpCommand::Completions { shell } => {
            let (name, mut script) = (grammar.get_name().to_owned(), Vec::new());
            clap_complete::generate(*shell, &mut grammar, name, &mut script);
            io::stdout().write_all(&script)?;
        }
        HelpCommand::Man { folder } => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(grammar, folder))
                .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        }
    }
    Ok(Outcome::Good)
}
