"""Which addresses are inside, however they are written: every form that a system's own resolver takes is one."""

from __future__ import annotations

import pytest

from backend.api.addresses import AddressRefused, addresses_of, is_outside

INSIDE = {
    "loopback": ["127.0.0.1", "127.255.255.254", "0.0.0.0", "::1", "::"],
    "metadata of clouds": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "fe80::a9fe:a9fe"],
    "private": ["10.0.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "198.18.0.1", "fc00::1", "fec0::1"],
    "everybody": ["255.255.255.255", "224.0.0.1", "ff02::1"],
    "in examples": ["192.0.2.1", "2001:db8::1", "3fff::1"],
    "IPv4 inside IPv6": [
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
    "given to no network": ["5f00::1", "4000::1"],
}


@pytest.mark.parametrize("address", [inside for kind in INSIDE.values() for inside in kind])
def test_an_address_inside_is_known(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111"])
def test_an_address_outside_is_known(address: str) -> None:
    assert is_outside(address)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127\u30020\u30020\u30021"]
)
def test_a_host_is_judged_by_what_the_system_makes_of_it(host: str) -> None:
    try:
        found = addresses_of(host, 80)
    except AddressRefused:
        return
    assert found
    assert not any(map(is_outside, found))
