//! Real exchanges on loopback.

use super::*;
use crate::config::SecretSource;
use crate::plugins::input::Inputs;
use crate::plugins::services::Rights;
use crate::plugins::services::egress::{ConnectGrant, Policy};
use crate::plugins::services::secrets::Secrets;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, channel};

/// A server that gives each connection this answer and tells the requests' heads.
async fn server(answer: impl Into<Vec<u8>>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let (heads, seen) = channel(1024);
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let _ = heads.try_send(String::from_utf8_lossy(&request).into_owned());
            let _ = stream.write_all(&answer).await;
        }
    });
    (port, seen)
}

fn client(grants: &[String], secrets: Secrets) -> (HttpClient, Inputs) {
    let read = |text: &String| ConnectGrant::parse(text).expect("a grant");
    let grants: Vec<ConnectGrant> = grants.iter().map(read).collect();
    let mut rights = Rights {
        connect: Policy::new(grants.clone(), grants),
        secrets,
        ..Rights::default()
    };
    rights.limits.receive_bytes = 1000;
    let rights = Current::new(arc_swap::ArcSwap::from_pointee(rights));
    let (inbox, inputs) = Inbox::new(4);
    (
        HttpClient::new(&Arc::new(Network::new(vec![])), &rights, &inbox),
        inputs,
    )
}

fn get(url: String) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url,
        headers: vec![],
        body: None,
        timeout: Duration::from_secs(20),
    }
}

fn granted(port: u16) -> Vec<String> {
    vec![format!("http://127.0.0.1:{port}")]
}

#[tokio::test]
async fn an_answer_comes_as_an_input_without_the_headers_of_the_hop() {
    let (port, mut seen) = server(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-A: b\r\n\r\nhi",
    )
    .await;
    let (client, mut inputs) = client(&granted(port), Secrets::default());
    let id = client
        .start(get(format!("http://127.0.0.1:{port}/a%20b?q=1#f")))
        .expect("started");
    let Some(Input::HttpDone(done, Ok(response))) = inputs.recv().await else {
        panic!("no answer")
    };
    assert_eq!(
        (done, response.status, &response.body[..]),
        (id, 200, &b"hi"[..])
    );
    let names: Vec<&str> = response
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["content-length", "x-a"]);
    let head = seen.recv().await.expect("a request");
    assert!(head.starts_with("GET /a%20b?q=1 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("host: 127.0.0.1:{port}\r\n")),
        "{head}"
    );
}

#[tokio::test]
async fn redirects_are_answers() {
    let (target, mut untouched) = server("HTTP/1.1 200 OK\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Go\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n"
        );
        let (port, _seen) = server(answer).await;
        // The target is granted too: still nobody goes there but on the guest's own request.
        let grants = [granted(port), granted(target)].concat();
        let (client, _inputs) = client(&grants, Secrets::default());
        let response = client
            .fetch(get(format!("http://127.0.0.1:{port}/")))
            .await
            .expect("an answer");
        assert_eq!(response.status, status);
        let location = format!("http://127.0.0.1:{target}/");
        assert!(
            response
                .headers
                .contains(&("location".to_owned(), location))
        );
    }
    assert!(untouched.try_recv().is_err(), "a redirect was followed");
}

