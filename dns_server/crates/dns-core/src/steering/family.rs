//! The record types by which members are answered; each family of a service is steered on its own.

/// A, AAAA or CNAME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    A = 0,
    Aaaa = 1,
    Cname = 2,
}

impl Family {
    /// From an `EngineFamily`.
    pub fn from_wire(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::A),
            2 => Some(Self::Aaaa),
            3 => Some(Self::Cname),
            _ => None,
        }
    }

    /// The family that a query for this type asks for.
    pub fn of_type(rrtype: u16) -> Option<Self> {
        match rrtype {
            1 => Some(Self::A),
            28 => Some(Self::Aaaa),
            5 => Some(Self::Cname),
            _ => None,
        }
    }

    /// The record type.
    pub fn rrtype(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Cname => 5,
        }
    }
}
