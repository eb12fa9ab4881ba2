//! HTTP server: REST, WebSocket, the embedded dashboard.
//!
//! What goes in: snapshots, the policy, the history's reader. What comes out: answers in the words of
//! `wire`, and [`Request`]s to the control loop. It decides nothing about traffic, keeps nothing on disk, and
//! sees no packet.
//!
//! [`bind`] opens the sockets (with privileges), [`run`] serves them on the calling thread until shutdown.
//! `async` lives in here and does not leave.

mod assets;
mod auth;
mod convert;
mod live;
mod openapi;
mod problem;
mod request;
mod routes;
mod server;
mod shared;

pub use auth::{Account, PasswordError, hash_password};
pub use openapi::openapi_json;
pub use request::{DeviceEffect, Effect, Refused, Reply, Request, Standing, WhatIfAsked, WhatIfRefused};
pub use routes::predict::traffic_type_of;
pub use server::{
    ApiError, ApiSettings, ApiState, Clock, Foresee, Interfaces, Listeners, OutlookOf, WhatIf, bind, run, serve,
};
