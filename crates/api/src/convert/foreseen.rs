//! What is foreseen, in the words of `wire`.

use super::{curve, directed, rates};
use std::time::Duration;
use vocab::{BitRate, Forecast, Horizon, Maturity, ModelStanding, Quantile, Snapshot, TrafficClass, WeightsInForce};

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

/// Devices that moved nothing for so long are not shown: their forecast is silence.
const SHOWN_FOR: Duration = Duration::from_secs(60);

/// `GET /forecast`.
pub(crate) fn forecast_view(snapshot: &Snapshot) -> wire::ForecastView {
    let links = snapshot.links.iter().map(|link| wire::SeriesView {
        kind: "link".to_owned(),
        id: link.link.id.0.to_string(),
        name: link.link.name.clone(),
        usage: rates(link.usage),
        forecast: directed(link.forecast, |forecast| forecast.as_ref().map(curve)),
        models: directed(link.models.as_ref(), |models| standings(models)),
    });
    // Classes are foreseen over all links; there is one.
    let classes = snapshot.links.iter().take(1).flat_map(|link| &link.classes).map(|of| wire::SeriesView {
        kind: "class".to_owned(),
        id: of.class.name().to_owned(),
        name: of.class.name().to_owned(),
        usage: rates(of.usage),
        forecast: directed(of.forecast, |forecast| forecast.as_ref().map(curve)),
        models: directed(of.models.as_ref(), |models| standings(models)),
    });
    let active = snapshot.devices.iter().filter(|device| snapshot.at.since(device.last_seen) < SHOWN_FOR);
    let devices = active.map(|device| wire::SeriesView {
        kind: "device".to_owned(),
        id: device.device.to_string(),
        name: device.name.clone(),
        usage: rates(device.usage()),
        forecast: directed(device.forecast, |forecast| forecast.as_ref().map(curve)),
        models: directed(device.models.as_ref(), |models| standings(models)),
    });
    wire::ForecastView {
        at_ms: snapshot.at.as_unix_millis(),
        series: links.chain(classes).chain(devices).collect(),
        outside: snapshot.outside.as_ref().map(|outside| wire::OutsideView {
            asked: outside.asked,
            failed: outside.failed,
            fault: outside.fault.clone(),
        }),
        hit_permille: snapshot.hit_permille,
        weights: weights(&snapshot.weights),
    }
}

fn weights(in_force: &WeightsInForce) -> wire::WeightsView {
    let shipped = wire::WeightsView::default();
    match in_force {
        WeightsInForce::Shipped => shipped,
        WeightsInForce::Own { since } => {
            wire::WeightsView { source: "own".to_owned(), since_ms: Some(since.as_unix_millis()), fault: None }
        }
        WeightsInForce::Refused { reason } => wire::WeightsView { fault: Some(reason.clone()), ..shipped },
    }
}

fn standings(models: &[ModelStanding]) -> Vec<wire::ModelStanding> {
    let mut loudest: Vec<&ModelStanding> = models.iter().collect();
    loudest.sort_by_key(|standing| std::cmp::Reverse(standing.weight_permille));
    let standing = |of: &ModelStanding| wire::ModelStanding {
        model: of.model.to_owned(),
        alone: [Quantile::P50, Quantile::P90, Quantile::P99].map(|quantile| of.alone.at(quantile).as_bps()),
        weight_permille: of.weight_permille,
        against_ewma_permille: of.against_ewma_permille,
        set_aside: of.is_set_aside,
    };
    loudest.into_iter().map(standing).collect()
}
