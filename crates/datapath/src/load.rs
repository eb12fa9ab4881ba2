//! Loads the programs, pins what must outlive us, and attaches them to interfaces.
//!
//! Maps and links are pinned: when we stop, the kernel goes on counting and steering. The next start adopts the
//! maps and swaps the programs inside the links, so that no packet is missed. On kernels before 6.6, which have
//! no tcx links, the programs are filters of the clsact qdisc, which stay by themselves.

mod attach;

use crate::events::Events;
use crate::maps::{
    LAYOUT, RawAddress, RawConfig, RawCounter, RawFlowKey, RawFlowValue, RawMac, RawQuality, RawStats, RawVerdict,
};
use crate::protected::ProtectedFlows;
use crate::readings::{ClassMap, FlowMap};
use crate::steering::Steering;
use crate::sys::{self, KernelMap, Plain};
use crate::{DatapathError, Stats, hooks, refusal};
use aya::maps::{Map, MapData, RingBuf};
use aya::programs::SchedClassifier;
use aya::programs::tc;
use aya::{Ebpf, EbpfLoader};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The programs, compiled from `bpf/equalnet.bpf.c`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../bpf/equalnet.bpf.o");

/// The program that is no hook, but the condition of a filter.
const TO_QUEUES: &str = "to_queues";

/// How large things are and where they are pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatapathSettings {
    /// The directory of the pins; a bpffs is mounted on it if it lies on none.
    pub pin_dir: PathBuf,
    /// Flows the kernel remembers; the least recently used make room.
    pub max_flows: u32,
    /// Bytes of the ring for frames that go up; a power of two, a page at least.
    pub ring_bytes: u32,
    /// Frames of one flow that go up at most while its verdict is open.
    pub sample_limit: u32,
    /// When flows are looked at for their round-trip times and what is sent again.
    pub looking: Looking,
}

/// When flows are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looking {
    /// A sixteenth of the time, and where an answer is due: a packet costs hardly more.
    #[default]
    Sampled,
    /// Always.
    Always,
}

impl Looking {
    /// `windows` of the configuration.
    const fn windows(self) -> u32 {
        match self {
            Looking::Sampled => 15,
            Looking::Always => 0,
        }
    }
}

impl Default for DatapathSettings {
    /// `/sys/fs/bpf/equalnet`, 262,144 flows (57 MB of kernel memory, and 29 for their verdicts), a ring of 4 MiB, 40 frames a flow.
    fn default() -> Self {
        DatapathSettings {
            pin_dir: PathBuf::from("/sys/fs/bpf/equalnet"),
            max_flows: 262_144,
            ring_bytes: 4 << 20,
            sample_limit: 40,
            looking: Looking::Sampled,
        }
    }
}

/// What was found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// Nothing: all counters begin at zero.
    Nothing,
    /// The maps of an earlier run: devices, counters, flows and steering go on.
    Maps,
    /// Maps of another layout or size, which were taken away.
    Replaced,
}

/// The maps as every handle sees them.
#[derive(Debug)]
pub(crate) struct Maps {
    pub flows: KernelMap<RawFlowKey, RawFlowValue>,
    pub verdicts: KernelMap<RawFlowKey, RawVerdict>,
    pub protected: KernelMap<RawFlowKey, RawVerdict>,
    pub devices_by_mac: KernelMap<RawMac, u32>,
    pub devices_by_address: KernelMap<RawAddress, u32>,
    pub counters: KernelMap<u32, RawCounter>,
    pub qualities: KernelMap<u32, RawQuality>,
    pub steer: KernelMap<u32, u32>,
    pub statistics: KernelMap<u32, RawStats>,
    pub configuration: KernelMap<u32, RawConfig>,
    pub sides: KernelMap<u32, u32>,
    pub vlans: KernelMap<u64, u32>,
    /// The condition of filters that send downloads to an IFB.
    pub to_queues: OwnedFd,
    pub cpus: usize,
    /// What `configuration` holds: several handles change parts of the one value.
    config: Mutex<RawConfig>,
}

