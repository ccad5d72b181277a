//! From the chunks of a snapshot to its index, chunk by chunk, so that no second copy of the whole is ever held.

use std::ops::RangeInclusive;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use prost::Message;

use crate::counts::tally::{Layout, Tallies};
use crate::defence::rate_limit::Limits;
use crate::input::error::Invalid;
use crate::input::limits::{MAX_ANSWERS, MAX_MEMBERS, MAX_NAMES, MAX_RANGES, MAX_SHARES, MAX_SNAPSHOT_BYTES};
use crate::input::messages::{Chunk, EndpointData, EngineStatic, PoolData, RangePiece, ServiceData};
use crate::statics::Static;
use crate::steering::classes::{ClassMaps, Known, Pieces};
use crate::steering::decision::Decision;
use crate::steering::index::Steering;
use crate::steering::lanes::{Lanes, NO_LANES};
use crate::steering::pools::{Member, Pool};
use crate::steering::services::Service;
use crate::steering::tables::Tables;
use crate::steering::trust::Trust;
use crate::wire::buffer::MAX_UDP_BYTES;
use crate::zones::load::ZoneLoader;

const FOREIGN: Invalid = Invalid::Content("the static part does not belong to the snapshot");

type Map<K, V> = HashMap<K, V, FixedState>;

const TOO_LARGE: Invalid = Invalid::Content("the snapshot is larger than the engine can hold");

impl Static {
    /// Index a snapshot: `chunks` in the manifest's order, already proven to be what the manifest names, and
    /// `extra`, an `EngineStatic`. `seed`: random, so that nobody can make names that collide in the hash map.
    pub fn load<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, extra: &[u8], seed: u64) -> Result<Self, Invalid> {
        let mut loader = Loader::new(seed);
        for chunk in chunks {
            loader.take(chunk)?;
        }
        loader.finish(extra)
    }
}

impl Decision {
    /// Load an `EngineDecision` for the snapshot it was made from. One that is a difference needs the decision
    /// `before` it, from the same snapshot.
    pub fn load(
        message: &[u8],
        statics: &Static,
        before: Option<&Decision>,
        tables: &mut Tables,
    ) -> Result<Self, Invalid> {
        Self::of(message, &statics.steering, before, tables)
    }
}

/// Scratch space of [`Static::load`].
struct Loader {
    room: Room,
    zones: ZoneLoader,
    endpoints: Map<String, Member>,
    pools: Vec<Pool>,
    pool_numbers: Map<Box<str>, usize>,
    policies: Map<String, u32>,
    maps: Vec<ClassMaps>,
    pieces: Option<Pieces>,
    known: Known,
    services: Vec<Service>,
    trust: Option<Trust>,
    limits: Option<Limits>,
    layout: Layout,
    seed: u64,
    max_nocookie_bytes: usize,
}

const NOCOOKIE_BYTES: RangeInclusive<usize> = 128..=MAX_UDP_BYTES;

