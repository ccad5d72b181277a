//! From a question to the records of its answer: `gslb/core/answering/{answer,pick}.py`.

mod aliases;
mod ask;
mod names;
mod steered;

use ask::{Ask, Step};

use crate::counts::choices::Choices;
use crate::view::Loaded;
use crate::way::Way;
use crate::wire::client::Client;
use crate::wire::explanation::Explanation;
use crate::wire::records::Rcode;
use crate::wire::summary::Summary;
use crate::wire::writer::Writer;

/// Write the answer of a question whose name has come to the end of its way.
#[inline]
pub fn resolve(
    way: &Way<'_, '_>,
    client: &Client,
    (statics, decision): &Loaded,
    choices: &Choices,
    writer: &mut Writer<'_, '_, '_>,
) -> Summary {
    let Some((zone, _)) = way.place else {
        return Summary::explained(Rcode::Refused, Explanation::NotAuthoritative);
    };
    let ask = Ask { statics, decision, zone, rrtype: way.rrtype, source: way.source, entropy: client.entropy, choices };
    match ask.step(way, writer, false) {
        Step::Done(summary) => summary,
        Step::Alias(target, scope) => ask.follow(way.name, target, scope, writer),
    }
}
