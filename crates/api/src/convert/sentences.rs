//! The values in plain words: subject first, number and unit, then because; no term that needs a glossary.

use super::{Names, State, active, held, missed_guarantee, protected_drops};
use vocab::{
    Actor, Alert, AlertKind, Because, BitRate, Blindness, Bound, Confidence, Decision, DecisionKind, DeviceAllocation,
    DeviceSnapshot, Direction, Finding, Guarantee, Hold, Horizon, Mode, Quantile, Quantiles, Search, Shaping, Snapshot,
    Subject, Tier, TrafficClass,
};

/// The longest sentence of a decision, in characters.
const LONGEST: usize = 140;
/// The longest name inside a sentence, in characters.
const LONGEST_NAME: usize = 32;

/// Less than this is said to be next to nothing: "below 0 bit/s" says nothing.
const NOTHING: BitRate = BitRate::from_kbps(1);

/// At most `longest` characters of `text`, with an ellipsis where something was left out.
pub(super) fn clip(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest - 1).collect();
    format!("{}…", kept.trim_end())
}

/// `93.7 of 120 Mbit/s`, with one unit where both have the same.
fn of(part: BitRate, whole: BitRate) -> String {
    let (part, whole) = (part.to_string(), whole.to_string());
    match (part.split_once(' '), whole.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} of {whole}"),
        _ => format!("{part} of {whole}"),
    }
}

/// `9.20 to 12.0 Mbit/s`, with one unit where both have the same.
fn range(low: BitRate, high: BitRate) -> String {
    let (low, high) = (low.to_string(), high.to_string());
    if low == high {
        return high;
    }
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

fn need(need: Quantiles) -> String {
    range(need.at(Quantile::P50), need.at(Quantile::P90))
}

const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Download => "down",
        Direction::Upload => "up",
    }
}

/// What people call a class.
const fn class_word(class: TrafficClass) -> &'static str {
    match class {
        TrafficClass::Voice => "Voice",
        TrafficClass::Call => "Calls",
        TrafficClass::Gaming => "Gaming",
        TrafficClass::Interactive => "Interactive traffic",
        TrafficClass::Web => "Web",
        TrafficClass::Streaming => "Streaming",
        TrafficClass::Work => "Work",
        TrafficClass::Download => "Downloads",
        TrafficClass::Backup => "Backup",
        TrafficClass::Update => "Updates",
        TrafficClass::Unclassified => "Unknown traffic",
    }
}

fn devices_word(count: usize) -> String {
    if count == 1 { "1 device".to_owned() } else { format!("{count} devices") }
}

fn tier_words(tier: Tier) -> String {
    if tier == Tier::PROTECTED { "protected traffic".to_owned() } else { format!("priority {tier}") }
}

/// The status in one or two sentences; the first word is the state.
pub(super) fn status(snapshot: &Snapshot, state: State) -> String {
    let Some(link) = snapshot.links.first() else {
        return "Down: no link is set up. Say which interface and what line rate in the configuration.".to_owned();
    };
    let capacity = link.link.capacity();
    let moved =
        format!("{} down, {} up", of(link.usage.download, capacity.download), of(link.usage.upload, capacity.upload));
    let head = match state {
        State::Fine => format!("Fine: {moved}."),
        State::Busy => format!("Busy: {moved}; what is protected is not affected."),
        State::Strained => match (missed_guarantee(snapshot), protected_drops(snapshot)) {
            (Some(alert), _) => {
                let names = Names::of(snapshot);
                format!("Strained: {} does not get what it is guaranteed. {moved}.", who(&alert.subject, &names))
            }
            (None, Some(class)) => format!("Strained: {} loses packets. {moved}.", class_word(class)),
            (None, None) => format!("Strained: {moved}."),
        },
        State::Down => {
            let reason = snapshot.links.iter().find_map(|link| match &link.shaping {
                Shaping::Failed { reason } => Some(reason.as_str()),
                Shaping::Off | Shaping::On { .. } => None,
            });
            format!("Down: the link is not shaped ({}). {moved}.", clip(reason.unwrap_or("no reason given"), 80))
        }
    };
    let tail = match snapshot.mode {
        Mode::Observe => "Observing only: nothing is limited.".to_owned(),
        Mode::Suggest => "Suggesting only: nothing is limited.".to_owned(),
        Mode::Control => {
            let mut held: Vec<&DeviceSnapshot> = held(snapshot).collect();
            held.sort_by_key(|device| (std::cmp::Reverse(missing(device)), device.device));
            match held.as_slice() {
                [] => "Nobody is held back.".to_owned(),
                [one] => format!("{} is held {}.", clip(&one.name, LONGEST_NAME), held_to(one)),
                [one, others @ ..] => format!(
                    "{} is held {}, and {} more.",
                    clip(&one.name, LONGEST_NAME),
                    held_to(one),
                    devices_word(others.len())
                ),
            }
        }
    };
    format!("{head} {} active. {tail}", devices_word(active(snapshot)))
}

