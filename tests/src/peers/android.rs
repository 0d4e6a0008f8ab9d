//! An Android device's shell that a test plays: a real `sh`, with the device's programs as scripts that print what such devices
//! print. So what is sent to a device is really interpreted.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::process::Command;

/// The shell of a device.
#[derive(Debug, Clone)]
pub struct Android {
    folder: Arc<TempDir>,
}

const PROGRAMS: [(&str, &str); 7] = [
    (
        "getprop",
        "case $1 in ro.product.model) echo 'Pixel 4';; ro.product.manufacturer) echo Google;; ro.build.version.release) echo 13;; ro.build.version.sdk) echo 33;; esac",
    ),
    (
        "dumpsys",
        "case $1 in battery) printf 'Current Battery Service state:\\n  AC powered: false\\n  USB powered: true\\n  status: 2\\n  health: 2\\n  present: true\\n  level: %s\\n  scale: 100\\n  voltage: 4063\\n  temperature: 326\\n' $(/bin/cat $DEVICE/level);; thermalservice) printf 'Current temperatures from HAL:\\n\\tTemperature{mValue=41.5, mType=0, mName=CPU, mStatus=0}\\n';; esac",
    ),
    (
        "df",
        "printf 'Filesystem      1K-blocks    Used Available Use%% Mounted on\\n/dev/block/dm-2  1000000 250000 750000  25%% /data\\n'",
    ),
    (
        "cat",
        "case $1 in /proc/stat) n=$(/bin/cat $DEVICE/ticks); echo $((n+100)) >$DEVICE/ticks; echo \"cpu  $((n/4)) 0 0 $((n*3/4)) 0 0 0 0 0 0\";; /proc/meminfo) printf 'MemTotal: 8000 kB\\nMemFree: 1 kB\\nMemAvailable: 6000 kB\\n';; /proc/net/dev) printf ' wlan0: 1500000 1 0 0 0 0 0 0 500000 1 0 0 0 0 0 0\\n';; *) exec /bin/cat \"$@\";; esac",
    ),
    ("sleep", "true"),
    ("input", "echo \"$@\" >>$DEVICE/typed"),
    (
        "monkey",
        "echo '** No activities found to run, monkey aborted.'; exit 252",
    ),
];

impl Android {
    /// A device at 84 percent.
    ///
    /// # Panics
    /// There is no temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        for (name, script) in PROGRAMS {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("it can be filled");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("a file of ours takes a mode");
        }
        std::fs::write(folder.path().join("ticks"), "1000").expect("it can be filled");
        let device = Self {
            folder: Arc::new(folder),
        };
        device.charge(84);
        device
    }

    /// Sets the battery's level.
    ///
    /// # Panics
    /// The folder can't be written.
    pub fn charge(&self, level: u32) {
        std::fs::write(self.folder().join("level"), level.to_string()).expect("it can be written");
    }

    /// What `input` was called with so far, line by line.
    #[must_use]
    pub fn input(&self) -> String {
        std::fs::read_to_string(self.folder().join("typed")).unwrap_or_default()
    }

    /// Runs what a client sends to the shell, and returns what it prints.
    ///
    /// # Panics
    /// There is no `sh`.
    pub async fn run(&self, command: &str) -> Vec<u8> {
        let path = format!("{}:/usr/bin:/bin", self.folder().display());
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .env("PATH", path)
            .env("DEVICE", self.folder())
            .kill_on_drop(true)
            .output();
        output.await.expect("a shell runs").stdout
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Default for Android {
    fn default() -> Self {
        Self::new()
    }
}
