//! What all routes share: the state from the daemon, and the little the API owns itself.

use crate::auth::{Account, HostRules, LoginGate, Logins};
use crate::convert::Numbers;
use crate::problem::Problem;
use crate::request::{Refused, Request, WhatIfAsked};
use crate::server::ApiState;
use crossbeam_channel::TrySendError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Reader, StoreError};
use tokio::sync::{Semaphore, oneshot, watch};
use vocab::{Forecast, Policy, Snapshot, Timestamp, TrafficClass, Usage};

/// How long the control loop may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Passwords hashed at once: each takes 19 MiB and tens of milliseconds of a core.
const HASHED_AT_ONCE: usize = 2;
/// Readers of the history at once: each is a thread and a connection.
const READERS_AT_ONCE: usize = 4;
/// Live sockets open at once.
const LIVE_AT_ONCE: usize = 64;

/// Cheap to clone; one for all routes.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

/// A series to foresee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    pub class: TrafficClass,
    /// What it did, the oldest second first; `None` where that is not known.
    pub seconds: Vec<Option<Usage>>,
    /// When the last second ended.
    pub at: Timestamp,
}

struct Inner {
    state: ApiState,
    host_rules: HostRules,
    logins: Mutex<Logins>,
    gate: Mutex<LoginGate>,
    numbers: Mutex<Numbers>,
    hashing: Semaphore,
    listing: Semaphore,
    reading: Semaphore,
    foreseeing: Semaphore,
    replaying: Arc<Semaphore>,
    live: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(state: ApiState, allowed_hosts: &[String]) -> Shared {
        Shared(Arc::new(Inner {
            host_rules: HostRules::new(allowed_hosts),
            logins: Mutex::new(Logins::new()),
            gate: Mutex::default(),
            numbers: Mutex::default(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
            listing: Semaphore::new(1),
            reading: Semaphore::new(READERS_AT_ONCE),
            foreseeing: Semaphore::new(1),
            replaying: Arc::new(Semaphore::new(1)),
            live: Arc::new(Semaphore::new(LIVE_AT_ONCE)),
            state,
        }))
    }

    pub(crate) fn state(&self) -> &ApiState {
        &self.0.state
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.state.clock)()
    }

    /// The latest snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.0.state.snapshots.borrow().clone()
    }

    /// Hears of each new snapshot.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.state.snapshots.clone()
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.0.state.policy.borrow().clone()
    }

    pub(crate) fn host_rules(&self) -> &HostRules {
        &self.0.host_rules
    }

    pub(crate) fn logins(&self) -> MutexGuard<'_, Logins> {
        lock(&self.0.logins)
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, LoginGate> {
        lock(&self.0.gate)
    }

    /// The devices' numbers on the live socket.
    pub(crate) fn numbers(&self) -> MutexGuard<'_, Numbers> {
        lock(&self.0.numbers)
    }

    /// A place for one more live socket, given back when dropped.
    pub(crate) fn live_place(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.0.live.clone().try_acquire_owned().ok()
    }

    /// Whether `password` is the one of the account `user`, off the runtime's threads. Takes as long for an
    /// account that does not exist.
    pub(crate) async fn password_fits(&self, user: &str, password: String) -> Result<bool, Problem> {
        let Ok(_place) = self.0.hashing.acquire().await else {
            return Err(Problem::internal("The password could not be checked."));
        };
        let account: Option<&Account> = self.0.state.accounts.iter().find(|account| account.user == user);
        let known = account.is_some();
        let hash =
            account.map_or_else(|| crate::auth::HASH_OF_NOBODY.to_owned(), |account| account.password_hash.clone());
        match tokio::task::spawn_blocking(move || crate::auth::fits(&password, &hash)).await {
            Ok(fits) => Ok(fits && known),
            Err(_) => Err(Problem::internal("The password could not be checked.")),
        }
    }

    /// The interfaces, measured now.
    pub(crate) async fn interfaces(&self) -> Result<Vec<wire::Interface>, Problem> {
        let Ok(_place) = self.0.listing.acquire().await else {
            return Err(Problem::internal("The interfaces could not be listed."));
        };
        let list = self.0.state.interfaces.clone();
        match tokio::task::spawn_blocking(move || list()).await {
            Ok(listed) => listed.map_err(Problem::internal),
            Err(_) => Err(Problem::internal("The interfaces could not be listed.")),
        }
    }

    /// What each of `series` will do, off the runtime's threads and one question at a time: it takes a core for up
    /// to some seconds, which the control loop must not miss.
    pub(crate) async fn foresee(&self, series: Vec<Series>) -> Result<Vec<Forecast>, Problem> {
        let place = tokio::time::timeout(PATIENCE, self.0.foreseeing.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(Problem::busy("EqualNet foresees for somebody else. Try again."));
        };
        let foresee = self.0.state.foresee.clone();
        let all = move || series.iter().map(|one| foresee(one.class, &one.seconds, one.at)).collect();
        tokio::task::spawn_blocking(all).await.map_err(|_| Problem::internal("It could not be foreseen."))
    }

    /// What another policy would have meant, off the runtime's threads and one question at a time, also where who asked
    /// does not wait for the answer.
    pub(crate) async fn what_if(&self, asked: WhatIfAsked) -> Result<wire::WhatIf, Problem> {
        let Ok(place) = self.0.replaying.clone().try_acquire_owned() else {
            return Err(Problem::busy("EqualNet replays for somebody else. Try again."));
        };
        let what_if = self.0.state.what_if.clone();
        let replay = move || {
            let told = what_if(&asked);
            drop(place);
            told
        };
        let told = tokio::task::spawn_blocking(replay).await;
        Ok(told.map_err(|_| Problem::internal("It could not be replayed."))??)
    }

    /// What `read` finds in the history, off the runtime's threads; `None` where no history is kept.
    pub(crate) async fn read_history<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let Some(path) = self.0.state.history.clone() else { return Ok(None) };
        let Ok(_place) = self.0.reading.acquire().await else {
            return Err(Problem::internal("The history cannot be read."));
        };
        let found = tokio::task::spawn_blocking(move || Reader::open(&path).and_then(|reader| read(&reader))).await;
        match found {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the history cannot be read");
                Err(Problem::internal("The history cannot be read.").detail(error.to_string()))
            }
            Err(_) => Err(Problem::internal("The history cannot be read.")),
        }
    }

    /// Asks the control loop and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Refused>>) -> Request,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        match self.0.state.requests.try_send(request(reply)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(Problem::busy("EqualNet has more requests than it can answer. Try again."));
            }
            Err(TrySendError::Disconnected(_)) => return Err(Problem::busy("EqualNet is stopping.")),
        }
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(Problem::busy("EqualNet did not answer. Try again.")),
            Err(_) => Err(Problem::busy("EqualNet took too long to answer. Look whether the change is in force.")),
        }
    }
}

/// What a panicking thread left behind is whole: every change of these values is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
