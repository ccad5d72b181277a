//! The native engine without its sockets: one packet in, one reply out, for comparing it with the reference.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dns_core::{
    Client, Guard, Identity, MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf, Stats, Transport, Verdict, View, answer,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::loading::Decision;
use crate::server::{Counts, counts};

/// A `gslb.core.answering.source.Client`.
#[derive(FromPyObject)]
struct Asker {
    address: IpAddr,
    transport: String,
    now_ms: u64,
    unix_s: u32,
}

/// Answers single packets.
#[pyclass(frozen)]
pub struct Answerer {
    view: View,
    state: Mutex<(Guard, Stats)>,
}

#[pymethods]
impl Answerer {
    #[new]
    #[pyo3(signature = (decision, seed = 0, threads = 1, nsid = None, secrets = vec![], worker = None))]
    fn new(
        decision: Option<&Decision>,
        seed: u64,
        threads: usize,
        nsid: Option<&[u8]>,
        secrets: Vec<[u8; 16]>,
        worker: Option<usize>,
    ) -> Self {
        let view = decision.map_or_else(View::nothing, Decision::view);
        let view = view.with_identity(Arc::new(Identity::new(nsid.unwrap_or_default(), &secrets)));
        Self { view, state: Mutex::new((Guard::new(seed, threads), worker.map_or_else(Stats::new, Stats::of_worker))) }
    }

    /// The reply, or None where nothing is to be sent.
    fn answer<'py>(&self, py: Python<'py>, packet: &[u8], client: Asker, entropy: u64) -> Option<Bound<'py, PyBytes>> {
        let Asker { address, transport, now_ms, unix_s } = client;
        let (transport, most) =
            if transport == "tcp" { (Transport::Tcp, MAX_TCP_BYTES) } else { (Transport::Udp, MAX_UDP_BYTES) };
        let client = Client { address: address.to_canonical(), transport, entropy, queries: 1, now_ms, unix_s };
        let mut memory = vec![0; most];
        let mut out = ResponseBuf::new(&mut memory);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, stats) = &mut *state;
        match answer(packet, &client, &self.view, guard, &mut out, stats) {
            Verdict::Reply => Some(PyBytes::new(py, out.message())),
            Verdict::Drop => None,
        }
    }

    /// (transport, type, rcode, count) of what was answered.
    fn queries(&self) -> Vec<(&'static str, &'static str, &'static str, u64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.queries().collect()
    }

    /// (limit, action, count) of what was beyond a rate limit.
    fn limited(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.limited().collect()
    }

    /// (reason, count) of what was dropped.
    fn dropped(&self) -> Counts {
        counts(self.state.lock().unwrap_or_else(PoisonError::into_inner).1.dropped())
    }

    /// (outcome, count) of cookies.
    fn cookies(&self) -> Counts {
        counts(self.state.lock().unwrap_or_else(PoisonError::into_inner).1.cookies())
    }

    /// (reason, count) of what was answered with an error.
    fn malformed(&self) -> Counts {
        counts(self.state.lock().unwrap_or_else(PoisonError::into_inner).1.malformed())
    }
}
