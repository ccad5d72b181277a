"""Scalars: how the text of a value becomes what it means, and what to write when it does not."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network
from typing import Annotated

from gslb.config.problems import nearest
from gslb.config.schema.base import Text, words
from gslb.core.errors import InvalidName
from gslb.core.model import MAX_ANSWERS_PER_SECOND, MAX_SLIP, NOCOOKIE_BYTES, IPAddress, IPNetwork, MinHealthy
from gslb.core.names import Name
from gslb.geo.countries import CONTINENTS, COUNTRIES

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,18})?")
_SUBDIVISION = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_MAIL = re.compile(r"[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9._-]+")
_TRUE, _FALSE = {"true", "yes", "on"}, {"false", "no", "off"}


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"'{text[:100]}' is not a name: use up to 100 letters, digits, `-`, `_` and `.`")
    return text


def _domain(text: str) -> Name:
    try:
        return Name.from_text(text)
    except InvalidName as error:
        raise ValueError(str(error)) from None


def _address(text: str) -> IPAddress:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"'{text[:100]}' is not an address: write one as 192.0.2.1 or 2001:db8::1") from None
    if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise ValueError(f"'{text[:100]}' cannot be an AAAA record: write a plain IPv4 or IPv6 address")
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"'{text}' is no address of a server: write the address that clients connect to")
    return address


def _network(text: str) -> IPNetwork:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"'{text[:100]}' is not a prefix: write one as 192.0.2.0/24 or 2001:db8::/32") from None
    if "/" in text and str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise ValueError(f"'{text}' has bits set after its prefix: write {network}")
    return network


def _milliseconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None and text.isascii() and text.isdigit():
        raise ValueError(f"'{text[:20]}' has no unit: write {text[:20]}s, {text[:20]}ms or {text[:20]}m")
    if match is None:
        raise ValueError(
            f"'{text[:100]}' is not a duration: write a whole number and a unit, as 500ms, 20s, 5m, 1h or 1d"
        )
    return int(match[1]) * _UNITS_MS[match[2]]


def _between(value: float, low: str | float, high: str | float, fits: bool, shown: str) -> None:
    if not fits:
        raise ValueError(f"{shown} is out of range: write {low} to {high}")


def duration(low: str, high: str) -> Text:
    """Milliseconds."""
    lowest, highest = _milliseconds(low), _milliseconds(high)

    def parse(text: str) -> int:
        value = _milliseconds(text)
        _between(value, low, high, lowest <= value <= highest, text)
        return value

    return Text(f"a duration of {low} to {high}", parse, {"type": "string", "pattern": f"^{_DURATION.pattern}$"})


def _seconds(text: str) -> int:
    value = _milliseconds(text)
    if value % 1000:
        raise ValueError(f"{text} is not a whole number of seconds: DNS knows nothing shorter, write as 20s")
    _between(value, "0s", "604800s", value <= 604_800_000, text)
    return value // 1000


def whole(low: int, high: int, shown: str = "a whole number") -> Text:
    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"'{text[:100]}' is not a whole number: write {low} to {high}")
        _between(int(text), low, high, low <= int(text) <= high, text)
        return int(text)

    return Text(f"{shown} from {low} to {high}", parse, {"type": "integer", "minimum": low, "maximum": high})


def degrees(limit: int) -> Text:
    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text):
            raise ValueError(f"'{text[:100]}' is not a number of degrees: write -{limit} to {limit}, as 53.3")
        _between(float(text), -limit, limit, abs(float(text)) <= limit, text)
        return float(text)

    return Text(f"degrees from -{limit} to {limit}", parse, {"type": "number", "minimum": -limit, "maximum": limit})


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError(f"'{text[:100]}' is neither true nor false: write one of the two")
    return text.lower() in _TRUE


def _host(text: str) -> str:
    """An address or a host name, as text."""
    try:
        return str(ip_address(text))
    except ValueError:
        return str(_domain(text))


def _header(text: str) -> str:
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("it may hold printable ASCII characters without blanks only")
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"'{text[:100]}' does not start with `/`: write the path as in /healthz")
    return _header(text)


def _method(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{1,20}", text):
        raise ValueError(f"'{text[:100]}' is not an HTTP method: write one as GET or HEAD")
    return text


def _status(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise ValueError(f"'{text[:100]}' is not a status or range: write 301 or 200-299")
    return int(match[1]), int(match[2] or match[1])


def _contact(text: str) -> Name:
    """RFC 1035 8: the local part becomes one label, its dots with it."""
    local, _, domain = text.partition("@")
    try:
        if not _MAIL.fullmatch(text):
            raise InvalidName("it must look like local@domain")
        return Name.from_labels((local.encode(), *Name.from_text(domain).labels))
    except InvalidName:
        raise ValueError(f"'{text[:100]}' is not a mail address: write one as hostmaster@example.com") from None


def _answers(text: str) -> int:
    if text == "all":
        return 0
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 64:
        raise ValueError(f"'{text[:100]}' is not a number of members: write 1 to 64, or all")
    return int(text)


def _min_healthy(text: str) -> MinHealthy:
    match = re.fullmatch(r"([0-9]{1,6})(%?)", text)
    if match is None or int(match[1]) < 1 or (match[2] and int(match[1]) > 100):
        raise ValueError(f"'{text[:100]}' is neither a count nor a percentage: write 1 or more, or 1% to 100%")
    return MinHealthy(value=int(match[1]), percent=bool(match[2]))


def _continent(text: str) -> str:
    code = text.upper()
    if code not in CONTINENTS:
        known = ", ".join(f"{found} ({name})" for found, name in CONTINENTS.items())
        raise ValueError(f"'{text[:100]}' is no continent: write one of {known}")
    return code


def _country(text: str) -> str:
    code = text.upper()
    if code in COUNTRIES:
        return code
    codes = {country.name.lower(): found for found, country in COUNTRIES.items()} | {"uk": "GB"}
    near = nearest(text, codes, 0.8)
    meant = f"write {codes[near]} for {COUNTRIES[codes[near]].name}" if near else "write a code such as DE"
    raise ValueError(f"'{text[:100]}' is not a country's ISO 3166-1 code: {meant}")


def _subdivision(text: str) -> str:
    match = _SUBDIVISION.fullmatch(text.upper())
    if match is None or match[1] not in COUNTRIES:
        raise ValueError(f"'{text[:100]}' is not an ISO 3166-2 code: write the country too, as in US-CA")
    return text.upper()


def _asn(text: str) -> int:
    digits = text.upper().removeprefix("AS")
    if not re.fullmatch(r"[0-9]{1,10}", digits) or not 1 <= int(digits) < 2**32:
        raise ValueError(f"'{text[:100]}' is not an AS number: write one as AS64500 or 64500")
    return int(digits)


def _text(text: str) -> str:
    if len(text) > 4096:
        raise ValueError("it has more than 4,096 characters: shorten it")
    return text


_STRING = {"type": "string"}

ItemName = Annotated[str, Text("a name", _name, _STRING | {"pattern": f"^{_NAME.pattern}$"})]
PlainText = Annotated[str, Text("text", _text, _STRING)]
Domain = Annotated[Name, Text("a domain name", _domain, _STRING)]
Address = Annotated[IPAddress, Text("an address", _address, _STRING)]
Network = Annotated[IPNetwork, Text("a prefix such as 192.0.2.0/24", _network, _STRING)]
Seconds = Annotated[int, Text("a duration of 0s to 604800s", _seconds, _STRING | {"pattern": f"^{_DURATION.pattern}$"})]
Flag = Annotated[bool, Text("`true` or `false`", _flag, {"type": "boolean"})]
Latitude = Annotated[float, degrees(90)]
Longitude = Annotated[float, degrees(180)]
Host = Annotated[str, Text("an address or host name", _host, _STRING)]
Header = Annotated[str, Text("text without blanks", _header, _STRING)]
UrlPath = Annotated[str, Text("a path such as /healthz", _path, _STRING | {"pattern": "^/"})]
Method = Annotated[str, Text("an HTTP method", _method, _STRING)]
Status = Annotated[tuple[int, int], Text("a status or range such as 200-299", _status, {"type": ["string", "integer"]})]
Contact = Annotated[Name, Text("a mail address", _contact, _STRING)]
Port = Annotated[int, whole(1, 65_535)]
Weight = Annotated[int, whole(0, 65_535)]
PerSecond = Annotated[int, whole(1, MAX_ANSWERS_PER_SECOND)]
Slip = Annotated[int, whole(0, MAX_SLIP)]
NocookieBytes = Annotated[int, whole(*NOCOOKIE_BYTES)]
Answers = Annotated[int, Text("a number from 1 to 64, or `all`", _answers, {"type": ["integer", "string"]})]
MinHealthyText = Annotated[
    MinHealthy, Text("a count or a percentage such as 50%", _min_healthy, {"type": ["integer", "string"]})
]
Continent = Annotated[str, Text("a continent's code", _continent, {"enum": sorted(CONTINENTS)})]
Country = Annotated[str, Text("a country's ISO 3166-1 code", _country, _STRING | {"pattern": "^[A-Za-z]{2}$"})]
Subdivision = Annotated[str, Text("an ISO 3166-2 code such as US-CA", _subdivision, _STRING)]
City = Annotated[str, Text("a city's English name", _text, _STRING)]
Asn = Annotated[int, Text("an AS number such as AS64500", _asn, {"type": ["integer", "string"]})]
By = Annotated[str, words("prefix", "query")]

EVERYWHERE = (IPv4Network("0.0.0.0/0"), ip_network("::/0"))
