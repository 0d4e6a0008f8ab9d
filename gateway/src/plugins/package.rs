//! One plugin file, read once, checked whole, and never run here.

use super::interfaces::{self, Capability, Role};
use super::manifest::{API_VERSION, Manifest, ManifestError, SECTION, nearest};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmparser::{Encoding, Parser, Payload, Validator};

/// SHA-256 of a plugin's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// A plugin file that was read and checked.
#[derive(Debug, Clone)]
pub struct Package {
    /// Where it was read from.
    pub path: PathBuf,
    /// The hash of exactly these bytes (and of the manifest beside them, where there is one).
    pub hash: Hash,
    /// The component.
    pub bytes: Arc<[u8]>,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it exports.
    pub roles: BTreeSet<Role>,
    /// What its imports amount to.
    pub capabilities: BTreeSet<Capability>,
}

/// Why a plugin's file can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("no such file: {}", .0.display())]
    Missing(PathBuf),
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is a symbolic link, a folder or a device.
    #[error("{} is not a plain file; symbolic links are not followed", .0.display())]
    NotAFile(PathBuf),
    /// It is larger than `plugins.max-file`.
    #[error("{} has more than {limit} bytes (plugins.max-file)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is not WebAssembly, or is cut off.
    #[error("not a valid WebAssembly component: {0}")]
    Malformed(String),
    /// It is a core module, not a component.
    #[error("a core WebAssembly module, not a component: build it for the target wasm32-wasip2")]
    CoreModule,
    /// It is machine code.
    #[error(
        "a precompiled file: only .wasm components are loaded, the gateway compiles them itself"
    )]
    Precompiled,
    /// There is no manifest in it or beside it.
    #[error(
        "no manifest: neither a custom section \"hearthgate:manifest\" nor a file {0}.plugin.toml beside it"
    )]
    NoManifest(String),
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file's name is not the plugin's id.
    #[error(
        "the file is named {file}.wasm, but its manifest says id = {id:?}: they must be the same"
    )]
    Name {
        /// The file's name.
        file: String,
        /// The manifest's id.
        id: String,
    },
    /// An interface that it imports or exports does not fit this gateway.
    #[error("{0}")]
    Interface(String),
    /// It imports what its manifest does not request.
    #[error(
        "imports {interface}, but its manifest has no requests.{capability}: add that, or build the plugin without {interface}"
    )]
    Unrequested {
        /// The interface.
        interface: &'static str,
        /// The capability that stands for it.
        capability: Capability,
    },
    /// It can't be compiled or linked.
    #[error("{0}")]
    Compile(String),
}

impl Package {
    /// Reads a plugin's file and checks all that can be checked without running it.
    ///
    /// # Errors
    /// Why it can't be loaded.
    pub fn read(path: &Path, max_bytes: u64) -> Result<Self, LoadError> {
        let bytes = read_once(path, max_bytes)?;
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default()
            .to_owned();
        let sidecar = path.with_file_name(format!("{stem}.plugin.toml"));
        let sidecar = match read_once(&sidecar, 1 << 20) {
            Ok(text) => Some(text),
            Err(LoadError::Missing(_)) => None,
            Err(other) => return Err(other),
        };
        Self::parse(path, &stem, bytes, sidecar.as_deref())
    }

    /// The same, for bytes that are there already. `stem` is the file's name without its ending, `sidecar` the manifest
    /// beside it.
    ///
    /// # Errors
    /// Why it can't be loaded.
    pub fn parse(
        path: &Path,
        stem: &str,
        bytes: Vec<u8>,
        sidecar: Option<&[u8]>,
    ) -> Result<Self, LoadError> {
        let surface = Surface::read(&bytes)?;
        let manifest = surface.manifest.as_deref().or(sidecar);
        let manifest = manifest.ok_or_else(|| LoadError::NoManifest(stem.to_owned()))?;
        let text = std::str::from_utf8(manifest)
            .map_err(|_| ManifestError("the manifest is not UTF-8".to_owned()))?;
        let manifest = Manifest::parse(text)?;
        if manifest.id != stem {
            return Err(LoadError::Name {
                file: stem.to_owned(),
                id: manifest.id,
            });
        }
        let roles = interfaces::roles(surface.exports.iter().map(String::as_str))
            .map_err(LoadError::Interface)?;
        let imports = interfaces::imports(surface.imports.iter().map(String::as_str))
            .map_err(LoadError::Interface)?;
        // After the interfaces, which tell more about a plugin of another version.
        check_manifest(&manifest)?;
        for (interface, capability) in &imports {
            if !capability.is_requested(&manifest) {
                return Err(LoadError::Unrequested {
                    interface,
                    capability: *capability,
                });
            }
        }
        let mut whole = bytes.clone();
        whole.extend_from_slice(sidecar.unwrap_or_default());
        Ok(Self {
            path: path.to_owned(),
            hash: Hash::of(&whole),
            bytes: bytes.into(),
            manifest,
            roles,
            capabilities: imports.into_iter().map(|(_, c)| c).collect(),
        })
    }
}

