//! Where the files of a model lie in a folder that somebody brings.

use std::path::{Path, PathBuf};

/// Names that exports give the model.
const MODELS: [&str; 4] =
    ["model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx"];

/// The files of a model for ONNX Runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The model.
    pub model: PathBuf,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
}

impl ModelFiles {
    /// The files in a folder, or beside a model that is named itself.
    pub fn find(place: &Path) -> Option<Self> {
        let model = if place.is_file() {
            place.to_owned()
        } else {
            MODELS.iter().map(|name| place.join(name)).find(|file| file.is_file())?
        };
        // Exports for a hub put the model one folder deeper than the tokenizer.
        let folders = model.ancestors().skip(1).take(2);
        let tokenizer = folders.map(|folder| folder.join("tokenizer.json")).find(|file| file.is_file())?;
        Some(Self { model, tokenizer })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_found_where_exports_put_them() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ModelFiles::find(folder.path()), None);
        fs::create_dir(folder.path().join("onnx")).unwrap();
        let model = folder.path().join("onnx/model.onnx");
        fs::write(&model, "").unwrap();
        assert_eq!(ModelFiles::find(folder.path()), None, "a tokenizer belongs to it");
        let tokenizer = folder.path().join("tokenizer.json");
        fs::write(&tokenizer, "").unwrap();
        let files = ModelFiles { model: model.clone(), tokenizer };
        assert_eq!(ModelFiles::find(folder.path()), Some(files.clone()));
        assert_eq!(ModelFiles::find(&model), Some(files));
    }
}
