//! What `decide` concluded, laid ready for look-ups.

use std::sync::Arc;

use prost::Message;

use crate::input::error::Invalid;
use crate::input::limits::{MAX_CLASSES, NONE};
use crate::input::messages::{ColumnData, EngineDecision, VectorData};
use crate::steering::index::Steering;
use crate::steering::row::{LEVELS, Row};
use crate::steering::slots::{Slots, drop_ids, make_room, put};
use crate::steering::tables::Tables;
use crate::steering::vector::Vector;

/// By level; None where the pool can serve nothing.
type Levels = [Option<Arc<Vector>>; LEVELS];
/// Pools that lie together: when one of them changes, these are copied, and of all the others one reference for so many.
type Shelf = [Levels; SHELF];
const SHELF: usize = 16;

/// Which slots share each class of each lane, and how members share each pool. What a difference leaves as it was is
/// shared with the decision before.
#[derive(Clone)]
pub struct Decision {
    /// By pool as it is seen.
    vectors: Arc<Vec<Arc<Shelf>>>,
    rows: Slots<Row>,
    columns: Slots<[u32]>,
    /// By lane: a column.
    assigned: Arc<Vec<u32>>,
}

impl Decision {
    /// From an `EngineDecision` made for this index; `before`: the decision that it differs from, if it is a difference.
    pub(crate) fn of(
        message: &[u8],
        steering: &Steering,
        before: Option<&Decision>,
        tables: &mut Tables,
    ) -> Result<Self, Invalid> {
        let message = EngineDecision::decode(message).map_err(|_| Invalid::Unreadable("decision"))?;
        let mut made = match (message.whole, before) {
            (true, _) => Self::nothing(steering),
            (false, Some(before)) if before.fits(steering) => before.clone(),
            (false, _) => return Err(Invalid::Content("a difference needs the decision before it")),
        };
        made.apply(&message, steering, tables)?;
        Ok(made)
    }

    fn nothing(steering: &Steering) -> Self {
        Self {
            vectors: Arc::new(vec![Arc::default(); steering.seen.len().div_ceil(SHELF)]),
            rows: Arc::default(),
            columns: Arc::default(),
            assigned: Arc::new(vec![NONE; steering.lanes.len()]),
        }
    }

    fn fits(&self, steering: &Steering) -> bool {
        self.assigned.len() == steering.lanes.len() && self.vectors.len() == steering.seen.len().div_ceil(SHELF)
    }

    fn apply(&mut self, message: &EngineDecision, steering: &Steering, tables: &mut Tables) -> Result<(), Invalid> {
        self.take_vectors(&message.vectors, steering, tables)?;
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

    fn take_vectors(
        &mut self,
        vectors: &[VectorData],
        steering: &Steering,
        tables: &mut Tables,
    ) -> Result<(), Invalid> {
        if vectors.is_empty() {
            return Ok(());
        }
        let held = Arc::make_mut(&mut self.vectors);
        for data in vectors {
            let at = data.seen as usize;
            let (Some(seen), Some(shelf)) = (steering.seen.get(at), held.get_mut(at / SHELF)) else {
                return Err(Invalid::Content("a vector is of a pool that nobody sees"));
            };
            let vector = match data.members.is_empty() {
                true => None,
                false => Some(Arc::new(Vector::load(data, seen, steering, tables)?)),
            };
            let levels = Arc::make_mut(shelf).get_mut(at % SHELF);
            for (level, place) in levels.into_iter().flatten().enumerate() {
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
        let seen = seen as usize;
        self.vectors.get(seen / SHELF)?.get(seen % SHELF)?.get(usize::from(level))?.as_deref()
    }
}
