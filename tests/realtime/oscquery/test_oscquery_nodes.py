"""The tree of addresses and what changed between two."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.control.address import Address, Argument
from realtime.control.namespace import Namespace
from realtime.oscquery.nodes import Tree, changed_containers, parent_path

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
SUMMARIES = st.sampled_from(["one", "two"])


def value(path: str, summary: str = "") -> Address:
    return Address(path, "value", (Argument("x", "f", 0.0, 1.0),), summary)


def tree_of(paths: dict[str, str]) -> Tree:
    return Tree({path: value(path, summary) for path, summary in paths.items()})


def test_every_address_of_the_stage_is_found() -> None:
    addresses = Namespace([None, None]).addresses
    tree = Tree(addresses)
    assert sorted(node.path for node in tree.root.walk() if node.address is not None) == sorted(addresses)
    for path, address in addresses.items():
        node = tree.find(path)
        assert node is not None
        assert node.address is address
        assert tree.find(path + "/") is node


def test_a_node_is_container_and_method_at_once() -> None:
    tree = Tree(Namespace([None]).addresses)
    learn = tree.find("/midi/learn")
    assert learn is not None
    assert learn.address is not None
    assert set(learn.children) == {"cancel"}


def test_below_a_container_are_its_values_only() -> None:
    tree = Tree(Namespace([None, None]).addresses)
    assert set(tree.below("/deck/2")) == {f"/deck/2/{name}" for name in ("gain", "pan", "mute", "solo", "freeze")}
    assert tree.below("/deck/2/gain") == ("/deck/2/gain",)
    assert tree.below("/nothing") == ()


@given(st.dictionaries(PATHS, SUMMARIES))
def test_counts_are_those_of_the_walk(paths: dict[str, str]) -> None:
    for node in tree_of(paths).root.walk():
        assert node.count == len(list(node.walk()))


@given(st.dictionaries(PATHS, SUMMARIES), st.dictionaries(PATHS, SUMMARIES))
def test_a_client_that_reads_the_changed_containers_again_knows_all(before: dict[str, str], after: dict[str, str]) -> None:
    old, new = tree_of(before), tree_of(after)
    changed = changed_containers(old, new)
    known = {path: address for path, address in old.addresses.items() if not any(inside(path, container) for container in changed)}
    for container in changed:
        assert old.find(container) is not None
        node = new.find(container)
        assert node is not None
        # The container as it is, without what it is itself: CONTENTS.
        known |= {each.path: each.address for each in node.walk() if each is not node and each.address is not None}
    assert known == dict(new.addresses)
    assert (changed == []) == (old.addresses == new.addresses)


def inside(path: str, container: str) -> bool:
    return path != container and path.startswith(container.rstrip("/") + "/")


def test_a_patch_change_names_its_deck_only() -> None:
    before = tree_of({"/master/gain": "", "/deck/1/gain": "", "/deck/1/param/x": "", "/deck/2/gain": ""})
    assert changed_containers(before, tree_of({"/master/gain": "", "/deck/1/gain": "", "/deck/1/param/y": "", "/deck/2/gain": ""})) == [
        "/deck/1/param"
    ]
    assert changed_containers(before, tree_of({"/master/gain": "", "/deck/1/gain": "", "/deck/2/gain": ""})) == ["/deck/1"]
    assert changed_containers(before, before) == []


def test_parents() -> None:
    assert [parent_path(path) for path in ("/a/b", "/a", "/")] == ["/a", "/", "/"]
