//! The yardstick: a server that does nothing but read a publication and `write()` it to every client, one after the other.
//!
//! It runs as a child process of its own (the hidden subcommand `serve-baseline`). It takes the same publications
//! over the same kind of connection as the gateway, so both pay for receiving them.

use crate::child::{Folder, Server, free_address};
use crate::client::{Client, find};
use crate::feed::greet;
use crate::frame;
use crate::publisher::content_length;
use anyhow::{Result, bail};
use parking_lot::Mutex;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

type Clients = Arc<Mutex<Vec<TcpStream>>>;

/// Starts the yardstick as a child process; its frames carry `payload` bytes.
///
/// # Errors
/// When it does not come up.
pub fn start(core: Option<usize>, folder: &Folder, payload: usize) -> Result<Server> {
    let (clients, admin) = (free_address()?, free_address()?);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve-baseline");
    command.args([clients.to_string(), admin.to_string(), payload.to_string()]);
    let mut server = Server::start(command, core, folder.path(), clients, admin)?;
    server.wait_until(|s| TcpStream::connect(s.admin).ok())?;
    server.wait_until(|s| Client::connect(s.clients, 0).ok())?;
    Ok(server)
}

/// Serves until it is killed.
///
/// # Errors
/// When an address is taken, or a publication is not one.
pub fn serve(clients: SocketAddr, admin: SocketAddr, payload: usize) -> Result<()> {
    let listener = TcpListener::bind(clients)?;
    let publications = TcpListener::bind(admin)?;
    let open = Clients::default();
    let accepted = Arc::clone(&open);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that leaves during the handshake is none.
            let _ = welcome(stream, &accepted);
        }
    });
    for stream in publications.incoming() {
        fan_out(stream?, &open, payload)?;
    }
    Ok(())
}

/// The handshake, the greeting and the subscription, so that a client sees the same as at the gateway.
fn welcome(mut stream: TcpStream, open: &Clients) -> Result<()> {
    stream.set_nodelay(true)?;
    greet(&stream)?;
    stream.write_all(&frame::from_server(frame::TEXT, br#"{"type":"welcome"}"#))?;
    let open = Arc::clone(open);
    // The subscription is awaited aside, for a client may never send one.
    thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || -> Result<()> {
            read_until(&mut stream, |bytes| Ok(frame::first(bytes)?.is_some()))?;
            stream.write_all(&frame::from_server(
                frame::TEXT,
                br#"{"type":"subscribed","id":1}"#,
            ))?;
            open.lock().push(stream);
            Ok(())
        })?;
    Ok(())
}

fn read_until(stream: &mut TcpStream, done: impl Fn(&[u8]) -> Result<bool>) -> Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 2048]);
    while !done(&bytes)? {
        match stream.read(&mut buffer)? {
            0 => bail!("gone"),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(bytes)
}

/// One publisher's connection: each request becomes one frame, written to each client at once.
fn fan_out(mut stream: TcpStream, open: &Clients, payload: usize) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
        let mut used = 0;
        while let Some(end) = find(&bytes[used..], b"\r\n\r\n").map(|at| used + at) {
            let length = content_length(std::str::from_utf8(&bytes[used..end])?)?;
            let Some(body) = bytes.get(end + 4..end + 4 + length) else {
                break;
            };
            let mut text = body.to_vec();
            text.resize(payload, b' ');
            let frame = frame::from_server(frame::TEXT, &text);
            // A client that is gone is forgotten; the loop is otherwise bare.
            open.lock()
                .retain_mut(|client| client.write_all(&frame).is_ok());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"seq\":1}")?;
            used = end + 4 + length;
        }
        bytes.drain(..used);
    }
}
