//! What all threads of a server look at: the view they answer with, the time, and whether to go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use dns_core::{Identity, View};

use crate::clock::{Clock, Now};

/// Of one server.
pub struct Shared {
    view: ArcSwap<View>,
    published: Mutex<Published>,
    clock: Clock,
    draining: AtomicBool,
    stopping: AtomicBool,
}

/// What was published besides the view that serves.
#[derive(Default)]
struct Published {
    identity: Arc<Identity>,
    /// Views that some worker may still answer with, so that none of them has to free one.
    retired: Vec<Arc<View>>,
}

impl Shared {
    /// Serving, with nothing to answer with yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            view: ArcSwap::from_pointee(View::nothing()),
            published: Mutex::default(),
            clock,
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// The view of the moment; to be let go before waiting for anything.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// Answer with this from the next batch on. The one before is freed here or by [`Self::retire`], once the batches
    /// that began with it have ended.
    pub fn publish(&self, view: View) {
        self.swap(view, &mut self.published.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Answer as this server from the next batch on, whatever is published.
    pub fn identify(&self, identity: Identity) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.identity = Arc::new(identity);
        let view = View::clone(&self.view());
        self.swap(view, &mut published);
    }

    fn swap(&self, view: View, published: &mut Published) {
        let Published { identity, retired } = published;
        retired.push(self.view.swap(Arc::new(view.with_identity(Arc::clone(identity)))));
        free(retired);
    }

    /// Free earlier views that nobody answers with any more.
    pub fn retire(&self) {
        free(&mut self.published.lock().unwrap_or_else(PoisonError::into_inner).retired);
    }

    /// The time of the moment, for a batch.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// How long ago a batch began.
    pub fn since(&self, then: Now) -> Duration {
        self.clock.since(then)
    }

    /// Whether to receive packets and accept connections.
    pub fn is_receiving(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && !self.is_stopping()
    }

    /// Whether threads should end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether to leave what comes to others.
    pub fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
    }

    /// Whether threads should end.
    pub fn set_stopping(&self, stopping: bool) {
        self.stopping.store(stopping, Ordering::Relaxed);
    }
}

fn free(retired: &mut Vec<Arc<View>>) {
    retired.retain(|view| Arc::strong_count(view) > 1);
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;

    fn weak(shared: &Shared) -> Weak<View> {
        Arc::downgrade(&shared.view.load_full())
    }

    #[test]
    fn views_are_freed_by_who_publishes_and_not_by_who_answers() {
        let shared = Shared::new(Clock::new(0));
        let first = weak(&shared);
        shared.publish(View::nothing());
        assert!(first.upgrade().is_none());

        let (second, held) = (weak(&shared), shared.view());
        shared.publish(View::nothing());
        drop(held);
        assert!(second.upgrade().is_some(), "whoever held it freed it");
        shared.retire();
        assert!(second.upgrade().is_none());
    }
}
