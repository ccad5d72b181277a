//! Range maps for class maps: read, laid over each other, written. Other Python threads run meanwhile.

use std::sync::Arc;

use geo_core::{Data, Invalid, Loading, Step, Tree, Value};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PySlice;

/// A range map in little memory.
#[pyclass(frozen)]
pub struct Ranges(Arc<geo_core::Ranges>);

impl From<geo_core::Ranges> for Ranges {
    fn from(ranges: geo_core::Ranges) -> Self {
        Self(Arc::new(ranges))
    }
}

#[pymethods]
impl Ranges {
    #[new]
    fn new(starts: Vec<u128>, classes: Vec<u32>) -> PyResult<Self> {
        geo_core::Ranges::new(&starts, &classes).map(Self::from).map_err(refused)
    }

    #[getter]
    fn starts(&self) -> Column {
        Column { ranges: Arc::clone(&self.0), kind: Kind::Starts }
    }

    #[getter]
    fn classes(&self) -> Column {
        Column { ranges: Arc::clone(&self.0), kind: Kind::Classes }
    }

    /// Only the first range of each class.
    fn firsts(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.firsts()).into()
    }

    /// The map whose classes number the distinct pairs of classes; and the first, the second of each pair as octets.
    fn paired(&self, py: Python<'_>, over: &Ranges) -> (Self, Vec<u8>, Vec<u8>) {
        let (joined, pairs) = py.detach(|| geo_core::paired(&self.0, &over.0));
        let firsts = pairs.iter().flat_map(|(first, _)| first.to_ne_bytes()).collect();
        let seconds = pairs.iter().flat_map(|(_, second)| second.to_ne_bytes()).collect();
        (joined.into(), firsts, seconds)
    }

    /// With another class in place of each.
    fn relabelled(&self, py: Python<'_>, labels: Vec<u32>) -> PyResult<Self> {
        let relabelled = py.detach(|| self.0.relabelled(&labels));
        relabelled.map(Self::from).ok_or_else(|| PyValueError::new_err("a class has no label"))
    }

    /// As someone sees it who knows only the first `bits` bits of an address.
    fn coarsened(&self, py: Python<'_>, bits: u32, width: u32) -> PyResult<Self> {
        let idle = width.checked_sub(bits).filter(|&idle| idle < 128 && width <= 128);
        let idle = idle.ok_or_else(|| PyValueError::new_err("blocks have at least 1 bit, and at most all"))?;
        Ok(py.detach(|| geo_core::coarsened(&self.0, idle, width)).into())
    }

    /// (first range, end, unit bits, deltas) of each piece.
    fn pieces(&self, py: Python<'_>, width: u32) -> Vec<(usize, usize, u32, Vec<u8>)> {
        let pieces = py.detach(|| geo_core::pieces(&self.0, width));
        pieces.into_iter().map(|piece| (piece.first, piece.end, piece.unit_bits, piece.deltas)).collect()
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Starts,
    Classes,
}

/// One side of a range map, as a sequence of integers.
#[pyclass(frozen, sequence)]
pub struct Column {
    ranges: Arc<geo_core::Ranges>,
    kind: Kind,
}

/// What stands between brackets.
#[derive(FromPyObject)]
enum Index<'py> {
    At(isize),
    Slice(Bound<'py, PySlice>),
}

#[pymethods]
impl Column {
    #[getter]
    fn ranges(&self) -> Ranges {
        Ranges(Arc::clone(&self.ranges))
    }

    fn __len__(&self) -> usize {
        self.ranges.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: Index<'py>) -> PyResult<Bound<'py, PyAny>> {
        let length = self.ranges.len() as isize;
        match index {
            Index::At(at) => {
                let found = self.get(if at < 0 { at + length } else { at });
                Ok(found.ok_or_else(|| PyIndexError::new_err("out of range"))?.into_pyobject(py)?.into_any())
            }
            Index::Slice(slice) => {
                let cut = slice.indices(length)?;
                let found: Vec<u128> =
                    (0..cut.slicelength as isize).map_while(|at| self.get(cut.start + at * cut.step)).collect();
                found.into_pyobject(py)
            }
        }
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            let other = other.get();
            return Ok(py.detach(|| self.is_like(other)));
        }
        let other: Vec<u128> = other.extract()?;
        Ok(self.iter().eq(other))
    }
}

