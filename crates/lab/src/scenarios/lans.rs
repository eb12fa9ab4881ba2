//! Two LANs behind one line.

use super::{CAPACITY, DOWNLOAD, FIRST, Outcome, SECOND, Stage, kernel_classes, mbit};
use crate::agent::{Activity, Agent, now_ms};
use crate::household::{HouseholdOptions, LAN};
use crate::story::mean_rates;
use crate::world::RELEASES;
use anyhow::Result;
use std::path::Path;
use vocab::BitRate;

/// On the second LAN, beside [`SECOND`]: takes a copy from one at home.
const TAKER: &str = "living-room-tv";
const GIVER: &str = "attic-nas";
/// Three times the line.
const COPY: BitRate = BitRate::from_mbps(60);
/// TCP finds its rate, the classifier its verdicts and the forecaster its feet.
const WARM_UP: f64 = 8.0;
const MEASURED: f64 = 20.0;

/// One hungry device on each LAN: halves, though something is copied from LAN to LAN meanwhile at three times the line.
pub(super) fn share(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("lans");
    let mut options = HouseholdOptions::usual(program.to_owned());
    options.second_lan = [SECOND, TAKER].map(str::to_owned).into();
    let owed = [(FIRST, 3, BitRate::from_mbps(2)), (SECOND, 3, BitRate::from_mbps(2))];
    let mut stage = Stage::build_in(&options, &owed)?;
    let meters = [stage.meter(FIRST, 1_000)?, stage.meter(SECOND, 1_000)?];
    let giver = stage.start(GIVER, Activity::Give { rate: COPY.as_bps() })?;
    stage.wait_for(&giver)?;
    let _hungry = [stage.hunger(FIRST, &[RELEASES], 4)?, stage.hunger(SECOND, &[RELEASES], 4)?];
    let from = stage.household.device(GIVER)?.address;
    let taker = stage.start(TAKER, Activity::Take { from })?;
    stage.listen(WARM_UP);
    let from = now_ms();
    stage.listen(MEASURED);
    let to = now_ms();
    let rate = |agent: &Agent| mbit(mean_rates(&stage.story.windows_between(agent.number(), from, to)).0);
    let [first, second] = [rate(&meters[0]), rate(&meters[1])];
    outcome.near("first_download_mbit_s", first, DOWNLOAD / 2.0, 0.04);
    outcome.near("second_download_mbit_s", second, DOWNLOAD / 2.0, 0.04);
    outcome.at_most("both_of_capacity", (first + second) / mbit(CAPACITY.download.as_bps()), 1.005);
    outcome.near("copied_between_lans_mbit_s", rate(&taker), mbit(COPY.as_bps()), 0.05);
    outcome.at_most("classes_on_the_lan", kernel_classes(&stage.household, LAN)?.len() as f64, 0.0);
    outcome.at_least("classes_on_the_ifb", kernel_classes(&stage.household, "enifb0")?.len() as f64, 6.0);
    Ok(stage.end(outcome))
}
