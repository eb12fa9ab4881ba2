//! Files and films: what comes as fast as it can, and what comes a segment at a time.

use super::http::Http;
use super::noise::Noise;
use super::resolve::{Family, resolve};
use super::tls;
use crate::agent::{Event, Naming, Security, Stage, now_ms, tell, trouble};
use crate::world::{ARCHIVE, DELIVERY, OUTER_NAME, RELEASES, VIDEO_CDN, service_named};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// A segment of a film (DASH) is 4 s of it.
const SEGMENT: Duration = Duration::from_secs(4);

/// Watches a film of `rate` bit/s: a segment each 4 s over one flow.
pub(super) fn watch(stage: &Stage, rate: u64, naming: Naming) -> Result<()> {
    let config = match naming {
        Naming::Said => tls::device(&stage.authority, &["http/1.1"])?,
        Naming::Outer => tls::device_behind(&stage.authority, &["http/1.1"], VIDEO_CDN)?,
    };
    let bytes = rate / 8 * SEGMENT.as_secs();
    while !stage.is_over() {
        if let Err(error) = watch_one(stage, &config, naming, bytes) {
            trouble("film", &format_args!("{error:#}"));
            stage.sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}

fn watch_one(stage: &Stage, config: &Arc<rustls::ClientConfig>, naming: Naming, bytes: u64) -> Result<()> {
    let (said, address) = match naming {
        Naming::Said => (VIDEO_CDN, resolve(VIDEO_CDN, Family::V4)?),
        Naming::Outer => {
            let service = service_named(VIDEO_CDN).with_context(|| format!("{VIDEO_CDN} is not in this world"))?;
            (OUTER_NAME, service.ipv4.into())
        }
    };
    let mut http = Http::new(tls::open_tls(config, said, address, TrafficClass::Streaming)?);
    let mut next = Instant::now();
    for number in 0.. {
        if stage.is_over() {
            break;
        }
        let (asked, at_ms) = (Instant::now(), now_ms());
        let path = format!("/videoplayback?itag=137&mime=video%2Fmp4&sq={number}");
        http.get(VIDEO_CDN, &path, bytes, |_| {})?;
        tell(&Event::Loaded { at_ms, took_ms: asked.elapsed().as_millis() as u64 });
        // A player that fell behind asks for the next at once.
        next = (next + SEGMENT).max(Instant::now() - SEGMENT);
        stage.sleep_until(next);
    }
    Ok(())
}

/// Fetches pieces of `bytes` from `server` over `flows` flows at once.
pub(super) fn fetch(stage: &Stage, server: &str, flows: u32, security: Security, bytes: u64) -> Result<()> {
    run_flows(stage, server, flows, Way::Down, move |stage, class, server, moved| {
        let path = path_at(server);
        let address = resolve(server, Family::V4)?;
        match security {
            Security::Tls => {
                let config = tls::device(&stage.authority, &["http/1.1"])?;
                let mut http = Http::new(tls::open_tls(&config, server, address, class)?);
                while !stage.is_over() {
                    http.get(server, path, bytes, moved)?;
                }
            }
            Security::Clear => {
                let mut http = Http::new(tls::open(address, 80, class)?);
                while !stage.is_over() {
                    http.get(server, path, bytes, moved)?;
                }
            }
        }
        Ok(())
    })
}

/// Sends to `server` over `flows` flows at once, in files of 1 GB.
pub(super) fn send(stage: &Stage, server: &str, flows: u32) -> Result<()> {
    const FILE: u64 = 1_000_000_000;
    run_flows(stage, server, flows, Way::Up, |stage, class, server, moved| {
        let address = resolve(server, Family::V4)?;
        let config = tls::device(&stage.authority, &["http/1.1"])?;
        let content = Noise::new().bytes(64 * 1024);
        let mut http = Http::new(tls::open_tls(&config, server, address, class)?);
        while !stage.is_over() {
            http.write_head(&format!(
                "PUT /file/backup/{:016x} HTTP/1.1\r\nHost: {server}\r\nContent-Length: {FILE}\r\n\r\n",
                Noise::new().next(),
            ))?;
            http.write_body(FILE, &content, moved)?;
            http.read_head()?;
        }
        Ok(())
    })
}

#[derive(Clone, Copy)]
enum Way {
    Down,
    Up,
}

/// Keeps `flows` flows at work, opens a new one where one fails, and tells each second what they moved.
fn run_flows(
    stage: &Stage,
    server: &str,
    flows: u32,
    way: Way,
    work: impl Fn(&Stage, TrafficClass, &str, &dyn Fn(u64)) -> Result<()> + Clone + Send + 'static,
) -> Result<()> {
    let class = service_named(server).with_context(|| format!("{server} is not in this world"))?.class;
    let moved = Arc::new(AtomicU64::new(0));
    for _ in 0..flows {
        let (stage, server, work, moved) = (stage.clone(), server.to_owned(), work.clone(), Arc::clone(&moved));
        std::thread::spawn(move || {
            while !stage.is_over() {
                let count = |bytes| {
                    moved.fetch_add(bytes, Ordering::Relaxed);
                };
                if let Err(error) = work(&stage, class, &server, &count) {
                    trouble(&server, &format_args!("{error:#}"));
                    stage.sleep(Duration::from_millis(500));
                }
            }
        });
    }
    let mut last = Instant::now();
    while !stage.is_over() {
        stage.sleep_until(last + Duration::from_secs(1));
        let over_us = last.elapsed().as_micros() as u64;
        last = Instant::now();
        let bytes = moved.swap(0, Ordering::Relaxed);
        let (download, upload) = match way {
            Way::Down => (bytes, 0),
            Way::Up => (0, bytes),
        };
        tell(&Event::Moved { at_ms: now_ms(), over_us, download, upload });
    }
    Ok(())
}

/// What one fetches there.
fn path_at(server: &str) -> &'static str {
    match server {
        RELEASES => "/24.04/ubuntu-24.04.3-desktop-amd64.iso",
        ARCHIVE => "/ubuntu/pool/main/l/linux-firmware/linux-firmware_20240318.git3b128b60-0ubuntu2.10_amd64.deb",
        DELIVERY => "/filestreamingservice/files/4bc2b5a1-d97b-4d35-8fb7-1a5e2b1f9f6d",
        VIDEO_CDN => "/videoplayback?itag=137",
        _ => "/",
    }
}
