"""A configuration in force, in every form that streams need, made once and away from the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gslb.api.v1 import health_pb2 as pb
from gslb.codec.monitors import dump_monitor, dump_target
from gslb.codec.snapshot import Bundle
from gslb.core.answering.view import Index, build_view
from gslb.core.errors import GslbError
from gslb.core.layouts import Layout, layouts
from gslb.core.model import Site
from gslb.core.monitors import Monitor
from gslb.core.snapshot import Snapshot

MAX_ASSIGNMENT_BYTES = 1_500_000
"""Below the largest gRPC message; some 15,000 targets."""


class SiteTooLarge(GslbError):
    """What one site's agents have to probe does not fit into one assignment."""

    code = "site-too-large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """`snapshot`: what it means. `bundle`: the bytes that dns servers get. `index`: what they make of them.

    `assignments`: what agents get, by site, without order.
    """

    snapshot: Snapshot
    bundle: Bundle
    index: Index
    assignments: Mapping[str, pb.Assignment]


def make_publication(snapshot: Snapshot, bundle: Bundle) -> Publication:
    """Raises SiteTooLarge, and InvalidSnapshot for what no dns server could serve."""
    model = snapshot.model
    monitors = {monitor.name: monitor for monitor in model.monitors}
    sites = {site.name: site for site in model.sites}
    assignments = {layout.site: _assignment(layout, sites[layout.site], monitors) for layout in layouts(model)}
    return Publication(snapshot=snapshot, bundle=bundle, index=build_view(snapshot), assignments=assignments)


def _assignment(layout: Layout, site: Site, monitors: Mapping[str, Monitor]) -> pb.Assignment:
    used = sorted({target.monitor for target in layout.targets})
    assignment = pb.Assignment(
        layout=layout.digest,
        targets=map(dump_target, layout.targets),
        monitors=[dump_monitor(monitors[name]) for name in used],
        probe_allow=map(str, site.probe_allow),
    )
    if assignment.ByteSize() > MAX_ASSIGNMENT_BYTES:
        raise SiteTooLarge(
            f"site '{layout.site}' has {len(layout.targets)} things to probe, more than its agents can be told at once:"
            " split it into several sites"
        )
    return assignment
