//! From a question to the records of its answer: `gslb/core/answering/{answer,pick}.py`.

mod aliases;
mod ask;
mod names;
mod steered;

use ask::{Ask, Step};

use crate::counts::choices::Choices;
use crate::steering::source::Source;
use crate::view::Loaded;
use crate::wire::client::Client;
use crate::wire::explanation::Explanation;
use crate::wire::options::Subnet;
use crate::wire::query::Query;
use crate::wire::records::Rcode;
use crate::wire::summary::Summary;
use crate::wire::writer::Writer;

/// Write the answer of a query whose name, in lower case, is `name`.
#[inline]
pub fn resolve(
    query: &Query<'_>,
    name: &[u8],
    client: &Client,
    subnet: Option<&Subnet<'_>>,
    (statics, decision): &Loaded,
    choices: &Choices,
    writer: &mut Writer<'_, '_, '_>,
) -> Summary {
    let Some(zone) = statics.zones.zone_of(name, query.rrtype) else {
        return Summary::explained(Rcode::Refused, Explanation::NotAuthoritative);
    };
    let ask = Ask {
        statics,
        decision,
        zone,
        rrtype: query.rrtype,
        source: Source::of(client.address, subnet, &statics.steering.trust),
        entropy: client.entropy,
        choices,
    };
    match ask.step(name, writer, false) {
        Step::Done(summary) => summary,
        Step::Alias(target, scope) => ask.follow(name, target, scope, writer),
    }
}
