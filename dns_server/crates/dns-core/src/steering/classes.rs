//! Class maps: which class a client's address is of, by policy.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::addresses::ranges::{Address, Ranges, decode_starts};
use crate::input::error::Invalid;
use crate::input::messages::{RangeKind, RangePiece};

/// One policy's classes; equal maps of several policies are one. `ecs_*` know only prefixes of at most /24 and /56.
#[derive(Clone)]
pub struct ClassMaps {
    pub ecs_v4: Arc<Ranges<u32>>,
    pub ecs_v6: Arc<Ranges<u64>>,
    pub full_v4: Arc<Ranges<u32>>,
    /// None: the same as ECS.
    pub full_v6: Option<Arc<Ranges<u128>>>,
}

/// One class map as far as its pieces have come.
struct Growing<A> {
    starts: Vec<A>,
    classes: Vec<u32>,
}

impl<A> Default for Growing<A> {
    fn default() -> Self {
        Self { starts: Vec::new(), classes: Vec::new() }
    }
}

impl<A: Address> Growing<A> {
    fn take(&mut self, piece: &RangePiece) -> Result<(), Invalid> {
        if piece.deltas.iter().filter(|&&octet| octet < 128).count() != piece.classes.len() {
            return Err(Invalid::Content("a class map has not one class a start"));
        }
        decode_starts(&piece.deltas, piece.unit_bits, &mut self.starts)?;
        self.classes.extend_from_slice(&piece.classes);
        Ok(())
    }

    fn finish(self, known: &mut HashSet<Arc<Ranges<A>>, FixedState>) -> Result<Arc<Ranges<A>>, Invalid> {
        let ranges = Arc::new(Ranges::new(self.starts, self.classes)?);
        Ok(known.get_or_insert(ranges).clone())
    }
}

/// The class maps of one policy as far as they have come.
#[derive(Default)]
pub struct Pieces {
    pub policy: String,
    ecs_v4: Growing<u32>,
    ecs_v6: Growing<u64>,
    full_v4: Option<Growing<u32>>,
    full_v6: Option<Growing<u128>>,
}

impl Pieces {
    pub fn of(policy: &str) -> Self {
        Self { policy: policy.to_owned(), ..Self::default() }
    }

    pub fn take(&mut self, piece: &RangePiece) -> Result<(), Invalid> {
        match piece.kind() {
            RangeKind::EcsV4 => self.ecs_v4.take(piece),
            RangeKind::EcsV6 => self.ecs_v6.take(piece),
            RangeKind::FullV4 => self.full_v4.get_or_insert_default().take(piece),
            RangeKind::FullV6 => self.full_v6.get_or_insert_default().take(piece),
            RangeKind::Unspecified => Err(Invalid::Content("a piece of a class map is of no kind")),
        }
    }

    pub fn finish(self, known: &mut Known) -> Result<ClassMaps, Invalid> {
        let ecs_v4 = self.ecs_v4.finish(&mut known.v4)?;
        Ok(ClassMaps {
            full_v4: self.full_v4.map_or_else(|| Ok(ecs_v4.clone()), |full| full.finish(&mut known.v4))?,
            ecs_v4,
            ecs_v6: self.ecs_v6.finish(&mut known.ecs_v6)?,
            full_v6: self.full_v6.map(|full| full.finish(&mut known.full_v6)).transpose()?,
        })
    }
}

/// Class maps met so far: equal ones are kept once.
#[derive(Default)]
pub struct Known {
    v4: HashSet<Arc<Ranges<u32>>, FixedState>,
    ecs_v6: HashSet<Arc<Ranges<u64>>, FixedState>,
    full_v6: HashSet<Arc<Ranges<u128>>, FixedState>,
}
