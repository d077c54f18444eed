"""Every order is with one agent, or waits, until it has ended; whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.cluster.order_book import AHEAD, OrderBook
from asyncdl.cluster.shares import Share

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "join", "leave", "end", "interrupt", "suspect", "absolve", "wait"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


def book_with(*names: str, files: int = 2, is_proven: bool = True) -> OrderBook[str]:
    book = OrderBook[str]()
    for name in names:
        agent = book.join(name)
        agent.share, agent.is_proven = Share(files, files), is_proven
    return book


def check(book: OrderBook[str]) -> None:
    """Every open order is in one place."""
    places = [number for agent in book.agents.values() for number in agent.orders]
    places += [order.number for order in book.waiting]
    assert len(places) == len(set(places)) == len(book)
    for name, agent in book.agents.items():
        assert all(order.agent == name for order in agent.orders.values())
        assert agent.waiting <= agent.orders.keys()


@given(STEPS)
def test_no_order_is_lost_or_doubled(steps: list[tuple[str, int]]) -> None:
    book = book_with("0")
    for step, number in steps:
        agent = book.agents.get(str(number))
        orders = list(agent.orders.values()) if agent is not None else []
        match step:
            case "add":
                book.add("x")
            case "join" if agent is None:
                book.join(str(number)).share = Share(2, 2)
            case "leave":
                book.leave(str(number))
            case "end" if orders:
                book.close(orders[0])
                book.judge(orders[0], is_fetched=bool(number % 2))
            case "interrupt" if orders:
                book.put_back(orders[-1])
            case "suspect" if orders:
                book.suspect(orders[0])
            case "absolve" if agent is not None:
                book.absolve(str(number))
            case "wait" if orders:
                book.note_wait(orders[0], waits=bool(number % 2))
        for taker, order in book.hand_out():
            assert taker.name not in order.avoided
        check(book)
        book.rebalance()
        check(book)


def test_agents_get_orders_evenly_and_no_more_than_they_may() -> None:
    book = book_with("a", "b")
    for _ in range(100):
        book.add("x")
    given_ = [agent.name for agent, _ in book.hand_out()]
    assert given_.count("a") == given_.count("b") == AHEAD * (2 + 1)
    assert len(book.waiting) == 100 - len(given_)


def test_the_first_order_of_an_agent_is_alone() -> None:
    book = book_with("a", is_proven=False)
    book.add("x")
    book.add("y")
    assert len(list(book.hand_out())) == 1
    book.agents["a"].is_proven = True
    assert len(list(book.hand_out())) == 1


def test_orders_of_a_lost_agent_go_first_and_in_order() -> None:
    book = book_with("a")
    first = [book.add("x") for _ in range(2)]
    list(book.hand_out())
    third = book.add("x")
    assert book.leave("a") == first
    assert list(book.waiting) == [*first, third]
    assert [order.is_resent for order in book.waiting] == [True, True, False]


def test_orders_that_wait_for_their_hosts_take_nobodys_room() -> None:
    book = book_with("a", files=1)
    for _ in range(9):
        book.add("x")
    taken = [order for _, order in book.hand_out()]
    assert not list(book.hand_out())
    for order in taken:
        book.note_wait(order, waits=True)
    assert len(list(book.hand_out())) == len(taken)


def test_of_an_outage_that_others_see_too_nobody_is_suspected() -> None:
    book = book_with("a", "b", is_proven=False)
    order = book.add("x")
    list(book.hand_out())
    assert book.suspect(order)
    assert [agent.name for agent, _ in book.hand_out()] == ["b"]
    assert book.agents["a"].suspected_for == order.number
    book.absolve("b")
    assert not book.suspect(order)
    book.close(order)
    assert book.judge(order, is_fetched=True) == []


def test_an_agent_that_cannot_fetch_what_another_can_is_found() -> None:
    book = book_with("a", "b", is_proven=False)
    order = book.add("x")
    list(book.hand_out())
    book.suspect(order)
    list(book.hand_out())
    book.close(order)
    assert book.judge(order, is_fetched=True) == ["a"]


def test_a_newcomer_gets_what_others_have_not_begun() -> None:
    book = book_with("a")
    orders = [book.add("x") for _ in range(5)]
    list(book.hand_out())
    newcomer = book.join("b")
    newcomer.share, newcomer.is_proven = Share(2, 2), True
    assert book.rebalance() == [("a", 5), ("a", 4)]
    assert book.rebalance() == [("a", 3)], "each is asked for once"
    book.put_back(orders[4])  # given back; the others have begun
    assert orders[4].number > 5, "the end of its old number may still be reported"
    assert [agent.name for agent, _ in book.hand_out()] == ["b"]
    assert book.rebalance() == []
