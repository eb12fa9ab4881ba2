//! Models, and what UPnP software calls itself.

use super::Place::{Model, Upnp};
use super::{Rule, rule};
use crate::Kind;

pub(super) static RULES: &[Rule] = &[
    rule(Model, "iphone", Kind::Phone, 9, "iPhone14,3"),
    rule(Model, "ipad", Kind::Tablet, 9, "iPad8,9"),
    rule(Model, "macbook", Kind::Laptop, 9, "MacBookPro18,3"),
    rule(Model, "imac", Kind::Computer, 9, "iMac21,1"),
    rule(Model, "macmini", Kind::Computer, 9, "Macmini9,1"),
    rule(Model, "appletv", Kind::Tv, 9, "AppleTV11,1"),
    rule(Model, "audioaccessory", Kind::Speaker, 9, "AudioAccessory5,1"),
    rule(Model, "chromecast", Kind::Tv, 6, "Chromecast"),
    rule(Model, "google home", Kind::Speaker, 9, "Google Home Mini"),
    rule(Model, "nest mini", Kind::Speaker, 9, "Google Nest Mini"),
    rule(Model, "nest hub", Kind::Speaker, 7, "Google Nest Hub"),
    rule(Model, "bravia", Kind::Tv, 9, "BRAVIA 4K GB"),
    rule(Model, "shield", Kind::Tv, 7, "SHIELD Android TV"),
    rule(Model, "laserjet", Kind::Printer, 9, "HP LaserJet 400"),
    rule(Model, "officejet", Kind::Printer, 9, "HP OfficeJet Pro 8010"),
    rule(Model, "deskjet", Kind::Printer, 9, "HP DeskJet 2700"),
    rule(Model, "brother", Kind::Printer, 7, "Brother HL-L2350DW"),
    rule(Model, "bsb00", Kind::Iot, 8, "BSB002"),
    rule(Upnp, "ipbridge", Kind::Iot, 9, "Linux/3.14 UPnP/1.0 IpBridge/1.56.0"),
    rule(Upnp, "sonos", Kind::Speaker, 9, "Linux UPnP/1.0 Sonos/70.3-35220 (ZPS9)"),
    rule(Upnp, "roku", Kind::Tv, 9, "Roku/9.2.0 UPnP/1.0 Roku/9.2.0"),
    rule(Upnp, "samsung upnp", Kind::Tv, 5, "SHP, UPnP/1.0, Samsung UPnP SDK/1.0"),
    rule(Upnp, "webos", Kind::Tv, 8, "WebOS/4.1.0 UPnP/1.0"),
    rule(Upnp, "lge_dlna", Kind::Tv, 5, "Linux/i686 UPnP/1.0 DLNADOC/1.50 LGE_DLNA_SDK/1.6.0"),
    rule(Upnp, "xbox", Kind::Console, 9, "Xbox/10.0 UPnP/1.0"),
    rule(Upnp, "synology", Kind::Nas, 9, "Synology/DSM/192.168.1.9"),
    rule(Upnp, "mediarenderer", Kind::Tv, 3, "MediaRenderer"),
    rule(Upnp, "mediaserver", Kind::Nas, 3, "MediaServer"),
    rule(Upnp, "printer", Kind::Printer, 7, "Printer"),
    rule(Upnp, "internetgatewaydevice", Kind::Network, 9, "InternetGatewayDevice"),
    rule(Upnp, "wfadevice", Kind::Network, 4, "WFADevice"),
    rule(Upnp, "wlanaccesspointdevice", Kind::Network, 9, "WLANAccessPointDevice"),
    rule(Upnp, "controllee", Kind::Iot, 9, "controllee"),
    rule(Upnp, "insight", Kind::Iot, 8, "insight"),
    rule(Upnp, "digitalsecuritycamera", Kind::Camera, 9, "DigitalSecurityCamera"),
];
