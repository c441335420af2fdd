from pipelines.flows.pages import all_pages


def test_what_fills_several_pages_is_read_to_its_end() -> None:
    numbers = list(range(7))
    assert list(all_pages(lambda offset: numbers[offset : offset + 3])) == numbers
    assert list(all_pages(lambda offset: numbers[:6][offset : offset + 3])) == numbers[:6]
    assert list(all_pages(lambda offset: numbers[:0])) == []
