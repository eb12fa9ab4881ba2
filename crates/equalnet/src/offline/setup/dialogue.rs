//! Questions to a person, asked until the answer makes sense.

use anyhow::{Result, bail};
use std::io::{BufRead, Write};
use vocab::BitRate;

/// Who is asked.
pub enum Dialogue<R, W> {
    /// A person at a terminal.
    Asks { from: R, to: W },
    /// Nobody: every question has the answer that goes without saying, or none.
    Silent,
}

impl<R: BufRead, W: Write> Dialogue<R, W> {
    pub fn is_asking(&self) -> bool {
        matches!(self, Dialogue::Asks { .. })
    }

    /// Yes or no; `usual` where nothing is said.
    pub fn agrees(&mut self, question: &str, usual: bool) -> Result<bool> {
        let choices = if usual { "[Y/n]" } else { "[y/N]" };
        let said =
            self.ask(&format!("{question} {choices} "), |answer| match answer.to_ascii_lowercase().as_str() {
                "" => Ok(usual),
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("y or n".to_owned()),
            })?;
        Ok(said.unwrap_or(usual))
    }

    /// A rate. A bare number is of Mbit/s, as contracts have it.
    pub fn rate(&mut self, question: &str) -> Result<Option<BitRate>> {
        self.ask(&format!("{question} "), |answer| {
            let with_unit = if answer.parse::<f64>().is_ok() { format!("{answer} Mbit/s") } else { answer.to_owned() };
            let rate = with_unit.parse::<BitRate>().ok().filter(|rate| *rate >= BitRate::from_kbps(64));
            rate.ok_or_else(|| "a rate, such as 100 Mbit/s or 800 kbit/s".to_owned())
        })
    }

    /// The place of one of `choices`; the last where nothing is said.
    pub fn one_of(&mut self, question: &str, choices: &[&str]) -> Result<Option<usize>> {
        let list: Vec<String> = (1..).zip(choices).map(|(number, choice)| format!("  {number}  {choice}\n")).collect();
        self.ask(&format!("{question}\n{}[{}] ", list.concat(), choices.len()), |answer| {
            let number = if answer.is_empty() { choices.len() } else { answer.parse().unwrap_or(0) };
            let place = number.checked_sub(1).filter(|place| *place < choices.len());
            place.ok_or_else(|| format!("a number from 1 to {}", choices.len()))
        })
    }

    fn ask<T>(&mut self, question: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>> {
        let Dialogue::Asks { from, to } = self else { return Ok(None) };
        write!(to, "{question}")?;
        loop {
            to.flush()?;
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                bail!("the answers ended; nothing was written");
            }
            match read(line.trim()) {
                Ok(answer) => return Ok(Some(answer)),
                Err(right) => write!(to, "  {right}: ")?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a question makes of what a person types, and what they were told to type instead.
    fn check<T: PartialEq + std::fmt::Debug>(
        typed: &str,
        ask: impl Fn(&mut Dialogue<&[u8], &mut Vec<u8>>) -> Result<T>,
        expected: Option<T>,
        told: &str,
    ) {
        let mut shown = Vec::new();
        let answer = ask(&mut Dialogue::Asks { from: typed.as_bytes(), to: &mut shown });
        assert_eq!(answer.ok(), expected, "{typed:?}");
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains(told), "{shown}");
    }

    #[test]
    fn questions_are_asked_until_the_answer_makes_sense() {
        let mbps = |rate| Some(Some(BitRate::from_mbps(rate)));
        check("\n", |asks| asks.agrees("So?", true), Some(true), "So? [Y/n]");
        check("what\nNo\n", |asks| asks.agrees("So?", true), Some(false), "y or n: ");
        check("\n", |asks| asks.agrees("So?", false), Some(false), "[y/N]");
        check("", |asks| asks.agrees("So?", true), None, "");
        check("100\n", |asks| asks.rate("Down?"), mbps(100), "Down?");
        check("fast\n0\n20 Mbit/s\n", |asks| asks.rate("Down?"), mbps(20), "such as 100 Mbit/s");
        check("2\n", |asks| asks.one_of("Which?", &["a", "b", "c"]), Some(Some(1)), "  2  b\n");
        check("4\n\n", |asks| asks.one_of("Which?", &["a", "b", "c"]), Some(Some(2)), "from 1 to 3");
    }

    #[test]
    fn nobody_says_nothing() {
        let mut silent = Dialogue::<&[u8], Vec<u8>>::Silent;
        assert_eq!(silent.rate("Down?").unwrap(), None);
        assert_eq!(silent.one_of("Which?", &["a"]).unwrap(), None);
        assert!(silent.agrees("So?", true).unwrap() && !silent.agrees("So?", false).unwrap());
        assert!(!silent.is_asking());
    }
}
