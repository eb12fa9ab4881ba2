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

fn enter(target: &str, bytes: &[u8]) {
    match target {
        "packet" => drop(parsers::packets(bytes)),
        "tls" => drop(parsers::tls(bytes)),
        "quic" => drop(parsers::quic(bytes)),
        "dtls" => drop(parsers::dtls(bytes)),
        "http" => drop(parsers::http(bytes)),
        "dns" => drop(parsers::dns(bytes)),
        "stun_rtp" => drop(parsers::stun_rtp(bytes)),
        other => panic!("{other} is no fuzz target"),
    }
}

const TARGETS: [&str; 7] = ["packet", "tls", "quic", "dtls", "http", "dns", "stun_rtp"];

#[test]
fn seeds_mean_what_they_say() {
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
    assert!(seeds("packet").iter().all(|seed| parsers::packets(seed) > 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn changed_seeds_do_no_harm(
        target in 0usize..TARGETS.len(),
        choice in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        twice in any::<bool>(),
    ) {
        let target = TARGETS[target];
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
        enter(target, &bytes);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for target in TARGETS {
            enter(target, &bytes);
        }
    }
}
