//! What outlives the process: the account, the certificates, and how long a server wants to be left alone. One folder
//! for each server, so that staging and production never mix.

use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// The files of one certificate at one server.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
    stem: String,
}

impl Cache {
    /// Those of a certificate with these names, under the gateway's state.
    pub(super) fn new(state: &Path, directory: &str, names: &[String]) -> Self {
        let url = url::Url::parse(directory).ok();
        let host = url.as_ref().and_then(url::Url::host_str);
        let folder = named(host.unwrap_or("server"), directory);
        let first = names.first().map_or("none", String::as_str);
        Self {
            folder: state.join("acme").join(folder),
            stem: named(first, &names.join("\n")),
        }
    }

    /// The certificate and its key.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.stem))
    }

    /// The account, which all certificates share.
    pub(super) fn account(&self) -> PathBuf {
        self.folder.join("account.json")
    }

    /// Reads a file. `None`: it is not there.
    pub(super) fn read(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file in one step, for nobody else to read; afterwards it is on the disk.
    pub(super) fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.folder)?;
        let partial = path.with_extension("partial");
        // One that a crash left may be readable for others, or be somebody's link.
        let _ = fs::remove_file(&partial);
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        fs::File::open(&self.folder)?.sync_all()
    }

    /// Until when the server wants no order for these names, as it said before the last stop.
    pub(super) fn blocked_until(&self) -> Option<SystemTime> {
        let text = fs::read_to_string(self.blocked()).ok()?;
        let seconds = text.trim().parse().ok()?;
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        (until > SystemTime::now()).then_some(until)
    }

    /// Keeps that in mind, or forgets it.
    pub(super) fn set_blocked(&self, until: Option<SystemTime>) -> io::Result<()> {
        let path = self.blocked();
        match until.and_then(|until| until.duration_since(UNIX_EPOCH).ok()) {
            Some(since) => self.write(&path, &since.as_secs().to_string()),
            None => match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    fn blocked(&self) -> PathBuf {
        self.folder.join(format!("{}.wait", self.stem))
    }
}

/// A name that people recognise, and that no two different things share.
fn named(name: &str, whole: &str) -> String {
    let digest = Sha256::digest(whole.as_bytes());
    let tail: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
    let safe = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => c,
        _ => '_',
    };
    let name: String = name.chars().take(100).map(safe).collect();
    format!("{name}-{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const STAGING: &str = "https://staging.example/directory";

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn servers_and_names_have_files_of_their_own() {
        let state = Path::new("/state");
        let a = Cache::new(state, STAGING, &names(&["a.example"]));
        let both = Cache::new(state, STAGING, &names(&["a.example", "b.example"]));
        let real = Cache::new(
            state,
            "https://real.example/directory",
            &names(&["a.example"]),
        );
        assert_ne!(a.certificate(), both.certificate());
        assert_eq!(a.account(), both.account());
        assert_ne!(a.account(), real.account());
        let escaping = Cache::new(state, "https://x/", &names(&["../../etc/passwd"]));
        assert_eq!(escaping.certificate().parent(), escaping.account().parent());
    }

    #[test]
    fn only_the_gateway_reads_what_is_kept() {
        let state = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(state.path(), STAGING, &names(&["a.example"]));
        let path = cache.account();
        assert!(Cache::read(&path).expect("no error").is_none());
        let partial = path.with_extension("partial");
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&partial, "left by a crash").expect("written");
        cache.write(&path, "secret").expect("written");
        let read = Cache::read(&path).expect("no error");
        assert_eq!(read.as_deref().map(String::as_str), Some("secret"));
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!partial.exists());
    }

    #[test]
    fn a_servers_wish_is_kept_until_its_time_has_come() {
        let state = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(state.path(), STAGING, &names(&["a.example"]));
        assert_eq!(cache.blocked_until(), None);
        let hour = SystemTime::now() + Duration::from_secs(3600);
        cache.set_blocked(Some(hour)).expect("written");
        let until = cache.blocked_until().expect("kept");
        assert!(hour.duration_since(until).expect("not later") < Duration::from_secs(1));
        let past = SystemTime::now() - Duration::from_secs(5);
        cache.set_blocked(Some(past)).expect("written");
        assert_eq!(cache.blocked_until(), None);
        cache.set_blocked(None).expect("removed");
        cache.set_blocked(None).expect("nothing to remove");
    }
}
