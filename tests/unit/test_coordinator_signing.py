"""A signing key that is changed while the coordinator runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.coordinators import CONFIG, coordinator, files
from support.waiting import until

from gslb.coordinator import signing
from gslb.runtime.signing_keys import make_pair


async def test_another_key_signs_at_once_what_is_in_force_and_a_bad_file_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "LOOK_S", 0.02)
    first, _, first_id = make_pair(tmp_path, "first")
    second, _, second_id = make_pair(tmp_path, "second")
    async with coordinator(tmp_path, signing_key=first) as running, running.dns_server("d") as dns:
        await running.applied()
        await dns.until(lambda: dns.manifest_key == first_id)
        manifest = dns.manifest
        second.replace(first)
        await dns.until(lambda: dns.manifest_key == second_id)
        assert dns.manifest == manifest
        (tmp_path / "spoilt").write_text("no key")
        (tmp_path / "spoilt").chmod(0o600)
        with capture_logs() as logs:
            (tmp_path / "spoilt").replace(first)
            await until(lambda: any("signing key refused" in log["event"] for log in logs))
        (alarm,) = [text for text in (await running.status()).alarms if text.startswith("this coordinator")]
        assert "cannot use a file on its machine" in alarm
        assert f"signing key: {first}: " in alarm
        await running.applied(files(CONFIG + "\n"))
        await dns.until(lambda: dns.manifest_order.config == 2)
        assert dns.manifest_key == second_id
