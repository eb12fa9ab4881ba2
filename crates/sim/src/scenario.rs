//! What happens in a simulation, as a text that people read and write.
//!
//! ```text
//! link 100 Mbit/s down 20 Mbit/s up
//! lasts 24:00
//! seed 7
//! device laptop priority 1 guarantee 10 Mbit/s
//!   call 9:00 to 9:45
//! device nas priority 5
//!   backup 1:00 to 4:00
//! at 10:00 capacity 50 Mbit/s down 10 Mbit/s up
//! at 11:00 priority laptop 5
//! at 12:00 plans fail 3
//! ```

use std::str::FromStr;
use vocab::{BitRate, DeviceId, Directed, Guarantee, MacAddress, Priority, Share, TrafficClass};

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What the link divides at the start.
    pub capacity: Directed<BitRate>,
    /// How long it lasts, in seconds.
    pub seconds: u64,
    /// What the traffic's chances begin with.
    pub seed: u64,
    /// Who takes part.
    pub devices: Vec<SimulatedDevice>,
    /// What happens meanwhile: seconds since the start, and what.
    pub events: Vec<(u64, Event)>,
}

/// Who takes part.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedDevice {
    /// What it is called.
    pub name: String,
    /// Its id, made from its place in the text.
    pub id: DeviceId,
    /// What it is owed.
    pub share: Share,
    /// What it does.
    pub tasks: Vec<Task>,
}

/// What a device does for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// What for.
    pub class: TrafficClass,
    /// From this second on.
    pub from: u64,
    /// Until this second.
    pub to: u64,
}

/// What happens meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The link has another capacity.
    Capacity(Directed<BitRate>),
    /// A device (by its place) has another priority.
    Priority(usize, Priority),
    /// The kernel refuses so many plans.
    PlansFail(u32),
}

/// A text that is no scenario.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
pub struct ScenarioError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub wrong: String,
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Scenario, ScenarioError> {
        let mut scenario = Scenario {
            capacity: Directed::default(),
            seconds: 3_600,
            seed: 0,
            devices: Vec::new(),
            events: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            scenario.read(&words).ok_or_else(|| ScenarioError {
                line: index + 1,
                wrong: format!("`{line}` cannot be read; see the module's example"),
            })?;
        }
        if scenario.capacity.download == BitRate::ZERO {
            return Err(ScenarioError { line: 0, wrong: "no `link … down … up`".to_owned() });
        }
        Ok(scenario)
    }
}

impl Scenario {
    fn read(&mut self, words: &[&str]) -> Option<()> {
        match words {
            [] => {}
            ["link", rest @ ..] => self.capacity = capacity(rest)?,
            ["lasts", time] => self.seconds = seconds(time)?,
            ["seed", number] => self.seed = number.parse().ok()?,
            ["device", name, rest @ ..] => {
                let number = u8::try_from(self.devices.len() + 1).ok()?;
                let id = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]));
                let share = share(rest)?;
                self.devices.push(SimulatedDevice { name: (*name).to_owned(), id, share, tasks: Vec::new() });
            }
            ["at", time, event @ ..] => {
                let at = seconds(time)?;
                let event = self.event(event)?;
                self.events.push((at, event));
            }
            [class, from, "to", to] => {
                let task = Task { class: class.parse().ok()?, from: seconds(from)?, to: seconds(to)? };
                self.devices.last_mut()?.tasks.push(task);
            }
            _ => return None,
        }
        Some(())
    }

    fn event(&self, words: &[&str]) -> Option<Event> {
        match words {
            ["capacity", rest @ ..] => capacity(rest).map(Event::Capacity),
            ["priority", name, level] => {
                let device = self.devices.iter().position(|device| device.name == *name)?;
                Some(Event::Priority(device, Priority::new(level.parse().ok()?)?))
            }
            ["plans", "fail", times] => times.parse().ok().map(Event::PlansFail),
            _ => None,
        }
    }
}

fn capacity(words: &[&str]) -> Option<Directed<BitRate>> {
    let [down, down_unit, "down", up, up_unit, "up"] = words else { return None };
    Some(Directed { download: rate(down, down_unit)?, upload: rate(up, up_unit)? })
}

fn rate(number: &str, unit: &str) -> Option<BitRate> {
    format!("{number} {unit}").parse().ok()
}

fn share(mut words: &[&str]) -> Option<Share> {
    let mut share = Share::default();
    loop {
        match words {
            [] => return Some(share),
            ["priority", level, rest @ ..] => {
                share.priority = Priority::new(level.parse().ok()?)?;
                words = rest;
            }
            ["guarantee", number, unit, rest @ ..] => {
                let guarantee = Guarantee::Absolute(rate(number, unit)?);
                share.guarantee = Directed { download: guarantee, upload: Guarantee::None };
                words = rest;
            }
            ["ceiling", number, unit, rest @ ..] => {
                share.ceiling.download = rate(number, unit)?;
                words = rest;
            }
            _ => return None,
        }
    }
}

/// `9:45` is hours and minutes, `0:01:30` has seconds.
fn seconds(time: &str) -> Option<u64> {
    let parts: Vec<u64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes] => Some(hours * 3_600 + minutes * 60),
        [hours, minutes, seconds] => Some(hours * 3_600 + minutes * 60 + seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_and_a_fault_names_its_line() {
        let text = "link 100 Mbit/s down 20 Mbit/s up\nlasts 2:00\nseed 7\ndevice laptop priority 1 guarantee 10 Mbit/s\n\
                    call 0:10 to 0:20 # a call\nat 1:00 priority laptop 5\n";
        let scenario: Scenario = text.parse().unwrap();
        assert_eq!((scenario.seconds, scenario.seed), (7_200, 7));
        assert_eq!((scenario.devices.len(), scenario.events.len()), (1, 1));
        assert_eq!(scenario.devices[0].tasks[0].from, 600);
        for (text, line) in [("", 0), ("lnk 1 Mbit/s", 1), ("link 1 Mbit/s down 1 Mbit/s up\ncall 1:00 to 2:00", 2)] {
            assert_eq!(text.parse::<Scenario>().unwrap_err().line, line, "{text}");
        }
    }
}
