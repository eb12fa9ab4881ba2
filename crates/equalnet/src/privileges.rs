//! What the daemon may do: kept to what it needs.

use caps::{CapSet, Capability};

/// What it needs: queues and addresses, packets, eBPF, counters of the eBPF ring, the pins' file system.
const NEEDED: [(Capability, &str); 4] = [
    (Capability::CAP_NET_ADMIN, "to shape and to attach eBPF programs"),
    (Capability::CAP_NET_RAW, "to capture packets"),
    (Capability::CAP_BPF, "to load eBPF programs"),
    (Capability::CAP_PERFMON, "to let eBPF programs read packets"),
];

/// The rights that are missing, each with what it is for.
pub fn missing() -> Vec<String> {
    NEEDED
        .into_iter()
        .filter(|(capability, _)| !caps::has_cap(None, CapSet::Effective, *capability).unwrap_or(false))
        .map(|(capability, purpose)| format!("{capability} ({purpose})"))
        .collect()
}

/// What the daemon does with the rights it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Watches or shapes this machine's network.
    Network,
    /// Reads a file: any user may.
    Nothing,
}

/// Gives up every right that is not needed once the pins' file system is mounted and all sockets are open.
pub fn reduce(need: Need) {
    let keep: Vec<Capability> = match need {
        Need::Network => NEEDED.into_iter().map(|(capability, _)| capability).collect(),
        Need::Nothing => Vec::new(),
    };
    for capability in caps::all() {
        // Files of the state folder belong to whoever started us: root keeps its way to them.
        if !keep.contains(&capability) && capability != Capability::CAP_DAC_OVERRIDE {
            for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
                let _ = caps::drop(None, set, capability);
            }
        }
    }
}
