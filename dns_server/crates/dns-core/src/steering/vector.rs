//! How members share a pool.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::input::error::Invalid;
use crate::input::limits::MAX_SHARES;
use crate::input::messages::VectorData;
use crate::steering::index::Steering;
use crate::steering::pools::{Pool, Seen};
use crate::steering::tables::{Table, Tables};
use crate::wire::records::write_record;

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

impl Vector {
    pub fn load(data: &VectorData, seen: &Seen, steering: &Steering, tables: &mut Tables) -> Result<Self, Invalid> {
        let refuse = Invalid::Content("a vector names a pool or member that is not there");
        let family = seen.family;
        let pool = steering.pools.get(seen.pool as usize).ok_or(refuse.clone())?;
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
