use std::fmt;
use std::str::FromStr;

/// Something the program needs at run time but does not carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Asset {
    /// PostgreSQL with pgvector: a folder with `bin`, `lib` and `share`.
    Postgres,
    /// The shared library of the ONNX Runtime.
    OnnxRuntime,
    /// The embedding model all-MiniLM-L6-v2 with int8 weights: a folder with `model.onnx`.
    MiniLm,
}

impl Asset {
    /// Every asset, in the order they are needed at a start.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::OnnxRuntime, Self::MiniLm];

    /// The name users write.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::OnnxRuntime => "onnxruntime",
            Self::MiniLm => "minilm",
        }
    }

    /// How to do without a download; ends error messages.
    pub(crate) const fn way_around(self) -> &'static str {
        match self {
            Self::Postgres => {
                "or set HINDSIGHT_PG_BIN_DIR to the bin folder of a PostgreSQL 14 or newer with pgvector"
            }
            Self::OnnxRuntime | Self::MiniLm => {
                "or set HINDSIGHT_ASSETS_DIR to an assets folder copied from a machine that has it"
            }
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no asset's.
#[derive(Debug, thiserror::Error)]
#[error("no asset is called {0:?}, choose one of postgres, onnxruntime, minilm")]
pub struct UnknownAsset(String);

impl FromStr for Asset {
    type Err = UnknownAsset;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|asset| asset.name() == name).ok_or_else(|| UnknownAsset(name.to_owned()))
    }
}
