//! The API as its callers meet it: over real sockets, before a hand-built snapshot and a small control loop.

mod bodies;
mod dashboard;
mod description;
mod forecast;
mod live;
mod login;
mod policy;
mod rules;
mod what_if;
mod world;
