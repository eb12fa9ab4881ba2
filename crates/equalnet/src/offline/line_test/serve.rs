//! `equalnet serve-test`: the other end of a test. Bounded in flows, time and rate; it speaks to nobody who does not know
//! the token, and sends no datagram to an address that has no flow with it, nor more than it got.

use super::protocol::{Hello, Kind, PATIENCE, PORT, PROBE_BYTES, probe_of, read_line};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vocab::BitRate;

/// Probes a second that one flow may send: half as many again as a test does.
const PROBES_A_SECOND: u32 = 30;

/// Flows at once that have not said the token yet: each has [`PATIENCE`] in all, so that 50 a second may come of which
/// none says it.
const UNHEARD: usize = 256;

/// Numbers for probes at once, for each flow that is allowed: a test asks for three, one after the other, and each lasts.
const PROBES_A_FLOW: usize = 4;

/// What is written at once.
const CHUNK: usize = 65_536;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Run it on a machine beyond the line, well connected, and open its TCP and UDP port:\n  \
    equalnet serve-test --token maple\nThen, behind the line:\n  equalnet test --server that.machine --token maple\n\n\
    It answers nobody without the token, sends no datagram to who has no TCP flow with it, and never more than it got.")]
pub struct Arguments {
    /// Where to listen, TCP and UDP
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([0_u16; 8], PORT)))]
    listen: SocketAddr,
    /// What those who test must know; made up and shown where absent
    #[arg(long, value_name = "WORD")]
    token: Option<String>,
    /// Flows at once at most
    #[arg(long, value_name = "N", default_value_t = 32)]
    most_flows: usize,
    /// The longest that a flow lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    most_seconds: u64,
    /// The most that one flow is sent
    #[arg(long, value_name = "RATE", default_value = "1 Gbit/s")]
    most_rate: BitRate,
}

/// What a server allows.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// What those who test must know.
    pub token: String,
    /// Flows at once.
    pub flows: usize,
    /// The longest that a flow lasts.
    pub seconds: u64,
    /// The most that one flow is sent.
    pub rate: BitRate,
}

/// Serves until it is ended.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let token = arguments.token.clone().unwrap_or_else(|| format!("{:012x}", unguessable(0) >> 16));
    let sockets = bind(arguments.listen)?;
    println!("Listening on {}, TCP and UDP. The other end:", sockets.0.local_addr()?);
    println!("  equalnet test --server THIS-MACHINE --token {token}");
    let bounds =
        Bounds { token, flows: arguments.most_flows, seconds: arguments.most_seconds, rate: arguments.most_rate };
    serve(sockets, bounds)?;
    Ok(ExitCode::SUCCESS)
}

/// Both sockets of a server. Where there is no IPv6, the unspecified address is that of IPv4.
pub fn bind(listen: SocketAddr) -> Result<(TcpListener, UdpSocket)> {
    let both = |address: SocketAddr| -> std::io::Result<(TcpListener, UdpSocket)> {
        let tcp = TcpListener::bind(address)?;
        let udp = UdpSocket::bind(tcp.local_addr()?)?;
        Ok((tcp, udp))
    };
    both(listen)
        .or_else(|error| match listen.ip() {
            IpAddr::V6(address) if address.is_unspecified() => both(SocketAddr::from(([0, 0, 0, 0], listen.port()))),
            IpAddr::V4(_) | IpAddr::V6(_) => Err(error),
        })
        .with_context(|| format!("{listen} cannot be listened on"))
}

/// Whose probes are answered.
struct Known {
    address: IpAddr,
    until: Instant,
    /// The probes of which second.
    since: Instant,
    count: u32,
}

