//! What the system tells the daemon.

use crate::control_loop::Signal;
use anyhow::{Context, Result};
use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Hands SIGHUP, SIGTERM and SIGINT to the control loop, until it is gone. Blocks.
///
/// # Errors
/// The handlers cannot be set.
pub fn watch(signals: &Sender<Signal>) -> Result<()> {
    let mut arriving = Signals::new([SIGHUP, SIGTERM, SIGINT]).context("signals cannot be handled")?;
    for signal in &mut arriving {
        if signal != SIGHUP {
            // Waits where the channel is full: it may hold nothing but reloads. Nobody listens where the loop has ended.
            let _ = signals.send(Signal::Stop);
            return Ok(());
        }
        // A full channel holds the same wish already.
        if signals.try_send(Signal::Reload).is_err_and(|error| error.is_disconnected()) {
            return Ok(());
        }
    }
    Ok(())
}
