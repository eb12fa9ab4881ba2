//! An engine over one link of 100 Mbit/s each way, with nothing seen yet.

use engine::Engine;
use forecast::{Forecaster, Settings};
use vocab::{BitRate, Directed, InterfaceName, Link, LinkId, Mode, Policy, Timestamp, Topology};

pub const START: Timestamp = Timestamp::from_unix_secs(1_750_000_000);

pub fn engine(mode: Mode) -> Engine {
    let name = |name| InterfaceName::new(name).unwrap();
    let rate = BitRate::from_mbps(100);
    let link = Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: Directed { download: rate, upload: rate },
        margin_permille: 50,
        framing: vocab::Framing::default(),
        sought: vocab::Directed::default(),
    };
    let policy = Policy { mode, ..Policy::default() };
    Engine::new(policy, vec![link], Forecaster::new(Settings::default()), START)
}