/// What all flows of a server share.
struct Shared {
    bounds: Bounds,
    /// Flows that have not said the token.
    unheard: Arc<AtomicUsize>,
    /// Flows that have.
    heard: Arc<AtomicUsize>,
    /// By the number that their probes carry.
    known: Mutex<HashMap<u64, Known>>,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        // Every entry stands by itself.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves for ever.
pub fn serve((tcp, udp): (TcpListener, UdpSocket), bounds: Bounds) -> Result<()> {
    let shared = Shared { bounds, unheard: Arc::default(), heard: Arc::default(), known: Mutex::default() };
    let shared = Arc::new(shared);
    let of_probes = Arc::clone(&shared);
    std::thread::Builder::new().name("probes".to_owned()).spawn(move || reflect(&udp, &of_probes))?;
    for (count, flow) in (1..).zip(tcp.incoming()) {
        let Ok(flow) = flow else {
            // No descriptor is left, as a rule: one comes with the next flow that ends, not by asking at once.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        // Before the thread: many who come at once cost no more than so many threads.
        let Some(unheard) = Place::taken(&shared.unheard, UNHEARD) else { continue };
        let shared = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("test flow".to_owned());
        // Whoever goes away is no news.
        let _ = thread.spawn(move || drop(answer(flow, unheard, count, &shared)));
    }
    Ok(())
}

/// One of so many places; given back whatever ends the flow.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn taken(of: &Arc<AtomicUsize>, most: usize) -> Option<Place> {
        let place = Place(Arc::clone(of));
        (of.fetch_add(1, Ordering::SeqCst) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn answer(mut flow: TcpStream, unheard: Place, count: u64, shared: &Shared) -> std::io::Result<()> {
    const TOO_MANY: &[u8] = b"NO too many flows are open, try again later\n";
    let bounds = &shared.bounds;
    flow.set_read_timeout(Some(PATIENCE))?;
    flow.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(flow.try_clone()?);
    let hello = Hello::parse(&read_line(&mut reader, Instant::now() + PATIENCE)?);
    let Some(hello) = hello.filter(|hello| hello.token == bounds.token) else {
        return flow.write_all(b"NO the token is another\n");
    };
    drop(unheard);
    let Some(heard) = Place::taken(&shared.heard, bounds.flows) else { return flow.write_all(TOO_MANY) };
    let now = Instant::now();
    let until = now + Duration::from_secs(hello.seconds.min(bounds.seconds));
    match hello.kind {
        Kind::Probe => {
            let number = unguessable(count);
            let new = Known { address: flow.peer_addr()?.ip().to_canonical(), until, since: now, count: 0 };
            {
                let mut known = shared.known();
                known.retain(|_, known| now < known.until);
                if known.len() >= bounds.flows.saturating_mul(PROBES_A_FLOW) {
                    return flow.write_all(TOO_MANY);
                }
                known.insert(number, new);
            }
            // Its number is what it came for: with the answer its place is free for the next flow.
            drop(heard);
            flow.write_all(format!("OK {number}\n").as_bytes())
        }
        Kind::Download => {
            flow.write_all(b"OK\n")?;
            send(&mut flow, until, bounds.rate)
        }
        Kind::Upload => {
            flow.write_all(b"OK\n")?;
            let (bytes, millis) = take(&mut reader, until + PATIENCE)?;
            flow.write_all(format!("{bytes} {millis}\n").as_bytes())
        }
    }
}

fn send(flow: &mut TcpStream, until: Instant, rate: BitRate) -> std::io::Result<()> {
    let (chunk, begun, mut sent) = (vec![0x5a; CHUNK], Instant::now(), 0_u64);
    while Instant::now() < until {
        flow.write_all(&chunk)?;
        sent += CHUNK as u64;
        let due = Duration::from_secs_f64(sent as f64 * 8.0 / rate.as_bps().max(1) as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()).min(PATIENCE));
    }
    Ok(())
}

/// What came until the other end had said all, and in how many milliseconds.
fn take(from: &mut impl Read, until: Instant) -> std::io::Result<(u64, u128)> {
    let (mut buffer, begun, mut bytes) = (vec![0; CHUNK], Instant::now(), 0);
    let mut last = begun;
    while Instant::now() < until {
        match from.read(&mut buffer)? {
            0 => break,
            read => bytes += read as u64,
        }
        last = Instant::now();
    }
    Ok((bytes, last.duration_since(begun).as_millis()))
}

/// Sends probes back to who has a flow.
fn reflect(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; PROBE_BYTES + 1];
    loop {
        let Ok((bytes, from)) = socket.recv_from(&mut buffer) else {
            // An error of one datagram is no reason to end; one that stays is no reason to spin.
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        let Some((number, _)) = probe_of(&buffer[..bytes]) else { continue };
        if is_answered(&mut shared.known(), number, from.ip().to_canonical(), Instant::now()) {
            let _ = socket.send_to(&buffer[..bytes], from);
        }
    }
}

fn is_answered(known: &mut HashMap<u64, Known>, number: u64, address: IpAddr, now: Instant) -> bool {
    let Some(known) = known.get_mut(&number) else { return false };
    if now >= known.until || known.address != address {
        return false;
    }
    if now.duration_since(known.since) >= Duration::from_secs(1) {
        (known.since, known.count) = (now, 0);
    }
    known.count += 1;
    known.count <= PROBES_A_SECOND
}

/// A number that nobody outside can guess: the standard library keys its hashes from the system's randomness.
fn unguessable(count: u64) -> u64 {
    RandomState::new().hash_one((count, Instant::now(), std::process::id()))
}
