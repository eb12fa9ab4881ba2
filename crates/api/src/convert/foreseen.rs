//! What is foreseen, in the words of `wire`.

use vocab::{BitRate, Forecast, Horizon, Maturity, Quantile, TrafficClass};

/// One series of the answer to `POST /forecast`.
pub(crate) fn series_forecast(class: TrafficClass, forecast: &Forecast) -> wire::SeriesForecast {
    let at = |horizon| {
        let rate = |quantile| forecast.at(horizon).at(quantile).as_bps();
        wire::Quantiles { p50: rate(Quantile::P50), p90: rate(Quantile::P90), p99: rate(Quantile::P99) }
    };
    wire::SeriesForecast {
        class: class.name().to_owned(),
        h1: at(Horizon::After1s),
        h5: at(Horizon::After5s),
        h15: at(Horizon::After15s),
        h60: at(Horizon::After60s),
        w15: at(Horizon::Mean15s),
        model: forecast.model.to_owned(),
        learning: forecast.maturity == Maturity::Learning,
    }
}

/// The answer to `POST /predict`.
pub(crate) fn prediction(traffic_type: String, forecast: &Forecast) -> wire::Prediction {
    let said = forecast.at(Horizon::Mean15s);
    wire::Prediction {
        traffic_type,
        predicted_bandwidth: mbps(said.at(Quantile::P90)),
        unit: "Mbps".to_owned(),
        p50: mbps(said.at(Quantile::P50)),
        p90: mbps(said.at(Quantile::P90)),
        p99: mbps(said.at(Quantile::P99)),
        learning: forecast.maturity == Maturity::Learning,
    }
}

/// Mbit/s, to the kbit/s: what nobody could tell apart is no part of an answer.
fn mbps(rate: BitRate) -> f64 {
    rate.as_bps().saturating_add(500).div_euclid(1_000) as f64 / 1_000.0
}
