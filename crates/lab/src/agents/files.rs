//! The servers of pages, files and films, for every name: HTTP, HTTPS, and QUIC.

use super::http::Http;
use super::noise::Noise;
use super::tls;
use crate::agent::{Event, Stage, tell, trouble};
use anyhow::Result;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::{ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Serves until it is over.
pub(super) fn serve(stage: &Stage, authority: &Path) -> Result<()> {
    let content: Arc<[u8]> = Noise::new().bytes(256 * 1024).into();
    let clear = tls::listen((Ipv6Addr::UNSPECIFIED, 80).into())?;
    let secure = tls::listen((Ipv6Addr::UNSPECIFIED, 443).into())?;
    let tls = tls::server(authority, &["http/1.1", "h3"])?;

    let bytes = Arc::clone(&content);
    std::thread::spawn(move || {
        for stream in clear.incoming().flatten() {
            let bytes = Arc::clone(&bytes);
            std::thread::spawn(move || answer(stream, &bytes));
        }
    });
    let (bytes, config) = (Arc::clone(&content), Arc::clone(&tls));
    std::thread::spawn(move || {
        for stream in secure.incoming().flatten() {
            let (bytes, config) = (Arc::clone(&bytes), Arc::clone(&config));
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let connection = ServerConnection::new(config).map_err(io::Error::other)?;
                answer(StreamOwned::new(connection, stream), &bytes)
            });
        }
    });
    std::thread::spawn(move || {
        if let Err(error) = serve_quic(tls, content) {
            trouble("QUIC server", &format_args!("{error:#}"));
        }
    });
    tell(&Event::Ready);
    while !stage.is_over() {
        stage.sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// Answers requests on one flow until it ends: GET gives as many bytes as asked for, PUT takes what comes.
fn answer(stream: impl Read + Write, content: &[u8]) -> io::Result<()> {
    let mut http = Http::new(stream);
    while let Some(head) = http.read_head()? {
        if head.first_line.starts_with("PUT ") {
            http.read_body(head.content_length(), |_| {})?;
            http.write_head("HTTP/1.1 201 Created\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")?;
        } else if let Some(bytes) = head.range() {
            http.write_head(&format!(
                "HTTP/1.1 206 Partial Content\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\n\
                 Content-Length: {bytes}\r\nContent-Range: bytes 0-{}/*\r\n\r\n",
                bytes - 1,
            ))?;
            http.write_body(bytes, content, |_| {})?;
        } else {
            http.write_head("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        }
    }
    Ok(())
}

/// The same over QUIC, a request a stream: its text is the number of bytes wanted.
fn serve_quic(tls: Arc<rustls::ServerConfig>, content: Arc<[u8]>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let crypto = QuicServerConfig::try_from(tls)?;
        let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint = quinn::Endpoint::server(config, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 443)))?;
        while let Some(incoming) = endpoint.accept().await {
            let content = Arc::clone(&content);
            tokio::spawn(async move {
                let Ok(flow) = incoming.await else { return };
                while let Ok((mut out, mut request)) = flow.accept_bi().await {
                    let content = Arc::clone(&content);
                    tokio::spawn(async move {
                        let text = request.read_to_end(1_024).await.unwrap_or_default();
                        let wanted: usize = String::from_utf8_lossy(&text).trim().parse().unwrap_or(0);
                        let _ = out.write_all(&content[..wanted.min(content.len())]).await;
                        let _ = out.finish();
                    });
                }
            });
        }
        Ok(())
    })
}
