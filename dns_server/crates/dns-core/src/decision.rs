//! What `decide` concluded, laid ready for look-ups.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use prost::Message;

use crate::error::Invalid;
use crate::family::Family;
use crate::limits::{MAX_CLASSES, MAX_SHARES};
use crate::messages::{ColumnData, EngineDecision, RowData, RowKind, VectorData};
use crate::records::write_record;
use crate::statics::{Pool, Seen, Static};
use crate::tables::{Table, Tables};
use crate::zones::NONE;

/// How far down a row can have to go, as in `gslb/core/decision.py`.
const LEVELS: usize = 5;

type Slots<T> = Arc<Vec<Option<Arc<T>>>>;
/// By level; None where the pool can serve nothing.
type Levels = [Option<Arc<Vector>>; LEVELS];

/// Which slots share each class of each lane, and how members share each pool. What a difference leaves as it was is
/// shared with the decision before.
#[derive(Clone)]
pub struct Decision {
    /// By pool as it is seen.
    vectors: Arc<Vec<Arc<Levels>>>,
    rows: Slots<Row>,
    columns: Slots<[u32]>,
    /// By lane: a column.
    assigned: Arc<Vec<u32>>,
}

/// How members share a pool, in one family.
pub struct Vector {
    /// The members' records one behind the other, TTL 0, and where each ends.
    records: Vec<u8>,
    ends: Vec<u32>,
    table: Option<Table>,
    /// For services that answer with several members.
    ranked: Vec<(usize, Table)>,
    /// By member: how many places before it, going round, the same RDATA stands; empty where all differ.
    gaps: Vec<usize>,
}

/// What a class gets; the same for all lanes that bind the same slots.
pub enum Row {
    Pools {
        level: u8,
        /// Places in [`Lane`](crate::statics::Lane).
        slots: Vec<u32>,
        table: Option<Table>,
    },
    /// The pool that the lane resorts to.
    LastResort {
        level: u8,
    },
    /// Records, as in a vector.
    Addresses(Vec<u8>),
    NoData,
    ServFail,
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
        let message = EngineDecision::decode(message).map_err(|_| Invalid::Unreadable("decision"))?;
        let mut made = match (message.whole, before) {
            (true, _) => Self::nothing(statics),
            (false, Some(before)) if before.fits(statics) => before.clone(),
            (false, _) => return Err(Invalid::Content("a difference needs the decision before it")),
        };
        made.apply(&message, statics, tables)?;
        Ok(made)
    }

    fn nothing(statics: &Static) -> Self {
        Self {
            vectors: Arc::new(vec![Arc::default(); statics.seen.len()]),
            rows: Arc::default(),
            columns: Arc::default(),
            assigned: Arc::new(vec![NONE; statics.lanes.len()]),
        }
    }

    fn fits(&self, statics: &Static) -> bool {
        self.assigned.len() == statics.lanes.len() && self.vectors.len() == statics.seen.len()
    }

    fn apply(&mut self, message: &EngineDecision, statics: &Static, tables: &mut Tables) -> Result<(), Invalid> {
        self.take_vectors(&message.vectors, statics, tables)?;
        make_room(&mut self.rows, message.rows.iter().map(|row| row.id))?;
        for row in &message.rows {
            put(&mut self.rows, row.id, Arc::new(Row::load(row, tables)?));
        }
        self.take_columns(&message.columns)?;
        if !message.assignments.is_empty() {
            let assigned = Arc::make_mut(&mut self.assigned);
            for assignment in &message.assignments {
                for &lane in &assignment.lanes {
                    let column = assigned.get_mut(lane as usize);
                    *column.ok_or(Invalid::Content("a decision is about a lane that is not there"))? =
                        assignment.column;
                }
            }
        }
        drop_ids(&mut self.rows, &message.dropped_rows);
        drop_ids(&mut self.columns, &message.dropped_columns);
        Ok(())
    }

    fn take_columns(&mut self, columns: &[ColumnData]) -> Result<(), Invalid> {
        if columns.is_empty() {
            return Ok(());
        }
        make_room(&mut self.columns, columns.iter().map(|column| column.id))?;
        let mut classes: usize = self.columns.iter().flatten().map(|column| column.len()).sum();
        for column in columns {
            let length: usize = column.lengths.iter().map(|&length| length as usize).sum();
            classes += length;
            if column.rows.len() != column.lengths.len() || classes > MAX_CLASSES {
                return Err(Invalid::Content("columns have too many classes, or one not one length a row"));
            }
            let runs = column.rows.iter().zip(&column.lengths);
            let expanded = runs.flat_map(|(&row, &length)| std::iter::repeat_n(row, length as usize)).collect();
            put(&mut self.columns, column.id, expanded);
        }
        Ok(())
    }

    fn take_vectors(&mut self, vectors: &[VectorData], statics: &Static, tables: &mut Tables) -> Result<(), Invalid> {
        if vectors.is_empty() {
            return Ok(());
        }
        let held = Arc::make_mut(&mut self.vectors);
        for data in vectors {
            let (Some(seen), Some(levels)) = (statics.seen.get(data.seen as usize), held.get_mut(data.seen as usize))
            else {
                return Err(Invalid::Content("a vector is of a pool that nobody sees"));
            };
            let vector = match data.members.is_empty() {
                true => None,
                false => Some(Arc::new(Vector::load(data, seen, statics, tables)?)),
            };
            for (level, place) in Arc::make_mut(levels).iter_mut().enumerate() {
                if data.levels >> level & 1 == 1 {
                    place.clone_from(&vector);
                }
            }
        }
        Ok(())
    }

    /// What a lane answers clients of a class.
    #[inline]
    pub fn row(&self, lane: u32, class: u32) -> Option<&Row> {
        let column = *self.assigned.get(lane as usize)?;
        let column = self.columns.get(column as usize)?.as_ref()?;
        let row = *column.get(class as usize)?;
        self.rows.get(row as usize)?.as_deref()
    }

    /// How members share a pool as it is seen; None where it can serve nothing at the level.
    #[inline]
    pub fn vector(&self, seen: u32, level: u8) -> Option<&Vector> {
        self.vectors.get(seen as usize)?.get(usize::from(level))?.as_deref()
    }
}

