"""Which addresses are fetched from, and what is an address, decided without a network."""

from ipaddress import ip_address

import pytest

from app.errors import UrlRefused
from app.fetching.networks import Networks
from app.fetching.url_list import listed_urls, url_of


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_is_not_on_the_public_internet_is_refused_unless_its_network_is_named(address):
    assert not Networks().allow(ip_address(address))
    assert Networks.of(["0.0.0.0/0", "::/0"]).allow(ip_address(address))


def test_public_addresses_and_named_networks_are_allowed():
    assert Networks().allow(ip_address("1.1.1.1"))
    assert Networks().allow(ip_address("2606:4700::1111"))
    office = Networks.of(["10.1.0.0/16", "fd12::/16"])
    assert office.allow(ip_address("10.1.2.3"))
    assert office.allow(ip_address("::ffff:10.1.2.3"))
    assert office.allow(ip_address("fd12::5"))
    assert not office.allow(ip_address("10.2.0.1"))
    with pytest.raises(ValueError, match="does not appear"):
        Networks.of(["office"])


@pytest.mark.parametrize(
    ("text", "whole", "name"),
    [
        (" https://Example.org ", "https://example.org/", "example.org"),
        ("http://a.org:80/x?y=1#part", "http://a.org/x?y=1", "a.org/x?y=1"),
        ("https://a.org:8443/x/", "https://a.org:8443/x/", "a.org:8443/x"),
        ("https://[2001:DB8::1]/x", "https://[2001:db8::1]/x", "[2001:db8::1]/x"),
    ],
)
def test_an_address_has_one_form(text, whole, name):
    assert (url_of(text).text, url_of(text).name) == (whole, name)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://a.org/x",
        "file:///etc/passwd",
        "//a.org/x",
        "a.org/x",
        "https://",
        "https://:443/x",
        "https://a.org:0/",
        "https://a.org:99999/",
        "https://ada:secret@a.org/",
        "https://a..org/",
        "https://[::1/",
        "https://a.org/a b",
        "https://a.org/\r\nX: y",
        "https://a.org/" + "x" * 2_000,
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_over_http_is_refused(text):
    with pytest.raises(UrlRefused):
        url_of(text)


def test_a_list_has_one_address_a_line_each_once():
    lines = ["# ours", "", "https://a.org/x", " https://A.org/x#top ", "http://b.org"]
    assert [url.text for url in listed_urls(lines)] == ["https://a.org/x", "http://b.org/"]
    with pytest.raises(UrlRefused, match="line 2"):
        listed_urls(["https://a.org", "no address"])
    for nothing in ([], ["# nothing"]):
        with pytest.raises(UrlRefused, match="no address"):
            listed_urls(nothing)
    with pytest.raises(UrlRefused, match="limit is 10,000"):
        listed_urls(f"https://a.org/{number}" for number in range(10_001))
