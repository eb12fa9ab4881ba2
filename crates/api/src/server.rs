//! Listeners, and the runtime that serves them until shutdown.

use crate::auth::Account;
use crate::request::{Request, WhatIfAsked, WhatIfRefused};
use crate::routes;
use crate::shared::Shared;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use vocab::{
    Forecast, HourlyVolumes, LinkId, LocalTime, Outlook, Policy, Quota, Snapshot, Timestamp, TrafficClass, Usage,
};

/// How long open requests may take to end after shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(2);

/// Where to listen.
#[derive(Debug, Default)]
pub struct ApiSettings {
    /// TCP addresses to bind (`127.0.0.1:8920`, `[::]:8920`).
    pub addresses: Vec<SocketAddr>,
    /// TCP sockets that somebody bound for us: systemd's socket activation.
    pub inherited: Vec<std::net::TcpListener>,
    /// The Unix socket for the console on this machine: full rights without login, so only for its owner and
    /// group (0660).
    pub unix_socket: Option<PathBuf>,
    /// Names by which browsers may call us (`equalnet.lan`, `router:8443`), besides `localhost` and IP addresses.
    pub allowed_hosts: Vec<String>,
}

/// What the API shows and whom it asks.
#[derive(Clone)]
pub struct ApiState {
    /// What is shown; the control loop sends each new snapshot.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The policy in force; the control loop sends each new one.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// To the control loop; bounded: when full, the caller is told that we are busy.
    pub requests: crossbeam_channel::Sender<Request>,
    /// The history's file, opened for reading by each request that needs it; `None` where none is kept.
    pub history: Option<PathBuf>,
    /// Lists the interfaces and measures them for a second; may block; called by one at a time.
    pub interfaces: Interfaces,
    /// Foresees one series by itself; takes up to a second of a core.
    pub foresee: Foresee,
    /// Replays what was recorded by another policy; takes a core for up to half a minute; called by one at a time.
    pub what_if: WhatIf,
    /// Who may log in over TCP; nobody if empty.
    pub accounts: Vec<Account>,
    /// The time, which never goes back.
    pub clock: Clock,
    /// How local clocks stand.
    pub local_time: LocalTime,
    /// What the links may move in a month.
    pub quotas: BTreeMap<LinkId, Quota>,
    /// Makes an outlook of a history; takes some tens of milliseconds.
    pub outlook: OutlookOf,
    /// The program's version.
    pub version: String,
}

/// Makes an outlook of what was moved, for a quota, by local clocks, at an instant.
pub type OutlookOf = fn(&HourlyVolumes, Option<Quota>, &LocalTime, Timestamp) -> Outlook;

/// Lists the interfaces, or says why it cannot.
pub type Interfaces = Arc<dyn Fn() -> Result<Vec<wire::Interface>, String> + Send + Sync>;

/// From what a series of a class did, second by second, the oldest first (`None` where that is not known, the last
/// one ended at the time given), to what it will do.
pub type Foresee = Arc<dyn Fn(TrafficClass, &[Option<Usage>], Timestamp) -> Forecast + Send + Sync>;

/// Replays what was recorded by another policy.
pub type WhatIf = Arc<dyn Fn(&WhatIfAsked) -> Result<wire::WhatIf, WhatIfRefused> + Send + Sync>;

/// Gives the time, which never goes back.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The runtime cannot be started.
    #[error("cannot start the API's runtime: {0}")]
    Runtime(io::Error),
}

/// Sockets that are open and not yet served.
///
/// Binding is apart from serving so that it can happen before privileges are dropped, and so that a taken
/// address is an error at start.
#[derive(Debug)]
pub struct Listeners {
    tcp: Vec<std::net::TcpListener>,
    unix: Option<(std::os::unix::net::UnixListener, PathBuf)>,
    allowed_hosts: Vec<String>,
}

impl Listeners {
    /// The TCP addresses in use, in the order of the settings (port 0 is what the kernel chose).
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }
}

