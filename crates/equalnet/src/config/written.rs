//! What the operator wrote, as TOML has it.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use toml::Spanned;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    pub mode: Option<Spanned<String>>,
    pub state_dir: Option<PathBuf>,
    pub run_dir: Option<PathBuf>,
    pub link: Vec<WrittenLink>,
    pub capture: WrittenCapture,
    pub api: WrittenApi,
    pub policy: WrittenPolicy,
    pub device: Vec<WrittenDevice>,
    pub rule: Vec<Spanned<WrittenRule>>,
    pub forecast: WrittenForecast,
    pub alerts: WrittenAlerts,
    pub last_rule: Option<Spanned<u32>>,
    pub history: WrittenHistory,
    pub shaping: WrittenShaping,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenShaping {
    pub adopt: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenLink {
    pub name: Option<String>,
    pub lan: Option<Spanned<OneOrMore>>,
    pub wan: Option<Spanned<String>>,
    pub interface: Option<Spanned<String>>,
    pub download: Spanned<WrittenRate>,
    pub upload: Spanned<WrittenRate>,
    pub margin: Option<Spanned<String>>,
    pub framing: Option<Spanned<String>>,
    pub quota: Option<Spanned<String>>,
    pub quota_resets: Option<Spanned<u8>>,
}

/// `"br-lan"`, or `["br-lan", "lan.20"]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name of an interface, or a list of names")]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub fn as_slice(&self) -> &[String] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(more) => more,
        }
    }
}

/// `"100 Mbit/s"`, or `{ min = "5 Mbit/s", max = "80 Mbit/s" }`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a rate is neither one nor bounds, expected `\"100 Mbit/s\"` where the line's rate is known, else \
                 `{ min = \"5 Mbit/s\", max = \"80 Mbit/s\", usual = \"30 Mbit/s\" }`"
)]
pub enum WrittenRate {
    Known(String),
    Bounds(WrittenBounds),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBounds {
    pub min: String,
    pub max: String,
    pub usual: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenCapture {
    pub source: Option<Spanned<String>>,
    pub promiscuous: Option<bool>,
    pub filter: Option<String>,
    pub file: Option<PathBuf>,
    pub at_end: Option<Spanned<String>>,
    pub gateways: Option<Vec<Spanned<String>>>,
    pub max_flows: Option<Spanned<usize>>,
    pub memory: Option<Spanned<String>>,
    pub leases: Option<Vec<PathBuf>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenApi {
    pub listen: Option<Vec<Spanned<String>>>,
    pub socket: Option<PathBuf>,
    pub allowed_hosts: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenPolicy {
    pub levels: Option<Spanned<u8>>,
    pub default_priority: Option<Spanned<u8>>,
    pub minimum: Option<Spanned<String>>,
    pub protected: Option<Spanned<String>>,
    pub early_yield: Option<Spanned<String>>,
    pub class: BTreeMap<Spanned<String>, WrittenClass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenClass {
    pub guarantee_download: Option<Spanned<String>>,
    pub guarantee_upload: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenDevice {
    pub id: Spanned<String>,
    pub name: Option<Spanned<String>>,
    pub priority: Option<Spanned<u8>>,
    pub weight: Option<Spanned<f64>>,
    pub guarantee_download: Option<Spanned<String>>,
    pub guarantee_upload: Option<Spanned<String>>,
    pub ceiling_download: Option<Spanned<String>>,
    pub ceiling_upload: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// Only rules by hand have one.
    pub id: Option<Spanned<u32>>,
    pub name: Option<Spanned<String>>,
    pub address: Option<Spanned<String>>,
    pub server: Option<Spanned<String>>,
    pub port: Option<Spanned<NumberOrText>>,
    pub protocol: Option<Spanned<String>>,
    pub device: Option<Spanned<String>>,
    pub dscp: Option<Spanned<NumberOrText>>,
    pub application: Option<Spanned<String>>,
    pub class: Spanned<String>,
    pub label: Option<String>,
    pub comment: Option<String>,
}

/// `443`, or `"5000-5100"`.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum NumberOrText {
    Number(i64),
    Text(String),
}

impl fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberOrText::Number(number) => number.fmt(f),
            NumberOrText::Text(text) => text.fmt(f),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenForecast {
    #[serde(rename = "use")]
    pub is_used: Option<bool>,
    pub predictor_url: Option<Spanned<String>>,
    pub predictor_timeout: Option<Spanned<String>>,
    pub predictor_in_clear: Option<bool>,
    pub train_at: Option<Spanned<String>>,
    pub train_cpu_time: Option<Spanned<String>>,
    pub train_memory: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenAlerts {
    pub unusual: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenHistory {
    pub seconds_for: Option<Spanned<String>>,
    pub minutes_for: Option<Spanned<String>>,
    pub hours_for: Option<Spanned<String>>,
    pub max_size: Option<Spanned<String>>,
    pub flow_log: Option<PathBuf>,
}
