//! The daemon's public API, over its Unix socket: one request, one answer.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a daemon answers.
#[derive(Clone, Debug)]
pub struct Api {
    socket: PathBuf,
}

impl Api {
    /// The API behind `socket`.
    pub fn at(socket: &Path) -> Api {
        Api { socket: socket.to_owned() }
    }

    /// `GET /api/v1/{path}`.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.ask("GET", path, "")?;
        serde_json::from_str(&body).with_context(|| format!("GET {path} answers what it should not: {body:.200}"))
    }

    /// `PUT /api/v1/{path}`; gives the answer's body.
    pub fn put(&self, path: &str, body: &impl Serialize) -> Result<String> {
        self.ask("PUT", path, &serde_json::to_string(body)?)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream =
            UnixStream::connect(&self.socket).with_context(|| format!("cannot reach {}", self.socket.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).with_context(|| format!("{method} {path}"))?;
        let (status, body) = parse(&answer).with_context(|| format!("{method} {path}: not an HTTP answer"))?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// Status and body of a whole answer.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?.to_lowercase();
    let body = &answer[end + 4..];
    let status = head.split(' ').nth(1)?.parse().ok()?;
    if !head.contains("\r\ntransfer-encoding: chunked") {
        return Some((status, body.to_vec()));
    }
    let mut whole = Vec::new();
    let mut rest = body;
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?, 16).ok()?;
        if length == 0 {
            return Some((status, whole));
        }
        whole.extend(rest.get(line + 2..line + 2 + length)?);
        rest = rest.get(line + 4 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: Option<(u16, &str)>) {
        let parsed = parse(answer.as_bytes()).map(|(status, body)| (status, String::from_utf8(body).unwrap()));
        assert_eq!(parsed, expected.map(|(status, body)| (status, body.to_owned())), "{answer:?}");
    }

    #[test]
    fn answers_are_read_with_a_length_and_in_chunks() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Some((200, "{}")));
        check("HTTP/1.1 404 Not Found\r\n\r\n", Some((404, "")));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n",
            Some((200, "[1,2]")),
        );
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[1,\r\n", None);
        check("nonsense", None);
    }
}