impl Maps {
    pub(crate) fn config(&self) -> RawConfig {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change_config(&self, change: impl FnOnce(&mut RawConfig)) -> Result<(), DatapathError> {
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = *config;
        change(&mut changed);
        self.configuration.set(&0, &changed).map_err(|source| DatapathError::Map { map: "configuration", source })?;
        *config = changed;
        Ok(())
    }
}

/// The loaded programs and their maps. Dropping it changes nothing in the kernel.
#[derive(Debug)]
pub struct Datapath {
    pub(crate) ebpf: Ebpf,
    maps: Arc<Maps>,
    events: Option<Events>,
    pin_dir: PathBuf,
    adopted: Adopted,
    /// Filters of clsact that we put somewhere: unlike links, anybody may take them away. Interface, parent, program.
    filters: BTreeSet<(u32, u32, &'static str)>,
}

fn is(error: &io::Error, code: i32) -> bool {
    error.raw_os_error() == Some(code)
}

/// The error of the kernel inside one of aya's.
fn os_error(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(code);
        }
        next = error.source();
    }
    None
}

/// An error with all its causes on one line.
fn story(error: &(dyn std::error::Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !story.contains(&text) {
            story.push_str(": ");
            story.push_str(&text);
        }
        next = cause.source();
    }
    story
}

fn prepare_pin_directory(path: &Path) -> Result<(), DatapathError> {
    let failed = |source: io::Error| {
        if is(&source, libc::EPERM) || is(&source, libc::EACCES) {
            refusal::refused("making a place for pinned maps")
        } else {
            DatapathError::PinDirectory { path: path.to_owned(), source }
        }
    };
    // The usual place is a directory of sysfs, in which nothing can be made before a bpffs is mounted on it.
    let usual = Path::new("/sys/fs/bpf");
    let mount_point = if path.starts_with(usual) {
        usual
    } else {
        fs::create_dir_all(path).map_err(failed)?;
        path
    };
    // One at a time: a second bpffs mounted on the first would hide what is pinned there.
    let lock = fs::File::open(mount_point).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if !sys::is_bpffs(mount_point).map_err(failed)? {
        sys::mount_bpffs(mount_point).map_err(failed)?;
    }
    fs::create_dir_all(path).map_err(failed)
}

/// A handle of our own on a map. The map stays with `ebpf`: programs that are loaded later name it by that descriptor.
fn take<K: Plain, V: Plain>(ebpf: &Ebpf, name: &'static str) -> Result<KernelMap<K, V>, DatapathError> {
    let failed = |reason: String| DatapathError::Load { reason: format!("map `{name}`: {reason}") };
    let map = ebpf.map(name).ok_or_else(|| failed("not in the object".to_owned()))?;
    let map = match map {
        Map::Array(map)
        | Map::HashMap(map)
        | Map::LruHashMap(map)
        | Map::PerCpuArray(map)
        | Map::PerCpuHashMap(map) => map,
        _ => return Err(failed("of an unexpected kind".to_owned())),
    };
    let info = map.info().map_err(|error| failed(story(&error)))?;
    if info.key_size() as usize != size_of::<K>() || info.value_size() as usize != size_of::<V>() {
        return Err(failed("of an unexpected size".to_owned()));
    }
    let fd = map.fd().as_fd().try_clone_to_owned().map_err(|error| failed(error.to_string()))?;
    Ok(KernelMap::new(fd))
}

/// Whether pinned maps fit these settings; `None` if nothing is pinned.
fn pinned_maps_fit(settings: &DatapathSettings) -> Option<bool> {
    let entries = |name: &str| {
        let map = MapData::from_pin(settings.pin_dir.join(name)).ok()?;
        Some((map.info().ok()?.max_entries(), map))
    };
    let (_, configuration) = entries("configuration")?;
    let layout_fits = configuration
        .fd()
        .as_fd()
        .try_clone_to_owned()
        .ok()
        .filter(|_| configuration.info().is_ok_and(|info| info.value_size() as usize == size_of::<RawConfig>()))
        .and_then(|fd| KernelMap::<u32, RawConfig>::new(fd).get(&0).ok().flatten())
        .is_some_and(|config| config.layout == LAYOUT);
    let sizes_fit = [("flows", settings.max_flows), ("verdicts", settings.max_flows), ("events", settings.ring_bytes)]
        .into_iter()
        .all(|(name, wanted)| entries(name).is_none_or(|(is, _)| is == wanted));
    Some(layout_fits && sizes_fit)
}

