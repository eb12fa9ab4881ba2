//! What the household's programs do, one file per kind; each speaks its real protocol over real sockets.

mod book;
mod browse;
mod call;
mod copy;
mod crowd;
mod dhcp;
mod files;
mod http;
mod live;
mod masked;
mod meeting;
mod meter;
mod noise;
mod play;
mod resolve;
mod rtp;
mod shell;
mod tls;
mod transfer;

pub(crate) use crowd::address as crowd_address;

use crate::agent::{Activity, Stage};
use anyhow::Result;
use std::time::Duration;

/// Does what is asked until it is over.
pub(crate) fn act(stage: &Stage, activity: Activity) -> Result<()> {
    match activity {
        Activity::Lease { interface, name } => dhcp::lease(&interface, &name),
        Activity::ServeFiles { authority } => files::serve(stage, &authority),
        Activity::ServeLive => live::serve(stage),
        Activity::Voice => call::talk(stage),
        Activity::Meeting => meeting::meet(stage),
        Activity::Film { rate, naming } => transfer::watch(stage, rate, naming),
        Activity::MaskedVoice => masked::talk(stage),
        Activity::Browse => browse::over_tls(stage),
        Activity::BrowseQuic => browse::over_quic(stage),
        Activity::Fetch { server, flows, security, bytes } => transfer::fetch(stage, &server, flows, security, bytes),
        Activity::Send { server, flows } => transfer::send(stage, &server, flows),
        Activity::Give { rate } => copy::give(stage, vocab::BitRate::from_bps(rate)),
        Activity::Take { from } => copy::take(stage, from),
        Activity::Shell => shell::type_in(stage),
        Activity::Play => play::play(stage),
        Activity::Vpn => play::vpn(stage),
        Activity::Clock => play::clock(stage),
        Activity::Crowd { devices, server } => crowd::live(stage, devices, server),
        Activity::ServeCrowd { devices, rate } => crowd::serve(stage, devices, rate),
        Activity::Meter { interface, every_ms } => meter::read(stage, &interface, Duration::from_millis(every_ms)),
    }
}
