"""What a generator counts: the same as if each request had been looked at by itself, and nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from harness.gates.cells import Cells
from harness.load.counting import Counting

KEYS = (("chat", "POST /turn", "before"), ("chat", "POST /turn", "during"))
LIMITS = (1_000, 500_000)
REQUESTS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from((200, 201, 0, 429, 500, 503)), st.integers(0, 10**6)),
    max_size=60,
)


def count(counting: Counting, requests: list[tuple[tuple[str, str, str], int, int]]) -> None:
    """Count each as a generator does."""
    for key, status, took_us in requests:
        if status // 100 == 2:
            ended = took_us + 7, took_us + 5, took_us
            counting.succeeded(key, status, *ended, request_id=f"r-{took_us}").methods["first"] += 1
            counting.first_token(key, took_us // 2)
        else:
            counting.failed(key, status, took_us + 7, took_us, f"r-{took_us} -> {status}", shed=status == 503)


@given(REQUESTS, st.integers(0, 60))
def test_every_request_is_counted_once_wherever_the_second_ends(
    requests: list[tuple[tuple[str, str, str], int, int]], cut: int
) -> None:
    """What two drains give is what one would, and it is what there was."""
    counting, whole = Counting(LIMITS, (100,)), Cells()
    for part in (requests[:cut], requests[cut:]):
        count(counting, part)
        whole.merge(counting.drain().by_key.items())
    at_once = Counting(LIMITS, (100,))
    count(at_once, requests)
    assert whole == at_once.drain()
    assert at_once.drain() == Cells()
    for key in {key for key, _, _ in requests}:
        mine = [(status, took_us) for other, status, took_us in requests if other == key]
        took = [took_us + 5 for status, took_us in mine if status // 100 == 2]
        cell = whole.of(key)
        assert (cell.requests, cell.succeeded) == (len(mine), len(took))
        assert cell.answered == sum(status != 0 for status, _ in mine)
        assert cell.shed == sum(status == 503 for status, _ in mine)
        assert cell.latency.count == cell.service.count == cell.first_token.count == len(took)
        assert all(
            cell.latency.reached[limit] == sum(each >= limit for each in took) for limit in LIMITS if took
        )
        dues = [2 if status // 100 == 2 else 7 for status, _ in mine]
        ends = [took_us + 7 for _, took_us in mine]
        others = [took_us for status, took_us in mine if status // 100 != 2]
        assert cell.failed_most_us == max(others, default=0)
        assert (cell.first_us, cell.last_us) == (min(dues, default=None), max(ends, default=0))
        assert cell.slowest == (f"r-{max(took) - 5}" if took else "")