impl Datapath {
    /// Loads the programs, with the maps of an earlier run if there are any that fit.
    ///
    /// Nothing is attached that was not: an earlier run's programs go on until [`Datapath::attach`] swaps them.
    ///
    /// # Errors
    /// A right, eBPF itself or a place for pins is missing, or the verifier refuses a program.
    pub fn load_or_adopt(settings: &DatapathSettings) -> Result<Datapath, DatapathError> {
        prepare_pin_directory(&settings.pin_dir)?;
        let adopted = match pinned_maps_fit(settings) {
            None => Adopted::Nothing,
            Some(true) => Adopted::Maps,
            Some(false) => {
                Datapath::clear(&settings.pin_dir)?;
                Adopted::Replaced
            }
        };
        // Half a set of pins is of no use.
        if adopted == Adopted::Nothing {
            Datapath::clear(&settings.pin_dir)?;
        }
        let mut ebpf = EbpfLoader::new()
            .default_map_pin_directory(&settings.pin_dir)
            .map_max_entries("flows", settings.max_flows)
            .map_max_entries("verdicts", settings.max_flows)
            .map_max_entries("events", settings.ring_bytes)
            .load(OBJECT)
            .map_err(|error| match os_error(&error) {
                Some(libc::EPERM) => refusal::refused("loading eBPF maps"),
                Some(libc::ENOSYS) => DatapathError::NoBpf,
                _ => DatapathError::Load { reason: refusal::with_release(story(&error)) },
            })?;
        let to_queues = loaded(&mut ebpf, TO_QUEUES)?
            .fd()
            .map_err(|error| DatapathError::Program { program: TO_QUEUES, reason: story(&error) })?
            .as_fd()
            .try_clone_to_owned()
            .map_err(|source| DatapathError::Call { call: "dup", source })?;
        let cpus = sys::possible_cpus().map_err(|source| DatapathError::Call { call: "possible CPUs", source })?;
        let configuration: KernelMap<u32, RawConfig> = take(&ebpf, "configuration")?;
        let config = configuration
            .get(&0)
            .map_err(|source| DatapathError::Map { map: "configuration", source })?
            .unwrap_or_default();
        let maps = Maps {
            flows: take(&ebpf, "flows")?,
            verdicts: take(&ebpf, "verdicts")?,
            protected: take(&ebpf, "protected")?,
            devices_by_mac: take(&ebpf, "devices_by_mac")?,
            devices_by_address: take(&ebpf, "devices_by_address")?,
            counters: take(&ebpf, "counters")?,
            qualities: take(&ebpf, "qualities")?,
            steer: take(&ebpf, "steer")?,
            statistics: take(&ebpf, "statistics")?,
            sides: take(&ebpf, "sides")?,
            vlans: take(&ebpf, "vlans")?,
            to_queues,
            configuration,
            cpus,
            config: Mutex::new(config),
        };
        maps.change_config(|config| {
            config.layout = LAYOUT;
            config.sample_limit = settings.sample_limit;
            config.windows = settings.looking.windows();
            config.download_major = crate::DOWNLOAD_MAJOR;
            config.upload_major = crate::UPLOAD_MAJOR;
            // A fresh flow starts at the epoch in force, so any start will do; 0 is what an empty map holds.
            config.verdict_epoch = config.verdict_epoch.max(1);
            config.generation = config.generation.max(1);
        })?;
        let ring = MapData::from_pin(settings.pin_dir.join("events"))
            .map(Map::RingBuf)
            .map_err(|error| DatapathError::Load { reason: format!("map `events`: {}", story(&error)) })?;
        let ring = RingBuf::try_from(ring)
            .map_err(|error| DatapathError::Load { reason: format!("map `events`: {}", story(&error)) })?;
        Ok(Datapath {
            ebpf,
            maps: Arc::new(maps),
            events: Some(Events::new(ring)),
            pin_dir: settings.pin_dir.clone(),
            adopted,
            filters: BTreeSet::new(),
        })
    }