impl Vector {
    fn load(data: &VectorData, seen: &Seen, statics: &Static, tables: &mut Tables) -> Result<Self, Invalid> {
        let refuse = Invalid::Content("a vector names a pool or member that is not there");
        let family = seen.family;
        let pool = statics.pools.get(seen.pool as usize).ok_or(refuse.clone())?;
        if data.members.len() != data.shares.len() || data.members.len() > MAX_SHARES {
            return Err(Invalid::Content("a vector has too many members, or not one share a member"));
        }
        let mut names = Vec::with_capacity(data.members.len());
        let mut rdatas = Vec::with_capacity(data.members.len());
        for (&member, &share) in data.members.iter().zip(&data.shares) {
            let member = pool.members.get(member as usize).ok_or(refuse.clone())?;
            rdatas.push(member.rdata(family).ok_or(refuse.clone())?);
            names.push((&*member.name, share));
        }
        let mut made = Self {
            records: Vec::new(),
            ends: Vec::with_capacity(rdatas.len()),
            table: tables.tabulate(&names, 1),
            ranked: ranked(pool, &names, tables),
            gaps: gaps(&rdatas),
        };
        for rdata in rdatas {
            write_record(&mut made.records, family.rrtype(), 0, rdata);
            made.ends.push(made.records.len() as u32);
        }
        Ok(made)
    }

    /// The records a cohort gets, its own first: `answers` many, or all (0), without doubles.
    #[inline]
    pub fn each_record<'a>(&'a self, cohort: usize, answers: usize, mut emit: impl FnMut(&'a [u8])) {
        let own = self.table.as_ref().map_or(0, |table| table.first(cohort));
        let count = self.ends.len();
        match answers.min(count) {
            0 => self.each_round(own, emit),
            1 => emit(self.record(own)),
            several => {
                let Some((_, table)) = self.ranked.iter().find(|&&(picks, _)| picks == several) else {
                    return emit(self.record(own));
                };
                let ranks = table.ranks(cohort);
                for (place, &index) in ranks.iter().enumerate() {
                    let record = self.record(usize::from(index));
                    let is_double = !self.gaps.is_empty()
                        && ranks.iter().take(place).any(|&before| self.record(usize::from(before)) == record);
                    if !is_double {
                        emit(record);
                    }
                }
            }
        }
    }

