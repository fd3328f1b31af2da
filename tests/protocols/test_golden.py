"""No protocol changes under its version: hashes of all its masks on a fixture."""

from __future__ import annotations

import hashlib

import pytest

from protocols import Protocol, get_protocol, get_regime, protocols
from protocols.counter import below
from protocols.mechanisms import RandomPositions
from tests.protocols.layouts import golden_layout

#: A changed hash means changed masks: raise the protocol's version, and only then write the new hash here.
GOLDEN = {
    "complete@1": "cdcdbea203f583db45c7892ef59d287f",
    "inter-drop@1": "fc40331714faf199aca0cb7f2afa9001",
    "inter-subsets@1": "782f57623fc6fb52ea9eb2966a8b16f6",
    "inter-ratio@1": "e1efee905ae3bb5a235fb63a2dcc63cd",
    "inter-imbalanced@1": "f57156aac83ef244ab27e3e2c02afcc4",
    "intra-random@1": "34b8a75ae7332524364cc91c9016230b",
    "intra-aligned@1": "9c9932e1117d3e5234df07a9cf808a72",
    "intra-block@2": "bebe13fffbec287de85d9c3329d3fd2e",
    "intra-place@1": "f59ccfb2b5c3644813d39b4f07db90dd",
    "intra-burst@1": "9ed6a57c4abff31d4339c1e3f2b6dfe1",
    "intra-informative@1": "e030fb1683f5689ab29e6024fcf69584",
    "uncertain@1": "92fd3b071c6486be8032212a286c26e0",
    "intra-unmarked@1": "3b87b243536808d550fc5808df6b86e5",
    "intra-unmarked-hold@1": "bdb4ca484e643172e517a5bb4a272d9f",
    "uncertain-unmarked@1": "4a67721ccc3ef8f773dfb9ed1371efc7",
    "uncertain-unmarked-hold@1": "573357ca4d69607da92fedb3c8c91768",
    "noise@1": "973be509dbca8d6f0b6c8aff6852b01f",
    "shift@1": "657363ad136bdfc63522b0e176e8ddc2",
    "compat-mmsa@1": "a225b513e14c7180c23d3a013624523b",
}
#: The draws of the first epoch of seed 0, and the validation draw.
GOLDEN_REGIMES = {
    "complete": "7d02f7f0146febe1671bbda1006fbc42",
    "uncertain": "16af254ab7dd9d3fa4892fbeaacceade",
    "unmarked": "249a1a8842ede996f7f5202b4d07c239",
    "uncertain-unmarked": "17d44c891c2763092570bd315b54090a",
    "modality-dropout(0.3)": "a150962149202aa9253b9530f5ce347d",
    "matched(block(rate=0.5))": "7c6d66dce369c9e43b2444ac7cc60870",
}


def digest(protocol: Protocol) -> str:
    layout = golden_layout()
    joined = "\n".join(s.masks(layout).sha256() for s in protocol.scenarios)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


@pytest.mark.parametrize("name", list(protocols()))
def test_masks_of_standard_protocols_do_not_change_under_their_version(name: str) -> None:
    protocol = get_protocol(name)
    assert str(protocol) in GOLDEN, f"{protocol} is new: write its hash down"
    assert digest(protocol) == GOLDEN[str(protocol)]


def test_a_mask_changed_without_a_version_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks that differ in one comparison are enough; so the check above can fail."""
    original = RandomPositions.erase

    def off_by_little(self, layout, present, stream):  # type: ignore[no-untyped-def]
        erased = dict(original(self, layout, present, stream))
        return {m: below(stream.positions(m), 1.01 * self.rate) for m in erased}

    monkeypatch.setattr(RandomPositions, "erase", off_by_little)
    changed = {
        name
        for name, version in (key.split("@") for key in GOLDEN)
        if digest(get_protocol(name)) != GOLDEN[f"{name}@{version}"]
    }
    unmarked = {f"{name}-unmarked{fill}" for name in ("intra", "uncertain") for fill in ("", "-hold")}
    assert changed == {"intra-random", "uncertain", *unmarked}


def test_a_new_version_of_a_mechanism_draws_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = get_protocol("intra-random").fingerprint
    monkeypatch.setattr(RandomPositions, "version", 2)
    assert get_protocol("intra-random").fingerprint != before
    assert digest(get_protocol("intra-random")) != GOLDEN["intra-random@1"]


@pytest.mark.parametrize("name", list(GOLDEN_REGIMES))
def test_training_draws_do_not_change(name: str) -> None:
    layout, regime = golden_layout(), get_regime(name)
    both = regime.training_masks(layout, 0, 0).sha256() + regime.validation_masks(layout).sha256()
    assert hashlib.sha256(both.encode()).hexdigest()[:32] == GOLDEN_REGIMES[name]