impl Loader {
    fn new(seed: u64) -> Self {
        Self {
            room: Room { octets: MAX_SNAPSHOT_BYTES, members: MAX_MEMBERS, services: MAX_NAMES, ranges: MAX_RANGES },
            zones: ZoneLoader::new(seed),
            endpoints: Map::default(),
            pools: Vec::new(),
            pool_numbers: Map::default(),
            policies: Map::default(),
            maps: Vec::new(),
            pieces: None,
            known: Known::default(),
            services: Vec::new(),
            trust: None,
            limits: None,
            layout: Layout::default(),
            seed,
            max_nocookie_bytes: MAX_UDP_BYTES,
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), Invalid> {
        use_up(&mut self.room.octets, chunk.len())?;
        let chunk = Chunk::decode(chunk).map_err(|_| Invalid::Unreadable("chunk"))?;
        for piece in chunk.ranges {
            self.take_piece(&piece)?;
        }
        for zone in &chunk.zones {
            self.zones.take(zone)?;
        }
        for endpoint in chunk.endpoints {
            self.take_endpoint(endpoint);
        }
        for pool in chunk.pools {
            self.take_pool(pool)?;
        }
        for service in &chunk.services {
            self.take_service(service)?;
        }
        if let Some(ecs) = &chunk.ecs {
            self.trust = Some(Trust::load(ecs)?);
        }
        if let Some(said) = chunk.dns.as_ref().and_then(|dns| dns.rate_limit.as_ref()) {
            self.limits = Some(Limits::load(said)?);
        }
        match chunk.dns.map_or(0, |dns| dns.max_nocookie_response as usize) {
            0 => {}
            octets if NOCOOKIE_BYTES.contains(&octets) => self.max_nocookie_bytes = octets,
            _ => return Err(Invalid::Content("the size of answers without a cookie is out of range")),
        }
        Ok(())
    }

    fn finish(mut self, extra: &[u8]) -> Result<Static, Invalid> {
        use_up(&mut self.room.octets, extra.len())?;
        let extra = EngineStatic::decode(extra).map_err(|_| Invalid::Unreadable("static part"))?;
        let mut lanes = Lanes::load(&extra, self.pools.len())?;
        let (shared, []) = extra.shared.as_chunks::<3>() else { return Err(FOREIGN) };
        let count = self.services.len();
        if [extra.salts.len(), extra.units.len(), shared.len()] != [count; 3] {
            return Err(FOREIGN);
        }
        let said = extra.salts.iter().zip(&extra.units).zip(shared);
        for (number, (service, ((&salt, &unit), &shared))) in self.services.iter_mut().zip(said).enumerate() {
            service.salt = salt;
            service.shared = shared;
            service.lanes = *lanes.units.get(unit as usize).unwrap_or(&NO_LANES);
            service.place = self.layout.first(number);
            lanes.rank(service.lanes, |pool| self.layout.rank(number, pool));
        }
        Ok(Static {
            zones: self.zones.finish()?,
            steering: Steering {
                services: self.services.into(),
                maps: self.maps,
                pools: self.pools,
                seen: lanes.seen,
                lanes: lanes.lanes,
                slots: lanes.slots,
                shared: extra.shared_sets,
                trust: self.trust.ok_or(Invalid::Content("the snapshot is cut off: its ECS settings are missing"))?,
            },
            limits: self.limits,
            tallies: Arc::new(Tallies::new(self.layout, self.seed)),
            max_nocookie_bytes: self.max_nocookie_bytes,
        })
    }

    /// Pieces of one policy follow each other; its maps are made when those of the next begin.
    fn take_piece(&mut self, piece: &RangePiece) -> Result<(), Invalid> {
        use_up(&mut self.room.ranges, piece.classes.len())?;
        if self.pieces.as_ref().is_none_or(|pieces| pieces.policy != piece.policy) {
            self.finish_maps()?;
            if self.policies.contains_key(&piece.policy) {
                return Err(Invalid::Content("the class maps of a policy are scattered"));
            }
            self.pieces = Some(Pieces::of(&piece.policy));
        }
        match &mut self.pieces {
            Some(pieces) => pieces.take(piece),
            None => Ok(()),
        }
    }

    fn finish_maps(&mut self) -> Result<(), Invalid> {
        if let Some(pieces) = self.pieces.take() {
            self.policies.insert(pieces.policy.clone(), self.maps.len() as u32);
            self.maps.push(pieces.finish(&mut self.known)?);
        }
        Ok(())
    }

    fn take_endpoint(&mut self, endpoint: EndpointData) {
        let member = Member {
            name: "".into(),
            a: endpoint.addresses.iter().find_map(|address| address.as_slice().try_into().ok()),
            aaaa: endpoint.addresses.iter().find_map(|address| address.as_slice().try_into().ok()),
            host: if endpoint.host.is_empty() { None } else { Some(endpoint.host.into()) },
        };
        self.endpoints.insert(endpoint.name, member);
    }

    fn take_pool(&mut self, pool: PoolData) -> Result<(), Invalid> {
        use_up(&mut self.room.members, pool.members.len())?;
        if pool.members.len() > MAX_SHARES {
            return Err(TOO_LARGE);
        }
        let members = pool.members.into_iter().map(|member| {
            let endpoint = self.endpoints.get(&member.endpoint);
            let endpoint = endpoint.ok_or(Invalid::Content("a member's endpoint is not there"))?;
            Ok(Member { name: member.name.into(), ..endpoint.clone() })
        });
        let members = members.collect::<Result<Vec<Member>, Invalid>>()?;
        self.pool_numbers.insert(pool.name.into(), self.pools.len());
        self.pools.push(Pool { members, picks: Vec::new() });
        Ok(())
    }

    fn take_service(&mut self, service: &ServiceData) -> Result<(), Invalid> {
        use_up(&mut self.room.services, 1)?;
        if service.answers > MAX_ANSWERS {
            return Err(Invalid::Content("a service answers with more members than fit into a message"));
        }
        self.finish_maps()?;
        let maps =
            *self.policies.get(&service.policy).ok_or(Invalid::Content("a service's policy has no class map"))?;
        let number = u32::try_from(self.services.len()).map_err(|_| TOO_LARGE)?;
        self.zones.steer(&service.zone, &service.name, number)?;
        let last = service.all_down.as_ref().map(|last| &last.pool);
        let pools = service.bindings.iter().map(|binding| &binding.pool).chain(last);
        let pools: Vec<usize> = pools.filter_map(|pool| self.pool_numbers.get(&**pool).copied()).collect();
        for &pool in &pools {
            self.note_picks(pool, service.answers as usize);
        }
        self.layout.add(pools.into_iter().map(|pool| pool as u32).collect());
        self.services.push(Service {
            salt: 0,
            ttl_s: service.ttl_s,
            answers: service.answers,
            maps,
            by_query: service.by_query,
            place: 0,
            shared: [0; 3],
            lanes: NO_LANES,
        });
        Ok(())
    }

    fn note_picks(&mut self, pool: usize, answers: usize) {
        if let Some(pool) = self.pools.get_mut(pool)
            && answers > 1
        {
            let picks = answers.min(pool.members.len());
            if picks > 1 && !pool.picks.contains(&picks) {
                pool.picks.push(picks);
            }
        }
    }
}

/// How much more may come.
struct Room {
    octets: usize,
    members: usize,
    services: usize,
    ranges: usize,
}

fn use_up(room: &mut usize, more: usize) -> Result<(), Invalid> {
    *room = room.checked_sub(more).ok_or(TOO_LARGE)?;
    Ok(())
}
