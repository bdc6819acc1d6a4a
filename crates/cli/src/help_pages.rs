//! The help of every command, written down in one file for each program.
//!
//! What has changed on purpose is written anew with `INSTA_UPDATE=always cargo test -p hindsight-cli`.

use clap::{Command, CommandFactory};

use crate::args::{Arguments, EmbedArguments};

/// As wide as a common terminal.
const WIDTH: usize = 100;

/// The help of a command and of all below it, hidden ones aside.
fn pages(command: &mut Command, pages: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    pages.extend(["$ ", &name, " --help\n", lines.join("\n").trim_end(), "\n"]);
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        // It repeats the help of the others.
        if command.get_name() != "help" {
            self::pages(command, pages);
        }
    }
}

fn all_of(grammar: Command) -> String {
    let mut grammar = grammar.term_width(WIDTH);
    grammar.build();
    let mut text = String::new();
    pages(&mut grammar, &mut text);
    text
}

#[test]
fn help_of_hindsight() {
    insta::assert_snapshot!("hindsight", all_of(Arguments::command()));
}

#[test]
fn help_of_hindsight_embed() {
    insta::assert_snapshot!("hindsight-embed", all_of(EmbedArguments::command()));
}
