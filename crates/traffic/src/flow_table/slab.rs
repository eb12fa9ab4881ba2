//! Where flows stand: in chunks that never move, so that a table that grows copies nothing.

use super::flow::Flow;

/// Flows of a chunk: about 128 kB.
const CHUNK: usize = 256;

/// Flows by slot.
#[derive(Default)]
pub(super) struct Slab {
    /// A flow says itself whether it left: in the line of the cache that holds its key, where an `Option` would keep
    /// that wherever it found room.
    chunks: Vec<Vec<Flow>>,
    free: Vec<u32>,
    end: u32,
}

impl Slab {
    pub(super) fn get(&self, slot: u32) -> Option<&Flow> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK).filter(|flow| !flow.vacant)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK).filter(|flow| !flow.vacant)
    }

    /// Puts a flow in and returns its slot.
    pub(super) fn insert(&mut self, flow: Flow) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.chunks[slot as usize / CHUNK][slot as usize % CHUNK] = flow;
            return slot;
        }
        let slot = self.end;
        if (slot as usize).is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[slot as usize / CHUNK].push(flow);
        self.end += 1;
        slot
    }

    /// Empties a slot, for another flow.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(flow) = self.get_mut(slot) {
            flow.leave();
            self.free.push(slot);
        }
    }

    /// Slots are below this.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.chunks.iter().flatten().filter(|flow| !flow.vacant)
    }
}
