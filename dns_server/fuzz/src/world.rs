//! The world that is asked: a committed snapshot and decision, as `tests/support/fuzzseeds.py` writes them.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use dns_core::{Decision, Static, Tables, View};

static CONTENT: &[u8] = include_bytes!("../world.bin");

/// A snapshot and its decision, loaded and as they came.
pub struct World {
    pub statics: Arc<Static>,
    pub loaded: Arc<Decision>,
    pub chunk: &'static [u8],
    pub decision: &'static [u8],
    tables: Mutex<Tables>,
}

impl World {
    /// # Panics
    /// When the committed world cannot be loaded: it is to be made again.
    pub fn load() -> Self {
        static PARTS: LazyLock<Vec<&[u8]>> = LazyLock::new(|| parts(CONTENT));
        let [extra, decision, costs, chunk] = PARTS.as_slice() else { panic!("the world is cut off") };
        let costs = costs.chunks_exact(4).map(|octets| u32::from_be_bytes(octets.try_into().unwrap()));
        let mut tables = Tables::new(costs.collect()).unwrap();
        let statics = Arc::new(Static::load([*chunk], extra, 7).unwrap());
        let loaded = Arc::new(Decision::load(decision, &statics, None, &mut tables).unwrap());
        Self { statics, loaded, chunk, decision, tables: Mutex::new(tables) }
    }

    /// What queries are answered with.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.statics), Arc::clone(&self.loaded))
    }

    /// What makes cohort tables; it remembers from input to input what does not depend on inputs.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parts(mut content: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = content.split_first_chunk::<4>() {
        let (part, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        found.push(part);
        content = rest;
    }
    found
}

/// An input of two parts: as many octets as its first two say, as far as there are so many, and the rest.
pub fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = input.split_first_chunk::<2>() else {
        return (&[], &[]);
    };
    rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()))
}
