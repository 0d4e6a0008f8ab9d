//! A mosquitto of the test's own, and its command-line clients.

use crate::part;
use hearthgate_tests::wait;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A broker. Dropping it kills it.
pub struct Broker {
    folder: TempDir,
    pub port: u16,
    process: Child,
}

/// A port that nobody uses now.
pub async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

impl Broker {
    /// Starts one that anybody may use, and that keeps what is retained over a restart.
    pub async fn start() -> Self {
        Self::with(
            "allow_anonymous true\n",
            TempDir::new().expect("a temporary folder"),
        )
        .await
    }

    /// Starts one with its own configuration, which may name files of this folder.
    pub async fn with(configuration: &str, folder: TempDir) -> Self {
        let port = free_port().await;
        let text = format!(
            "listener {port} 127.0.0.1\n{configuration}log_dest file {0}/log\nlog_type all\nuser root\n\
             persistence true\npersistence_location {0}/\nautosave_on_changes true\nautosave_interval 1\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), text)
            .expect("the folder can be written");
        let process = spawn(folder.path());
        let broker = Self {
            folder,
            port,
            process,
        };
        broker.listens().await;
        broker
    }

    async fn listens(&self) {
        let connect = || async { TcpStream::connect(("127.0.0.1", self.port)).await.ok() };
        wait::until("mosquitto listens", connect).await;
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub async fn kill(&mut self) {
        self.process.kill().await.expect("it can be killed");
    }

    /// Starts it again on another port, with what it keeps; it is stopped in order if it runs.
    pub async fn move_to(&mut self, port: u16) {
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            // SAFETY: a plain system call; the child is not waited for yet, so its id is still its own.
            assert_eq!(
                unsafe { libc::kill(id, libc::SIGTERM) },
                0,
                "it can be stopped"
            );
            wait::soon("mosquitto ends", self.process.wait())
                .await
                .expect("a child can be waited for");
        }
        let file = self.folder.path().join("mosquitto.conf");
        let text = std::fs::read_to_string(&file).expect("it was written");
        let text = text.replacen(
            &format!("listener {}", self.port),
            &format!("listener {port}"),
            1,
        );
        std::fs::write(file, text).expect("the folder can be written");
        self.port = port;
        self.process = spawn(self.folder.path());
        self.listens().await;
    }

    /// Removes what is retained on a topic.
    pub async fn clear(&self, topic: &str) {
        let status = self
            .client("mosquitto_pub", &["-q", "1", "-r", "-n", "-t", topic])
            .status();
        let status = wait::soon("mosquitto_pub", status)
            .await
            .expect("it starts");
        assert!(status.success(), "mosquitto_pub {topic}: {status}");
    }

    /// One of the clients, on its way to this broker.
    pub fn client(&self, program: &str, arguments: &[&str]) -> Command {
        let folder = part("HEARTHGATE_MOSQUITTO_SUB");
        let folder = folder.parent().expect("a program is in a folder");
        let mut command = Command::new(folder.join(program));
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(arguments)
            .kill_on_drop(true);
        command
    }

    /// Publishes one message, and waits until the broker has it.
    pub async fn publish(&self, topic: &str, message: &str, more: &[&str]) {
        let mut arguments = vec!["-q", "1", "-t", topic, "-m", message];
        arguments.extend(more);
        let status = self.client("mosquitto_pub", &arguments).status();
        let status = wait::soon("mosquitto_pub", status)
            .await
            .expect("it starts");
        assert!(status.success(), "mosquitto_pub {topic}: {status}");
    }

    /// A publisher that takes its messages from the test, line by line.
    pub fn publisher(&self, topic: &str) -> (Child, ChildStdin) {
        let mut command = self.client("mosquitto_pub", &["-q", "1", "-l", "-t", topic]);
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .expect("mosquitto_pub starts");
        let input = child.stdin.take().expect("its input is a pipe");
        (child, input)
    }

    /// A subscriber whose subscription is in force, and what it prints: topic and message.
    pub async fn subscriber(
        &self,
        filter: &str,
        more: &[&str],
    ) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut arguments = vec!["-v", "-q", "1", "-t", filter, "-t", "ready"];
        arguments.extend(more);
        let mut command = self.client("mosquitto_sub", &arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        // Retained, so that it comes whenever the subscription is in force.
        self.publish("ready", "1", &["-r"]).await;
        let line = wait::soon("the subscription", lines.next_line())
            .await
            .expect("it prints");
        assert_eq!(line.as_deref(), Some("ready 1"));
        (child, lines)
    }
}

/// Writes a line to a publisher.
pub async fn say(input: &mut ChildStdin, line: &str) {
    input
        .write_all(format!("{line}\n").as_bytes())
        .await
        .expect("it reads");
    input.flush().await.expect("it reads");
}

fn spawn(folder: &Path) -> Child {
    Command::new(part("HEARTHGATE_MOSQUITTO"))
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto starts")
}
