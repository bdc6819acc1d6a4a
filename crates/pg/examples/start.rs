//! Starts an embedded instance below a home folder and prints its URL:
//! `start HOME URL BIN_DIR`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use hindsight_pg::{DatabaseUrl, Instances, Layout, Options};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the URL is for the caller")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let home = arguments.next().context("usage: start HOME URL BIN_DIR")?;
    let url = arguments.next().and_then(|url| url.into_string().ok()).context("a URL is missing")?;
    let DatabaseUrl::Embedded(url) = url.parse()? else { bail!("that is a server elsewhere") };
    let options = Options { bin_dir: arguments.next().map(PathBuf::from), ..Options::default() };
    let running = Instances::new(Layout::new(home), options).start(&url).await?;
    println!("{}", running.connection.url());
    Ok(())
}
