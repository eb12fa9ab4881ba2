//! Verbs that need no daemon.

pub mod analyze;
pub mod backtest;
pub mod demo;
pub mod hold;
pub mod interfaces;
pub mod line_test;
pub mod plan;
pub mod plan_command;
pub mod replay;
pub mod setup;
pub mod train;
