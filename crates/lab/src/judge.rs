//! What the daemon took each flow for, beside what the one who opened it knows.

use crate::report::{ClassScore, TrueFlow, WrongFlow, flow_key};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How well flows were recognised.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// Per class that there truly was.
    pub(crate) classes: BTreeMap<String, ClassScore>,
    /// Flows that were taken for something else.
    pub(crate) wrong: Vec<WrongFlow>,
    /// Flows that the daemon never listed.
    pub(crate) unseen: Vec<TrueFlow>,
}

/// Compares each of the flows in `truths` with the daemon's last word on it, which `said` holds by
/// [`key_of`](crate::report::key_of).
pub(crate) fn judge<'a>(
    truths: impl IntoIterator<Item = &'a TrueFlow>,
    said: &BTreeMap<String, wire::Flow>,
) -> Judgement {
    let mut judgement = Judgement::default();
    for truth in truths {
        let Some(key) = key_of_truth(truth) else { continue };
        let Some(flow) = said.get(&key) else {
            judgement.unseen.push(truth.clone());
            continue;
        };
        let score = judgement.classes.entry(truth.class.clone()).or_default();
        score.flows += 1;
        if flow.class == truth.class {
            score.right += 1;
        } else {
            judgement.wrong.push(WrongFlow {
                truth: truth.clone(),
                class: flow.class.clone(),
                application: flow.application.clone(),
                evidence: flow.evidence.clone(),
                packets: flow.packets.download + flow.packets.upload,
            });
        }
    }
    judgement
}

/// The key of a flow as the one who opened it knows it.
pub(crate) fn key_of_truth(truth: &TrueFlow) -> Option<String> {
    let (local, remote) = (ends(&truth.local)?, ends(&truth.remote)?);
    Some(flow_key(&truth.protocol, (&local.0, local.1), (&remote.0, remote.1)))
}

/// Address and port of `text`, as the API writes them.
fn ends(text: &str) -> Option<(String, u16)> {
    let address: SocketAddr = text.parse().ok()?;
    Some((address.ip().to_canonical().to_string(), address.port()))
}
