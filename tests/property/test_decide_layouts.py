"""Everything that `decide` asks a verdict about is in a layout, so that some agent probes it."""

from __future__ import annotations

from hypothesis import given, settings
from support.worlds import snapshots

from gslb.core.snapshot import Snapshot
from gslb.core.steering.outline import outline


@settings(max_examples=60)
@given(snapshots())
def test_every_member_that_is_judged_is_probed_by_the_agents_of_its_site(snapshot: Snapshot) -> None:
    layouts = {layout.site: layout for layout in snapshot.layouts}
    monitors = {monitor.name: monitor for monitor in snapshot.model.monitors}
    for key, seen in outline(snapshot).pools.items():
        for seat in seen.seats:
            if seat.inside is None:
                assert not key.monitor
                continue
            assert seat.inside in layouts[seen.site].targets
            outside = monitors[key.monitor].outside
            assert (seat.outside is None) == (outside is None)
            if outside is None or seat.outside is None:
                continue
            able = {
                site for site in layouts if site != seen.site and (not outside.observers or site in outside.observers)
            }
            watching = {site for site, layout in layouts.items() if seat.outside.target in layout.targets}
            assert watching <= able
            assert len(watching) == min(len(able), outside.sites)
            assert 2 <= seat.outside.quorum <= max(2, outside.quorum or outside.sites)
