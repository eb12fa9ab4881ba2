#!/usr/bin/env python3
"""LightGBM as a peer of our forecasts: learns from one file of recorded demand and forecasts another.

  lightgbm_peer.py LEARN.csv[.gz] DEMAND.csv[.gz] FORECASTS.csv[.gz] [--trees 150] [--threads 2]

Files are those of `equalnet forecast backtest`: `family,series,class,t,bytes,other` in, `series,t,target,p50,p90,p99` out
(bytes per second, for the seconds 59, 64, 69… with a minute left after them). Strictly causal: a row at t is made of
nothing after t.

Fifteen quantile models (five targets, three quantiles), as strong as we could make them in reasonable time: the kind of
inputs our own models have, levels relative to the mean of the last 15 s (which is also what the target is relative to:
on series kept apart that won 4 to 8 % over absolute levels), families weighed by the root of their size, as for our
own, so that small ones count; quantiles sorted in the end.
"""
import argparse
import lightgbm
import numpy
import pandas

TARGETS = ["1", "5", "15", "60", "w15"]
QUANTILES = [0.5, 0.9, 0.99]
CLASSES = [
    "video", "streaming", "audio", "conf", "call", "voice", "xr", "gaming", "web", "bulk", "download", "background",
    "update", "interactive", "work", "backup", "total",
]
UNIT = 1_000.0  # bytes per second: below it a series is as good as silent
SPAN = 300


def log(level):
    return numpy.log1p(level / UNIT)


def features(demand, kind, family):
    """One row per second, and the log-level that levels are relative to."""
    series = pandas.Series(demand)
    logs = pandas.Series(log(demand))

    def mean(seconds):
        return log(series.rolling(seconds, min_periods=1).mean().values)

    base = mean(15)
    levels, others = [], []
    for lag in range(16):
        levels.append(logs.shift(lag).bfill().values)
    coarse = series.rolling(5, min_periods=1).mean()
    for lag in range(12):
        levels.append(log(coarse.shift(16 + 5 * lag).bfill().values))
    for seconds in (2, 5, 10, 30, 60, 120, SPAN):
        levels.append(mean(seconds))
    for span in (1, 2, 3):
        levels.append(log(series.rolling(15, min_periods=1).mean().shift(15 * span).bfill().values))
    for seconds in (5, 15, 60, 120, SPAN):
        levels.append(log(series.rolling(seconds, min_periods=1).max().values))
    for seconds in (60, SPAN):
        means = series.rolling(15, min_periods=1).mean().rolling(seconds, min_periods=1)
        levels += [log(means.max().values), log(means.min().values)]
    for alpha in (0.3, 0.1, 0.02, 0.003):
        levels.append(log(series.ewm(alpha=alpha).mean().values))
    for seconds in (15, 60, SPAN):
        others.append(logs.rolling(seconds, min_periods=2).std().fillna(0).values)
        others.append((series >= UNIT).rolling(seconds, min_periods=1).mean().values)
    others += [age(demand < UNIT), age(demand >= UNIT), numpy.minimum(numpy.arange(len(demand)), 600)]
    others += bursts(demand)
    others += [numpy.full(len(demand), CLASSES.index(kind) if kind in CLASSES else -1)]
    others += [numpy.full(len(demand), float("class" in family or "total" in family)), base]
    rows = numpy.column_stack([level - base for level in levels] + others).astype(numpy.float32)
    return rows, base


def age(is_so):
    """For how many seconds it has been so."""
    out, count = numpy.zeros(len(is_so)), 0
    for at, now in enumerate(is_so):
        count = count + 1 if now else 0
        out[at] = min(count, SPAN)
    return out


def bursts(demand):
    """Seconds well above the usual: how long ago the last one began, the time between the last two, their volumes."""
    usual = pandas.Series(demand).ewm(alpha=0.02).mean().values
    out = numpy.zeros((5, len(demand)))
    running, since, interval, usually, volume, before = False, SPAN, SPAN, 0.0, 0.0, 0.0
    for at, level in enumerate(demand):
        since = min(since + 1, 2 * SPAN)
        if level <= max(usual[at] / 2, 2 * UNIT):
            running = False
        else:
            if not running:
                running, interval = True, min(since, SPAN)
                usually = interval if usually == 0 else usually + 0.3 * (interval - usually)
                since, before, volume = 0, volume, 0.0
            volume += level
        out[:, at] = min(since, SPAN), interval, usually, log(volume), log(before)
    return list(out)


