//! Pools and their members, as far as answers show them.

use crate::steering::family::Family;

/// A pool as some monitor sees it in one family.
pub struct Seen {
    pub pool: u32,
    pub family: Family,
}

/// A pool's members. `picks`: how many members services answer with, where that is more than one.
pub struct Pool {
    pub members: Vec<Member>,
    pub picks: Vec<usize>,
}

/// What a member is answered by, in each family.
#[derive(Clone)]
pub struct Member {
    pub name: Box<str>,
    pub a: Option<[u8; 4]>,
    pub aaaa: Option<[u8; 16]>,
    pub host: Option<Box<[u8]>>,
}

impl Member {
    pub fn rdata(&self, family: Family) -> Option<&[u8]> {
        match family {
            Family::A => self.a.as_ref().map(<[u8; 4]>::as_slice),
            Family::Aaaa => self.aaaa.as_ref().map(<[u8; 16]>::as_slice),
            Family::Cname => self.host.as_deref(),
        }
    }
}
