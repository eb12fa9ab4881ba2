//! The fuzz targets' seeds, as they are and changed, through the same entry points: none may crash or stall.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use proptest::prelude::*;
use traffic::parsers;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).expect("the seeds are committed beside the fuzz targets");
    let mut seeds: Vec<Vec<u8>> = files
        .map(|file| std::fs::read(file.expect("a folder lists its files").path()).expect("a seed is a file"))
        .collect();
    seeds.sort();
    seeds
}

fn the_seed(target: &str, name: &str) -> Vec<u8> {
    let path = format!("{}/../../fuzz/corpus/{target}/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the seed is committed")
}

/// A target's folder, and what it enters.
type Target = (&'static str, fn(&parsers::Shared, &[u8]));

const TARGETS: [Target; 13] = [
    ("packet", |shared, bytes| {
        let _ = parsers::packets(shared, bytes);
    }),
    ("table", |shared, bytes| {
        let _ = parsers::table(shared, bytes);
    }),
    ("streams", |shared, bytes| {
        let _ = parsers::streams(shared, bytes);
    }),
    ("datagrams", |shared, bytes| {
        let _ = parsers::datagrams(shared, bytes);
    }),
    ("tls", |_, bytes| {
        let _ = parsers::tls(bytes);
    }),
    ("certificate", |_, bytes| {
        let _ = parsers::certificate(bytes);
    }),
    ("quic", |_, bytes| {
        let _ = parsers::quic(bytes);
    }),
    ("dtls", |_, bytes| {
        let _ = parsers::dtls(bytes);
    }),
    ("http", |_, bytes| {
        let _ = parsers::http(bytes);
    }),
    ("dns", |_, bytes| {
        let _ = parsers::dns(bytes);
    }),
    ("stun_rtp", |_, bytes| {
        let _ = parsers::stun_rtp(bytes);
    }),
    ("sip", |_, bytes| {
        let _ = parsers::sip(bytes);
    }),
    ("bittorrent", |_, bytes| {
        let _ = parsers::bittorrent(bytes);
    }),
];

#[test]
fn every_seed_returns() {
    let shared = parsers::Shared::new();
    for (target, enter) in TARGETS {
        seeds(target).iter().for_each(|seed| enter(&shared, seed));
    }
}

#[test]
fn seeds_mean_what_they_say() {
    let shared = parsers::Shared::new();
    let named = |target, name: fn(&[u8]) -> Option<String>| {
        seeds(target).iter().filter(|seed| name(seed).as_deref() == Some("www.example.org")).count()
    };
    assert!(named("tls", parsers::tls) >= 8 && named("dtls", parsers::dtls) >= 4);
    assert!(seeds("http").iter().all(|seed| parsers::http(seed)));
    for seed in seeds("quic") {
        assert_eq!(parsers::quic(&seed).as_deref(), Some("www.example.org"));
    }
    assert!(seeds("dns").iter().any(|seed| parsers::dns(seed) > 0));
    assert!(seeds("stun_rtp").iter().filter(|seed| parsers::stun_rtp(seed)).count() >= 3);
    assert!(seeds("packet").iter().filter(|seed| parsers::packets(&shared, seed) > 0).count() >= 10);
    for (seed, application) in [("ssh", "SSH"), ("bittorrent", "BitTorrent"), ("mqtt", "MQTT"), ("rtmp", "RTMP")] {
        assert_eq!(parsers::streams(&shared, &the_seed("streams", seed)), application);
    }
    for (seed, application) in [("dns", "DNS"), ("ntp", "NTP"), ("wireguard", "WireGuard"), ("quic", "QUIC")] {
        assert_eq!(parsers::datagrams(&shared, &the_seed("datagrams", seed)), application);
    }
    let holders = ["common-name", "alternative-name"].map(|seed| parsers::certificate(&the_seed("certificate", seed)));
    assert_eq!(holders, ["mail.example.org", "svc.example.org"].map(|name| Some(name.to_owned())));
    assert!(parsers::sip(&the_seed("sip", "invite")) > 0);
    assert!(seeds("bittorrent").iter().filter(|seed| parsers::bittorrent(seed)).count() >= 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn changed_seeds_do_no_harm(
        target in 0usize..TARGETS.len(),
        choice in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        twice in any::<bool>(),
    ) {
        let (target, enter) = TARGETS[target];
        let seeds = seeds(target);
        let mut bytes = seeds[choice.index(seeds.len())].clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        if twice {
            bytes.extend_from_within(..);
        }
        enter(&parsers::Shared::new(), &bytes);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (_, enter) in TARGETS {
            enter(&parsers::Shared::new(), &bytes);
        }
    }
}