def outcomes(demand, origins):
    """What came after each origin, for each target; NaN where the series ends before."""
    sums = numpy.r_[0, numpy.cumsum(demand)]
    out = numpy.full((len(origins), len(TARGETS)), numpy.nan)
    for column, target in enumerate(TARGETS):
        ahead = 15 if target == "w15" else int(target)
        known = origins + ahead < len(demand)
        at = origins[known]
        came = (sums[at + 16] - sums[at + 1]) / 15 if target == "w15" else demand[at + ahead]
        out[known, column] = log(came)
    return out


def read(path):
    for (family, name), rows in pandas.read_csv(path).groupby(["family", "series"], sort=False):
        rows = rows.sort_values("t")
        yield family, name, rows["class"].iloc[0], rows["t"].values, rows["bytes"].values.astype(float)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("learn")
    parser.add_argument("demand")
    parser.add_argument("forecasts")
    parser.add_argument("--trees", type=int, default=150)
    parser.add_argument("--stride", type=int, default=4, help="every how many seconds of a series make a row")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    rows, came, bases, families = [], [], [], []
    for family, _, kind, _, demand in read(arguments.learn):
        told, base = features(demand, kind, family)
        origins = numpy.arange(2, len(demand) - 1, arguments.stride)
        rows.append(told[origins])
        came.append(outcomes(demand, origins))
        bases.append(base[origins])
        families += [family] * len(origins)
    rows, came, bases = numpy.concatenate(rows), numpy.concatenate(came), numpy.concatenate(bases)
    families = pandas.Series(families)
    weights = (1 / numpy.sqrt(families.map(families.value_counts()))).values
    weights = weights / weights.mean()
    print(f"{rows.shape[0]} rows of {rows.shape[1]} inputs", flush=True)

    models = {}
    for column, target in enumerate(TARGETS):
        known = ~numpy.isnan(came[:, column])
        data = lightgbm.Dataset(
            rows[known], came[known, column] - bases[known], weight=weights[known], params={"max_bin": 63},
            free_raw_data=False,
        )
        for quantile in QUANTILES:
            settings = {
                "objective": "quantile", "alpha": quantile, "learning_rate": 0.1, "num_leaves": 31,
                "min_data_in_leaf": 100, "feature_fraction": 0.7, "bagging_fraction": 0.5, "bagging_freq": 1,
                "max_bin": 63, "num_threads": arguments.threads, "seed": 1, "verbosity": -1,
            }
            models[target, quantile] = lightgbm.train(settings, data, num_boost_round=arguments.trees)
            print(f"target {target}, quantile {quantile}", flush=True)

    # All series at once: a call of a model costs more than a row.
    said, where, bases = [], [], []
    for family, name, kind, seconds, demand in read(arguments.demand):
        origins = numpy.arange(59, len(demand) - 60, 5)
        if len(origins) == 0:
            continue
        told, base = features(demand, kind, family)
        said.append(told[origins])
        bases.append(base[origins])
        where.append(pandas.DataFrame({"series": name, "t": seconds[origins]}))
    said, bases, where = numpy.concatenate(said), numpy.concatenate(bases), pandas.concat(where, ignore_index=True)
    tables = []
    for target in TARGETS:
        logs = numpy.column_stack([
            bases + models[target, quantile].predict(said, num_threads=arguments.threads) for quantile in QUANTILES
        ])
        levels = numpy.sort(numpy.expm1(numpy.maximum(logs, 0)) * UNIT, axis=1)
        table = where.assign(target=target)
        table["p50"], table["p90"], table["p99"] = levels.round().T
        tables.append(table)
    pandas.concat(tables).to_csv(arguments.forecasts, index=False)


if __name__ == "__main__":
    main()
