//! From a steered name to the records of its members.

use super::ask::{Ask, FOUND, Step};
use crate::counts::tally::Choice;
use crate::steering::family::Family;
use crate::steering::row::Row;
use crate::steering::tables::draw;
use crate::steering::vector::Vector;
use crate::way::Steered;
use crate::wire::explanation::Explanation;
use crate::wire::records::{Rcode, records_of};
use crate::wire::summary::Summary;
use crate::wire::writer::{Section, Writer};

/// The rank of what comes from no pool.
const OF_NO_POOL: u32 = 0;

impl<'v> Ask<'v> {
    /// Class -> row -> cohort -> pool -> members -> records; noted once, whatever comes of it.
    #[inline]
    pub(super) fn steered(&self, steered: &Steered<'v>, name: &[u8], writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let &Steered { number, service, family, lane, class, scope } = steered;
        let choose = |rank| {
            let place = service.place.saturating_add(rank);
            self.choices.add(Choice { service: number, class, place });
        };
        let mut first: Option<&'v [u8]> = None;
        let mut emit = |record: &'v [u8], writer: &mut Writer<'_, '_, '_>| {
            first.get_or_insert(record);
            writer.record(Section::Answer, name, record, Some(service.ttl_s));
        };
        match self.decision.row(lane, class) {
            Some(row @ (Row::Pools { .. } | Row::LastResort { .. })) => {
                let (version, network) = self.source.network();
                let prefix = if service.by_query { self.entropy } else { network };
                let cohort = draw(prefix, version, service.salt);
                let Some((rank, vector)) = self.drawn(row, lane, cohort.pool) else {
                    choose(OF_NO_POOL);
                    return self.failed(writer);
                };
                choose(rank);
                vector.each_record(cohort.member, service.answers as usize, |record| emit(record, writer));
            }
            Some(Row::Addresses(records)) => {
                choose(OF_NO_POOL);
                records_of(records).for_each(|(record, _)| emit(record, writer));
            }
            Some(Row::NoData) => choose(OF_NO_POOL),
            Some(Row::ServFail) | None => {
                choose(OF_NO_POOL);
                return self.failed(writer);
            }
        }
        match first {
            None => self.down(writer),
            Some(record) if family == Family::Cname => self.alias(record.get(12..).unwrap_or_default(), scope),
            Some(_) => Step::Done(Summary { scope, ..FOUND }),
        }
    }

    /// The rank of the pool that a cohort falls to, and its members.
    #[inline]
    fn drawn(&self, row: &Row, lane: u32, cohort: usize) -> Option<(u32, &'v Vector)> {
        let (bound, level) = match row {
            Row::Pools { level, slots, table } => {
                let turn = table.as_ref().map_or(0, |table| table.first(cohort));
                (self.statics.steering.bound(lane, *slots.get(turn)?)?, *level)
            }
            Row::LastResort { level } => (self.statics.steering.last_resort(lane)?, *level),
            Row::Addresses(_) | Row::NoData | Row::ServFail => return None,
        };
        Some((bound.rank, self.decision.vector(bound.seen, level)?))
    }

    /// NODATA, as nothing serves this family.
    #[cold]
    fn down(&self, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        match self.negative(Rcode::NoError, writer) {
            Step::Done(summary) => Step::Done(Summary { explanation: Explanation::AllDown, ..summary }),
            step => step,
        }
    }

    /// SERVFAIL, without what was found on the way.
    #[cold]
    fn failed(&self, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        writer.clear();
        Step::Done(Summary::explained(Rcode::ServFail, Explanation::AllDown))
    }
}
