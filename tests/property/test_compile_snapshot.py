"""Compiling a model: the same input is the same bytes, and the layouts that agents may still report stay known."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.strategies import earlier_layouts, geo_tables, models

from gslb.codec.snapshot import dump_snapshot
from gslb.core.classes.maps import GeoTable, class_maps
from gslb.core.compile import EARLIER_LAYOUTS, compile_snapshot
from gslb.core.layouts import Layout, Target, layouts
from gslb.core.model import GeoSources, Model
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot

SLOW_TO_DRAW = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def compiled(model: Model, table: GeoTable, earlier: tuple[Layout, ...] = ()) -> Snapshot:
    return compile_snapshot(
        model,
        class_maps(model, table),
        order=Order(1, 2, 3),
        serials={zone.apex: 7 for zone in model.zones},
        earlier=earlier,
        seed=11,
    )


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables(), earlier=earlier_layouts())
def test_the_same_input_is_the_same_bytes(model: Model, table: GeoTable, earlier: tuple[Layout, ...]) -> None:
    assert dump_snapshot(compiled(model, table, earlier)) == dump_snapshot(compiled(model, table, earlier))


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables(), earlier=earlier_layouts())
def test_current_layouts_come_first_and_none_twice(model: Model, table: GeoTable, earlier: tuple[Layout, ...]) -> None:
    snapshot = compiled(model, table, earlier)
    current = layouts(model)
    assert snapshot.layouts[: len(current)] == current
    assert len(set(snapshot.layouts)) == len(snapshot.layouts)
    sites = {site.name for site in model.sites}
    assert set(snapshot.layouts) == {*current, *(layout for layout in earlier if layout.site in sites)}


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables(), count=st.integers(0, 3 * EARLIER_LAYOUTS))
def test_only_the_newest_earlier_layouts_of_a_site_stay(model: Model, table: GeoTable, count: int) -> None:
    site = model.sites[0].name
    earlier = tuple(
        Layout(site=site, targets=(Target(endpoint="old", monitor="web", address=f"192.0.2.{index}"),))
        for index in range(count)
    )
    assert compiled(model, table, earlier).layouts == layouts(model) + earlier[:EARLIER_LAYOUTS]


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables())
def test_compiling_its_own_layouts_again_changes_nothing(model: Model, table: GeoTable) -> None:
    snapshot = compiled(model, table)
    assert compiled(model, table, snapshot.layouts) == snapshot


@SLOW_TO_DRAW
@given(model=models(), table=geo_tables())
def test_class_maps_stand_for_geo_sources(model: Model, table: GeoTable) -> None:
    snapshot = compiled(model, table)
    assert snapshot.model.geo == GeoSources(databases=(), prefixes=())
    assert list(snapshot.classes) == [policy.name for policy in model.policies]
    assert set(snapshot.serials) == {zone.apex for zone in model.zones}
