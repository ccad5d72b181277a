//! Where a name leads: one name's way through the index, in steps.
//!
//! With many names an answer mostly waits for memory, for one line of the cache after the other: the name's slot, its
//! node, its service, its class map. Names that are asked for at the same time do not depend on each other, so whoever has several takes
//! each step with all of them before the next: then the machine waits for many lines at once.

use std::hint::black_box;

use crate::input::limits::NONE;
use crate::statics::Static;
use crate::steering::family::Family;
use crate::steering::services::Service;
use crate::steering::source::Source;
use crate::zones::lookup::{Node, Place};

/// A name on its way, and how far it has come.
pub struct Way<'n, 'v> {
    /// In lower case.
    pub name: &'n [u8],
    pub rrtype: u16,
    pub source: Source,
    guess: Guess,
    /// The zone that answers for it, and where it leads there; None: it lies in no zone.
    pub place: Option<(u32, Place<'v>)>,
    /// Where it is a steered name that is asked for a type it is steered in.
    pub steered: Option<Steered<'v>>,
}

/// What a name leads to, most likely: nothing is compared, so that little has to be done but reading.
struct Guess {
    hash: u64,
    node: u32,
    service: u32,
    /// The first of its service's counters.
    place: u32,
    maps: u32,
    /// Of the class map.
    range: u32,
}

/// A service, and which class of its clients asks.
#[derive(Clone, Copy)]
pub struct Steered<'v> {
    pub number: u32,
    pub service: &'v Service,
    pub family: Family,
    pub lane: u32,
    pub class: u32,
    pub scope: u8,
}

impl<'n, 'v> Way<'n, 'v> {
    #[inline]
    pub fn new(name: &'n [u8], rrtype: u16, source: Source) -> Self {
        let guess = Guess { hash: 0, node: NONE, service: NONE, place: NONE, maps: NONE, range: 0 };
        Self { name, rrtype, source, guess, place: None, steered: None }
    }

    /// All the way, for a name that is alone.
    pub fn found(mut self, statics: &'v Static) -> Self {
        self.hash(statics);
        self.guess_node(statics);
        self.find(statics);
        self
    }

    #[inline]
    pub fn hash(&mut self, statics: &Static) {
        self.guess.hash = statics.zones.node_table.hash(self.name);
    }

    #[inline]
    pub fn guess_node(&mut self, statics: &Static) {
        self.guess.node = statics.zones.node_table.likely(self.guess.hash).unwrap_or(NONE);
    }

    #[inline]
    pub fn guess_service(&mut self, statics: &Static) {
        self.guess.service = statics.zones.node(self.guess.node).map_or(NONE, |node| node.service);
    }

    #[inline]
    pub fn guess_place(&mut self, statics: &Static) {
        let service = statics.steering.services.get(self.guess.service as usize);
        (self.guess.place, self.guess.maps) = service.map_or((NONE, NONE), |service| (service.place, service.maps));
    }

    #[inline]
    pub fn guess_range(&mut self, statics: &Static) {
        self.guess.range = self.source.near(statics.steering.maps.get(self.guess.maps as usize));
    }

    /// The class is of no use: its range is only near when it is looked for.
    #[inline]
    pub fn guess_class(&mut self, statics: &Static) {
        black_box(self.source.class_near(statics.steering.maps.get(self.guess.maps as usize), self.guess.range));
    }

    /// What the counter says is of no use: it is only near when the answer is counted.
    #[inline]
    pub fn guess_count(&mut self, statics: &Static, worker: usize) {
        black_box(statics.tallies.first(worker, self.guess.place));
    }

    /// The end of the way, wherever the guesses led.
    #[inline]
    pub fn find(&mut self, statics: &'v Static) {
        self.place = statics.zones.place_of(self.name, self.rrtype, self.guess.node);
        if let Some((_, Place::Found(node))) = self.place {
            self.steered = self.steered_at(node, statics);
        }
    }

    /// A service of host members is a CNAME, so it answers every type; others have plain records or NODATA for types
    /// that they are not steered in.
    #[inline]
    fn steered_at(&self, node: &Node, statics: &'v Static) -> Option<Steered<'v>> {
        let service = statics.steering.services.get(node.service as usize)?;
        let lane = |family| Some((family, service.lane(family)?));
        let (family, lane) = lane(Family::Cname).or_else(|| lane(Family::of_type(self.rrtype)?))?;
        let (class, scope) = self.source.locate(&statics.steering, service, family);
        Some(Steered { number: node.service, service, family, lane, class, scope })
    }
}
