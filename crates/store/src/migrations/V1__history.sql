-- Times: `start` in seconds, all others in nanoseconds, since 1970-01-01 UTC. Rates: bit/s, layer 2. Volumes: bytes,
-- layer 2. Classes: their place in the order of protection. Directions: 0 download, 1 upload.

-- Everybody who ever had a fact. A row without a name was never described, only measured.
CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,             -- a MAC address, or an IP address behind a router
    name TEXT NOT NULL DEFAULT '',
    vendor TEXT NOT NULL DEFAULT '',
    addresses TEXT NOT NULL DEFAULT '[]', -- JSON, newest last
    first_seen INTEGER NOT NULL DEFAULT 0,
    last_seen INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Samples of minutes that are still open: survive a crash, then become blocks.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    batch BLOB NOT NULL
) STRICT;
CREATE INDEX journal_start ON journal (start);

-- One-second samples of one device in one minute, packed.
CREATE TABLE second_block (
    start INTEGER NOT NULL,
    link INTEGER NOT NULL,
    device INTEGER NOT NULL,
    block BLOB NOT NULL,
    PRIMARY KEY (start, link, device)
) STRICT, WITHOUT ROWID;

-- What an aggregate moved in a minute and in an hour.
CREATE TABLE minute (
    start INTEGER NOT NULL,
    link INTEGER NOT NULL,
    device INTEGER NOT NULL,
    class INTEGER NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    packets_download INTEGER NOT NULL,
    packets_upload INTEGER NOT NULL,
    flows INTEGER NOT NULL,               -- the most in one second
    PRIMARY KEY (start, link, device, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour (
    start INTEGER NOT NULL,
    link INTEGER NOT NULL,
    device INTEGER NOT NULL,
    class INTEGER NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    packets_download INTEGER NOT NULL,
    packets_upload INTEGER NOT NULL,
    flows INTEGER NOT NULL,
    PRIMARY KEY (start, link, device, class)
) STRICT, WITHOUT ROWID;

-- The same hours summed, so that months are read in milliseconds.
CREATE TABLE hour_device (
    start INTEGER NOT NULL,
    link INTEGER NOT NULL,
    device INTEGER NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    PRIMARY KEY (start, link, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour_class (
    start INTEGER NOT NULL,
    link INTEGER NOT NULL,
    class INTEGER NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    PRIMARY KEY (start, link, class)
) STRICT, WITHOUT ROWID;

-- Flows that ended; the source sent the first packet.
CREATE TABLE flow (
    id INTEGER PRIMARY KEY,
    last_seen INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    protocol INTEGER NOT NULL,
    source TEXT NOT NULL,
    source_port INTEGER NOT NULL,
    destination TEXT NOT NULL,
    destination_port INTEGER NOT NULL,
    device INTEGER,
    class INTEGER NOT NULL,
    application TEXT NOT NULL,
    server_name TEXT NOT NULL,
    confidence REAL NOT NULL,
    evidence TEXT NOT NULL,
    download INTEGER NOT NULL,
    upload INTEGER NOT NULL,
    packets_download INTEGER NOT NULL,
    packets_upload INTEGER NOT NULL
) STRICT;
CREATE INDEX flow_last_seen ON flow (last_seen);

CREATE TABLE forecast (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    device INTEGER NOT NULL,
    class INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    model TEXT NOT NULL,
    mature INTEGER NOT NULL,
    h1_p50 INTEGER NOT NULL, h1_p90 INTEGER NOT NULL, h1_p99 INTEGER NOT NULL,
    h5_p50 INTEGER NOT NULL, h5_p90 INTEGER NOT NULL, h5_p99 INTEGER NOT NULL,
    h15_p50 INTEGER NOT NULL, h15_p90 INTEGER NOT NULL, h15_p99 INTEGER NOT NULL,
    h60_p50 INTEGER NOT NULL, h60_p90 INTEGER NOT NULL, h60_p99 INTEGER NOT NULL,
    w15_p50 INTEGER NOT NULL, w15_p90 INTEGER NOT NULL, w15_p99 INTEGER NOT NULL
) STRICT;
CREATE INDEX forecast_at ON forecast (at);

CREATE TABLE score (
    id INTEGER PRIMARY KEY,
    said_at INTEGER NOT NULL,
    device INTEGER NOT NULL,
    class INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    model TEXT NOT NULL,
    horizon INTEGER NOT NULL,             -- its place among h1, h5, h15, h60, w15
    p50 INTEGER NOT NULL,
    p90 INTEGER NOT NULL,
    p99 INTEGER NOT NULL,
    came INTEGER NOT NULL
) STRICT;
CREATE INDEX score_said_at ON score (said_at);

CREATE TABLE plan (
    at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;

-- What was changed, and why. Ids grow within a run; time and id together are unique.
CREATE TABLE decision (
    at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    kind_from INTEGER,                    -- priority or mode before
    kind_to INTEGER,
    subject TEXT NOT NULL,                -- service, link:0, class:web, device:ID, aggregate:web:ID
    direction INTEGER,
    rate_from INTEGER NOT NULL,
    rate_to INTEGER NOT NULL,
    because TEXT NOT NULL,                -- JSON
    parts TEXT NOT NULL,                  -- JSON
    by_kind TEXT NOT NULL,                -- automatic, configuration, person
    by_name TEXT NOT NULL,
    PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
    at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    severity INTEGER NOT NULL,            -- 0 info, 1 warning, 2 critical
    kind TEXT NOT NULL,
    reason TEXT,
    packets INTEGER,
    owed INTEGER,
    got INTEGER,
    subject TEXT NOT NULL,
    count INTEGER NOT NULL,
    ended INTEGER,
    PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at INTEGER NOT NULL,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every change of a setting; `new` is NULL where it was removed.
CREATE TABLE setting_audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    key TEXT NOT NULL,
    old TEXT,
    new TEXT,
    by_kind TEXT NOT NULL,
    by_name TEXT NOT NULL
) STRICT;
