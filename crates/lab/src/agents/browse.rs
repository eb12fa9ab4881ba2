//! Pages: a name asked for, a few flows, many small objects, then time to read.

use super::http::Http;
use super::noise::Noise;
use super::resolve::{Family, resolve};
use super::tls;
use crate::agent::{Event, Stage, now_ms, tell, tell_flow, trouble};
use crate::world::{QUIC_SITES, SITES, service_named};
use anyhow::{Context, Result};
use quinn::crypto::rustls::QuicClientConfig;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// Reads pages over HTTPS.
pub(super) fn over_tls(stage: &Stage) -> Result<()> {
    let config = tls::device(&stage.authority, &["http/1.1"])?;
    let mut noise = Noise::new();
    read_pages(stage, &SITES, |site, family| {
        let address = resolve(site, family)?;
        let mut page = Http::new(tls::open_tls(&config, site, address, TrafficClass::Web)?);
        page.get(site, "/", noise.between(20_000, 70_000), |_| {})?;
        let mut more = Http::new(tls::open_tls(&config, site, address, TrafficClass::Web)?);
        for index in 0..noise.between(3, 7) {
            let http = if index % 2 == 0 { &mut page } else { &mut more };
            http.get(site, &format!("/static/{index}.js"), noise.between(4_000, 50_000), |_| {})?;
        }
        Ok(())
    })
}

/// Reads pages over QUIC.
pub(super) fn over_quic(stage: &Stage) -> Result<()> {
    let config = tls::device(&stage.authority, &["h3"])?;
    let crypto = QuicClientConfig::try_from((*config).clone()).context("QUIC needs TLS 1.3")?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut noise = Noise::new();
    read_pages(stage, &QUIC_SITES, |site, family| {
        let remote = SocketAddr::new(resolve(site, family)?, 443);
        let objects: Vec<u64> = (0..noise.between(4, 8)).map(|_| noise.between(4_000, 60_000)).collect();
        let config = config.clone();
        let local = local_towards(remote)?;
        runtime.block_on(async move {
            let endpoint = quinn::Endpoint::client(local)?;
            let flow = endpoint.connect_with(config, remote, site)?.await?;
            tell_flow("udp", endpoint.local_addr()?, remote, TrafficClass::Web);
            for bytes in objects {
                let (mut request, mut answer) = flow.open_bi().await?;
                request.write_all(bytes.to_string().as_bytes()).await?;
                request.finish()?;
                answer.read_to_end(1_000_000).await?;
            }
            flow.close(0u32.into(), b"read");
            endpoint.wait_idle().await;
            Ok(())
        })
    })
}

/// Reads one of `sites` after the other, by IPv6 where the site and we have it every second time.
fn read_pages(
    stage: &Stage,
    sites: &[&'static str],
    mut load: impl FnMut(&'static str, Family) -> Result<()>,
) -> Result<()> {
    let mut noise = Noise::new();
    let mut first = true;
    for (number, site) in sites.iter().copied().cycle().enumerate() {
        if stage.is_over() {
            break;
        }
        let has_ipv6 = service_named(site).is_some_and(|service| service.ipv6.is_some());
        let family = if has_ipv6 && number % (2 * sites.len()) >= sites.len() && we_have_ipv6() {
            Family::V6
        } else {
            Family::V4
        };
        let (asked, at_ms) = (Instant::now(), now_ms());
        match load(site, family) {
            Ok(()) => tell(&Event::Loaded { at_ms, took_ms: asked.elapsed().as_millis() as u64 }),
            Err(error) => trouble(site, &format_args!("{error:#}")),
        }
        if first {
            first = false;
            tell(&Event::Ready);
        }
        stage.sleep(noise.time(800, 2_500).max(Duration::from_millis(1)));
    }
    Ok(())
}

/// Our own address from which the kernel reaches `remote`, and any port.
fn local_towards(remote: SocketAddr) -> Result<SocketAddr> {
    let any: SocketAddr = match remote {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let probe = UdpSocket::bind(any)?;
    // Sends nothing: it only chooses a route (udp(7)).
    probe.connect(remote)?;
    Ok(SocketAddr::new(probe.local_addr()?.ip(), 0))
}

/// Whether there is an address other than link-local ones and our own loop.
fn we_have_ipv6() -> bool {
    std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|text| text.lines().any(|line| line.starts_with("fd")))
}
