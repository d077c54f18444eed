"""Bounds hold over all agents at every moment, whoever comes and goes."""

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.cluster.shares import Bounds, HeldShares, Share, divide

bounds = st.builds(Bounds, st.integers(1, 64), st.integers(1, 64), st.none() | st.floats(1e3, 1e9))


@st.composite
def uses(draw: st.DrawFn, most: int) -> dict[str, Share]:
    """What agents use; together no more than is allowed."""
    left, found = most, {}
    for name in draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)):
        found[name] = Share(draw(st.integers(0, left)))
        left -= found[name].connections
    return found


@given(st.data(), bounds)
def test_no_share_makes_the_sum_too_large(data: st.DataObject, given_: Bounds) -> None:
    held = Share(data.draw(st.integers(0, given_.connections)))
    using = data.draw(uses(given_.connections - held.connections))
    shares = divide(given_, using, held)
    assert shares.keys() == using.keys()
    most = sum(max(shares[name].connections, using[name].connections) for name in using)
    assert most + held.connections <= given_.connections
    assert sum(share.files for share in shares.values()) <= given_.files
    assert all(share.files <= share.connections for share in shares.values())


@given(bounds, st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1))
def test_what_nobody_uses_is_divided_evenly_and_wholly(given_: Bounds, names: list[str]) -> None:
    shares = divide(given_, dict.fromkeys(names, Share()))
    got = [shares[name].connections for name in names[: given_.files]]
    assert sum(got) == given_.connections
    assert max(got) - min(got) <= 1
    rates = [share.rate_bytes_s for share in shares.values() if share.files]
    if given_.rate_bytes_s is not None:
        assert sum(rate or 0 for rate in rates) <= given_.rate_bytes_s * 1.01
    else:
        assert set(rates) <= {None}


def test_a_newcomer_gets_its_part_as_others_give_theirs_back() -> None:
    given_ = Bounds(8, 8, 1000.0)
    whole = Share(8, 8, 1000.0)
    first = divide(given_, {"a": whole, "b": Share()})
    assert first["a"] == Share(4, 4, 1000.0)
    assert first["b"] == Share()
    later = divide(given_, {"a": Share(5, rate_bytes_s=500.0), "b": Share()})
    assert later == {"a": Share(4, 4, 500.0), "b": Share(3, 3, 500.0)}


def test_a_share_is_held_until_the_lease_has_ended() -> None:
    held = HeldShares()
    held.add(Share(4, rate_bytes_s=10.0), until_s=5.0)
    held.add(Share(2), until_s=7.0)
    assert held.at(4.9) == Share(6, rate_bytes_s=10.0)
    assert held.at(5.0) == Share(2, rate_bytes_s=0)
    assert held.at(7.0) == Share(0, rate_bytes_s=0)


def test_more_agents_than_files_do_not_split_what_one_file_could_use() -> None:
    shares = divide(Bounds(16, 1), {"a": Share(), "b": Share()})
    assert shares == {"a": Share(16, 1), "b": Share()}
