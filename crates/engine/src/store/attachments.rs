//! Attachments of documents.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::session::Session;
use super::versions::Version;
use super::{BankKey, Store, StoreError};
use crate::attachments::{Attachment, AttachmentInfo, AttachmentKind, ids};

/// What a client is sent when it asks for an attachment.
#[derive(Clone, Debug)]
pub struct AttachmentFile {
    /// Its media type, as its sender said.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Those of these attachments that a document has, with their bytes.
    pub(crate) async fn attachments_of(
        &self,
        bank: BankKey,
        document_id: &str,
        wanted: &[String],
    ) -> Result<Vec<Attachment>, StoreError> {
        let rows = sqlx::query!(
            "select attachment_id, hash, kind, media_type, filename, data from attachments
             where bank_key = $1 and document_id = $2 and attachment_id = any($3) order by attachment_id",
            bank.0,
            document_id,
            wanted
        )
        .fetch_all(&mut self.session().await?)
        .await?;
        let attachments = rows.into_iter().map(|row| Attachment {
            id: row.attachment_id,
            hash: row.hash,
            kind: kind_of(row.kind),
            media_type: row.media_type,
            filename: row.filename,
            bytes: Arc::from(row.data),
            block: 0,
        });
        Ok(attachments.collect())
    }

    /// What a document has, without the bytes, in no order.
    pub(crate) async fn attachment_infos(
        &self,
        bank: BankKey,
        document_id: &str,
    ) -> Result<Vec<AttachmentInfo>, StoreError> {
        let infos = sqlx::query_scalar!(
            "select jsonb_agg(info order by attachment_id) from attachment_infos
             where bank_key = $1 and document_id = $2",
            bank.0,
            document_id
        )
        .fetch_one(&mut self.session().await?)
        .await?;
        Ok(infos_of(infos))
    }

    /// An attachment by its id, or by all of its hash in hex; whichever document has it.
    pub async fn attachment(
        &self,
        bank: BankKey,
        attachment_id: &str,
        hash: Option<&str>,
    ) -> Result<Option<AttachmentFile>, StoreError> {
        let file = sqlx::query_as!(
            AttachmentFile,
            "select media_type, data as bytes from attachments
             where bank_key = $1 and attachment_id = $2 and ($3::text is null or encode(hash, 'hex') = $3)
             order by document_id limit 1",
            bank.0,
            attachment_id,
            hash
        )
        .fetch_optional(&mut self.session().await?)
        .await?;
        Ok(file)
    }
}

/// Attachments as a statement has gathered them; null is none.
pub(crate) fn infos_of(gathered: Option<Value>) -> Vec<AttachmentInfo> {
    gathered.and_then(|infos| serde_json::from_value(infos).ok()).unwrap_or_default()
}

/// Gives every document the attachments that its text names: new ones in, others out.
pub(super) async fn settle(
    transaction: &mut Session,
    bank: BankKey,
    versions: &[Version<'_>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for version in versions {
        let document = version.document;
        if document.attachments.is_empty() && !version.has_attachments {
            continue;
        }
        let named = ids(&version.body);
        let is_named: HashSet<&str> = named.iter().map(String::as_str).collect();
        if version.has_attachments {
            sqlx::query!(
                "delete from attachments where bank_key = $1 and document_id = $2 and attachment_id <> all($3)",
                bank.0,
                &document.document_id,
                &named
            )
            .execute(&mut *transaction)
            .await?;
        }
        let kept = |attachment: &&Attachment| is_named.contains(attachment.id.as_str());
        for attachment in document.attachments.iter().filter(kept) {
            sqlx::query!(
                "insert into attachments (bank_key, document_id, attachment_id, hash, kind, media_type, filename,
                   byte_size, data, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 on conflict (bank_key, document_id, attachment_id) do nothing",
                bank.0,
                &document.document_id,
                attachment.id,
                attachment.hash,
                kind_code(attachment.kind),
                attachment.media_type,
                attachment.filename,
                i32::try_from(attachment.bytes.len()).unwrap_or(i32::MAX),
                &*attachment.bytes,
                now
            )
            .execute(&mut *transaction)
            .await?;
        }
    }
    Ok(())
}

fn kind_code(kind: AttachmentKind) -> i16 {
    match kind {
        AttachmentKind::Image => 1,
        AttachmentKind::File => 2,
    }
}

fn kind_of(code: i16) -> AttachmentKind {
    if code == 1 { AttachmentKind::Image } else { AttachmentKind::File }
}
