//! Makes a migrated database, prints its URL for tools, and keeps it until the input ends.

use hindsight_testkit::TestDatabase;
use tokio::io::AsyncReadExt;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the URL is for the caller")]
async fn main() -> anyhow::Result<()> {
    let database = TestDatabase::create().await;
    println!("{}", database.url_with_search_path());
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