fn missing(device: &DeviceSnapshot) -> BitRate {
    let of = |hold: Option<Hold>| hold.map_or(BitRate::ZERO, |hold| hold.demand.saturating_sub(hold.rate));
    of(device.hold.download) + of(device.hold.upload)
}

fn held_to(device: &DeviceSnapshot) -> String {
    match (device.hold.download, device.hold.upload) {
        (Some(down), Some(up)) => format!("to {} down and {} up", down.rate, up.rate),
        (Some(down), None) => format!("to {} down", down.rate),
        (None, Some(up)) => format!("to {} up", up.rate),
        (None, None) => "no longer".to_owned(),
    }
}

/// Why a device gets less than it wants.
pub(super) fn hold(name: &str, hold: &Hold, direction: Direction) -> String {
    format!(
        "{} gets {} {} of the {} it wants: {}.",
        clip(name, LONGEST_NAME),
        hold.rate,
        way(direction),
        hold.demand,
        bound(hold.bound)
    )
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::Demand => "it wants no more".to_owned(),
        Bound::Ceiling => "that is the ceiling of what it does".to_owned(),
        Bound::DeviceCeiling => "that is its ceiling".to_owned(),
        Bound::ProtectedCeiling => "protected traffic may not take all of the link".to_owned(),
        Bound::Guarantee => "the link is full and others come first; it keeps its guarantee".to_owned(),
        Bound::Share { tier, level } => {
            format!("the link is full and everybody of {} gets up to {level}", tier_words(tier))
        }
    }
}

fn who(subject: &Subject, names: &Names<'_>) -> String {
    match subject {
        Subject::Service => "EqualNet".to_owned(),
        Subject::Link(link) => clip(&names.link(*link), LONGEST_NAME),
        Subject::Class(class) => class_word(*class).to_owned(),
        Subject::Device(device) => clip(&names.device(*device), LONGEST_NAME),
        Subject::Aggregate(aggregate) => {
            format!("{} of {}", class_word(aggregate.class), clip(&names.device(aggregate.device), LONGEST_NAME))
        }
    }
}

fn by(actor: &Actor) -> String {
    match actor {
        Actor::Automatic => "EqualNet".to_owned(),
        Actor::Person(name) => clip(name, LONGEST_NAME),
        Actor::Configuration => "The configuration".to_owned(),
    }
}

/// One decision in at most 140 characters.
pub(super) fn decision(decision: &Decision, names: &Names<'_>) -> String {
    let subject = who(&decision.subject, names);
    let way = decision.direction.map(|direction| format!(" {}", way(direction))).unwrap_or_default();
    let actor = by(&decision.by);
    let what = match decision.kind {
        DecisionKind::Held => format!("{subject} held to {}{way} instead of {}", decision.to, decision.from),
        DecisionKind::Released => format!("{subject} is no longer held{way}: up to {}", decision.to),
        DecisionKind::Reserved => format!("{subject}: {}{way} kept free instead of {}", decision.to, decision.from),
        DecisionKind::EarlyYield => format!("Downloads, backup and updates go last{way}"),
        DecisionKind::PriorityChanged { from, to } => format!("{actor} set {subject} to priority {to} (was {from})"),
        DecisionKind::PolicyChanged => format!("{actor} changed what {subject} is owed"),
        DecisionKind::ModeChanged { from, to } => format!("{actor} changed the mode from {from} to {to}"),
        DecisionKind::CapacityChanged => {
            format!("{subject}: capacity{way} {} instead of {}", decision.to, decision.from)
        }
    };
    let mut sentence = what;
    let mut joint = " because ";
    for ground in decision.because.iter().filter_map(because) {
        // A second ground only where it fits whole: half a reason is none. The first is always said.
        let longer = format!("{sentence}{joint}{ground}");
        if longer.chars().count() < LONGEST {
            sentence = longer;
            joint = ", and ";
        }
    }
    clip(&format!("{sentence}."), LONGEST)
}

fn because(because: &Because) -> Option<String> {
    match *because {
        Because::DemandOverCapacity { demand, capacity } => {
            Some(format!("{demand} are wanted and there are {capacity}"))
        }
        Because::Protect { class, need: quantiles } => {
            Some(format!("{} should need {}", class_word(class).to_lowercase(), need(quantiles)))
        }
        Because::OwnCeiling { ceiling } => Some(format!("its ceiling is {ceiling}")),
        Because::EarlierTier { own: _, exhausted } => Some(format!("{} needs the rest", tier_words(exhausted))),
        Because::FairShare { tier, level } => Some(format!("everybody of {} gets up to {level}", tier_words(tier))),
        Because::ForecastMoved { need: quantiles } => Some(format!("it should need {}", need(quantiles))),
        Because::DemandFell => Some("there is room again".to_owned()),
        Because::Asked => None,
    }
}

