//! What holds for the whole database, and how its pools are.

use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnectOptions;
use sqlx::types::Json;
use sqlx::{ConnectOptions, Connection};

use super::{Store, StoreError};
use crate::ports::EmbeddingModel;
use crate::text::terms::{ANALYZER_VERSION, Language};

const EMBEDDING_MODEL: &str = "embedding_model";
const TEXT_ANALYSIS: &str = "text_analysis";

/// State of the connections.
#[derive(Clone, Copy, Debug)]
pub struct PoolHealth {
    /// Milliseconds it took to get a connection and an answer over it.
    pub acquire_ms: f64,
    /// Connections open.
    pub size: u32,
    /// Connections open and free.
    pub idle: u32,
}

impl Store {
    /// Records the model of a new database, or checks it against the one recorded.
    pub async fn claim_model(&self, model: &EmbeddingModel) -> Result<(), StoreError> {
        let recorded: EmbeddingModel = self.record_once(EMBEDDING_MODEL, model).await?;
        if recorded == *model {
            return Ok(());
        }
        Err(StoreError::OtherModel { recorded: recorded.to_string(), configured: model.to_string() })
    }

    /// Records the text analysis of a new database, or checks it against the one recorded.
    pub(super) async fn claim_text_analysis(&self, language: Language) -> Result<(), StoreError> {
        let configured = format!("{language} v{ANALYZER_VERSION}");
        let recorded: String = self.record_once(TEXT_ANALYSIS, &configured).await?;
        if recorded == configured {
            return Ok(());
        }
        Err(StoreError::OtherTextAnalysis { recorded, configured })
    }

    /// What words are stemmed by in this database.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Asks the database for an answer, to see how it is.
    pub async fn probe(&self) -> Result<PoolHealth, StoreError> {
        let start = Instant::now();
        sqlx::query_scalar!(r#"select 1 as "one!""#).fetch_one(&mut self.session().await?).await?;
        Ok(PoolHealth {
            acquire_ms: start.elapsed().as_secs_f64() * 1e3,
            size: self.pool.size(),
            idle: u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX),
        })
    }

    /// Writes the value if the key has none yet, and returns what is there now.
    async fn record_once<T: Serialize + DeserializeOwned + Send + Unpin + 'static>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<T, StoreError> {
        let value = serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut session = self.session().await?;
        // The no-op update makes the statement return the row that won.
        let Json(recorded) = sqlx::query_scalar!(
            r#"insert into database_info (key, value) values ($1, $2)
               on conflict (key) do update set key = excluded.key
               returning value as "value: Json<T>""#,
            key,
            value
        )
        .fetch_one(&mut session)
        .await?;
        session.end().await?;
        Ok(recorded)
    }
}

/// Number of other clients of the database server behind `url`, of any database in it.
pub async fn other_clients(url: &str) -> Result<i64, StoreError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|error| StoreError::BadOptions(format!("the database URL is not usable: {error}")))?;
    let mut connection = options.connect().await?;
    let others = sqlx::query_scalar!(
        r#"select count(*) as "others!" from pg_stat_activity
           where backend_type = 'client backend' and pid <> pg_backend_pid()"#
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(others)
}