#[tokio::test]
async fn long_bodies_are_cut_and_said_to_be() {
    for (length, truncated) in [(999, false), (1000, false), (1001, true), (100_000, true)] {
        let body = "x".repeat(length);
        let (port, _seen) = server(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await;
        let (client, _inputs) = client(&granted(port), Secrets::default());
        let response = client
            .fetch(get(format!("http://127.0.0.1:{port}/")))
            .await
            .expect("an answer");
        assert_eq!(
            (response.body.len(), response.truncated),
            (length.min(1000), truncated)
        );
    }
}

#[tokio::test]
async fn secrets_go_into_headers_of_granted_destinations_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    std::fs::write(&path, "s3cret\n").expect("written");
    let secrets = Secrets::new([("token".to_owned(), SecretSource::File(path))].into(), []);
    let (port, mut seen) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let (other, mut untouched) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let (client, _inputs) = client(&granted(port), secrets);
    let with = |port: u16, name: &str, template: &str| HttpRequest {
        headers: vec![(name.to_owned(), HeaderValue::Template(template.to_owned()))],
        ..get(format!("http://127.0.0.1:{port}/"))
    };
    let template = "Bearer ${token}";
    assert_eq!(
        client
            .fetch(with(port, "Authorization", template))
            .await
            .map(|r| r.status),
        Ok(204)
    );
    let head = seen.recv().await.expect("a request");
    assert!(head.contains("authorization: Bearer s3cret\r\n"), "{head}");
    let refused = client.fetch(with(other, "Authorization", template)).await;
    assert!(
        matches!(refused, Err(NetError::NotGranted(_))),
        "{refused:?}"
    );
    assert!(untouched.try_recv().is_err());
    let unknown = client.fetch(with(port, "Authorization", "${nope}")).await;
    assert!(
        matches!(unknown, Err(NetError::NotGranted(_))),
        "{unknown:?}"
    );
    for name in [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "bad name",
    ] {
        let refused = client.fetch(with(port, name, "x")).await;
        assert!(
            matches!(refused, Err(NetError::Protocol(_))),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn silence_times_out_and_the_limit_counts_what_is_under_way() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let (client, mut inputs) = client(&granted(port), Secrets::default());
    let request = || get(format!("http://127.0.0.1:{port}/"));
    for _ in 0..8 {
        client.start(request()).expect("started");
    }
    assert_eq!(
        client.start(request()),
        Err(NetError::Quota("8 HTTP requests at once".into()))
    );
    client.close();
    let brief = HttpRequest {
        timeout: Duration::from_millis(20),
        ..request()
    };
    // The broken-off tasks give their turns back as soon as they are dropped.
    let id = loop {
        match client.start(brief.clone()) {
            Ok(id) => break id,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(
        inputs.recv().await,
        Some(Input::HttpDone(id, Err(NetError::Timeout)))
    );
}

#[tokio::test]
async fn a_body_is_sent_and_a_broken_answer_is_an_error() {
    let (port, mut seen) = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    let (client, _inputs) = client(&granted(port), Secrets::default());
    let post = HttpRequest {
        method: "POST".into(),
        body: Some(Bytes::from_static(b"{}")),
        ..get(format!("http://127.0.0.1:{port}/"))
    };
    let first = client.fetch(post.clone());
    // The server closes its side when it drops the stream: before the ten bytes that it promised.
    assert_eq!(first.await, Err(NetError::Closed));
    assert!(
        seen.recv()
            .await
            .expect("a request")
            .contains("content-length: 2\r\n")
    );
    let connect = HttpRequest {
        method: "CONNECT".into(),
        ..post
    };
    assert!(matches!(
        client.fetch(connect).await,
        Err(NetError::Protocol(_))
    ));
}

#[tokio::test]
async fn answers_that_nobody_takes_count_as_under_way() {
    let (port, _seen) = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let (client, mut inputs) = client(&granted(port), Secrets::default());
    let url = format!("http://127.0.0.1:{port}/");
    let most = Rights::default().limits.http_requests;
    let mut started = 0;
    // The inbox holds four; all others wait for room in it, and no more than may be made at once.
    let full = async {
        loop {
            match client.start(get(url.clone())) {
                Ok(_) => started += 1,
                Err(NetError::Quota(_)) if started >= most + 4 => return,
                Err(NetError::Quota(_)) => tokio::task::yield_now().await,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), full)
        .await
        .expect("the limit");
    for _ in 0..100 {
        tokio::task::yield_now().await;
        let more = client.start(get(url.clone()));
        assert!(matches!(more, Err(NetError::Quota(_))), "{more:?}");
    }
    for _ in 0..started {
        let input = inputs.recv().await;
        assert!(matches!(input, Some(Input::HttpDone(_, Ok(_)))));
    }
}