/// One alert in a sentence.
pub(super) fn alert(alert: &Alert, names: &Names<'_>) -> String {
    let subject = who(&alert.subject, names);
    match &alert.kind {
        AlertKind::PlanFailed { reason } => {
            format!("{subject}: the kernel refused a plan, the one before stays in force ({}).", clip(reason, 120))
        }
        AlertKind::RecordingStopped { reason } => {
            format!("History is no longer written ({}). Traffic is still divided.", clip(reason, 120))
        }
        AlertKind::CaptureLoss { packets } => {
            format!("{packets} packets went by without being counted. Traffic itself lost nothing.")
        }
        AlertKind::NewDevice => format!("{subject} is here for the first time."),
        AlertKind::QueuesDisturbed { what } => {
            format!("{subject}: another program changed the queues ({}). They are put right.", clip(what, 120))
        }
        AlertKind::GuaranteeMissed { owed, got } => format!("{subject} gets {got} of the {owed} it is guaranteed."),
        AlertKind::Unusual { direction, rate, usual, minute } => {
            let verb = match direction {
                Direction::Download => "downloads",
                Direction::Upload => "uploads",
            };
            let (hour, minute) = (minute / 60, minute % 60);
            let usually = if *usual < NOTHING { "next to nothing".to_owned() } else { format!("below {usual}") };
            format!("{subject} {verb} {rate} at {hour:02}:{minute:02}, usually {usually} at such a time.")
        }
        AlertKind::CapacityBlind { why } => {
            format!("{subject}: what it carries cannot be found, because {}. The stated rate is divided.", blind(*why))
        }
        AlertKind::FlowTableFull => {
            "More flows are open than can be watched; the oldest are no longer counted one by one.".to_owned()
        }
    }
}

const fn blind(why: Blindness) -> &'static str {
    match why {
        Blindness::NothingMeasured => "no round trips are seen while it is busy",
        Blindness::NoReaction => "its delay does not fall when less is sent",
        Blindness::DropsInstead => "it drops packets when it is full, and its delay stays low",
    }
}

/// How the search for a capacity stands: what is divided, and why.
pub(super) fn search(finding: &Finding, capacity: BitRate) -> String {
    let why = match finding.search {
        Search::Waiting => "as stated: the link has not been full yet".to_owned(),
        Search::Rising => "and more is tried: the link is full and its delay is low".to_owned(),
        Search::Standing if finding.confidence == Confidence::Low => "its delay is low with that".to_owned(),
        Search::Standing => "just below where its delay rises".to_owned(),
        Search::Draining => "less for the moment: its delay has risen".to_owned(),
        Search::Resting => "going back to what is usual: hardly anything moves".to_owned(),
        Search::Blind(why) => format!("as stated: {}", blind(why)),
    };
    let sure = match finding.confidence {
        Confidence::None => "",
        Confidence::Low => " Not sure yet.",
        Confidence::Fair => " Fairly sure.",
        Confidence::High => " Sure.",
    };
    format!("{capacity}, {why}.{sure}")
}

/// What a device gets, in one sentence.
pub(super) fn what_device_gets(snapshot: &Snapshot, device: &DeviceSnapshot) -> String {
    let name = clip(&device.name, LONGEST_NAME);
    let verb = match snapshot.mode {
        Mode::Control => "gets up to",
        Mode::Suggest => "would get up to",
        Mode::Observe => {
            let usage = device.usage();
            return format!(
                "{name} moves {} down and {} up. EqualNet only observes: nothing is limited.",
                usage.download, usage.upload
            );
        }
    };
    format!("{name} {verb} {} down and {} up.", device.allocation.download, device.allocation.upload)
}

