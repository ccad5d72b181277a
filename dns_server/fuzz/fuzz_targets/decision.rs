//! Whatever a decision may hold: the length of one in two octets, that one, then a second, made from the first's result.
//!
//! What loads is asked for all names of the world. A difference must leave the decision before it as it was.
#![no_main]

use std::sync::{Arc, LazyLock};

use dns_core::{Decision, View};
use dns_fuzz::{World, answers, names, split};
use libfuzzer_sys::fuzz_target;

static WORLD: LazyLock<World> = LazyLock::new(World::load);
static NAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| names(WORLD.chunk));

fuzz_target!(|input: &[u8]| {
    let mut before = Arc::clone(&WORLD.loaded);
    for message in <[&[u8]; 2]>::from(split(input)) {
        let Ok(decision) = Decision::load(message, &WORLD.statics, Some(&before), &mut WORLD.tables()) else {
            return;
        };
        let said = all_answers(&before);
        let after = Arc::new(decision);
        all_answers(&after);
        assert!(said == all_answers(&before), "a difference changed the decision before it");
        before = after;
    }
});

fn all_answers(decision: &Arc<Decision>) -> Vec<Vec<u8>> {
    answers(&NAMES, &View::new(Arc::clone(&WORLD.statics), Arc::clone(decision)))
}