    /// All of them, going round from `own`.
    fn each_round<'a>(&'a self, own: usize, mut emit: impl FnMut(&'a [u8])) {
        for (step, index) in (own..self.ends.len()).chain(0..own).enumerate() {
            if self.gaps.get(index).is_none_or(|&gap| gap > step) {
                emit(self.record(index));
            }
        }
    }

    #[inline]
    fn record(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize);
        let end = self.ends.get(index).map_or(0, |&end| end as usize);
        self.records.get(start..end).unwrap_or_default()
    }
}

fn ranked(pool: &Pool, names: &[(&str, u32)], tables: &mut Tables) -> Vec<(usize, Table)> {
    let mut made: Vec<(usize, Table)> = Vec::new();
    for picks in pool.picks.iter().map(|&picks| picks.min(names.len())).filter(|&picks| picks > 1) {
        if made.iter().all(|&(known, _)| known != picks) {
            made.extend(tables.tabulate(names, picks).map(|table| (picks, table)));
        }
    }
    made
}

fn gaps(rdatas: &[&[u8]]) -> Vec<usize> {
    let count = rdatas.len();
    let mut gaps = vec![count; count];
    let mut last: HashMap<&[u8], usize, FixedState> = HashMap::default();
    // The second time round there is somebody before everyone, at last oneself
    for (step, (at, &rdata)) in rdatas.iter().enumerate().cycle().take(2 * count).enumerate() {
        if let (Some(before), Some(gap)) = (last.insert(rdata, step), gaps.get_mut(at)) {
            *gap = step - before;
        }
    }
    if gaps.iter().all(|&gap| gap == count) { Vec::new() } else { gaps }
}

impl Row {
    fn load(data: &RowData, tables: &mut Tables) -> Result<Self, Invalid> {
        match data.kind() {
            RowKind::Pools => Self::pools(data, tables),
            RowKind::LastResort => Ok(Self::LastResort { level: level(data)? }),
            RowKind::Addresses => {
                let mut records = Vec::new();
                for address in &data.addresses {
                    let family = match address.len() {
                        4 => Family::A,
                        16 => Family::Aaaa,
                        _ => return Err(Invalid::Content("an address has neither 4 nor 16 octets")),
                    };
                    write_record(&mut records, family.rrtype(), 0, address);
                }
                Ok(Self::Addresses(records))
            }
            RowKind::Nodata => Ok(Self::NoData),
            RowKind::Servfail => Ok(Self::ServFail),
            RowKind::Unspecified => Err(Invalid::Content("a row is of no kind")),
        }
    }

    fn pools(data: &RowData, tables: &mut Tables) -> Result<Self, Invalid> {
        let count = data.slots.len();
        if count == 0 || count != data.shares.len() || count != data.names.len() || count > MAX_SHARES {
            return Err(Invalid::Content("a row has no slots, too many, or not one name and share a slot"));
        }
        let names: Vec<(&str, u32)> = data.names.iter().map(String::as_str).zip(data.shares.iter().copied()).collect();
        Ok(Self::Pools { level: level(data)?, slots: data.slots.clone(), table: tables.tabulate(&names, 1) })
    }
}

fn level(data: &RowData) -> Result<u8, Invalid> {
    let known = u8::try_from(data.level).ok().filter(|&level| usize::from(level) < LEVELS);
    known.ok_or(Invalid::Content("a row is of no level"))
}

/// So that there is a slot for each of these. None may lie beyond as many new ones.
fn make_room<T: ?Sized>(slots: &mut Slots<T>, ids: impl ExactSizeIterator<Item = u32>) -> Result<(), Invalid> {
    let most = slots.len() + ids.len();
    let Some(needed) = ids.max().map(|highest| highest as usize + 1).filter(|&needed| needed > slots.len()) else {
        return Ok(());
    };
    if needed > most {
        return Err(Invalid::Content("a decision leaves numbers out"));
    }
    Arc::make_mut(slots).resize(needed, None);
    Ok(())
}

fn put<T: ?Sized>(slots: &mut Slots<T>, id: u32, value: Arc<T>) {
    if let Some(slot) = Arc::make_mut(slots).get_mut(id as usize) {
        *slot = Some(value);
    }
}

fn drop_ids<T: ?Sized>(slots: &mut Slots<T>, ids: &[u32]) {
    if ids.is_empty() {
        return;
    }
    let slots = Arc::make_mut(slots);
    for &id in ids {
        if let Some(slot) = slots.get_mut(id as usize) {
            *slot = None;
        }
    }
}
