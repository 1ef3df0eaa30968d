import collections

from entropy_rl.tasks.draws import Draws


def test_a_stream_is_fixed_by_its_name_alone_on_every_machine():
    # sha256("countdown/0/train/7/0") read as one big-endian integer; its digits in base 12, lowest first
    import hashlib

    number = int.from_bytes(hashlib.sha256(b"countdown/0/train/7/0").digest(), "big")
    expected = [number % 12, number // 12 % 12, number // 144 % 12]
    draws = Draws("countdown", 0, "train", 7)
    assert [draws.below(12) for _ in range(3)] == expected


def test_ten_thousand_draws_below_six_are_uniform_even_across_digests():
    draws = Draws("uniform")  # a digest serves about 74 draws, so that this reads some 135 of them
    counts = collections.Counter(draws.below(6) for _ in range(10_000))
    assert sorted(counts) == [0, 1, 2, 3, 4, 5]
    chi_squared = sum((count - 10_000 / 6) ** 2 / (10_000 / 6) for count in counts.values())
    assert chi_squared < 20.5  # 0.1 % point of 5 degrees of freedom


def test_chance_meets_its_probability_and_its_ends_are_certain():
    draws = Draws("chance")
    hits = sum(draws.chance(0.3) for _ in range(10_000))
    assert abs(hits - 3_000) < 4 * 46  # standard deviation sqrt(10_000 * 0.3 * 0.7) = 46
    assert not any(draws.chance(0.0) for _ in range(100))
    assert all(draws.chance(1.0) for _ in range(100))
