-- How the initiator's TLS or QUIC hello looked (JA4); empty where none was seen, and for flows from before this.
ALTER TABLE flow ADD COLUMN ja4 TEXT NOT NULL DEFAULT '';
