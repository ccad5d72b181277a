//! The index of all that steers, made once per snapshot.

use crate::steering::classes::ClassMaps;
use crate::steering::family::Family;
use crate::steering::pools::{Pool, Seen};
use crate::steering::services::{Bound, Lane, Service};
use crate::steering::trust::Trust;

/// Services, and what their steering depends on besides packet and decision.
pub struct Steering {
    pub services: Box<[Service]>,
    pub maps: Vec<ClassMaps>,
    pub pools: Vec<Pool>,
    pub seen: Vec<Seen>,
    pub lanes: Vec<Lane>,
    /// By lane and slot.
    pub slots: Vec<Bound>,
    pub shared: Vec<Vec<u8>>,
    pub trust: Trust,
}

impl Steering {
    /// Whether clients of a class may be told apart by their prefix.
    #[inline]
    pub fn is_shared(&self, service: &Service, family: Family, class: u32) -> bool {
        let Some(set) = service.shared(family).checked_sub(1).and_then(|at| self.shared.get(at as usize)) else {
            return false;
        };
        set.get(class as usize / 8).is_some_and(|octet| octet >> (class % 8) & 1 == 1)
    }

    /// What a lane binds a slot to.
    #[inline]
    pub fn bound(&self, lane: u32, slot: u32) -> Option<Bound> {
        let lane = self.lanes.get(lane as usize)?;
        let at = lane.first.checked_add(slot).filter(|&at| at < lane.end)?;
        self.slots.get(at as usize).copied()
    }

    /// What a lane resorts to.
    #[inline]
    pub fn last_resort(&self, lane: u32) -> Option<Bound> {
        self.lanes.get(lane as usize).map(|lane| lane.last_resort)
    }
}
