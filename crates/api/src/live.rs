//! The live socket, `GET /live`: who may open it, and the talk on it.
//!
//! One task a socket. Each frame is made from the newest snapshot against what was last *sent*, so a slow reader
//! skips snapshots by itself and never sees a gap; see [`feed`] for what is in a frame.

mod feed;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::shared::Shared;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocketUpgrade};
use axum::response::Response;
use feed::Feed;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use wire::live::{ClientFrame, Hello, PROTOCOL, ServerFrame};

/// How often we ask whether anybody is still there, and how many may stay unanswered.
const PING_EVERY: Duration = Duration::from_secs(15);
const MISSED_PONGS: u32 = 3;
/// A frame that cannot be sent in this time ends the socket: three pings would have been missed.
const SLOWEST_SEND: Duration = Duration::from_secs(45);
/// Everything is sent anew this often, so that no error stays.
const SNAP_EVERY: Duration = Duration::from_secs(60);
/// Snapshots come a little early or late; one that is this early is still sent.
const EARLY: Duration = Duration::from_millis(100);
/// The largest frame we take, in bytes; the largest sensible one has 60.
const LARGEST_FRAME: usize = 4_096;
/// Frames nobody can read before we hang up.
const UNREADABLE_FRAMES: u32 = 10;

/// RFC 6455, 7.4.1: try again later; and our own, from the range for applications: the login ended.
const TRY_AGAIN_LATER: u16 = 1013;
const POLICY_VIOLATION: u16 = 1008;
const LOGIN_ENDED: u16 = 4401;

/// What changes, as it changes: a WebSocket of the sub-protocol `equalnet.v1` (JSON text frames). The server
/// sends `ServerFrame`s, the caller `ClientFrame`s.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "now", operation_id = "live",
    responses(
        (status = 101, description = "The socket is open."),
        (status = 401, description = "Nobody is logged in.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page from elsewhere may not open it.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 422, description = "This is no WebSocket, or not of our sub-protocol.", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many are open.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::invalid("This is no WebSocket.").detail(error.body_text()))?;
    if !upgrade.requested_protocols().any(|protocol| protocol.as_bytes() == PROTOCOL.as_bytes()) {
        return Err(Problem::invalid("The socket must name the sub-protocol `equalnet.v1`."));
    }
    let Some(place) = shared.live_place() else {
        return Err(Problem::busy("Too many live sockets are open."));
    };
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(LARGEST_FRAME).max_frame_size(LARGEST_FRAME);
    Ok(upgrade.on_upgrade(async move |socket| {
        let (outgoing, incoming) = socket.split();
        talk(incoming, outgoing, shared, caller).await;
        drop(place);
    }))
}

/// Why a talk ends.
enum End {
    /// The other side left, or cannot be reached.
    Gone,
    /// We hang up, and say why.
    Close(u16, &'static str),
}

/// Talks until one side leaves.
async fn talk<I, O>(incoming: I, mut outgoing: O, shared: Shared, caller: Caller)
where
    I: Stream<Item = Result<Message, axum::Error>> + Unpin,
    O: Sink<Message> + Unpin,
{
    if let End::Close(code, reason) = converse(incoming, &mut outgoing, &shared, &caller).await {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Whoever does not take this either is gone.
        let _ = tokio::time::timeout(Duration::from_secs(1), outgoing.send(close)).await;
    }
}

async fn converse<I, O>(mut incoming: I, outgoing: &mut O, shared: &Shared, caller: &Caller) -> End
where
    I: Stream<Item = Result<Message, axum::Error>> + Unpin,
    O: Sink<Message> + Unpin,
{
    let mut snapshots = shared.snapshots();
    let mut endings = shared.logins().endings();
    let mut feed = Feed::new(snapshots.borrow_and_update().clone());
    let build = shared.state().version.clone();
    let hello = Hello { v: 1, build: build.clone(), session: format!("{:08x}", rand::random::<u32>()), hz: feed.hz() };
    if let Err(end) = send(outgoing, &ServerFrame::Hello(hello)).await {
        return end;
    }
    let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = 0;
    let mut unreadable = 0;
    let mut is_new = false;
    let mut sent_at = Instant::now();
    let mut snapped_at = Instant::now();
    loop {
        let due = sent_at + feed.period().saturating_sub(EARLY);
        let mut frames = Vec::new();
        tokio::select! {
            message = incoming.next() => {
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Pong(_) | Message::Ping(_) | Message::Binary(_))) => {
                        unanswered = 0;
                        continue;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                };
                unanswered = 0;
                match serde_json::from_str::<ClientFrame>(text.as_str()) {
                    Ok(frame) => {
                        if feed.hear(frame) {
                            frames.push(feed.snap(snapshots.borrow_and_update().clone(), &build, &mut shared.numbers()));
                            is_new = false;
                        }
                    }
                    Err(_) => {
                        unreadable += 1;
                        if unreadable >= UNREADABLE_FRAMES {
                            return End::Close(POLICY_VIOLATION, "frames nobody can read");
                        }
                    }
                }
            }
            changed = snapshots.changed(), if !is_new => match changed {
                Ok(()) => is_new = true,
                // The control loop is gone: we are stopping.
                Err(_) => return End::Close(TRY_AGAIN_LATER, "EqualNet is stopping"),
            },
            () = tokio::time::sleep_until(due), if is_new => {
                let snapshot = snapshots.borrow_and_update().clone();
                is_new = false;
                let is_time = snapped_at.elapsed() >= SNAP_EVERY;
                frames = if is_time {
                    feed.everything(snapshot, &build, &mut shared.numbers())
                } else {
                    feed.advance(snapshot, &build, &mut shared.numbers())
                };
            }
            _ = ping.tick() => {
                if unanswered >= MISSED_PONGS {
                    return End::Close(TRY_AGAIN_LATER, "no answer to three pings");
                }
                unanswered += 1;
                if let Err(end) = deliver(outgoing, Message::Ping(Vec::new().into())).await {
                    return end;
                }
            }
            // The sender lives in `shared`, so this never fails.
            _ = endings.changed() => {}
        }
        if let Caller::LoggedIn(login) = caller
            && !shared.logins().is_open(login, shared.now())
        {
            return End::Close(LOGIN_ENDED, "the login ended");
        }
        for frame in &frames {
            if matches!(frame, ServerFrame::Snap(_)) {
                snapped_at = Instant::now();
            }
            if let Err(end) = send(outgoing, frame).await {
                return end;
            }
        }
        if !frames.is_empty() {
            sent_at = Instant::now();
        }
    }
}

async fn send<O: Sink<Message> + Unpin>(outgoing: &mut O, frame: &ServerFrame) -> Result<(), End> {
    let text = serde_json::to_string(frame).expect("a frame of plain values is JSON");
    deliver(outgoing, Message::Text(text.into())).await
}

async fn deliver<O: Sink<Message> + Unpin>(outgoing: &mut O, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SLOWEST_SEND, outgoing.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Close(TRY_AGAIN_LATER, "too slow")),
    }
}

#[cfg(test)]
mod tests;
