"""No person, source, original, file or look on two sides of a split, whatever the index."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_detector import UserError
from deepfake_detector.datasets import splitting

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
NONE = pd.DataFrame({"item": [], "other": []}, dtype=object)
few = settings(max_examples=50, deadline=None)


def item(
    name: str,
    sources: str = "",
    original: str = "",
    method: str = "real",
    file: str = "",
    use: str = "train",
    official_split: str = "",
) -> dict:
    return {
        "item": name,
        "label": int(method != "real"),
        "method": method,
        "sources": sources,
        "original": original,
        "use": use,
        "official_split": official_split,
        "md5": file or f"md5 of {name}",
    }


def index(*items: dict) -> pd.DataFrame:
    return pd.DataFrame(list(items))


def grouped(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(group=table["item"].map(splitting.groups(table, NONE)))


def placed(table: pd.DataFrame, shares: dict[str, float] = SHARES, seed: int = 1) -> dict[str, str]:
    """Item -> part."""
    items = grouped(table)
    return dict(
        zip(items["item"], items["group"].map(splitting.assign(items, shares, seed)), strict=True)
    )


def together(table: pd.DataFrame) -> set[frozenset[str]]:
    return {frozenset(rows["item"]) for _, rows in grouped(table).groupby("group")}


def tied(one: dict, other: dict) -> bool:
    """Whether two items must stay on one side, straight from the words of the rule."""
    return bool(
        set(filter(None, one["sources"].split(";")))
        & set(filter(None, other["sources"].split(";")))
        or one["md5"] == other["md5"]
        or (one["original"] and one["original"] == other["original"])
        or one["item"] == other["original"]
        or other["item"] == one["original"]
    )


@st.composite
def indexes(draw, held_out: bool = False) -> list[dict]:
    """Reals and fakes of two methods, here and there sharing people, originals (some not there) and
    files."""
    people = st.lists(st.integers(0, 25).map(str), max_size=2).map(";".join)
    file = st.just("") | st.integers(0, 20).map(str)
    use = st.sampled_from(["train"] * 5 + ["test"]) if held_out else st.just("train")
    reals = draw(
        st.lists(st.tuples(people, file, use, st.integers(-20, 12)), min_size=1, max_size=9)
    )
    fakes = draw(
        st.lists(st.tuples(people, file, use, st.integers(-4, 16)), min_size=1, max_size=9)
    )

    def made_from(target: int) -> str:
        """A real one, or beyond 12 a fake that was forged, or compressed, once more."""
        return "" if target < 0 else f"r{target:02}" if target <= 12 else f"f{target - 13:02}"

    rows = [
        item(f"r{number:02}", who, made_from(target), file=same, use=use)
        for number, (who, same, use, target) in enumerate(reals)
    ]
    for number, (who, same, use, target) in enumerate(fakes):
        original = made_from(target)
        rows.append(
            item(f"f{number:02}", who, original, ("swap", "reenact")[number % 2], same, use)
        )
    return draw(st.permutations(rows))


@pytest.mark.slow
@few
@given(indexes())
def test_tied_items_share_a_group(rows):
    group = splitting.groups(index(*rows), NONE)
    assert all(
        group[one["item"]] == group[other["item"]]
        for one, other in combinations(rows, 2)
        if tied(one, other)
    )


@pytest.mark.slow
@few
@given(indexes())
def test_a_group_is_no_larger_than_its_ties(rows):
    """Of each group with a part of it cut off, some tie crosses the cut."""
    by_name = {row["item"]: row for row in rows}
    for group in together(index(*rows)):
        reached, rest = {min(group)}, set(group) - {min(group)}
        while near := {
            name for name in rest if any(tied(by_name[name], by_name[one]) for one in reached)
        }:
            reached, rest = reached | near, rest - near
        assert not rest


@pytest.mark.slow
@few
@given(indexes(held_out=True), st.integers(0, 5))
def test_every_item_is_placed_no_tie_crosses_parts_and_parts_have_both_classes(rows, seed):
    table = index(*rows)
    free = [
        group
        for group in together(table)
        if not any(row["use"] == "test" for row in rows if row["item"] in group)
    ]
    kinds = [{name[0] for name in group} for group in free]
    enough = kinds.count({"r", "f"}) + min(kinds.count({"r"}), kinds.count({"f"})) >= len(SHARES)
    if not enough:
        with pytest.raises(UserError, match="too few groups"):
            placed(table, seed=seed)
        return
    part = placed(table, seed=seed)
    assert set(part) == set(table["item"])
    assert all(
        part[one["item"]] == part[other["item"]]
        for one, other in combinations(rows, 2)
        if tied(one, other)
    )
    assert splitting.leaks(table, NONE, part) == []
    assert {(part[row["item"]], row["label"]) for row in rows} == {
        (name, label) for name in SHARES for label in (0, 1)
    }
    assert all(part[row["item"]] == "test" for row in rows if row["use"] == "test")


def couples(number: int) -> list[dict]:
    """Groups of two reals and a fake of one of two methods."""
    rows = []
    for one in range(number):
        method = ("swap", "reenact")[one % 2]
        rows += [item(f"r{one:03}{take}", f"{one}") for take in "ab"] + [
            item(f"f{one:03}", f"{one}", method=method)
        ]
    return rows


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_seed_gives_one_split_whatever_the_order_of_rows(seed):
    table = index(*couples(12))
    assert (
        placed(table, seed=seed)
        == placed(table, seed=seed)
        == placed(table.sample(frac=1, random_state=7), seed=seed)
    )


@pytest.mark.slow
def test_seeds_give_different_splits():
    table = index(*couples(12))
    assert len({tuple(placed(table, seed=seed).items()) for seed in range(5)}) > 1


@pytest.mark.slow
def test_shares_are_met_for_every_method():
    table = index(*couples(100))
    shares = (
        table.assign(part=table["item"].map(placed(table)))
        .groupby("method")["part"]
        .value_counts(normalize=True)
    )
    for method in ("real", "swap", "reenact"):
        assert shares[method].to_dict() == pytest.approx(SHARES, abs=0.03)


def test_a_chain_of_different_ties_is_one_group():
    table = index(
        item("a", "anna"),
        item("b", "anna;ben", method="swap"),
        item("c", original="r", file="1", method="swap"),
        item("d", "ben", file="1"),
        item("r"),
        item("x", "xaver"),
    )
    assert together(table) == {frozenset("abcdr"), frozenset("x")}


def test_a_fake_is_tied_to_its_source_and_not_to_its_target_alone():
    table = index(
        item("target", "000"),
        item("source", "003"),
        item("fake", "000;003", "target", "swap"),
        item("other", "004"),
    )
    assert together(table) == {frozenset({"target", "source", "fake"}), frozenset({"other"})}


def test_fakes_of_one_original_belong_together_even_where_it_is_not_there():
    table = index(
        item("a", original="gone", method="swap"), item("b", original="gone", method="reenact")
    )
    assert together(table) == {frozenset("ab")}


def test_what_was_made_from_a_fake_or_from_a_real_one_is_tied_to_it_and_to_its_original():
    table = index(
        item("real"),
        item("swap", original="real", method="swap"),
        item("swap again", original="swap", method="swap"),
        item("real again", original="real"),
        item("other"),
    )
    assert together(table) == {
        frozenset({"real", "swap", "swap again", "real again"}),
        frozenset({"other"}),
    }


def test_files_that_could_not_be_read_are_no_tie():
    table = index(item("a", file="empty"), item("b", file="empty"), item("c", file="whole"))
    verified = pd.DataFrame(
        {"item": ["a", "b", "c"], "reason": ["unreadable: empty", "unreadable: empty", "blurred"]}
    )
    found = splitting.without_unread(table, verified)
    assert found["md5"].to_list() == ["", "", "whole"]
    assert together(found) == {frozenset("a"), frozenset("b"), frozenset("c")}


def test_the_same_number_in_two_methods_or_sets_is_no_tie():
    table = index(
        item("one/swap/000", "one:000", method="swap"),
        item("two/swap/000", "two:000", method="swap"),
        item("one/reenact/000", "one:001", method="reenact"),
    )
    assert len(together(table)) == 3


def test_a_held_out_set_is_test_with_all_that_is_tied_to_it():
    table = index(
        *couples(6), item("held", "5", use="test"), item("held too", use="test", method="swap")
    )
    part = placed(table)
    assert {part[name] for name in ("held", "held too", "r005a", "r005b", "f005")} == {"test"}


def test_without_a_share_test_is_what_is_held_out():
    table = index(*couples(6), item("held", use="test"))
    part = placed(table, {"train": 0.8, "val": 0.2, "test": 0.0})
    assert [name for name, where in part.items() if where == "test"] == ["held"]


def test_groups_of_one_class_are_dealt_out_so_that_no_part_lacks_a_class():
    table = index(
        *(
            item(f"{method}{number}", method=method)
            for method in ("real", "swap")
            for number in range(3)
        )
    )
    part = placed(table, {"train": 0.8, "val": 0.1, "test": 0.1})
    assert {(part[row.item], row.label) for row in table.itertuples()} == {
        (p, label) for p in SHARES for label in (0, 1)
    }


def test_too_few_groups_are_counted_and_a_way_out_named():
    table = index(*couples(2), item("r2"))
    with pytest.raises(UserError) as raised:
        placed(table)
    said = "too few groups to give train, val, test both classes each: 3 groups, 3 with real and 2 with fake items; add"
    assert str(raised.value).startswith(said)
    shared = [item(f"h{person}", f"{person}", use="test") for person in (2, 3)]
    with pytest.raises(UserError, match="2 with fake items; held-out data sets share 2 more; add "):
        placed(index(*couples(4), *shared))
    with pytest.raises(UserError, match="0 with fake items.*; name a data set with `use: train`"):
        placed(index(*shared))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (item("a", "x;y"), item("b", "z;y"), "source y: train a; test b"),
        (item("a"), item("b", original="a", method="swap"), "original a: train a; test b"),
        (item("a", file="1"), item("b", file="1"), "file 1: train a; test b"),
    ],
)
def test_a_planted_leak_is_found_and_explained(one, other, said):
    table = index(item("c", "y", "a", file="1"), other, one)
    assert [str(leak) for leak in splitting.leaks(table, NONE, {"a": "train", "b": "test"})] == [
        said
    ]


def test_no_leak_is_seen_where_parts_keep_to_groups():
    assert (
        splitting.leaks(
            index(item("a", "x"), item("b", "x"), item("c")),
            NONE,
            {"a": "val", "b": "val", "c": "test"},
        )
        == []
    )


def faceforensics(spanning: dict[str, str]) -> pd.DataFrame:
    """A listing as large as FaceForensics++: 1,000 sequences, five fakes of each, published pairs
    360, 70, 70.

    `spanning` are sequences that were cut from the same YouTube video, in different parts.
    """
    pairs = np.arange(1000).reshape(-1, 2)
    part_of = {
        int(number): "train" if n < 360 else "val" if n < 430 else "test"
        for n, pair in enumerate(pairs)
        for number in pair
    }
    video = {number: number for number in part_of} | spanning
    rows = []
    for pair in pairs.tolist():
        for target, source in (pair, pair[::-1]):
            own = f"{target};yt{video[target]}"
            rows.append(item(f"real/{target:03d}", own, official_split=part_of[target]))
            for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter"):
                name, both = (
                    f"{method}/{target:03d}_{source:03d}",
                    f"{own};{source};yt{video[source]}",
                )
                rows.append(
                    item(name, both, f"real/{target:03d}", method, official_split=part_of[target])
                )
    return index(*rows)


SPANNING = {720 + 2 * n: 2 * n for n in range(4)} | {860 + 2 * n: 100 + 2 * n for n in range(3)}


def published(table: pd.DataFrame, strict: bool) -> dict[str, str]:
    return splitting.assign_published(grouped(table), strict).to_dict()


def test_the_official_split_is_kept_and_its_leaks_are_named():
    table = faceforensics(SPANNING)
    part = published(table, strict=False)
    assert part == dict(zip(table["item"], table["official_split"], strict=True))
    leaks = splitting.leaks(table, NONE, part)
    assert {leak.shared for leak in leaks} == {f"source yt{first}" for first in SPANNING.values()}
    assert str(leaks[0]).startswith(
        "source yt0: train Deepfakes/000_001, Deepfakes/001_000, Face2Face/000_001 and 8 more; val "
    )


@pytest.mark.slow
def test_strict_moves_torn_groups_whole_and_leaves_no_leak():
    table = faceforensics(SPANNING)
    part = published(table, strict=True)
    assert set(part) == set(table["item"])
    assert splitting.leaks(table, NONE, part) == []
    moved = {
        name
        for name, old in zip(table["item"], table["official_split"], strict=True)
        if part[name] != old
    }
    assert len(moved) == 7 * 12  # a pair each: two reals and ten fakes
    assert all(part[name] == "train" for name in moved)


def test_items_without_a_published_split_are_left_out_unless_strict_has_a_group_for_them():
    table = index(
        item("a", "x", official_split="val"),
        item("b", "x"),
        item("c", "y"),
        item("d", "z", use="test"),
    )
    assert published(table, strict=False) == {"a": "val", "d": "test"}
    assert published(table, strict=True) == {"a": "val", "b": "val", "d": "test"}


def test_what_shares_a_group_with_a_held_out_set_goes_to_test_when_strict():
    table = index(item("a", "x", official_split="train"), item("b", "x", use="test"))
    assert published(table, strict=True) == {"a": "test", "b": "test"}


@pytest.mark.parametrize(
    ("policy", "drawn"), [("shares", ["a", "b"]), ("strict", ["a"]), ("official", [])]
)
def test_what_a_held_out_set_draws_away_is_named_with_its_ties(policy, drawn):
    """`b` would be in test anyway where the published split counts, `c` is tied to nothing."""
    table = index(
        item("a", "x", official_split="train"),
        item("b", "x", official_split="test"),
        item("c", official_split="test"),
        item("held", "x", use="test"),
    )
    items = grouped(table).assign(part="test")
    found = splitting.drawn_away(items, policy)
    assert found["item"].to_list() == drawn
    sides = dict.fromkeys(found["item"], "drawn") | {"held": "held out"}
    ties = splitting.leaks(table, NONE, sides, ("drawn", "held out"))
    named = [f"source x: drawn {', '.join(drawn)}; held out held"] if drawn else []
    assert [str(tie) for tie in ties] == named


@pytest.mark.parametrize(
    ("policy", "parts"),
    [("official", ["val", None, "train"]), ("strict", ["val", "val", "train"])],
)
def test_the_published_split_gives_each_item_its_part_or_none(policy, parts):
    items = grouped(
        index(
            item("a", "x", official_split="val"), item("b", "x"), item("c", official_split="train")
        )
    )
    assert splitting.has_val(items)
    found = splitting.part_of(items, policy, SHARES, 1)
    assert [part if isinstance(part, str) else None for part in found] == parts


@pytest.mark.parametrize("policy", ["official", "strict"])
def test_where_no_val_is_published_whole_groups_of_train_are_drawn_for_it(policy):
    tested = [
        item(f"t{n}", f"t{n}", method=("real", "swap")[n % 2], official_split="test")
        for n in range(4)
    ]
    learned = [one | {"official_split": "train"} for one in couples(12)]
    held_out = item("held", use="test", official_split="val")
    items = grouped(index(*learned, *tested, held_out))
    found = items.assign(part=splitting.part_of(items, policy, SHARES, 1))
    assert set(found["part"][found["official_split"] == "test"]) == {"test"}
    parts = found[(found["official_split"] == "train")].groupby("group")["part"].agg(set)
    assert all(len(one) == 1 for one in parts)
    assert parts.map(min).value_counts().to_dict() == {"train": 9, "val": 3}
    assert splitting.moved(found).empty


def test_shares_give_each_item_the_part_of_its_group():
    table = index(*couples(6))
    items = grouped(table)
    assert splitting.part_of(items, "shares", SHARES, 1).to_list() == list(placed(table).values())


@pytest.mark.parametrize("policy", ["official", "strict"])
def test_a_published_split_has_to_be_there(policy):
    with pytest.raises(
        UserError,
        match=f"split.policy is {policy}, but no item has a published split; put the published .*"
        "or set it to shares",
    ):
        splitting.part_of(grouped(index(item("a"))), policy, SHARES, 1)


@pytest.mark.parametrize(
    ("lacking", "policy", "fakes", "said"),
    [
        (
            {("test", 0), ("test", 1)},
            "shares",
            True,
            "test has no items: it needs both classes; add",
        ),
        ({("val", 0)}, "shares", True, "val has only label 1: it needs both classes; add material"),
        (
            {("val", 0), ("val", 1)},
            "official",
            True,
            "val has no items.*set split.policy to shares",
        ),
        ({("train", 1)}, "shares", True, "train has only label 0"),
        ({("train", 1)}, "shares", False, ""),
        ({("train", 0)}, "shares", False, "train has only label 1: it needs real ones"),
        ({("test", 1)}, "shares", False, "test has only label 0"),
        (set(), "shares", True, ""),
    ],
)
def test_a_part_without_a_class_that_it_needs_is_refused(lacking, policy, fakes, said):
    every = [(part, label) for part in splitting.PARTS for label in (0, 1)]
    rows = [one for one in every if one not in lacking]
    items = pd.DataFrame(rows, columns=["part", "label"])
    if not said:
        splitting.refuse_one_class(items, policy, fakes)
        return
    with pytest.raises(UserError, match=said):
        splitting.refuse_one_class(items, policy, fakes)


def test_one_group_of_more_than_half_is_refused_with_what_ties_it():
    table = index(
        *(item(f"a{n}", f"anna;x{n % 2}") for n in range(5)), item("b0", "ben"), *couples(1)
    )
    with pytest.raises(
        UserError,
        match=r"one group holds 5 of 9 items.*tied by source anna \(5 items\), source x0 \(3",
    ):
        splitting.refuse_one_group(table, NONE, splitting.groups(table, NONE), grouped(table))


def test_what_ties_one_group_is_named_where_a_dropped_item_bears_it():
    table = index(item("a"), item("b"), item("lost", file="md5 of a", original="b"))
    kept = grouped(table)[lambda rows: rows["item"] != "lost"]
    with pytest.raises(UserError, match=r"tied by file md5 of a \(2 items\), original b \(2 items"):
        splitting.refuse_one_group(table, NONE, splitting.groups(table, NONE), kept)


def test_a_large_group_is_no_matter_where_it_is_held_out_or_half():
    held_out = index(*(item(f"a{n}", "anna", use="test") for n in range(5)), item("b0"), item("c0"))
    splitting.refuse_one_group(held_out, NONE, splitting.groups(held_out, NONE), grouped(held_out))
    half = index(item("a0", "anna"), item("a1", "anna"), item("b0"), item("c0"))
    splitting.refuse_one_group(half, NONE, splitting.groups(half, NONE), grouped(half))


def alike(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["item", "other"])


def test_items_that_look_alike_are_of_one_group():
    table = index(item("a"), item("b", "x"), item("c", "x"), item("d"))
    assert splitting.groups(table, alike(("a", "b"))).to_dict() == {
        "a": "a",
        "b": "a",
        "c": "a",
        "d": "d",
    }


def test_items_that_look_alike_on_two_sides_are_a_leak():
    (leak,) = splitting.leaks(
        index(item("a"), item("b")), alike(("a", "b")), {"a": "train", "b": "test"}
    )
    assert str(leak) == "near-duplicates a and b: train a; test b"


def test_what_looks_alike_is_named_where_it_ties_everything_together():
    table = index(item("a"), item("b"), item("c"))
    near = alike(("a", "b"), ("b", "c"))
    items = table.assign(group=table["item"].map(splitting.groups(table, near)))
    with pytest.raises(UserError, match="near-duplicates a and b \\(2 items\\)"):
        splitting.refuse_one_group(table, near, splitting.groups(table, near), items)


def families(*methods: str) -> pd.DataFrame:
    """Nine originals and the fakes of each by every method, three families in each part."""
    reals = [item(f"r{number}") for number in range(9)]
    fakes = [item(f"{m}{n}", original=f"r{n}", method=m) for m in methods for n in range(9)]
    table = grouped(index(*reals, *fakes))
    number = table["item"].str[-1].astype(int)
    return table.assign(part=[splitting.PARTS[one // 3] for one in number])


def parts(
    table: pd.DataFrame, methods: list[str], select_by: str | None = None
) -> dict[str, list[str]]:
    """Method -> the parts that hold items of it, then."""
    part = splitting.without_unseen(table, methods, select_by)
    return {
        method: [name for name in splitting.PARTS if (part[rows.index] == name).any()]
        for method, rows in table.groupby("method")
    }


def test_held_out_methods_are_in_test_alone_and_what_selects_the_epoch_is_in_no_training():
    table = families("swap", "reenact", "morph")
    everywhere = ["train", "val", "test"]
    assert parts(table, []) == dict.fromkeys(["real", "swap", "reenact", "morph"], everywhere)
    assert parts(table, ["swap"], "morph") == {
        "real": everywhere,
        "reenact": everywhere,
        "swap": ["test"],
        "morph": ["val", "test"],
    }


def test_no_group_is_torn_and_none_changes_its_part_when_a_method_is_held_out():
    table = families("swap", "reenact")
    part = splitting.without_unseen(table, ["swap"], None)
    kept = part.notna()
    assert (part[kept] == table["part"][kept]).all()
    assert kept.sum() == 9 + 9 + 3


def test_groups_of_nothing_but_a_held_out_method_are_test():
    table = families("swap", "reenact")
    drawn = index(item("d1", method="diffusion"), item("d2", method="diffusion"))
    drawn = grouped(drawn).assign(part="train")
    table = pd.concat([table, drawn], ignore_index=True)
    assert parts(table, ["diffusion"])["diffusion"] == ["test"]


def test_a_held_out_data_sets_fakes_of_the_method_stay():
    table = families("swap", "reenact")
    theirs = grouped(index(item("t1", method="swap", use="test"))).assign(part="test")
    table = pd.concat([table, theirs], ignore_index=True)
    assert splitting.without_unseen(table, ["swap"], None).iloc[-1] == "test"


@pytest.mark.parametrize(
    ("methods", "select_by", "said"),
    [
        (["swop"], None, r"swop is no forgery method .*choose one of reenact, swap"),
        ([], "real", r"real is no forgery method .*choose one of reenact, swap"),
        (["swap"], "reenact", r"no fake of reenact is in val.*raise split.val"),
    ],
)
def test_what_cannot_be_held_out_is_refused(methods, select_by, said):
    table = families("swap", "reenact")
    table = table[(table["part"] != "val") | (table["method"] != "reenact")]
    with pytest.raises(UserError, match=said):
        splitting.without_unseen(table, methods, select_by)


def test_a_held_out_method_without_a_fake_in_test_is_refused():
    table = families("swap", "reenact")
    table = table[(table["part"] != "test") | (table["method"] != "swap")]
    with pytest.raises(UserError, match=r"no fake of swap is in test.*raise split.test"):
        splitting.without_unseen(table, ["swap"], None)
