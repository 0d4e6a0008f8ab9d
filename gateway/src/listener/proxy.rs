//! The PROXY protocol (HAProxy's `proxy-protocol.txt`): a proxy that passes bytes on says, before the first of them,
//! from whom they come.

use ppp::{v1, v2};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1, its end included (section 2.1).
const MAX_LINE: usize = 107;
/// Most bytes of version 2 behind the fixed part: addresses, and what proxies add of their own.
const MAX_REST: usize = 2048;

/// Reads a header, byte for byte no more than that. `None`: the proxy speaks for itself, as to see whether we live.
///
/// # Errors
/// There is no valid header, or the socket ended.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    match header == SIGNATURE {
        true => version_2(stream, header).await,
        false => version_1(stream, header).await,
    }
}

async fn version_2(
    stream: &mut (impl AsyncRead + Unpin),
    mut header: Vec<u8>,
) -> io::Result<Option<SocketAddr>> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    header.extend(fixed);
    let rest = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if rest > MAX_REST {
        return Err(wrong("the header is too long"));
    }
    let begun = header.len();
    header.resize(begun + rest, 0);
    stream.read_exact(&mut header[begun..]).await?;
    let header = v2::Header::try_from(header.as_slice()).map_err(wrong)?;
    Ok(match (header.command, header.addresses) {
        (v2::Command::Local, _) => None,
        (v2::Command::Proxy, v2::Addresses::IPv4(a)) => {
            Some((a.source_address, a.source_port).into())
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(a)) => {
            Some((a.source_address, a.source_port).into())
        }
        (v2::Command::Proxy, _) => None,
    })
}

async fn version_1(
    stream: &mut (impl AsyncRead + Unpin),
    mut header: Vec<u8>,
) -> io::Result<Option<SocketAddr>> {
    if !header.starts_with(b"PROXY ") {
        return Err(wrong("there is no header"));
    }
    while !header.ends_with(b"\r\n") {
        if header.len() == MAX_LINE {
            return Err(wrong("the header is too long"));
        }
        header.push(stream.read_u8().await?);
    }
    let header = v1::Header::try_from(header.as_slice()).map_err(wrong)?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(a) => Some((a.source_address, a.source_port).into()),
        v1::Addresses::Tcp6(a) => Some((a.source_address, a.source_port).into()),
        v1::Addresses::Unknown => None,
    })
}

fn wrong(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what is left for HTTP.
    async fn check(bytes: &[u8], expected: Result<Option<&str>, ()>) {
        let mut stream = bytes;
        let found = read(&mut stream).await;
        let found = found.map(|address| address.map(|a| a.to_string()));
        assert_eq!(
            found.as_ref().map(|a| a.as_deref()).map_err(|_| ()),
            expected,
            "{bytes:?}"
        );
        if expected.is_ok() {
            assert_eq!(stream, b"GET /", "nothing more is taken");
        }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short");
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(rest);
        bytes.extend(b"GET /");
        bytes
    }

    #[tokio::test]
    async fn version_1_is_a_line() {
        check(
            b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\nGET /",
            Ok(Some("192.0.2.1:4711")),
        )
        .await;
        check(
            b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\nGET /",
            Ok(Some("[2001:db8::1]:4711")),
        )
        .await;
        check(b"PROXY UNKNOWN\r\nGET /", Ok(None)).await;
        check(b"PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\nGET /", Err(())).await;
        check(b"GET /ws HTTP/1.1\r\nhost: a\r\n\r\n", Err(())).await;
        check(&[b"PROXY TCP4 ".as_slice(), &[b' '; 200]].concat(), Err(())).await;
        check(b"PROXY", Err(())).await;
    }

    #[tokio::test]
    async fn version_2_is_binary() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 1, 0xbb];
        check(&v2(1, 0x11, &four), Ok(Some("192.0.2.1:4711"))).await;
        let mut six = [0; 36];
        (six[0], six[1], six[15], six[32], six[33]) = (0x20, 0x01, 1, 0x12, 0x67);
        check(&v2(1, 0x21, &six), Ok(Some("[2001::1]:4711"))).await;
        let with_more = [four.as_slice(), &[0x04, 0, 3, 1, 2, 3]].concat();
        check(&v2(1, 0x11, &with_more), Ok(Some("192.0.2.1:4711"))).await;
        check(&v2(0, 0x00, &[]), Ok(None)).await;
        check(&v2(1, 0x11, &four[..8]), Err(())).await;
        check(&v2(1, 0x11, &[0; 3000]), Err(())).await;
        check(&v2(7, 0x11, &four), Err(())).await;
    }
}
