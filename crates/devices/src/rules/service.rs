//! The services devices offer over mDNS.

use super::Place::Service;
use super::{Rule, rule};
use crate::Kind;

pub(super) static RULES: &[Rule] = &[
    rule(Service, "_ipp.", Kind::Printer, 7, "_ipp._tcp"),
    rule(Service, "_ipps.", Kind::Printer, 7, "_ipps._tcp"),
    rule(Service, "_printer.", Kind::Printer, 7, "_printer._tcp"),
    rule(Service, "_pdl-datastream.", Kind::Printer, 8, "_pdl-datastream._tcp"),
    rule(Service, "_scanner.", Kind::Printer, 5, "_scanner._tcp"),
    rule(Service, "_googlecast.", Kind::Tv, 4, "_googlecast._tcp"),
    rule(Service, "_androidtvremote2.", Kind::Tv, 9, "_androidtvremote2._tcp"),
    rule(Service, "_amzn-wplay.", Kind::Tv, 7, "_amzn-wplay._tcp"),
    rule(Service, "_appletv-v2.", Kind::Tv, 9, "_appletv-v2._tcp"),
    rule(Service, "_mediaremotetv.", Kind::Tv, 6, "_mediaremotetv._tcp"),
    rule(Service, "_airplay.", Kind::Tv, 2, "_airplay._tcp"),
    rule(Service, "_sonos.", Kind::Speaker, 9, "_sonos._tcp"),
    rule(Service, "_spotify-connect.", Kind::Speaker, 5, "_spotify-connect._tcp"),
    rule(Service, "_soundtouch.", Kind::Speaker, 9, "_soundtouch._tcp"),
    rule(Service, "_apple-mobdev2.", Kind::Phone, 6, "_apple-mobdev2._tcp"),
    rule(Service, "_nvstream.", Kind::Computer, 5, "_nvstream._tcp"),
    rule(Service, "_rfb.", Kind::Computer, 3, "_rfb._tcp"),
    rule(Service, "_workstation.", Kind::Computer, 3, "_workstation._tcp"),
    rule(Service, "_adisk.", Kind::Nas, 5, "_adisk._tcp"),
    rule(Service, "_nfs.", Kind::Nas, 4, "_nfs._tcp"),
    rule(Service, "_rtsp.", Kind::Camera, 5, "_rtsp._tcp"),
    rule(Service, "_axis-video.", Kind::Camera, 9, "_axis-video._tcp"),
    rule(Service, "_hue.", Kind::Iot, 9, "_hue._tcp"),
    rule(Service, "_hap.", Kind::Iot, 4, "_hap._tcp"),
    rule(Service, "_matter.", Kind::Iot, 6, "_matter._tcp"),
    rule(Service, "_matterc.", Kind::Iot, 6, "_matterc._udp"),
    rule(Service, "_esphomelib.", Kind::Iot, 9, "_esphomelib._tcp"),
    rule(Service, "_shelly.", Kind::Iot, 9, "_shelly._tcp"),
    rule(Service, "_miio.", Kind::Iot, 8, "_miio._udp"),
    rule(Service, "_wled.", Kind::Iot, 9, "_wled._tcp"),
    rule(Service, "_elg.", Kind::Iot, 8, "_elg._tcp"),
    rule(Service, "_home-assistant.", Kind::Server, 9, "_home-assistant._tcp"),
];
