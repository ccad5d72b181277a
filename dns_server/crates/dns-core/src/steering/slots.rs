//! Values by small numbers that others choose; what is not changed is shared with the copy before.

use std::sync::Arc;

use crate::input::error::Invalid;

pub type Slots<T> = Arc<Vec<Option<Arc<T>>>>;

/// So that there is a slot for each of these. None may lie beyond as many new ones.
pub fn make_room<T: ?Sized>(slots: &mut Slots<T>, ids: impl ExactSizeIterator<Item = u32>) -> Result<(), Invalid> {
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

pub fn put<T: ?Sized>(slots: &mut Slots<T>, id: u32, value: Arc<T>) {
    if let Some(slot) = Arc::make_mut(slots).get_mut(id as usize) {
        *slot = Some(value);
    }
}

pub fn drop_ids<T: ?Sized>(slots: &mut Slots<T>, ids: &[u32]) {
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