/// Opens all sockets. A Unix socket that nobody serves any more is replaced.
///
/// # Errors
/// [`ApiError::Bind`] with the address that could not be had.
pub fn bind(settings: ApiSettings) -> Result<Listeners, ApiError> {
    let ApiSettings { addresses, inherited, unix_socket, allowed_hosts } = settings;
    let mut tcp = inherited;
    for address in addresses {
        let bound = std::net::TcpListener::bind(address);
        tcp.push(bound.map_err(|source| ApiError::Bind { address: address.to_string(), source })?);
    }
    for listener in &tcp {
        listener
            .set_nonblocking(true)
            .map_err(|source| ApiError::Bind { address: "an inherited socket".to_owned(), source })?;
    }
    let unix = match unix_socket {
        Some(path) => match bind_unix(&path) {
            Ok(listener) => Some((listener, path)),
            Err(source) => return Err(ApiError::Bind { address: path.display().to_string(), source }),
        },
        None => None,
    };
    Ok(Listeners { tcp, unix, allowed_hosts })
}

fn bind_unix(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::net::{UnixListener, UnixStream};
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket {
        match UnixStream::connect(path) {
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another EqualNet serves it")),
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Err(other) => return Err(other),
        }
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves on `listeners` until `shutdown` is sent or its sender dropped; blocks the calling thread, which
/// owns the runtime (two workers). `alive` is called each second while the runtime does its work.
///
/// # Errors
/// [`ApiError::Runtime`] if the runtime cannot be started; once it runs, nothing ends it but `shutdown`.
pub fn run(
    listeners: Listeners,
    state: ApiState,
    shutdown: oneshot::Receiver<()>,
    alive: impl Fn() + Send + 'static,
) -> Result<(), ApiError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_name("api")
        .enable_all()
        .build()
        .map_err(ApiError::Runtime)?;
    runtime.spawn(async move {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            alive();
        }
    });
    let served = runtime.block_on(serve(listeners, state, shutdown));
    runtime.shutdown_timeout(DRAIN);
    served
}

/// The same as [`run`] inside a runtime that is there already.
///
/// # Errors
/// [`ApiError::Runtime`] if a socket cannot be handed to the runtime.
pub async fn serve(listeners: Listeners, state: ApiState, shutdown: oneshot::Receiver<()>) -> Result<(), ApiError> {
    let Listeners { tcp, unix, allowed_hosts } = listeners;
    let shared = Shared::new(state, &allowed_hosts);
    let router = routes::router(shared);
    let (stop, stopped) = watch::channel(());
    let mut tasks = tokio::task::JoinSet::new();
    for listener in tcp {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(ApiError::Runtime)?;
        tasks.spawn(serve_one(listener, router.clone(), stopped.clone()));
    }
    let mut socket_path = None;
    if let Some((listener, path)) = unix {
        let listener = tokio::net::UnixListener::from_std(listener).map_err(ApiError::Runtime)?;
        tasks.spawn(serve_one(listener, router.clone(), stopped.clone()));
        socket_path = Some(path);
    }
    // A dropped sender means the same as a sent word.
    let _ = shutdown.await;
    drop(stop);
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all_ended).await.is_err() {
        tracing::debug!("requests were still open at shutdown");
    }
    if let Some(path) = socket_path
        && let Err(error) = std::fs::remove_file(&path)
    {
        tracing::debug!(%error, path = %path.display(), "the socket could not be removed");
    }
    Ok(())
}

async fn serve_one<L>(listener: L, router: Router, mut stopped: watch::Receiver<()>)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
    Peer: for<'a> Connected<IncomingStream<'a, L>>,
{
    let service = router.into_make_service_with_connect_info::<Peer>();
    let ended = async move {
        // Nothing is ever sent: the wait ends when the sender is dropped.
        let _ = stopped.changed().await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(ended).await {
        tracing::warn!(%error, "a listener ended");
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Somebody the file system let open the Unix socket.
    Local,
    /// Somebody on the network.
    Remote(IpAddr),
}

impl Connected<IncomingStream<'_, tokio::net::TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, tokio::net::TcpListener>) -> Peer {
        Peer::Remote(stream.remote_addr().ip().to_canonical())
    }
}

impl Connected<IncomingStream<'_, tokio::net::UnixListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, tokio::net::UnixListener>) -> Peer {
        Peer::Local
    }
}
