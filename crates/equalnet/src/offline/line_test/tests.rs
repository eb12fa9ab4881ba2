use super::serve::{Bounds, bind, serve};
use super::*;
use vocab::BitRate;

/// A server on the loopback, and where it listens.
fn server(flows: usize, rate: BitRate) -> SocketAddr {
    let sockets = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = sockets.0.local_addr().unwrap();
    std::thread::spawn(move || serve(sockets, Bounds { token: "maple".to_owned(), flows, seconds: 5, rate }));
    address
}

fn arguments(address: SocketAddr, token: &str) -> Arguments {
    Arguments {
        server: address.to_string(),
        token: token.to_owned(),
        seconds: 2,
        flows: 2,
        save: None,
        compare: None,
        json: false,
    }
}

#[test]
fn both_ends_find_what_the_loopback_carries() {
    let address = server(8, BitRate::from_mbps(40));
    let found = test(&arguments(address, "maple"), &mut Bar { is_shown: false }).unwrap();
    // Two flows of 40 Mbit/s at most; the first chunk comes at once.
    assert!((1_000_000..=100_000_000).contains(&found.download.rate), "{found:?}");
    assert!(found.upload.rate > 1_000_000, "{found:?}");
    assert!(found.idle.sent >= 20 && found.idle.lost < found.idle.sent, "{found:?}");
    assert!(found.grade.is_some(), "{found:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.json");
    std::fs::write(&file, serde_json::to_string(&found).unwrap()).unwrap();
    let shown = text(&found, Some(&read(&file).unwrap()));
    assert_eq!(shown.matches("before:").count(), 7, "{shown}");
}

#[test]
fn who_may_not_is_told_why() {
    let refused = |address, token: &str| {
        format!("{:#}", test(&arguments(address, token), &mut Bar { is_shown: false }).unwrap_err())
    };
    assert!(refused(server(8, BitRate::from_mbps(1)), "oak").contains("the token is another"));
    assert!(refused(server(0, BitRate::from_mbps(1)), "maple").contains("too many flows"));
    assert!(refused("127.0.0.1:1".parse().unwrap(), "maple").contains("serve-test"));
}

#[test]
fn nothing_is_sent_back_to_who_has_no_flow() {
    let address = server(8, BitRate::from_mbps(1));
    let far = Far { address, token: "maple".to_owned(), flows: 1, time: Duration::from_secs(2) };
    let number = far.probing(Duration::from_secs(2)).unwrap();
    let asks = |bind: &str, bytes: &[u8]| {
        let socket = UdpSocket::bind(bind).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        socket.send_to(bytes, address).unwrap();
        socket.recv(&mut [0; 100]).ok()
    };
    assert_eq!(asks("127.0.0.1:0", &probe(number, 0)), Some(PROBE_BYTES));
    assert_eq!(asks("127.0.0.1:0", &probe(number ^ 1, 0)), None, "another number");
    assert_eq!(asks("127.0.0.2:0", &probe(number, 0)), None, "another address");
    assert_eq!(asks("127.0.0.1:0", &probe(number, 0)[..40]), None, "no probe");
    assert_eq!(asks("127.0.0.1:0", &[]), None, "an empty one");
}

#[test]
fn who_says_no_token_takes_no_place_of_who_does() {
    let address = server(1, BitRate::from_mbps(1));
    let far = Far { address, token: "maple".to_owned(), flows: 1, time: Duration::from_secs(1) };
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    far.probing(Duration::from_secs(1)).unwrap();
    drop(idle);
}

#[test]
fn probe_numbers_that_nobody_uses_are_bounded() {
    let address = server(1, BitRate::from_mbps(1));
    let far = Far { address, token: "maple".to_owned(), flows: 1, time: Duration::from_secs(1) };
    let given: Vec<bool> = (0..6).map(|_| far.probing(Duration::from_secs(1)).is_ok()).collect();
    assert_eq!(given, [true, true, true, true, false, false]);
}