/// Why a device gets what it gets: a sentence for each ground.
pub(super) fn why_device(
    snapshot: &Snapshot,
    device: &DeviceSnapshot,
    allocation: Option<&DeviceAllocation>,
    direction: Direction,
) -> Vec<String> {
    let mut grounds = Vec::new();
    for direction in Direction::ALL {
        if let Some(held) = &device.hold[direction] {
            grounds.push(hold(&device.name, held, direction));
        }
    }
    if grounds.is_empty() {
        grounds.push("It gets all it wants.".to_owned());
    }
    let first = snapshot.links.first();
    let division = first.and_then(|link| link.plan.as_ref()).map(|plan| &plan.directions[direction]);
    if let Some(division) = division {
        let demand: BitRate = division.devices.iter().map(|device| device.demand).sum();
        grounds.push(match division.exhausted {
            Some(tier) => format!(
                "All together should want {demand} {} and the link has {}: it is used up at {}.",
                way(direction),
                division.capacity,
                tier_words(tier)
            ),
            None => format!(
                "All together should want {demand} {} and the link has {}: there is room.",
                way(direction),
                division.capacity
            ),
        });
    }
    let share = &device.share;
    grounds.push(format!("Its priority is {} (1 is served first).", share.priority));
    if share.weight != vocab::Weight::ONE {
        let weight = f64::from(share.weight.thousandths()) / 1_000.0;
        grounds.push(format!("Its weight is {weight}: it gets that many times the share of others."));
    }
    match share.guarantee[direction] {
        Guarantee::None => {}
        guarantee => grounds.push(format!("It is guaranteed {guarantee} {}.", way(direction))),
    }
    let ceiling = share.ceiling[direction];
    if ceiling != BitRate::MAX {
        grounds.push(format!("Its ceiling is {ceiling} {}.", way(direction)));
    }
    if let Some(forecast) = &device.forecast[direction] {
        let said = need(forecast.at(Horizon::Mean15s));
        grounds.push(match forecast.maturity {
            vocab::Maturity::Mature => format!("It is predicted to need {said} in the next 15 s."),
            vocab::Maturity::Learning => format!("It is predicted to need {said}, but little was seen of it yet."),
        });
    }
    if let Some(allocation) = allocation {
        for held in allocation.aggregates.iter().filter(|part| part.rate < part.demand) {
            grounds.push(format!(
                "{}: {} {}, because {}.",
                class_word(held.class),
                of(held.rate, held.demand),
                way(direction),
                bound(held.bound)
            ));
        }
    }
    grounds
}

/// What a class gets, in one sentence.
pub(super) fn what_class_gets(snapshot: &Snapshot, class: TrafficClass) -> String {
    let word = class_word(class);
    let Some(on_link) =
        snapshot.links.first().and_then(|link| link.classes.iter().find(|on_link| on_link.class == class))
    else {
        return format!("{word}: nothing was seen yet.");
    };
    format!(
        "{word}: {} down and {} up now; {} down and {} up are kept free for it.",
        on_link.usage.download, on_link.usage.upload, on_link.reserved.download, on_link.reserved.upload
    )
}

/// Why a class gets what it gets: a sentence for each ground.
pub(super) fn why_class(snapshot: &Snapshot, class: TrafficClass) -> Vec<String> {
    let mut grounds = Vec::new();
    grounds.push(if class.is_protected() {
        "It is protected: served before everything else, whatever the device's priority.".to_owned()
    } else if class.yields_early() {
        "It can wait: nothing is kept free for it, and it goes last when the link gets full.".to_owned()
    } else {
        format!("It stands in place {} of 10 inside its device.", class.order() + 1)
    });
    let on_link = snapshot.links.first().and_then(|link| link.classes.iter().find(|on_link| on_link.class == class));
    if let Some(forecast) = on_link.and_then(|on_link| on_link.forecast.download.as_ref()) {
        grounds.push(format!("It is predicted to need {} down in the next 15 s.", need(forecast.at(Horizon::Mean15s))));
    }
    let mut users: Vec<(&DeviceSnapshot, BitRate)> = snapshot
        .devices
        .iter()
        .map(|device| (device, device.classes[class.index()].download + device.classes[class.index()].upload))
        .filter(|(_, usage)| *usage > BitRate::ZERO)
        .collect();
    users.sort_by_key(|(device, usage)| (std::cmp::Reverse(*usage), device.device));
    if let Some((most, usage)) = users.first() {
        grounds.push(format!(
            "{} moves most of it now: {usage}; {} in all.",
            clip(&most.name, LONGEST_NAME),
            devices_word(users.len())
        ));
    }
    grounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Severity, Subject, Timestamp};

    #[test]
    fn an_unusual_rate_is_told_with_its_time_and_what_is_usual_then() {
        for (usual, usually) in [
            (BitRate::from_mbps(2), "below 2.00 Mbit/s"),
            (BitRate::from_kbps(1), "below 1.00 kbit/s"),
            (BitRate::from_bps(999), "next to nothing"),
            (BitRate::ZERO, "next to nothing"),
        ] {
            let rate = BitRate::from_mbps(40);
            let alert = Alert {
                id: 1,
                at: Timestamp::default(),
                severity: Severity::Warning,
                kind: AlertKind::Unusual { direction: Direction::Upload, rate, usual, minute: 190 },
                subject: Subject::Device("192.168.1.9".parse().expect("an address")),
                count: 1,
                ended: None,
            };
            assert_eq!(
                super::alert(&alert, &Names::of(&Snapshot::default())),
                format!("192.168.1.9 uploads 40.0 Mbit/s at 03:10, usually {usually} at such a time.")
            );
        }
    }
}
