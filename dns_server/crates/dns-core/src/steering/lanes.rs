//! How services are steered, as far as it is the same in every decision: lanes, and pools as monitors see them.

use crate::input::error::Invalid;
use crate::input::limits::NONE;
use crate::input::messages::{EngineStatic, LaneData, SeenData};
use crate::steering::family::Family;
use crate::steering::pools::Seen;
use crate::steering::services::{Bound, Lane};

/// Of a service that is answered in no family.
pub const NO_LANES: [u32; 3] = [NONE; 3];

const TOO_MANY: Invalid = Invalid::Content("there are more lanes than the engine can hold");

/// `units`: by unit and family, the lane.
#[derive(Default)]
pub struct Lanes {
    pub units: Vec<[u32; 3]>,
    pub seen: Vec<Seen>,
    pub lanes: Vec<Lane>,
    pub slots: Vec<Bound>,
}

impl Lanes {
    pub fn load(extra: &EngineStatic, pools: usize) -> Result<Self, Invalid> {
        let mut made = Self::default();
        for seen in &extra.seen {
            made.seen.push(load_seen(seen, pools)?);
        }
        for lane in &extra.lanes {
            made.take(lane, extra.units.len())?;
        }
        Ok(made)
    }

    /// There are no more units than services.
    fn take(&mut self, data: &LaneData, services: usize) -> Result<(), Invalid> {
        let unit = data.unit as usize;
        if unit >= services {
            return Err(Invalid::Content("a lane is of a unit that no service belongs to"));
        }
        if self.units.len() <= unit {
            self.units.resize(unit + 1, NO_LANES);
        }
        let number = u32::try_from(self.lanes.len()).ok().filter(|&number| number < NONE).ok_or(TOO_MANY)?;
        let family = Family::from_wire(data.family).ok_or(Invalid::Content("a family is unknown"))?;
        if let Some(held) = self.units.get_mut(unit).and_then(|lanes| lanes.get_mut(family as usize)) {
            *held = number;
        }
        let first = self.slots.len();
        for &seen in &data.slots {
            self.slots.push(self.bound(seen)?);
        }
        let offset = |at| u32::try_from(at).map_err(|_| TOO_MANY);
        let lane = Lane {
            first: offset(first)?,
            end: offset(self.slots.len())?,
            last_resort: self.bound(data.last_resort)?,
            is_ranked: false,
        };
        self.lanes.push(lane);
        Ok(())
    }

    /// Note where the pools of a service's lanes are counted, unless another service has done so.
    pub fn rank(&mut self, lanes: [u32; 3], rank: impl Fn(u32) -> u32) {
        let seen = &self.seen;
        let note = |bound: &mut Bound| {
            if let Some(seen) = seen.get(bound.seen as usize) {
                bound.rank = rank(seen.pool);
            }
        };
        for lane in lanes {
            let Some(lane) = self.lanes.get_mut(lane as usize).filter(|lane| !lane.is_ranked) else { continue };
            lane.is_ranked = true;
            note(&mut lane.last_resort);
            let slots = self.slots.get_mut(lane.first as usize..lane.end as usize).unwrap_or_default();
            slots.iter_mut().for_each(note);
        }
    }

    fn bound(&self, seen: u32) -> Result<Bound, Invalid> {
        match seen.checked_sub(1) {
            None => Ok(Bound { seen: NONE, rank: 0 }),
            Some(number) if (number as usize) < self.seen.len() => Ok(Bound { seen: number, rank: 0 }),
            Some(_) => Err(Invalid::Content("a lane names a pool that nobody sees")),
        }
    }
}

fn load_seen(data: &SeenData, pools: usize) -> Result<Seen, Invalid> {
    if data.pool as usize >= pools {
        return Err(Invalid::Content("a pool is seen that is not there"));
    }
    let family = Family::from_wire(data.family).ok_or(Invalid::Content("a family is unknown"))?;
    Ok(Seen { pool: data.pool, family })
}
