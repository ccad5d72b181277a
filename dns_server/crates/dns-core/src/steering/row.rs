//! What a class of clients gets.

use crate::input::error::Invalid;
use crate::input::limits::MAX_SHARES;
use crate::input::messages::{RowData, RowKind};
use crate::steering::family::Family;
use crate::steering::tables::{Table, Tables};
use crate::wire::records::write_record;

/// How far down a row can have to go, as in `gslb/core/decision.py`.
pub const LEVELS: usize = 5;

/// The same for all lanes that bind the same slots.
pub enum Row {
    Pools {
        level: u8,
        /// Places in [`Lane`](crate::steering::services::Lane).
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

impl Row {
    pub fn load(data: &RowData, tables: &mut Tables) -> Result<Self, Invalid> {
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
