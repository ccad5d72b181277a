//! Owner names become pointers where the same octets were written before, as in the reference.

use super::Writer;
use crate::wire::names::parent;
use crate::wire::records::HEADER_BYTES;

const FARTHEST_POINTER: usize = 0x3FFF;

impl Writer<'_, '_, '_> {
    /// An owner name in the question's letters where it ends the question's name, so that it becomes a pointer there.
    pub(super) fn owner(&mut self, owner: &[u8]) {
        let query = self.query;
        let shown = match self.name.len().checked_sub(owner.len()) {
            Some(at) if self.name.ends_with(owner) => query.spelling().get(at..).unwrap_or(owner),
            _ => owner,
        };
        let mut rest = shown;
        while rest.len() > 1 {
            if let Some(at) = self.find(rest) {
                let pointer = 0xC000 | at as u16;
                return self.put(&pointer.to_be_bytes());
            }
            self.remember(self.out.len);
            let shorter = parent(rest).unwrap_or_default();
            self.put(rest.get(..rest.len() - shorter.len()).unwrap_or_default());
            rest = shorter;
        }
        self.put(&[0]);
    }

    fn remember(&mut self, at: usize) {
        if at <= FARTHEST_POINTER
            && let Some(slot) = self.known.get_mut(self.known_count)
        {
            *slot = at as u16;
            self.known_count += 1;
        }
    }

    /// Where these octets stand as a name already.
    fn find(&self, name: &[u8]) -> Option<usize> {
        let spelling = self.query.spelling();
        let mut suffix = spelling;
        while suffix.len() > 1 {
            if suffix == name {
                return Some(HEADER_BYTES + spelling.len() - suffix.len());
            }
            suffix = parent(suffix)?;
        }
        let known = self.known.get(..self.known_count)?;
        known.iter().map(|&at| usize::from(at)).find(|&at| self.is_at(at, name))
    }

    fn is_at(&self, at: usize, name: &[u8]) -> bool {
        let (mut at, mut rest) = (at, name);
        loop {
            let Some(&length) = self.out.bytes.get(at) else {
                return false;
            };
            if length >= 0xC0 {
                let low = self.out.bytes.get(at + 1).copied().unwrap_or_default();
                at = usize::from(length & 0x3F) << 8 | usize::from(low);
                continue;
            }
            let label = self.out.bytes.get(at..at + 1 + usize::from(length)).unwrap_or_default();
            if !rest.starts_with(label) || label.is_empty() {
                return false;
            }
            if length == 0 {
                return true;
            }
            at += label.len();
            rest = rest.get(label.len()..).unwrap_or_default();
        }
    }
}
