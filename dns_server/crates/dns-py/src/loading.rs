//! Snapshots and decisions, loaded and laid ready for look-ups.

use std::sync::{Arc, Mutex, PoisonError};

use dns_core::{COHORTS, Count, Invalid, NO_POOL};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

/// Makes cohort tables; what is the same from decision to decision is made once.
#[pyclass(frozen)]
pub struct Tables(Mutex<dns_core::Tables>);

#[pymethods]
impl Tables {
    #[new]
    fn new(costs: Vec<u32>) -> PyResult<Self> {
        Ok(Self(Mutex::new(dns_core::Tables::new(costs).map_err(refused)?)))
    }

    /// For every cohort the `picks` best names, as indexes into `shares`, best first.
    fn tabulate(&self, shares: Vec<(String, u32)>, picks: usize) -> PyResult<Vec<Vec<u16>>> {
        let shares: Vec<(&str, u32)> = shares.iter().map(|(name, share)| (name.as_str(), *share)).collect();
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner).tabulate(&shares, picks);
        let table = table.ok_or_else(|| PyValueError::new_err("there are no shares"))?;
        Ok((0..COHORTS).map(|cohort| table.ranks(cohort).to_vec()).collect())
    }
}

/// A snapshot's index.
#[pyclass(frozen)]
pub struct Static {
    pub loaded: Arc<dns_core::Static>,
    /// What is counted of this snapshot. One for all who ask, so that it can tell when nobody counts any more.
    #[pyo3(get)]
    tallies: Py<Tallies>,
}

#[pymethods]
impl Static {
    #[new]
    fn new(py: Python<'_>, chunks: Vec<PyBackedBytes>, extra: PyBackedBytes, seed: u64) -> PyResult<Self> {
        let chunks = chunks.iter().map(|chunk| &**chunk);
        let loaded = py.detach(|| dns_core::Static::load(chunks, &extra, seed)).map_err(refused)?;
        let tallies = Py::new(py, Tallies(Arc::clone(loaded.tallies())))?;
        Ok(Self { loaded: Arc::new(loaded), tallies })
    }
}

/// What workers count of one snapshot's services; outlives the snapshot.
#[pyclass(frozen)]
pub struct Tallies(Arc<dns_core::Tallies>);

/// A service and a pool; None: answers from no pool.
type Pair = (u32, Option<u32>);

#[pymethods]
impl Tallies {
    /// Whether nothing can be counted any more: the snapshot is gone.
    fn is_final(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Answers so far: (all, those of each of `pairs`, the largest others, how many more there are).
    fn answers(&self, py: Python<'_>, pairs: Vec<Pair>, others: usize) -> (u64, Vec<u64>, Vec<(Pair, u64)>, usize) {
        let pairs: Vec<(u32, u32)> =
            pairs.into_iter().map(|(service, pool)| (service, pool.unwrap_or(NO_POOL))).collect();
        let found = py.detach(|| self.0.answers(&pairs, others));
        let pool = |pool| if pool == NO_POOL { None } else { Some(pool) };
        let others = found.others.into_iter().map(|(service, number, count)| ((service, pool(number)), count));
        (found.total, found.known, others.collect(), found.more)
    }

    /// Demand since the last call: (service, class, queries), the largest `most`; and the rest added up.
    fn take_demand(&self, py: Python<'_>, most: usize) -> (Vec<Count>, u64) {
        py.detach(|| self.0.take_demand(most))
    }
}

/// A decision for the snapshot it was made from.
#[pyclass(frozen)]
pub struct Decision {
    pub loaded: Arc<dns_core::Decision>,
    pub statics: Arc<dns_core::Static>,
}

#[pymethods]
impl Decision {
    #[new]
    #[pyo3(signature = (message, statics, before, tables))]
    fn new(
        py: Python<'_>,
        message: PyBackedBytes,
        statics: &Static,
        before: Option<&Decision>,
        tables: &Tables,
    ) -> PyResult<Self> {
        let before = before.map(|decision| &*decision.loaded);
        let loaded = py.detach(|| {
            let mut tables = tables.0.lock().unwrap_or_else(PoisonError::into_inner);
            dns_core::Decision::load(&message, &statics.loaded, before, &mut tables)
        });
        Ok(Self { loaded: Arc::new(loaded.map_err(refused)?), statics: Arc::clone(&statics.loaded) })
    }
}

impl Decision {
    /// What queries are answered with.
    pub fn view(&self) -> dns_core::View {
        dns_core::View::new(Arc::clone(&self.statics), Arc::clone(&self.loaded))
    }
}

fn refused(invalid: Invalid) -> PyErr {
    PyValueError::new_err(invalid.to_string())
}