    /// What was found at the start.
    pub fn adopted(&self) -> Adopted {
        self.adopted
    }

    /// Takes the programs off all interfaces; maps stay pinned.
    ///
    /// # Errors
    /// A pin cannot be taken away.
    pub fn detach(&mut self) -> Result<(), DatapathError> {
        detach_all(&self.pin_dir)
    }

    /// Takes away everything that any run with this directory left in the kernel. Needs nothing loaded.
    ///
    /// # Errors
    /// A pin cannot be taken away.
    pub fn clear(pin_dir: &Path) -> Result<(), DatapathError> {
        if !pin_dir.exists() {
            return Ok(());
        }
        detach_all(pin_dir)?;
        for pin in entries(pin_dir)? {
            unpin(&pin)?;
        }
        Ok(())
    }

    /// The shaper's handle.
    pub fn steering(&self) -> Steering {
        Steering { maps: Arc::clone(&self.maps) }
    }

    /// Flows and verdicts.
    pub fn flows(&self) -> FlowMap {
        FlowMap { maps: Arc::clone(&self.maps) }
    }

    /// The flows that keep their class whatever comes, as they are now. Whoever owns it keeps them: open one.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn protected(&self) -> Result<ProtectedFlows, DatapathError> {
        ProtectedFlows::open(Arc::clone(&self.maps))
    }

    /// Devices and counters, as they are now. Whoever owns it gives out the slots: open one.
    ///
    /// # Errors
    /// The maps cannot be read.
    pub fn classes(&self) -> Result<ClassMap, DatapathError> {
        ClassMap::open(Arc::clone(&self.maps))
    }

    /// The ring of frames; there is one, so the second call gives `None`.
    pub fn take_events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// What the programs have counted beside flows and classes.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn stats(&self) -> Result<Stats, DatapathError> {
        self.maps.stats()
    }
}

/// The program, loaded now if it was not: the verifier takes some 100 ms for each, and no topology wants all.
pub(crate) fn loaded<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut SchedClassifier, DatapathError> {
    let program = program(ebpf, name)?;
    if program.fd().is_err() {
        program.load().map_err(|error| match os_error(&error) {
            Some(libc::EPERM) => refusal::refused("loading an eBPF program"),
            _ => refusal::refused_program(name, story(&error)),
        })?;
    }
    Ok(program)
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut SchedClassifier, DatapathError> {
    let missing = || DatapathError::Program { program: name, reason: "it is not in the object".to_owned() };
    ebpf.program_mut(name).ok_or_else(missing)?.try_into().map_err(|_| missing())
}

fn entries(pin_dir: &Path) -> Result<Vec<PathBuf>, DatapathError> {
    let failed = |source| DatapathError::PinDirectory { path: pin_dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(pin_dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // The kernel keeps `maps.debug` and `progs.debug` in the root of each bpffs (kernel/bpf/inode.c,
        // populate_bpffs), and lets nobody remove them.
        let is_the_kernels = entry.path().extension().is_some_and(|extension| extension == "debug");
        if !is_the_kernels && !entry.file_type().map_err(failed)?.is_dir() {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

fn pinned_links(pin_dir: &Path) -> Result<Vec<PathBuf>, DatapathError> {
    let is_link =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("link_"));
    Ok(entries(pin_dir)?.into_iter().filter(is_link).collect())
}

fn unpin(pin: &Path) -> Result<(), DatapathError> {
    match fs::remove_file(pin) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DatapathError::PinDirectory { path: pin.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn detach_all(pin_dir: &Path) -> Result<(), DatapathError> {
    for link in pinned_links(pin_dir)? {
        unpin(&link)?;
    }
    // Filters of clsact have no pin: look for ours by name on every interface.
    for interface in sys::interfaces().map_err(|source| DatapathError::Call { call: "if_nameindex", source })? {
        for (side, program) in hooks::programs() {
            // No clsact, no filter of this name, or no right: then there is nothing of ours to take.
            if let Err(error) = tc::qdisc_detach_program(interface.as_str(), side, program) {
                tracing::trace!(%interface, program, %error, "no filter of ours");
            }
        }
    }
    Ok(())
}
