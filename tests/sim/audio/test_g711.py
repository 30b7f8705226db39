"""The companding laws of telephony, against values of the standard's tables."""

from __future__ import annotations

import numpy as np
import pytest

from roomkit_sim.sim.audio.g711 import A_LAW, MU_LAW, Law

LAWS = [MU_LAW, A_LAW]


def pcm(*samples: int) -> bytes:
    return np.array(samples, "<i2").tobytes()


@pytest.mark.parametrize(
    ("law", "sample", "code"),
    [
        (MU_LAW, 0, 0xFF),
        (MU_LAW, 32767, 0x80),
        (MU_LAW, -32768, 0x00),
        (MU_LAW, 1000, 0xCE),
        (MU_LAW, -1000, 0x4E),
        (A_LAW, 0, 0xD5),
        (A_LAW, 32767, 0xAA),
        (A_LAW, -32768, 0x2A),
        (A_LAW, 1000, 0xFA),
        (A_LAW, -1000, 0x7A),
    ],
)
def test_samples_have_the_codes_of_the_standard(law: Law, sample: int, code: int) -> None:
    assert law.encode(pcm(sample)) == bytes([code])


@pytest.mark.parametrize(("law", "loudest"), [(MU_LAW, 32124), (A_LAW, 32256)])
def test_codes_stand_for_the_samples_of_the_standard(law: Law, loudest: int) -> None:
    assert np.abs(np.frombuffer(law.decode(bytes(range(256))), "<i2").astype(int)).max() == loudest


@pytest.mark.parametrize("law", LAWS)
def test_every_code_survives_its_expansion(law: Law) -> None:
    codes = bytes(code for code in range(256) if not (law is MU_LAW and code == 0x7F))  # mu-law has two zeros
    assert law.encode(law.decode(codes)) == codes


@pytest.mark.parametrize("law", LAWS)
def test_any_sample_comes_back_within_its_step(law: Law) -> None:
    samples = np.arange(-32000, 32000, 7)
    back = np.frombuffer(law.decode(law.encode(samples.astype("<i2").tobytes())), "<i2").astype(int)
    assert (np.abs(back - samples) <= np.maximum(16, np.abs(samples) // 16)).all()
