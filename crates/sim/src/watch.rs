//! Whether what a household does by habit is told as unusual, and what is planted in it is found.

use crate::residents::{HOUSEHOLD, Life, Resident, SPAN_S};
use engine::{Engine, Input, Output};
use forecast::{Family, Forecaster};
use std::sync::Arc;
use std::time::Duration;
use vocab::{
    Aggregate, AlertKind, BitRate, DeviceId, Directed, InterfaceName, Link, LinkId, MacAddress, Policy, Record, Sample,
    Subject, Timestamp, Topology, TrafficClass,
};

/// A Monday, midnight UTC.
const START: Timestamp = Timestamp::from_unix_secs(1_767_571_200);
const SPAN: Duration = Duration::from_secs(SPAN_S);
const WEEK: u64 = 7 * 24 * 12;

/// What is planted lasts so many spans, and is found if it is told by their end.
const PLANTED_SPANS: u64 = 8;

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Alerts that nothing planted is behind, by week.
    pub false_alerts: Vec<usize>,
    /// For each that was planted, after how many minutes it was told, if it was.
    pub found_after_min: Vec<Option<u64>>,
    /// All of them, for people.
    pub sentences: Vec<String>,
}

/// What is planted each Wednesday, in turns: whose, at which span of the day, and what it moves.
fn planted(week: u64) -> (usize, u64, Directed<BitRate>) {
    let number = |resident| {
        let before = HOUSEHOLD.iter().take_while(|(known, _)| *known != resident);
        before.map(|(_, count)| count).sum::<usize>()
    };
    let rates = |down, up| Directed { download: BitRate::from_mbps(down), upload: BitRate::from_mbps(up) };
    match week % 4 {
        // An archive sends all it has at noon, a thing joins an attack at night, a laptop and a camera send something.
        0 => (number(Resident::Archive), 12 * 12, rates(1, 40)),
        1 => (number(Resident::Thing), 3 * 12, rates(0, 6)),
        2 => (number(Resident::Laptop), 4 * 12, rates(1, 15)),
        _ => (number(Resident::Camera), 10 * 12, rates(0, 18)),
    }
}

/// Lives `weeks` with a household, through a real engine; from week `from` on something is planted each Wednesday.
pub fn watch(seed: u64, weeks: u64, from: u64) -> Told {
    let name = |name| InterfaceName::new(name).expect("a constant name is valid");
    let rate = BitRate::from_mbps(100);
    let link = Link {
        id: LinkId(0),
        name: "internet".to_owned(),
        topology: Topology::Router { lan: name("lan"), wan: name("wan") },
        line_rate: Directed { download: rate, upload: rate },
        margin_permille: 0,
        framing: vocab::Framing::default(),
        sought: vocab::Directed::default(),
    };
    // Nothing of forecasts is asked here: no networks, for they cost the most.
    let forecaster = Forecaster::with_family(forecast::Settings::default(), Arc::new(Family::default()));
    let mut engine = Engine::new(Policy::default(), vec![link], forecaster, START);
    let mut lives = Life::household(seed);
    let mut told = Told { false_alerts: vec![0; weeks as usize], ..Told::default() };
    for span in 0..weeks * WEEK {
        let start = START + SPAN * u32::try_from(span).expect("a simulation is shorter than centuries");
        let (week, of_week) = (span / WEEK, span % WEEK);
        let (victim, at, planted) = planted(week);
        let begins = 2 * 24 * 12 + at;
        let is_planted = week >= from && (begins..begins + PLANTED_SPANS).contains(&of_week);
        if is_planted && of_week == begins {
            told.found_after_min.push(None);
        }
        let samples = (0u8..).zip(&mut lives).map(|(number, life)| {
            let more = if is_planted && usize::from(number) == victim { planted } else { Directed::default() };
            let rates = life.span(span) + more;
            let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]));
            let aggregate = Aggregate { device, class: TrafficClass::Unclassified };
            let bytes = rates.map(|rate| rate.over(SPAN));
            let packets = bytes.map(|bytes| bytes.0 / 1_000);
            Sample { link: LinkId(0), aggregate, start, window: SPAN, bytes, packets, flows: 1 }
        });
        let now = start + SPAN + Duration::from_millis(100);
        engine.handle_input(Input::Samples(samples.collect()), now);
        engine.handle_timeout(now);
        while let Some(output) = engine.poll_output() {
            let Output::Record(Record::Alert(alert)) = output else { continue };
            let AlertKind::Unusual { direction, rate, usual, minute } = alert.kind else { continue };
            if alert.ended.is_some() {
                continue;
            }
            let Subject::Device(DeviceId::Mac(MacAddress([.., number]))) = alert.subject else { continue };
            let day = of_week / 288 + 1;
            let (hour, minute) = (minute / 60, minute % 60);
            told.sentences.push(format!(
                "week {week} day {day} {hour:02}:{minute:02}: {number} {direction} {rate}, usually below {usual}"
            ));
            let late = of_week.checked_sub(begins).filter(|late| *late <= PLANTED_SPANS + 1);
            match (late, told.found_after_min.last_mut()) {
                (Some(late), Some(found)) if usize::from(number) == victim && week >= from => {
                    found.get_or_insert((late + 1) * SPAN_S / 60);
                }
                _ => told.false_alerts[week as usize] += 1,
            }
        }
    }
    told
}