impl Column {
    fn get(&self, at: isize) -> Option<u128> {
        let at = usize::try_from(at).ok()?;
        match self.kind {
            Kind::Starts => self.ranges.start(at),
            Kind::Classes => self.ranges.classes().get(at).map(|&class| class.into()),
        }
    }

    fn iter(&self) -> impl Iterator<Item = u128> {
        (0..self.ranges.len() as isize).map_while(|at| self.get(at))
    }

    fn is_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ranges, &other.ranges)
            && matches!((self.kind, other.kind), (Kind::Starts, Kind::Starts) | (Kind::Classes, Kind::Classes))
            || self.ranges.len() == other.ranges.len() && self.iter().eq(other.iter())
    }
}

/// A key of a map, or a place in a list.
#[derive(FromPyObject)]
enum Named {
    Item(usize),
    Key(String),
}

/// What was found.
#[derive(IntoPyObject)]
enum Found<'a> {
    Text(&'a str),
    Real(f64),
    Whole(i128),
}

impl<'a> From<Value<'a>> for Found<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Real(number) => Self::Real(number),
            Value::Whole(number) => Self::Whole(number),
        }
    }
}

/// Finds the same values in many records of one data section.
#[pyclass(frozen)]
pub struct Finder {
    content: PyBackedBytes,
    section: usize,
    paths: Vec<Vec<Step>>,
}

#[pymethods]
impl Finder {
    #[new]
    fn new(content: PyBackedBytes, section: usize, paths: Vec<Vec<Named>>) -> Self {
        let step = |named| match named {
            Named::Item(item) => Step::Item(item),
            Named::Key(key) => Step::Key(key),
        };
        let paths = paths.into_iter().map(|path| path.into_iter().map(step).collect()).collect();
        Self { content, section, paths }
    }

    /// What stands at the end of each path from the record at `at` in the section.
    fn find(&self, at: usize) -> PyResult<Vec<Option<Found<'_>>>> {
        let data = Data(self.content.get(self.section..).unwrap_or_default());
        let found = self.paths.iter().map(|path| Ok(data.find(at, path)?.map(Found::from)));
        found.collect::<Result<_, geo_core::Damaged>>().map_err(|damaged| PyValueError::new_err(damaged.to_string()))
    }
}

/// The v4 and the v6 ranges of a search tree.
#[pyfunction]
pub fn cut_tree(
    py: Python<'_>,
    tree: PyBackedBytes,
    nodes: u32,
    record_bits: u32,
    ip_version: u32,
) -> PyResult<(Ranges, Ranges)> {
    let cut = py.detach(|| {
        let tree = Tree::new(&tree, nodes, record_bits)?;
        if ip_version == 4 {
            return Some(tree.ranges(0, 32, None).map(|v4| (v4, [(0, 0)].into_iter().collect())));
        }
        let root = tree.left(96);
        Some(tree.ranges(root, 32, None).and_then(|v4| Ok((v4, tree.ranges(0, 128, Some(root))?))))
    });
    let cut = cut.ok_or_else(|| PyValueError::new_err("it is cut off"))?;
    let (v4, v6) = cut.map_err(|circles| PyValueError::new_err(circles.to_string()))?;
    Ok((v4.into(), v6.into()))
}

/// The map of `pieces`: (unit bits, deltas, classes) of each.
#[pyfunction]
pub fn load_ranges(py: Python<'_>, pieces: &Bound<'_, PyAny>, width: u32, classes: u32) -> PyResult<Ranges> {
    let mut loading = Loading::new(width, classes);
    for piece in pieces.try_iter()? {
        let (unit_bits, deltas, held): (u32, PyBackedBytes, Vec<u32>) = piece?.extract()?;
        py.detach(|| loading.take(unit_bits, &deltas, &held)).map_err(refused)?;
    }
    loading.finish().map(Ranges::from).map_err(refused)
}

fn refused(invalid: Invalid) -> PyErr {
    PyValueError::new_err(invalid.to_string())
}
