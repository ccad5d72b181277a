//! All sockets and threads of one dns server, and the view they answer with.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use dns_core::{Identity, Transport, View};

use crate::clock::Clock;
use crate::counters::WorkerCounters;
use crate::faults;
use crate::limits::TcpLimits;
use crate::responder::Responder;
use crate::shared::Shared;
use crate::sockets::{Listener, adopt, bind};
use crate::tcp::House;
use crate::udp;

/// Sets the draws of one worker apart from the next one's.
const ENTROPY_APART: u64 = 0xD1B5_4A32_D192_ED03;

/// What an error names that is not of one address.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// How a server is set up.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// UDP threads a listen address.
    pub workers: usize,
    /// Where the sequences of draws start.
    pub entropy: u64,
    /// Where threads look for the time.
    pub clock: Clock,
    /// Of TCP.
    pub limits: TcpLimits,
}

/// Answers on its sockets with the view that was published last.
pub struct Server {
    shared: Arc<Shared>,
    settings: Settings,
    counters: Vec<Arc<WorkerCounters>>,
    listeners: Vec<Listener>,
    threads: Vec<JoinHandle<()>>,
    waker: Option<mio::Waker>,
}

impl Server {
    /// A server that does not listen yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        faults::tell_few();
        Self {
            shared: Arc::new(Shared::new(settings.clock)),
            settings,
            counters: Vec::new(),
            listeners: Vec::new(),
            threads: Vec::new(),
            waker: None,
        }
    }

    /// Bind all, then answer; where it listens (port 0 chosen). Nothing stays bound when one fails.
    ///
    /// `taken`: listening sockets of another process, which serve where their address is one of `listen` and are
    /// closed where not.
    ///
    /// # Errors
    /// The first address that cannot be had, and why.
    pub fn start(
        &mut self,
        listen: &[SocketAddr],
        taken: Vec<OwnedFd>,
    ) -> Result<Vec<SocketAddr>, (SocketAddr, io::Error)> {
        let mut taken = adopt(taken).map_err(|error| (NOWHERE, error))?;
        let workers = self.settings.workers.max(1);
        for &wanted in listen {
            let listener = match taken.iter().position(|listener| listener.address == wanted) {
                Some(at) => Ok(taken.swap_remove(at)),
                None => bind(wanted, workers),
            };
            let listener = listener.map_err(|error| {
                self.stop();
                (wanted, error)
            })?;
            self.listeners.push(listener);
        }
        self.start_threads(workers).map_err(|error| {
            self.stop();
            (NOWHERE, error)
        })?;
        Ok(self.listeners.iter().map(|listener| listener.address).collect())
    }

    /// All listening sockets, for another process to take over.
    #[must_use]
    pub fn descriptors(&self) -> Vec<RawFd> {
        self.listeners.iter().flat_map(Listener::descriptors).collect()
    }

    fn start_threads(&mut self, workers: usize) -> io::Result<()> {
        let mut doors = Vec::new();
        let mut jobs = Vec::new();
        for listener in &self.listeners {
            doors.push(listener.tcp.try_clone()?);
            // Taken over, there may be more sockets than workers, each with clients of its own, or fewer
            let threads = workers.max(listener.udp.len());
            let with_control = listener.address.ip().is_unspecified();
            let sockets = listener.udp.iter().cycle().take(threads);
            jobs.extend(sockets.map(|socket| (Arc::clone(socket), with_control, threads)));
        }
        for (socket, with_control, threads) in jobs {
            let responder = self.responder(Transport::Udp, threads);
            self.start_udp(socket, with_control, responder)?;
        }
        let (house, waker) = House::new(doors, self.settings.limits)?;
        self.waker = Some(waker);
        let (shared, mut responder) = (Arc::clone(&self.shared), self.responder(Transport::Tcp, 1));
        self.threads.push(worker("tcp", move || house.run(&shared, &mut responder))?);
        Ok(())
    }

    fn start_udp(&mut self, socket: Arc<UdpSocket>, with_control: bool, mut responder: Responder) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = worker("udp", move || udp::run(&socket, with_control, &shared, &mut responder))?;
        self.threads.push(thread);
        Ok(())
    }

    /// `threads`: how many share each rate limit, those of its listen address.
    fn responder(&mut self, transport: Transport, threads: usize) -> Responder {
        let counters = Arc::new(WorkerCounters::new(self.counters.len(), transport));
        let number = self.counters.len() as u64;
        self.counters.push(Arc::clone(&counters));
        lay_ready(&self.shared.view(), &self.counters);
        let entropy = self.settings.entropy.wrapping_add(number.wrapping_mul(ENTROPY_APART));
        Responder::new(counters, entropy, threads)
    }

    /// Answer with this from the next batch on.
    pub fn publish(&self, view: View) {
        lay_ready(&view, &self.counters);
        self.shared.publish(view);
    }

    /// Answer as this server from the next batch on, whatever is published.
    pub fn identify(&self, identity: Identity) {
        self.shared.identify(identity);
    }

    /// Free what earlier views held and nobody answers with any more.
    pub fn retire(&self) {
        self.shared.retire();
    }

    /// Counters of all workers there have been.
    pub fn counters(&self) -> impl Iterator<Item = &WorkerCounters> {
        self.counters.iter().map(Arc::as_ref)
    }

    /// Close all listening sockets here, for what waits in them is for whoever has taken them over; answer what has been
    /// received, and let open TCP connections end, for a while. Returns when all has ended.
    pub fn drain(&mut self) {
        self.shared.set_draining(true);
        self.listeners.clear(); // those of the threads follow as they end or wake up, not when all have
        self.end();
        self.shared.set_draining(false);
    }

    /// End all threads, close all sockets; what is on the way out may be lost.
    pub fn stop(&mut self) {
        self.shared.set_stopping(true);
        self.end();
        self.shared.set_stopping(false);
    }

    fn end(&mut self) {
        if let Some(waker) = &self.waker {
            let _ = waker.wake(); // it looks by itself soon
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // it let no panic out
        }
        self.waker = None; // not before: closed, it wakes nobody
        self.listeners.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// So that counting allocates nothing.
fn lay_ready(view: &View, workers: &[Arc<WorkerCounters>]) {
    workers.iter().filter_map(|counters| counters.stats.worker).for_each(|worker| view.lay_ready(worker));
}

fn worker(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("{}{name}", faults::WORKERS)).spawn(work)
}
