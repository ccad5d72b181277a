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
use crate::statics::{Pool, Static};
use crate::tables::{Table, Tables};

const NOBODY: u32 = u32::MAX;

type Slots<T> = Arc<Vec<Option<Arc<T>>>>;

/// Which pools share each class of each service, and how members share each pool. What a difference leaves as it was
/// is shared with the decision before.
#[derive(Clone)]
pub struct Decision {
    vectors: Slots<Vector>,
    rows: Slots<Row>,
    columns: Slots<[u32]>,
    /// By service and family: a column.
    assigned: Arc<Vec<[u32; 3]>>,
}

/// How members share a pool, in one family.
pub struct Vector {
    pool: u32,
    /// The members' records one behind the other, TTL 0, and where each ends.
    records: Vec<u8>,
    ends: Vec<u32>,
    table: Option<Table>,
    /// For services that answer with several members.
    ranked: Vec<(usize, Table)>,
    /// By member: how many places before it, going round, the same RDATA stands; empty where all differ.
    gaps: Vec<usize>,
}

/// What a class gets.
pub enum Row {
    Pools {
        vectors: Vec<u32>,
        table: Option<Table>,
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
            (false, Some(before)) if before.assigned.len() == statics.services.len() => before.clone(),
            (false, _) => return Err(Invalid::Content("a difference needs the decision before it")),
        };
        made.apply(&message, statics, tables)?;
        Ok(made)
    }

    fn nothing(statics: &Static) -> Self {
        Self {
            vectors: Arc::default(),
            rows: Arc::default(),
            columns: Arc::default(),
            assigned: Arc::new(vec![[NOBODY; 3]; statics.services.len()]),
        }
    }

    fn apply(&mut self, message: &EngineDecision, statics: &Static, tables: &mut Tables) -> Result<(), Invalid> {
        make_room(&mut self.vectors, message.vectors.iter().map(|vector| vector.id))?;
        for vector in &message.vectors {
            put(&mut self.vectors, vector.id, Arc::new(Vector::load(vector, statics, tables)?));
        }
        make_room(&mut self.rows, message.rows.iter().map(|row| row.id))?;
        for row in &message.rows {
            let loaded = Row::load(row, self, statics, tables)?;
            put(&mut self.rows, row.id, Arc::new(loaded));
        }
        self.take_columns(&message.columns)?;
        if !message.assignments.is_empty() {
            let assigned = Arc::make_mut(&mut self.assigned);
            for assignment in &message.assignments {
                let family = Family::from_wire(assignment.family).ok_or(Invalid::Content("a family is unknown"))?;
                let column = assignment.column.checked_sub(1).unwrap_or(NOBODY);
                for &service in &assignment.services {
                    let columns = assigned.get_mut(service as usize);
                    let columns = columns.ok_or(Invalid::Content("a decision is about a service that is not there"))?;
                    if let Some(held) = columns.get_mut(family as usize) {
                        *held = column;
                    }
                }
            }
        }
        drop_ids(&mut self.vectors, &message.dropped_vectors);
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

    /// What a service answers clients of a class in a family; None where the family is not served.
    #[inline]
    pub fn row(&self, service: u32, family: Family, class: u32) -> Option<&Row> {
        let column = self.columns.get(self.column(service, family)? as usize)?.as_ref()?;
        let row = *column.get(class as usize)?;
        self.rows.get(row as usize)?.as_deref()
    }

    /// Whether a service is served in a family.
    #[inline]
    pub fn serves(&self, service: u32, family: Family) -> bool {
        self.column(service, family).is_some()
    }

    #[inline]
    fn column(&self, service: u32, family: Family) -> Option<u32> {
        let columns = self.assigned.get(service as usize)?;
        columns.get(family as usize).copied().filter(|&column| column != NOBODY)
    }

    /// How members share a pool; None for a number that is not in use.
    #[inline]
    pub fn vector(&self, number: u32) -> Option<&Vector> {
        self.vectors.get(number as usize)?.as_deref()
    }
}

impl Vector {
    fn load(data: &VectorData, statics: &Static, tables: &mut Tables) -> Result<Self, Invalid> {
        let refuse = Invalid::Content("a vector names a pool or member that is not there");
        let family = Family::from_wire(data.family).ok_or(Invalid::Content("a family is unknown"))?;
        let pool = statics.pools.get(data.pool as usize).ok_or(refuse.clone())?;
        if data.members.is_empty() || data.members.len() != data.shares.len() || data.members.len() > MAX_SHARES {
            return Err(Invalid::Content("a vector has no members, too many, or not one share a member"));
        }
        let mut names = Vec::with_capacity(data.members.len());
        let mut rdatas = Vec::with_capacity(data.members.len());
        for (&member, &share) in data.members.iter().zip(&data.shares) {
            let member = pool.members.get(member as usize).ok_or(refuse.clone())?;
            rdatas.push(member.rdata(family).ok_or(refuse.clone())?);
            names.push((&*member.name, share));
        }
        let mut made = Self {
            pool: data.pool,
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
    fn load(data: &RowData, decision: &Decision, statics: &Static, tables: &mut Tables) -> Result<Self, Invalid> {
        match data.kind() {
            RowKind::Pools => Self::pools(data, decision, statics, tables),
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

    fn pools(data: &RowData, decision: &Decision, statics: &Static, tables: &mut Tables) -> Result<Self, Invalid> {
        if data.vectors.is_empty() || data.vectors.len() != data.shares.len() || data.vectors.len() > MAX_SHARES {
            return Err(Invalid::Content("a row has no pools, too many, or not one share a pool"));
        }
        let mut names = Vec::with_capacity(data.vectors.len());
        for (&vector, &share) in data.vectors.iter().zip(&data.shares) {
            let pool = decision.vector(vector).and_then(|vector| statics.pools.get(vector.pool as usize));
            names.push((&*pool.ok_or(Invalid::Content("a row names a vector that is not there"))?.name, share));
        }
        Ok(Self::Pools { vectors: data.vectors.clone(), table: tables.tabulate(&names, 1) })
    }
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
