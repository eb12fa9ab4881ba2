//! What is foreseen: `GET /forecast`, `POST /forecast`, `POST /predict`.

use crate::{Directed, ForecastCurve};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /forecast`: one series (`rates`), or several (`series`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastQuestion {
    /// Of what class it is; `unclassified` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The mean rate of each second, the oldest first; `null` where it is not known. At most 3600.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 3600, value_type = Option<Vec<Option<f64>>>)]
    pub rates: Option<Vec<Option<f64>>>,
    /// What the rates are in: `bit/s` (if absent), `kbit/s`, `Mbit/s`, `Gbit/s` or `B/s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// When the last second ended; now if absent. The hour and the weekday can matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Several series instead, at most 16; each is foreseen by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 16)]
    pub series: Option<Vec<SeriesRates>>,
}

/// One of several series of `POST /forecast`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesRates {
    /// Of what class it is; `unclassified` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The mean rate of each second, the oldest first; `null` where it is not known. At most 3600.
    #[schema(max_items = 3600, value_type = Vec<Option<f64>>)]
    pub rates: Vec<Option<f64>>,
    /// What the rates are in: `bit/s` (if absent), `kbit/s`, `Mbit/s`, `Gbit/s` or `B/s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// When the last second ended; now if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
}

/// The answer to `POST /forecast`: in the shape of the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ForecastAnswer {
    /// Of the one series.
    One(SeriesForecast),
    /// Of each, in the order of the question.
    Several {
        /// One for each.
        series: Vec<SeriesForecast>,
    },
}

/// What is foreseen of one series, bit/s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeriesForecast {
    /// As what class it was foreseen.
    pub class: String,
    /// The second that ends 1 s from now.
    pub h1: Quantiles,
    /// The second that ends 5 s from now.
    pub h5: Quantiles,
    /// The second that ends 15 s from now.
    pub h15: Quantiles,
    /// The second that ends 60 s from now.
    pub h60: Quantiles,
    /// The mean of the next 15 s: what guarantees are made of.
    pub w15: Quantiles,
    /// Which model spoke for the mean of the next 15 s.
    pub model: String,
    /// Whether it has seen too little to be trusted.
    pub learning: bool,
}

/// Three quantiles of one rate, bit/s, never decreasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quantiles {
    /// As likely above as below.
    pub p50: u64,
    /// Nine times in ten below.
    pub p90: u64,
    /// Ninety-nine times in a hundred below.
    pub p99: u64,
}

/// `POST /predict`, in the words of that contract. Fields that are not named here are passed over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PredictQuestion {
    /// `voice`, `video`, `browsing`, `gaming`, `file`, `background`, or a class.
    pub traffic_type: String,
    /// The size of a packet, bytes. Taken, and of no weight here: what is known of the class says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 65535)]
    pub packet_size: Option<f64>,
    /// Packets that wait: above 0, `recentThroughput` is what it got, not what it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000000000)]
    pub queue_length: Option<f64>,
    /// At which rate it ran lately, Mbit/s: with it, that is foreseen instead of what the class does here now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000000)]
    pub recent_throughput: Option<f64>,
    /// `download` or `upload`; `download` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

/// The answer to `POST /predict`: the mean of the next 15 s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// What was asked for.
    pub traffic_type: String,
    /// What it will want: enough nine times in ten, the same as `p90`.
    pub predicted_bandwidth: f64,
    /// `Mbps`: 10^6 bit/s, layer 2.
    pub unit: String,
    /// As likely above as below.
    pub p50: f64,
    /// Nine times in ten below.
    pub p90: f64,
    /// Ninety-nine times in a hundred below.
    pub p99: f64,
    /// Only there, and true, while too little was seen to trust it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub learning: bool,
}

/// `GET /forecast`: what is foreseen now, of what and by whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastView {
    /// When this snapshot was taken.
    pub at_ms: u64,
    /// The links, then the classes, then the devices that moved something in the last minute.
    pub series: Vec<SeriesView>,
    /// How asking another predictor goes; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<OutsideView>,
    /// Share of the forecasts of the last hour that were not exceeded at P90, in thousandths (900 is
    /// perfect); absent while there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_permille: Option<u16>,
    /// Which weights forecasts are made with.
    #[serde(default)]
    pub weights: WeightsView,
}

/// Which weights forecasts are made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightsView {
    /// `shipped`, those that came with EqualNet, or `own`, learnt from this network's history.
    pub source: String,
    /// When own ones were learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Why own ones that are there are not in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Default for WeightsView {
    fn default() -> WeightsView {
        WeightsView { source: "shipped".to_owned(), since_ms: None, fault: None }
    }
}

/// What is foreseen now of a link, a class or a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeriesView {
    /// `link`, `class` or `device`.
    pub kind: String,
    /// The link's number, the class's word or the device's id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it moved in the last second, bit/s.
    pub usage: Directed<u64>,
    /// What it is foreseen to want; absent while nothing is known.
    pub forecast: Directed<Option<ForecastCurve>>,
    /// Who says so, the loudest first.
    pub models: Directed<Vec<ModelStanding>>,
}

/// How asking another predictor goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutsideView {
    /// Questions sent since the start.
    pub asked: u64,
    /// Of them, those without an answer that could be used.
    pub failed: u64,
    /// What is wrong with it now; absent while it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// How one model stands for one series, beside the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelStanding {
    /// Which: `last`, `ewma`, `seasonal`, `autoregression`, `network-1`…, `trees`, `recurrent`, or `outside`, the other predictor.
    pub model: String,
    /// How loud it speaks for P90 of the mean of the next 15 s, in thousandths of all together.
    pub weight_permille: u16,
    /// What it says alone of that mean: P50, P90 and P99, bit/s.
    pub alone: [u64; 3],
    /// What it lost there in the last quarter of an hour, in thousandths of what EWMA lost: less is better; absent
    /// while either has no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_ewma_permille: Option<u32>,
    /// Whether it is set aside, because it loses.
    pub set_aside: bool,
}
