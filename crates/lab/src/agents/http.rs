//! HTTP/1.1 (RFC 9112), as little of it as devices and servers need here.

use std::io::{self, Read, Write};

/// A request's or an answer's head.
pub(super) struct Head {
    /// The request line or status line.
    pub(super) first_line: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The value of field `name`, which is in lower case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// How long the body is; 0 if it does not say.
    pub(super) fn content_length(&self) -> u64 {
        self.field("content-length").and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// How many bytes the request asks for (`Range: bytes=0-N`).
    pub(super) fn range(&self) -> Option<u64> {
        let last: u64 = self.field("range")?.strip_prefix("bytes=0-")?.parse().ok()?;
        Some(last.saturating_add(1))
    }
}

/// A stream with what was read of it too far.
pub(super) struct Http<S> {
    stream: S,
    read_ahead: Vec<u8>,
}

impl<S: Read + Write> Http<S> {
    /// Speaks HTTP over `stream`.
    pub(super) fn new(stream: S) -> Http<S> {
        Http { stream, read_ahead: Vec::new() }
    }

    /// The next head; `None` at the end of the stream.
    pub(super) fn read_head(&mut self) -> io::Result<Option<Head>> {
        let mut buffer = [0; 4096];
        let end = loop {
            if let Some(end) = self.read_ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if self.read_ahead.len() > 64 * 1024 {
                return Err(io::Error::other("a head of more than 64 kB"));
            }
            match self.stream.read(&mut buffer)? {
                0 => return Ok(None),
                length => self.read_ahead.extend(&buffer[..length]),
            }
        };
        let text = String::from_utf8_lossy(&self.read_ahead[..end]).into_owned();
        self.read_ahead.drain(..end + 4);
        let mut lines = text.split("\r\n").map(str::to_owned);
        let first_line = lines.next().unwrap_or_default();
        let fields = lines
            .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
            .collect();
        Ok(Some(Head { first_line, fields }))
    }

    /// Reads a body of `length` bytes and says of each piece how long it is.
    pub(super) fn read_body(&mut self, length: u64, mut moved: impl FnMut(u64)) -> io::Result<()> {
        let ahead = (self.read_ahead.len() as u64).min(length);
        self.read_ahead.drain(..ahead as usize);
        moved(ahead);
        let mut left = length - ahead;
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let wanted = left.min(buffer.len() as u64) as usize;
            match self.stream.read(&mut buffer[..wanted])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    left -= read as u64;
                    moved(read as u64);
                }
            }
        }
        Ok(())
    }

    /// Writes `text`.
    pub(super) fn write_head(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.flush()
    }

    /// Writes a body of `length` bytes, made of `noise` again and again, and says of each piece how long it is.
    pub(super) fn write_body(&mut self, length: u64, noise: &[u8], mut moved: impl FnMut(u64)) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let piece = &noise[..left.min(noise.len() as u64) as usize];
            self.stream.write_all(piece)?;
            left -= piece.len() as u64;
            moved(piece.len() as u64);
        }
        self.stream.flush()
    }

    /// Asks for the first `bytes` bytes of `path` and reads them.
    pub(super) fn get(&mut self, server: &str, path: &str, bytes: u64, moved: impl FnMut(u64)) -> io::Result<()> {
        self.write_head(&format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {}\r\nAccept: */*\r\nRange: bytes=0-{}\r\n\r\n",
            user_agent(server),
            bytes - 1,
        ))?;
        let head = self.read_head()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if !head.first_line.starts_with("HTTP/1.1 206") {
            return Err(io::Error::other(head.first_line));
        }
        self.read_body(head.content_length(), moved)
    }
}

/// What asks: package managers name themselves.
fn user_agent(server: &str) -> &'static str {
    match server {
        crate::world::ARCHIVE => "Debian APT-HTTP/1.3 (2.6.1)",
        crate::world::DELIVERY => "Microsoft-Delivery-Optimization/10.1",
        _ => "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }
}
