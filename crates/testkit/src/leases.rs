//! A look at the leases of work in the background.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use hindsight_pg::{InstanceUrl, Instances, Layout, Options};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::database::SEARCH_PATH;

/// A connection that looks at leases.
#[derive(Debug)]
pub struct Leases(PgConnection);

impl Leases {
    /// Of an embedded instance of a home folder, which is started if it does not run.
    pub async fn of_instance(home: &Path, name: &str) -> Result<Self> {
        let instances = Instances::new(Layout::new(home), Options { fetch: false, ..Options::default() });
        let running = instances.start(&InstanceUrl::named(name)?).await?;
        let options: PgConnectOptions =
            running.connection.url().parse().context("the URL of the database")?;
        let connection = options.options([("search_path", SEARCH_PATH)]).connect().await;
        Ok(Self(connection.context("cannot connect")?))
    }

    /// How long ago the lease has run out that nobody has taken over for the longest time.
    pub async fn overdue(&mut self) -> Result<Duration> {
        let seconds: f64 = sqlx::query_scalar(
            "select greatest(coalesce(max(extract(epoch from now() - lease_until)), 0), 0)::float8
             from async_operations where status = 'processing' and lease_until is not null",
        )
        .fetch_one(&mut self.0)
        .await?;
        Ok(Duration::from_secs_f64(seconds))
    }

    /// Number of operations that are not done.
    pub async fn open(&mut self) -> Result<i64> {
        let open = "select count(*) from async_operations where status in ('pending', 'processing') and parent_id is not null";
        Ok(sqlx::query_scalar(open).fetch_one(&mut self.0).await?)
    }
}
