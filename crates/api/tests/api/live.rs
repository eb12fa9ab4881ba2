//! The live socket over a real one.

use crate::world::{Login, World, held, snapshot};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use vocab::BitRate;
use wire::live::{CLASS_COLUMNS, DEVICE_COLUMNS, Event, LINK_COLUMNS, PROTOCOL, ServerFrame};

fn open(world: &World, login: &Login, protocol: &str, origin: Option<&str>) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://{}/api/v1/live", world.address).into_client_request().unwrap();
    request.headers_mut().insert("cookie", login.cookie.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let stream = TcpStream::connect(world.address).unwrap();
    // A test that waits longer has failed.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match tokio_tungstenite::tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(error) => match error {
            tokio_tungstenite::tungstenite::HandshakeError::Failure(tokio_tungstenite::tungstenite::Error::Http(
                response,
            )) => Err(response.status().as_u16()),
            other => panic!("{other}"),
        },
    }
}

fn next(socket: &mut WebSocket<TcpStream>) -> ServerFrame {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(text.as_str()).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, text: &str) {
    socket.send(Message::text(text)).unwrap();
}

#[test]
fn only_who_may_and_speaks_the_protocol_is_let_in() {
    let world = World::new();
    let login = world.log_in();
    let stranger = Login { cookie: "equalnet_login=nobody".to_owned(), csrf: String::new() };
    assert_eq!(open(&world, &stranger, PROTOCOL, None).err(), Some(401));
    assert_eq!(open(&world, &login, "chat", None).err(), Some(422));
    assert_eq!(open(&world, &login, PROTOCOL, Some("http://evil.example")).err(), Some(403));
    let ours = format!("http://{}", world.address);
    let mut socket = open(&world, &login, PROTOCOL, Some(&ours)).unwrap();
    let ServerFrame::Hello(hello) = next(&mut socket) else { panic!() };
    assert_eq!((hello.v, hello.build.as_str(), hello.hz), (1, "1.2.3", 2));
}

#[test]
fn first_everything_then_what_changes() {
    let world = World::new();
    let login = world.log_in();
    let mut socket = open(&world, &login, PROTOCOL, None).unwrap();
    assert!(matches!(next(&mut socket), ServerFrame::Hello(_)));
    say(&mut socket, r#"{"t": "sub", "ch": ["link", "classes", "devices"], "hz": 2}"#);
    let ServerFrame::Snap(snap) = next(&mut socket) else { panic!() };
    assert_eq!(snap.q, 1);
    assert_eq!(snap.cols.l, LINK_COLUMNS);
    assert_eq!(snap.l.len(), LINK_COLUMNS.len());
    assert_eq!(snap.l[..4], [94_000, 4_000, 100_000, 20_000]);
    assert_eq!(snap.l[16..], [2, 1, 1, 2, 910]);
    assert_eq!((snap.c.len(), snap.c[0].len()), (CLASS_COLUMNS.len(), 11));
    assert_eq!(snap.dv.len(), DEVICE_COLUMNS.len());
    assert_eq!(snap.dv[0], [1, 2, 3]);
    assert_eq!(snap.dv[1], [4_000, 90_000, 0]);
    assert_eq!(snap.dv[9], [1, 8, -1], "main class");
    assert_eq!(snap.dv[11], [0, 1, 0], "flags: the second is held");
    assert_eq!(snap.devices[1].number, 2);
    assert_eq!((snap.decisions.len(), snap.alerts.len(), snap.status.state.as_str()), (1, 1, "busy"));

    let mut later = snapshot();
    later.sequence = 2;
    later.devices[1].classes[8].download = BitRate::from_mbps(80);
    later.links[0].classes[8].usage.download = BitRate::from_mbps(80);
    later.devices.pop();
    later.decisions = Arc::from([held(1), held(2)]);
    world.snapshots.send_replace(Arc::new(later.clone()));
    let ServerFrame::Event(event) = next(&mut socket) else { panic!() };
    let Event::Decision { decision } = *event else { panic!() };
    assert_eq!(decision.id, 2);
    let ServerFrame::Delta(delta) = next(&mut socket) else { panic!() };
    assert_eq!(delta.q, 2);
    assert_eq!(delta.c[0], [0, 4_000, 0, 0, 0, 0, 0, 0, 80_000, 0, 0], "the column that changed");
    assert!(delta.c[1..].iter().all(Vec::is_empty), "all others are as before");
    assert_eq!((delta.dv[0].as_slice(), delta.dv[1].as_slice()), (&[2][..], &[80_000][..]), "the row that changed");
    assert_eq!(delta.rm, [3]);

    // The page missed a frame: it asks for everything again.
    say(&mut socket, r#"{"t": "snap"}"#);
    let ServerFrame::Snap(again) = next(&mut socket) else { panic!() };
    assert_eq!((again.q, again.dv[0].as_slice()), (3, &[1, 2][..]));

    say(&mut socket, r#"{"t": "unsub", "ch": ["classes", "devices"]}"#);
    say(&mut socket, r#"{"t": "hz", "hz": 1}"#);
    later.devices[0].name = "Anna".to_owned();
    later.decisions = Arc::from([held(1), held(2), held(3)]);
    world.snapshots.send_replace(Arc::new(later));
    assert!(matches!(next(&mut socket), ServerFrame::Event(_)), "events are for everybody");
    let ServerFrame::Delta(delta) = next(&mut socket) else { panic!() };
    assert!(!delta.l.is_empty() && delta.c.is_empty() && delta.dv.is_empty());
}

#[test]
fn the_socket_closes_when_the_login_ends() {
    let world = World::new();
    let login = world.log_in();
    let mut socket = open(&world, &login, PROTOCOL, None).unwrap();
    assert!(matches!(next(&mut socket), ServerFrame::Hello(_)));
    let secret = [("Cookie", login.cookie.as_str()), ("X-CSRF-Token", login.csrf.as_str())];
    assert_eq!(world.ask("DELETE /api/v1/session", &secret, "").status, 204);
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!() };
    assert_eq!(u16::from(close.code), 4401);
}
