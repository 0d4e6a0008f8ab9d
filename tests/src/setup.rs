//! What a gateway is started with.

use crate::gateway::Gateway;
use crate::plugins;
use std::path::Path;
use tempfile::TempDir;

/// A gateway to be: a folder with plugins and a configuration.
pub struct Setup {
    folder: TempDir,
    sections: String,
    plugin_keys: String,
    listener: String,
    log_filter: String,
    access: String,
    variables: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// A native listener at `/ws` and an admin listener, both on free ports; no plugins.
    ///
    /// # Panics
    /// There is no temporary folder.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("plugins")).expect("an empty folder can be filled");
        Self {
            folder,
            sections: String::new(),
            plugin_keys: String::new(),
            listener: r#"routes = [{ path = "/ws", dialect = "native" }]"#.into(),
            log_filter: "info".into(),
            access: "[access]\npublic = [\"#\"]\npublic-calls = [\"*\"]\n".into(),
            variables: Vec::new(),
        }
    }

    /// Copies a guest or a bundled plugin into the plugins folder.
    #[must_use]
    pub fn plugin(self, id: &str) -> Self {
        self.plugin_as(id, id)
    }

    /// Copies a guest under another id: its file's name.
    ///
    /// # Panics
    /// It was not built.
    #[must_use]
    pub fn plugin_as(self, id: &str, name: &str) -> Self {
        let bytes = std::fs::read(plugins::compiled(id)).expect("a compiled guest can be read");
        plugins::install(&self.folder.path().join("plugins"), name, &bytes);
        self
    }

    /// Adds to the configuration: any sections but `[[listener]]`, `[admin]`, `[plugins]` and `[log]`.
    #[must_use]
    pub fn toml(mut self, sections: &str) -> Self {
        self.sections.push_str(sections);
        self.sections.push('\n');
        self
    }

    /// Adds keys to `[plugins]`.
    #[must_use]
    pub fn plugin_keys(mut self, keys: &str) -> Self {
        self.plugin_keys.push_str(keys);
        self.plugin_keys.push('\n');
        self
    }

    /// What the listener has besides its address.
    #[must_use]
    pub fn listener(mut self, keys: &str) -> Self {
        self.listener = keys.into();
        self
    }

    /// What is logged.
    #[must_use]
    pub fn log(mut self, filter: &str) -> Self {
        self.log_filter = filter.into();
        self
    }

    /// `[access]` and its rules, in place of the harness's own, which lets everybody read and call everything.
    #[must_use]
    pub fn access(mut self, sections: &str) -> Self {
        self.access = sections.into();
        self
    }

    /// An environment variable of the gateway.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The folder that the gateway will run in, for files of the test's own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The whole configuration.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            sections,
            plugin_keys,
            listener,
            log_filter,
            access,
            ..
        } = self;
        format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}\n\n[admin]\naddress = \"127.0.0.1:0\"\n\n\
             [plugins]\ndirectory = \"plugins\"\nstate-directory = \"state\"\n{plugin_keys}\n\
             [log]\nformat = \"json\"\nfilter = \"{log_filter}\"\n\n{access}\n{sections}"
        )
    }

    /// Starts it with this text as its whole configuration.
    pub async fn start_with(self, text: &str) -> Gateway {
        Gateway::start(self.folder, text, self.variables).await
    }

    /// Starts it, and waits until it listens.
    pub async fn start(self) -> Gateway {
        let text = self.text();
        Gateway::start(self.folder, &text, self.variables).await
    }
}
