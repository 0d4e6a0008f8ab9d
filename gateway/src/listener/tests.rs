//! What a listener holds, and for how long.

use super::*;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Hello;

impl Answer for Hello {
    async fn answer(&self, _: Request<Incoming>, _: Peer) -> Response<Full<Bytes>> {
        Response::new(Full::from("hello"))
    }
}

fn patient(head_timeout: Duration) -> Settings {
    Settings {
        head_timeout,
        ..Settings::plain(&config::Connections::default())
    }
}

async fn ask(stream: &mut TcpStream) -> String {
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer
}

#[tokio::test]
async fn another_time_for_headers_holds_for_the_next_socket() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = Bound::new(any).expect("a free port");
    let listening = bound.serve(Arc::new(Hello), patient(Duration::from_secs(3600)));
    listening.apply(patient(Duration::from_millis(10)));
    let mut silent = TcpStream::connect(listening.address())
        .await
        .expect("accepted");
    let mut said = Vec::new();
    let ended = silent.read_to_end(&mut said);
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    assert!(ended.is_ok(), "it is closed long before an hour is over");
}

#[tokio::test]
async fn sockets_that_only_wait_keep_nobody_out() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = Bound::new(any).expect("a free port");
    let settings = patient(Duration::from_secs(3600));
    let listening = bound.serve_at_most(3, Arc::new(Hello), settings);
    let connect = || TcpStream::connect(listening.address());
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(connect().await.expect("accepted"));
    }
    let mut client = connect().await.expect("accepted");
    assert!(ask(&mut client).await.ends_with("hello"));
    // The first made room: it reads the end, and the others are still served.
    let mut byte = [0];
    let read = silent[0].read(&mut byte).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert!(ask(&mut silent[2]).await.ends_with("hello"));
    listening.close();
    listening.closed().await;
}

/// Reads the whole body before it answers, as what serves plugins does.
struct Patient;

impl Answer for Patient {
    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Full<Bytes>> {
        let _ = request.into_body().collect().await;
        Response::new(Full::from("hello"))
    }
}

#[tokio::test]
async fn bodies_that_never_come_keep_nobody_out() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = Bound::new(any).expect("a free port");
    let settings = patient(Duration::from_secs(3600));
    let listening = bound.serve_at_most(2, Arc::new(Patient), settings);
    let connect = || TcpStream::connect(listening.address());
    let mut halves = Vec::new();
    for _ in 0..2 {
        let mut half = connect().await.expect("accepted");
        // The answer to `expect` shows that the request is under way.
        let head =
            b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
        half.write_all(head).await.expect("written");
        let mut go_on = [0; 12];
        half.read_exact(&mut go_on).await.expect("go on");
        assert_eq!(&go_on, b"HTTP/1.1 100");
        half.write_all(b"half").await.expect("written");
        halves.push(half);
    }
    let mut client = connect().await.expect("accepted");
    assert!(ask(&mut client).await.ends_with("hello"));
    listening.close();
}

/// Answers when it is told to, and notes the request once its body is there.
struct Slow(Arc<tokio::sync::Semaphore>, Arc<tokio::sync::Semaphore>);

impl Answer for Slow {
    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let _ = body.collect().await;
        let _asked = head.extensions.get::<Requests>().map(Requests::begin);
        self.0.add_permits(1);
        let _told = self.1.acquire().await;
        Response::new(Full::from("hello"))
    }
}

#[tokio::test]
async fn a_request_that_is_here_whole_is_answered_however_many_come() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = Bound::new(any).expect("a free port");
    let settings = patient(Duration::from_secs(3600));
    let (here, go) = (
        Arc::new(tokio::sync::Semaphore::new(0)),
        Arc::new(tokio::sync::Semaphore::new(0)),
    );
    let slow = Arc::new(Slow(here.clone(), go.clone()));
    let listening = bound.serve_at_most(1, slow, settings);
    let mut first = TcpStream::connect(listening.address())
        .await
        .expect("accepted");
    let request =
        b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody";
    first.write_all(request).await.expect("written");
    let _here = here.acquire().await.expect("it comes");
    let mut second = TcpStream::connect(listening.address())
        .await
        .expect("accepted");
    let mut told = String::new();
    second.read_to_string(&mut told).await.expect("answered");
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    go.add_permits(1);
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.ends_with("hello"), "{answer}");
    listening.close();
}
