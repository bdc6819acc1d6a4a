//! Files: send them to be read and remembered in the background.

use hindsight_types::files::{FileMetadata, FileRetainRequest, FileRetainResponse};
use hindsight_types::operations::{OperationStatus, OperationStatusResponse};
use reqwest::Method;
use reqwest::multipart::{Form, Part};

use crate::transport::{Query, bank_path};
use crate::{Client, ClientError};

/// A file to be remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct FileUpload {
    /// Its name, with the ending that tells its kind.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// What is known of it.
    pub metadata: FileMetadata,
}

impl Client {
    /// Sends files whose texts are to be remembered. When this returns, the server has them; an
    /// operation for each, in their order, tells what becomes of it.
    pub async fn retain_files(
        &self,
        bank_id: &str,
        files: Vec<FileUpload>,
    ) -> Result<FileRetainResponse, ClientError> {
        let mut form = Form::new();
        let mut metadata = Vec::new();
        for file in files {
            form = form.part("files", Part::bytes(file.bytes).file_name(file.name));
            metadata.push(file.metadata);
        }
        let said = FileRetainRequest { parser: None, files_metadata: Some(metadata) };
        let said = serde_json::to_string(&said)
            .map_err(|source| ClientError::Decode { url: self.shown_url().to_owned(), source })?;
        let path = bank_path(bank_id, "/files/retain")?;
        let request = self.request(Method::POST, &path, &Query::default())?;
        let (status, body) = self.answer(request.multipart(form.text("request", said))).await?;
        self.read(status, &body)
    }

    /// Waits until the text of a file is remembered, or will not be: for the operation that reads
    /// it, and for the retain that it hands on. `look` sees every look at them.
    pub async fn wait_for_file(
        &self,
        bank_id: &str,
        operation_id: &str,
        mut look: impl FnMut(&OperationStatusResponse),
    ) -> Result<OperationStatusResponse, ClientError> {
        let read = self.wait_for_operation(bank_id, operation_id, &mut look).await?;
        let retain = read.result_metadata.as_ref().and_then(|result| result.get("retain_operation_id"));
        match retain.and_then(|id| id.as_str()) {
            Some(retain) if read.status == OperationStatus::Completed => {
                self.wait_for_operation(bank_id, retain, look).await
            }
            _ => Ok(read),
        }
    }
}
