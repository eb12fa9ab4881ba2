use super::*;
use crate::server::ApiState;
use futures_util::{sink, stream};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use vocab::{BitRate, Decision, Policy, Snapshot, Timestamp};

/// One talk in paused time: what the other side says and hears.
struct Talk {
    snapshots: watch::Sender<Arc<Snapshot>>,
    says: mpsc::Sender<Message>,
    hears: mpsc::Receiver<Message>,
}

/// At most one frame waits to be heard, as with a socket whose buffer is full.
fn talk() -> Talk {
    let (snapshots, snapshot) = watch::channel(Arc::new(Snapshot::default()));
    let (_, policy) = watch::channel(Arc::new(Policy::default()));
    let (requests, _) = crossbeam_channel::bounded(1);
    let state = ApiState {
        snapshots: snapshot,
        policy,
        requests,
        history: None,
        interfaces: Arc::new(|| Ok(Vec::new())),
        what_if: Arc::new(|_| unreachable!("nobody asks")),
        foresee: Arc::new(|_, _, _| unreachable!("the live socket asks nothing")),
        accounts: Vec::new(),
        clock: Arc::new(Timestamp::default),
        local_time: vocab::LocalTime::default(),
        quotas: std::collections::BTreeMap::new(),
        outlook: |_, _, _, _| vocab::Outlook::default(),
        version: "1.2.3".to_owned(),
    };
    let shared = Shared::new(state, &[]);
    let (says, said) = mpsc::channel(8);
    let (to_hear, hears) = mpsc::channel(1);
    let incoming = stream::unfold(said, |mut said| async { said.recv().await.map(|message| (Ok(message), said)) });
    let outgoing =
        sink::unfold(to_hear, |to_hear, message| async move { to_hear.send(message).await.map(|()| to_hear) });
    tokio::spawn(async move {
        talk_pinned(incoming, outgoing, shared).await;
    });
    Talk { snapshots, says, hears }
}

async fn talk_pinned(
    incoming: impl Stream<Item = Result<Message, axum::Error>>,
    outgoing: impl Sink<Message>,
    shared: Shared,
) {
    super::talk(std::pin::pin!(incoming), std::pin::pin!(outgoing), shared, Caller::Local).await;
}

impl Talk {
    async fn subscribe(&mut self) {
        assert!(matches!(self.frame().await, ServerFrame::Hello(_)));
        self.says.send(Message::text(r#"{"t": "sub", "ch": ["link", "devices"]}"#)).await.unwrap();
        assert!(matches!(self.frame().await, ServerFrame::Snap(_)));
    }

    async fn frame(&mut self) -> ServerFrame {
        loop {
            match self.hears.recv().await.unwrap() {
                Message::Text(text) => return serde_json::from_str(text.as_str()).unwrap(),
                Message::Ping(_) => self.says.send(Message::Pong(Vec::new().into())).await.unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn show(&self, sequence: u64, decisions: std::ops::Range<u64>) {
        let decisions = decisions.map(|id| Decision {
            id,
            at: Timestamp::default(),
            kind: vocab::DecisionKind::PolicyChanged,
            subject: vocab::Subject::Service,
            direction: None,
            from: BitRate::ZERO,
            to: BitRate::ZERO,
            because: Vec::new(),
            parts: Vec::new(),
            by: vocab::Actor::Configuration,
        });
        self.snapshots.send_replace(Arc::new(Snapshot {
            sequence,
            at: Timestamp::from_unix_millis(sequence),
            decisions: decisions.collect(),
            ..Snapshot::default()
        }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_skips_snapshots_and_never_events() {
    let mut talk = talk();
    talk.subscribe().await;
    for sequence in 1..=50 {
        talk.show(sequence, 1..sequence + 1);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (mut events, mut deltas, mut last) = (Vec::new(), Vec::new(), 0);
    while last < 50 {
        match talk.frame().await {
            ServerFrame::Event(event) => match *event {
                wire::live::Event::Decision { decision } => events.push(decision.id),
                other => panic!("{other:?}"),
            },
            ServerFrame::Delta(delta) => {
                deltas.push(delta.q);
                last = delta.ts;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, (1..=50).collect::<Vec<_>>(), "each once, in order");
    assert!(deltas.len() < 10, "most snapshots were skipped: {deltas:?}");
    assert!(deltas.is_sorted_by(|one, next| one + 1 == *next), "and yet no number is missing: {deltas:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_missed_more_than_the_journal_holds_gets_everything() {
    let mut talk = talk();
    talk.subscribe().await;
    talk.show(1, 1..4);
    for _ in 0..3 {
        assert!(matches!(talk.frame().await, ServerFrame::Event(_)));
    }
    assert!(matches!(talk.frame().await, ServerFrame::Delta(_)));
    talk.show(2, 100..111);
    loop {
        match talk.frame().await {
            ServerFrame::Snap(snap) => {
                assert_eq!(snap.decisions.len(), 11);
                break;
            }
            ServerFrame::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_told_anew_each_minute() {
    let mut talk = talk();
    talk.subscribe().await;
    let mut snaps = 0;
    for sequence in 1..=250 {
        talk.show(sequence, 1..1);
        tokio::time::sleep(Duration::from_millis(500)).await;
        match talk.frame().await {
            ServerFrame::Snap(_) => snaps += 1,
            ServerFrame::Delta(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(snaps, 2, "in two minutes and a little");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_answer_three_pings_is_left() {
    let mut talk = talk();
    assert!(matches!(talk.frame().await, ServerFrame::Hello(_)));
    let mut pings = 0;
    let close = loop {
        match talk.hears.recv().await.unwrap() {
            Message::Ping(_) => pings += 1,
            Message::Close(Some(close)) => break close,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((pings, close.code), (3, 1013));
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_nothing_is_left() {
    let mut talk = talk();
    talk.subscribe().await;
    for sequence in 1..=200 {
        talk.show(sequence, 1..1);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(talk.says.is_closed(), "the talk has ended");
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_borne_ten_times() {
    let mut talk = talk();
    assert!(matches!(talk.frame().await, ServerFrame::Hello(_)));
    for _ in 0..10 {
        talk.says.send(Message::text("{\"t\": \"dance\"}")).await.unwrap();
    }
    let Some(Message::Close(Some(close))) = talk.hears.recv().await else { panic!() };
    assert_eq!(close.code, 1008);
}
