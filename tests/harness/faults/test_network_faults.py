"""The link to the provider, behind both doors."""

from typing import Any

import httpx
import pytest

from harness.faults import NetworkRefused, ProviderRateLimited


async def test_a_refused_link_fires_is_recorded_and_mends(bench: Any) -> None:
    """The client cannot connect, the provider sees no call, and afterwards the same address answers."""
    assert (await bench.ask()).status_code == 200
    async with NetworkRefused().inject(bench.rig):
        with pytest.raises(httpx.ConnectError, match="All connection attempts failed"):
            await bench.ask()
        assert bench.witness.calls == 1
        assert [name for name, _ in bench.fired] == ["network.refused"]
    assert (await bench.ask()).status_code == 200


@pytest.mark.parametrize("first", [0, 1])
async def test_two_refusals_mend_in_either_order(bench: Any, first: int) -> None:
    """The link refuses until the last of two faults is gone."""
    both = [NetworkRefused().inject(bench.rig), NetworkRefused().inject(bench.rig)]
    for one in both:
        await one.__aenter__()
    await both[first].__aexit__(None, None, None)
    with pytest.raises(httpx.ConnectError):
        await bench.ask()
    await both[1 - first].__aexit__(None, None, None)
    assert (await bench.ask()).status_code == 200


@pytest.mark.parametrize("first", [0, 1])
async def test_faults_of_two_planes_mend_in_either_order(bench: Any, first: int) -> None:
    """A refused link hides the provider's fault, and neither's end ends the other."""
    both = [NetworkRefused().inject(bench.rig), ProviderRateLimited().inject(bench.rig)]
    for one in both:
        await one.__aenter__()
    with pytest.raises(httpx.ConnectError):
        await bench.ask()
    await both[first].__aexit__(None, None, None)
    if first == 0:
        assert (await bench.ask()).status_code == 429
    else:
        with pytest.raises(httpx.ConnectError):
            await bench.ask()
    await both[1 - first].__aexit__(None, None, None)
    assert (await bench.ask()).status_code == 200