/// What a manifest says of the contract and of its own configuration must be so.
fn check_manifest(manifest: &Manifest) -> Result<(), ManifestError> {
    if !interfaces::compatible(&manifest.api) {
        let ours = API_VERSION.rsplit_once('.').map_or(API_VERSION, |(v, _)| v);
        return Err(ManifestError(format!(
            "plugin.api is {:?}, this gateway loads {ours:?}",
            manifest.api
        )));
    }
    let schema = manifest.config.as_ref();
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let known: Vec<&str> =
        properties.map_or_else(Vec::new, |p| p.keys().map(String::as_str).collect());
    // A schema that describes its keys otherwise is not ours to read.
    if schema.is_some() && known.is_empty() {
        return Ok(());
    }
    for (sort, request) in manifest
        .all(|r| &r.connect)
        .map(|r| ("connect", r))
        .chain(manifest.all(|r| &r.files).map(|r| ("files", r)))
    {
        for part in request.split("${config.").skip(1) {
            let key = part.split(['}', '.']).next().unwrap_or_default();
            if !known.contains(&key) {
                return Err(ManifestError(format!(
                    "requests.{sort}: {request:?}: the configuration has no key {key:?}{}",
                    nearest(key, &known)
                )));
            }
        }
    }
    Ok(())
}

/// What a component shows: names of imports and exports, and the manifest's section.
#[derive(Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Option<Vec<u8>>,
}

impl Surface {
    /// Validates every byte first: truncated files have crashed hosts (zed-industries/zed #10370).
    fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.starts_with(b"\x7fELF") {
            return Err(LoadError::Precompiled);
        }
        // The parser's own words, on one line.
        let malformed = |e: wasmparser::BinaryReaderError| {
            let message = e.message().lines().next().unwrap_or_default();
            LoadError::Malformed(format!("{message} (at offset {:#x})", e.offset()))
        };
        if Parser::is_core_wasm(bytes) {
            return Err(LoadError::CoreModule);
        }
        if !bytes.starts_with(b"\0asm") {
            let why = if bytes.is_empty() {
                "the file is empty"
            } else {
                "it is not WebAssembly at all"
            };
            return Err(LoadError::Malformed(why.to_owned()));
        }
        Validator::new().validate_all(bytes).map_err(malformed)?;
        let mut surface = Self::default();
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(malformed)? {
                Payload::Version { encoding, .. } => {
                    if depth == 0 && encoding != Encoding::Component {
                        return Err(LoadError::CoreModule);
                    }
                    depth += 1;
                }
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        let name = import.map_err(malformed)?.name.name;
                        surface.imports.push(name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        let name = export.map_err(malformed)?.name.name;
                        surface.exports.push(name.to_owned());
                    }
                }
                // The macro of the SDK writes it into the core module, which the component wraps.
                Payload::CustomSection(section) if section.name() == SECTION => {
                    surface
                        .manifest
                        .get_or_insert_with(|| section.data().to_vec());
                }
                _ => {}
            }
        }
        Ok(surface)
    }
}

/// Opens once and reads what that one handle gives, so that what is hashed is what is compiled.
fn read_once(path: &Path, max_bytes: u64) -> Result<Vec<u8>, LoadError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => LoadError::Missing(path.to_owned()),
        _ if source.raw_os_error() == Some(libc::ELOOP) => LoadError::NotAFile(path.to_owned()),
        _ => LoadError::Read {
            path: path.to_owned(),
            source,
        },
    };
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > max_bytes {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            limit: max_bytes,
        });
    }
    Ok(bytes)
}
