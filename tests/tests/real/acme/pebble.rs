//! A Pebble of the test's own.

use crate::part;
use hearthgate_tests::secure::{Authority, connect};
use hearthgate_tests::wait;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;

/// A name that it issues nothing for.
pub const BLOCKED: &str = "blocked.example";

/// The server. Dropping it kills it.
pub struct Pebble {
    port: u16,
    management: u16,
    /// Where it asks for HTTP-01.
    pub http_port: u16,
    /// Where it asks for TLS-ALPN-01.
    pub tls_port: u16,
    /// Who signed its own certificate.
    pub authority: Authority,
    _folder: TempDir,
    _process: Child,
}

/// Ports that nobody uses now; bound all at once, so that none is given twice.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let bind = |()| TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let bound = [(); COUNT].map(bind);
    bound.map(|listener| listener.local_addr().expect("it is bound").port())
}

impl Pebble {
    /// Starts one whose certificates hold for so many seconds.
    pub async fn start(lifetime: u64) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let authority = Authority::new();
        let file = |name: &str| folder.path().join(name);
        let signed = authority.sign(None);
        signed.write(&file("server.pem"), &file("server.key"));
        let [port, management, http_port, tls_port] = free_ports();
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": file("server.pem"),
            "privateKey": file("server.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "domainBlocklist": [BLOCKED],
            "certificateValidityPeriod": lifetime,
        }});
        std::fs::write(file("pebble.json"), config.to_string()).expect("the folder can be written");
        let log = std::fs::File::create(file("log")).expect("the folder can be written");
        let process = Command::new(part("HEARTHGATE_PEBBLE"))
            .args(["-strict", "-config", "pebble.json"])
            .current_dir(folder.path())
            // Else it waits for up to 15 seconds before it looks for a proof.
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("Pebble can be started");
        let pebble = Self {
            port,
            management,
            http_port,
            tls_port,
            authority,
            _folder: folder,
            _process: process,
        };
        let listens = || async { TcpStream::connect(("127.0.0.1", management)).await.ok() };
        wait::until("Pebble listens", listens).await;
        pebble
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// A client's side that trusts what it issues: its root is another at each start.
    pub async fn connector(&self) -> TlsConnector {
        let root = self.root().await;
        let root = CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    async fn root(&self) -> String {
        let stream = TcpStream::connect(("127.0.0.1", self.management)).await;
        let connector = self.authority.connector(&[&TLS13], None);
        let stream = connect(&connector, stream.expect("it listens")).await;
        let mut stream = stream.expect("a handshake");
        let request = b"GET /roots/0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("written");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        wait::soon("Pebble's root", read).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }
}
