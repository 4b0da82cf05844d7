import csv
import io
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from visavis.errors import InputInvalid
from visavis.evaluation.dataset import (
    Dataset,
    Grouping,
    Pairs,
    from_csv,
    from_folder,
    from_lfw_pairs,
    from_pairs_csv,
    parse,
)

IMAGES = "image,subject,Site,capture\na1.jpg,Ann,A,x\na2.jpg,Ann,A,x\nb1.jpg,Bob,,x\na3.jpg,Ann,A,\nb2.jpg,Bob,,\n"
PAIRS = "reference,probe,mated,fold\na.jpg,b.jpg,1,3\nc.jpg,b.jpg,yes,3\nd.jpg,a.jpg,0,1\ne.jpg,d.jpg,False,7\n"
LFW = """2\t1
Ann\t1\t4
Ann\t1\tBob\t2
Cem\t2\t13
Bob\t2\tCem\t13
"""


_CELLS = st.sampled_from(
    ["a", "b", "c", "Ann", "Ann", "0", "1", "2", "yes", "", " ", '"', '"x,y"', "..", "\0", "{", "é"]
)


def refusal(read: Callable[[str], Dataset], text: str) -> str:
    with pytest.raises(InputInvalid) as caught:
        read(text)
    assert caught.value.code == "input_invalid"
    for name in ("Ann", "Bob", "Cem"):
        assert name not in str(caught.value)
    return str(caught.value)


def written(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def same(one: Dataset, other: Dataset) -> bool:
    return values(one) == values(other)


def values(dataset: Dataset) -> object:
    """All that a data set says, as values that can be compared."""
    pairs = dataset.pairs
    return (
        dataset.images,
        dataset.subject.tolist(),
        None if dataset.capture is None else dataset.capture.tolist(),
        [(grouping.name, grouping.labels, grouping.of_image.tolist()) for grouping in dataset.groupings],
        pairs and [column.tolist() for column in (pairs.first, pairs.second, pairs.mated, pairs.fold)],
    )


def check(dataset: Dataset) -> None:
    """What holds for every data set."""
    count = len(dataset.images)
    assert len(set(dataset.images)) == count
    assert dataset.subject.dtype == np.int32
    assert list(dict.fromkeys(dataset.subject.tolist())) == list(range(dataset.subjects))
    assert 2 <= dataset.subjects <= count
    arrays = [dataset.subject, *(grouping.of_image for grouping in dataset.groupings)]
    if dataset.capture is not None:
        arrays.append(dataset.capture)
    for array in arrays:
        assert (array.dtype.name, array.shape, array.flags.writeable) == ("int32", (count,), False)
    for grouping in dataset.groupings:
        assert sorted(set(grouping.of_image.tolist())) == list(range(len(grouping.labels)))
    if pairs := dataset.pairs:
        for array in (pairs.first, pairs.second, pairs.fold):
            assert (array.dtype.name, array.shape, array.flags.writeable) == ("int32", pairs.mated.shape, False)
        assert pairs.mated.dtype == np.bool_
        assert not pairs.mated.flags.writeable
        assert sorted(set(pairs.fold.tolist())) == list(range(pairs.fold.max() + 1))
        assert (pairs.first != pairs.second).all()
        assert (pairs.mated == (dataset.subject[pairs.first] == dataset.subject[pairs.second])).all()


class TestValue:
    @pytest.mark.parametrize("text", [IMAGES, PAIRS, LFW], ids=["images", "pairs", "lfw"])
    def test_it_holds_numbers_and_says_nothing(self, text: str) -> None:
        dataset = parse(text)
        check(dataset)
        for value in (dataset, dataset.pairs, *dataset.groupings):
            assert ".jpg" not in repr(value)
            assert "Ann" not in repr(value)
            assert "array" not in repr(value)

    def test_arrays_of_another_length_are_refused(self) -> None:
        one, two = np.zeros(1, np.int32), np.zeros(2, np.int32)
        with pytest.raises(ValueError, match=r"expected 2 values, got an array of shape \(1,\)"):
            Dataset(("a", "b"), one)
        with pytest.raises(ValueError, match="expected 2 values"):
            Dataset(("a", "b"), two, capture=one)
        with pytest.raises(ValueError, match="expected 2 values"):
            Dataset(("a", "b"), two, groupings=(Grouping("site", ("A",), one),))
        with pytest.raises(ValueError, match="expected 2 values"):
            Pairs(two, two, np.zeros(1, np.bool_), two)
        with pytest.raises(ValueError, match="expected 2 values"):
            Dataset(("a", "b"), np.zeros((2, 1), np.int32))


def read_or_refused(text: str, *readers: Callable[[str], Dataset]) -> None:
    for read in readers:
        said = ""
        try:
            check(read(text))
        except InputInvalid as refused:
            said = str(refused)
        assert "Ann" not in said


class TestFolder:
    def test_the_first_folder_is_the_subject(self) -> None:
        dataset = from_folder(iter(["b/2.jpg", "a/visit 2/1.jpg", "b/1.jpg", "a/visit 1/1.jpg", "a b/x..jpg"]))
        assert dataset.images == ("a b/x..jpg", "a/visit 1/1.jpg", "a/visit 2/1.jpg", "b/1.jpg", "b/2.jpg")
        assert dataset.subject.tolist() == [0, 1, 1, 2, 2]
        assert (dataset.subjects, dataset.capture, dataset.groupings, dataset.pairs) == (3, None, (), None)
        check(dataset)

    @pytest.mark.parametrize(
        ("paths", "message"),
        [
            ([], "expected images of two subjects or more, got 0 of 0"),
            (["Ann/1.jpg", "Ann/2.jpg"], "expected images of two subjects or more, got 2 of 1"),
            (
                ["Ann/1.jpg", "Bob.jpg", "Cem.jpg"],
                "2 of 3 paths lie in no folder of a subject; expected 'subject/image'",
            ),
            (["Ann/1.jpg", "Bob/1.jpg", "Ann/1.jpg"], "1 of 3 paths are listed again"),
            (["Ann/1.jpg", "/Bob/1.jpg"], "1 of 2 paths are absolute"),
            (["Ann/1.jpg", "../Bob/1.jpg"], "1 of 2 paths are absolute, or hold"),
            (["Ann/1.jpg", "Bob/../../1.jpg"], "or '..' part"),
            (["Ann/1.jpg", "Bob/.."], "or '..' part"),
            (["Ann/1.jpg", "./Bob/1.jpg", "Bob//1.jpg", "Cem/"], "3 of 4 paths"),
            (["Ann/1.jpg", "Bob/1\0.jpg"], "a NUL"),
            (["Ann/1.jpg", "C:/Bob/1.jpg"], "are absolute"),
            (["Ann/1.jpg", "Bob/..\\..\\1.jpg"], "or '..' part"),
            (["Ann/1.jpg", "\\\\host/Bob/1.jpg"], "are absolute"),
        ],
    )
    def test_refusals(self, paths: list[str], message: str) -> None:
        assert message in refusal(lambda _: from_folder(paths), "")

    @settings(deadline=None)
    @given(paths=st.lists(st.text("ab/.\\:\0é", max_size=8), max_size=6))
    @example(paths=["a/b", "b/a"])
    @example(paths=["a/\ud800", "\ud800/a"])
    def test_any_paths_make_a_data_set_or_are_refused(self, paths: list[str]) -> None:
        try:
            dataset = from_folder(paths)
        except InputInvalid:
            return
        check(dataset)
        assert dataset.images == tuple(sorted(paths))
        assert same(dataset, from_folder(reversed(paths)))


class ListContract:
    """What holds for every list, whatever its format."""

    text: str
    read: Callable[[str], Dataset]

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: "\ufeff" + text,
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace("\n", "\r"),
            lambda text: text.replace("\n", "\n\n"),
            lambda text: "\n \n" + text + " \n",
            lambda text: text.removesuffix("\n"),
            lambda text: text.replace(",", " , ").replace("\t", " \t "),
        ],
        ids=["BOM", "CRLF", "CR", "blank lines", "lines of spaces", "no end of line", "spaces"],
    )
    def test_how_it_was_saved_makes_no_difference(self, change: Callable[[str], str]) -> None:
        assert same(type(self).read(change(self.text)), type(self).read(self.text))

    def test_parse_knows_it(self) -> None:
        assert same(parse(self.text), type(self).read(self.text))
        assert same(parse("\ufeff\r\n" + self.text.upper()), type(self).read(self.text.upper()))

    @pytest.mark.parametrize("text", ["", "\ufeff", "\n\n", " \r\n"])
    def test_an_empty_list(self, text: str) -> None:
        assert "got an empty list" in refusal(type(self).read, text)
        assert "got an empty list" in refusal(parse, text)

    def test_a_list_of_a_first_line_alone(self) -> None:
        assert refusal(type(self).read, self.text.splitlines()[0])

    def test_rows_of_another_length(self) -> None:
        first, second, *others = self.text.splitlines()
        between = "," if "," in first else "\t"
        for row in (second + between + "Ann", second.rpartition(between)[0], second + between, between + second):
            message = refusal(type(self).read, "\n".join([first, "", row, *others]))
            assert message.startswith("line 3: expected ")
            assert message.partition(", got ")[2].startswith(str(row.count(between) + 1))

    def test_a_nul(self) -> None:
        first, second, *others = self.text.splitlines()
        message = refusal(type(self).read, "\n".join([first, second.replace("n", "\0").replace("a", "\0"), *others]))
        assert message == "line 2: expected text, got a NUL"

    def test_a_huge_cell(self) -> None:
        first, second, *others = self.text.splitlines()
        message = refusal(type(self).read, "\n".join([first, "Ann" * 50_000 + second, *others]))
        assert message == "line 2: expected a row of cells: field larger than field limit (131072)"


class TestImages(ListContract):
    text = IMAGES
    read = staticmethod(from_csv)

    def test_subjects_are_numbers_in_order_of_appearance(self) -> None:
        dataset = from_csv(IMAGES)
        assert dataset.images == ("a1.jpg", "a2.jpg", "b1.jpg", "a3.jpg", "b2.jpg")
        assert dataset.subject.tolist() == [0, 0, 1, 0, 1]
        assert (dataset.subjects, dataset.pairs) == (2, None)

    def test_further_columns_are_groupings(self) -> None:
        (site,) = from_csv(IMAGES).groupings
        assert (site.name, site.labels, site.of_image.tolist()) == ("Site", ("A", ""), [0, 0, 1, 0, 1])
        sex, age = from_csv("sex,IMAGE,Age, Subject\nf,a,60+,Ann\nf,b,18-30,Bob\n").groupings
        assert (sex.name, sex.labels, sex.of_image.tolist()) == ("sex", ("f",), [0, 0])
        assert (age.name, age.labels, age.of_image.tolist()) == ("Age", ("60+", "18-30"), [0, 1])
        assert from_csv("image,subject\na,Ann\nb,Bob").groupings == ()

    def test_a_capture_is_of_one_subject_and_an_empty_cell_of_its_own(self) -> None:
        capture = from_csv(IMAGES).capture
        assert capture is not None
        assert capture.tolist() == [0, 0, 1, 2, 3]
        assert from_csv("image,subject\na,Ann\nb,Bob").capture is None
        capture = from_csv(
            "image,subject,Capture\na,Ann,\nb,Bob,\nc,Bob,3"
        ).capture  # 3 is a label, and no line's number
        assert capture is not None
        assert capture.tolist() == [0, 1, 2]

    def test_quotes_hold_commas_line_ends_and_quotes(self) -> None:
        dataset = from_csv('image,subject\n"a,1.jpg", "Ann, P."\r\n"b\n""2"".jpg",Bob\n../c.jpg,"Ann, P."\n/d.jpg,Bob')
        assert dataset.images == ("a,1.jpg", 'b\n"2".jpg', "../c.jpg", "/d.jpg")
        assert dataset.subject.tolist() == [0, 1, 0, 1]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("Ann,Bob\na,b\n", "line 1: expected the columns image, subject, got none called image"),
            ("\nimage;subject\na;Ann\n", "line 2: expected the columns image, subject, got none called image"),
            ("image,name\na,Ann\n", "line 1: expected the columns image, subject, got none called subject"),
            ("image,subject,Image\n", "line 1: expected a name of its own for each column, got 'image' twice or empty"),
            ("image,subject,sex,Sex\n", "line 1: expected a name of its own for each column, got 'sex' twice or empty"),
            ("image,subject,\na,Ann,\n", "line 1: expected a name of its own for each column, got '' twice or empty"),
            ("image,subject\na,Ann\nb\n", "line 3: expected 2 cells, as in the header, got 1"),
            ("image,subject\n\n,Ann\n", "line 3: expected a value in the column `image`, got an empty cell"),
            ("image,subject\na, \n", "line 2: expected a value in the column `subject`, got an empty cell"),
            ("image,subject\n,\n", "line 2: expected a value in the column `image`, got an empty cell"),
            (
                'image,subject\n"a\n1",Ann\nb,Bob\n"a\n1",Cem\n',
                "line 5 lists the image of line 2 again; expected each image once",
            ),
            (
                "image,subject,site\na,Ann,N\nb,Bob,S\nc,Ann,S\n",
                "expected one group a subject, got two in lines 2 and 4, which are of one subject, in the column 'site'",
            ),
            (
                "image,subject,site\na,Ann,N\nb,Bob,S\nc,Bob,\n",
                "expected one group a subject, got two in lines 3 and 4, which are of one subject, in the column 'site'",
            ),
            ("image,subject\n", "expected images of two subjects or more, got 0 of 0"),
            ("image,subject\na,Ann\n", "expected images of two subjects or more, got 1 of 1"),
            ("image,subject\na,Ann\nb,Ann\n", "expected images of two subjects or more, got 2 of 1"),
            ('image,subject\na,Ann\nb,"Bob\nc,Cem\n', "line 3: expected a row of cells: unexpected end of data"),
            ('image,subject\na,"Ann"Bob\n', "line 2: expected a row of cells: ',' expected after '\"'"),
        ],
    )
    def test_refusals(self, text: str, message: str) -> None:
        assert refusal(from_csv, text) == message

    @settings(deadline=None)
    @given(data=st.data())
    def test_what_was_written_is_read(self, data: st.DataObject) -> None:
        cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6).map(str.strip)
        named = cell.filter(bool)
        images = data.draw(st.lists(named, min_size=2, max_size=8, unique=True))
        subjects = data.draw(st.lists(named, min_size=2, max_size=len(images), unique=True))
        whose = subjects + [data.draw(st.sampled_from(subjects)) for _ in images[len(subjects) :]]
        groups = {subject: data.draw(cell) for subject in subjects}
        visits = [data.draw(st.sampled_from(["", "1", "2"])) for _ in images]
        rows = [(visit, image, groups[name], name) for visit, image, name in zip(visits, images, whose, strict=True)]
        dataset = from_csv(written([("capture", "image", "group", "subject"), *rows]))
        check(dataset)
        assert dataset.images == tuple(images)
        assert [subjects[number] for number in dataset.subject] == whose
        (grouping,) = dataset.groupings
        assert [grouping.labels[number] for number in grouping.of_image] == [groups[name] for name in whose]
        assert dataset.capture is not None
        for i, (name, visit) in enumerate(zip(whose, visits, strict=True)):
            alike = {j for j in range(len(images)) if dataset.capture[j] == dataset.capture[i]}
            assert alike == (
                {j for j in range(len(images)) if (whose[j], visits[j]) == (name, visit)} if visit else {i}
            )


class TestPairs(ListContract):
    text = PAIRS
    read = staticmethod(from_pairs_csv)

    def test_images_are_listed_once_and_pairs_in_order(self) -> None:
        dataset = from_pairs_csv(PAIRS)
        assert dataset.images == ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
        pairs = dataset.pairs
        assert pairs is not None
        assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1), (2, 1), (3, 0), (4, 3)]
        assert pairs.mated.tolist() == [True, True, False, False]
        assert (dataset.capture, dataset.groupings) == (None, ())

    def test_mated_pairs_link_images_into_subjects(self) -> None:
        assert from_pairs_csv(PAIRS).subject.tolist() == [0, 0, 0, 1, 2]

    def test_folds_are_numbered_from_0_in_their_order(self) -> None:
        pairs = from_pairs_csv(PAIRS).pairs
        assert pairs is not None
        assert pairs.fold.tolist() == [1, 1, 0, 2]
        pairs = from_pairs_csv("probe,reference,Mated\na,b,0\nb,a,0\n").pairs
        assert pairs is not None
        assert pairs.fold.tolist() == [0, 0]
        assert pairs.first.tolist() == [0, 1]

    @pytest.mark.parametrize(
        "cells", [("1", "0"), ("true", "false"), ("TRUE", "False"), ("yes", "no"), (" Yes", "NO ")]
    )
    def test_ways_to_say_mated(self, cells: tuple[str, str]) -> None:
        pairs = from_pairs_csv("reference,probe,mated\na,b,{}\na,c,{}\n".format(*cells)).pairs
        assert pairs is not None
        assert pairs.mated.tolist() == [True, False]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("reference,probe\na,b\n", "line 1: expected the columns reference, probe, mated, got none called mated"),
            (
                "reference,probe,mated,folds\na,b,1,1\n",
                "expected the columns reference, probe, mated and fold, got 'folds' besides",
            ),
            (
                "reference,probe,mated,Mated\na,b,1,1\n",
                "line 1: expected a name of its own for each column, got 'mated' twice or empty",
            ),
            ("reference,probe,mated\na,,1\n", "line 2: expected a value in the column `probe`, got an empty cell"),
            (
                "reference,probe,mated\na,b,0\na,b,Ann\n",
                "line 3: expected 1, true, yes, 0, false, no in the column mated, got something else",
            ),
            (
                "reference,probe,mated,fold\na,b,0,0\na,b,0,\n",
                "line 3: expected a whole number as fold, got something else",
            ),
            ("reference,probe,mated\na,b,0\nc,c,1\n", "line 3: expected two images, got one twice"),
            ("reference,probe,mated\na,b,0\nc,c,0\n", "line 3: expected two images, got one twice"),
            (
                "reference,probe,mated\na,d,0\na,b,1\na,c,0\nd,c,0\nb,c,1\n",
                "line 4: a non-mated pair of one subject, as its name or mated pairs say",
            ),
            (
                "reference,probe,mated\na,b,1\nb,a,0\n",
                "line 3: a non-mated pair of one subject, as its name or mated pairs say",
            ),
            ("reference,probe,mated\na,b,1\nb,c,1\n", "expected images of two subjects or more, got 3 of 1"),
        ],
    )
    def test_refusals(self, text: str, message: str) -> None:
        assert refusal(from_pairs_csv, text) == message

    @pytest.mark.parametrize("fold", ["-1", "1.0", "x", "²", "١", "9" * 10, "9" * 5000, "1e3", "1_0", "+1"])
    def test_what_is_no_fold(self, fold: str) -> None:
        text = f"reference,probe,mated,fold\na,b,0,{fold}\n"
        assert refusal(from_pairs_csv, text) == "line 2: expected a whole number as fold, got something else"

    @settings(deadline=None)
    @given(linked=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=16))
    def test_subjects_are_what_can_be_reached(self, linked: list[tuple[int, int]]) -> None:
        linked = [(a, b) for a, b in linked if a != b]
        rows = [(str(a), str(b), "1") for a, b in linked]
        dataset = from_pairs_csv(written([("reference", "probe", "mated"), ("x", "y", "0"), *rows]))
        check(dataset)
        reached = {number: {number} for pair in linked for number in pair}
        for _ in reached:
            for a, b in linked:
                reached[a] |= reached[b]
                reached[b] |= reached[a]
        subject = dict(zip(dataset.images, dataset.subject.tolist(), strict=True))
        assert len({subject["x"], subject["y"]} - {subject[str(number)] for number in reached}) == 2
        for a in reached:
            for b in reached:
                assert (subject[str(a)] == subject[str(b)]) == (b in reached[a])

    def test_a_chain_of_many_images_is_one_subject(self) -> None:
        for order in (1, -1):
            rows = [(str(i), str(i + 1), "1") for i in range(20_000)][::order]
            dataset = from_pairs_csv(written([("reference", "probe", "mated"), *rows, ("0", "other", "0")]))
            assert dataset.subjects == 2
            assert np.bincount(dataset.subject).tolist() == [20_001, 1]


class TestLfw(ListContract):
    text = LFW
    read = staticmethod(from_lfw_pairs)

    def test_names_and_numbers_make_paths(self) -> None:
        dataset = from_lfw_pairs(LFW)
        assert dataset.images == (
            "Ann/Ann_0001.jpg", "Ann/Ann_0004.jpg", "Bob/Bob_0002.jpg", "Cem/Cem_0002.jpg", "Cem/Cem_0013.jpg",
        )  # fmt: skip
        assert dataset.subject.tolist() == [0, 0, 1, 2, 2]
        assert from_lfw_pairs(LFW, "all/{name}-{number}.png").images[4] == "all/Cem-13.png"

    def test_each_fold_has_its_mated_pairs_and_then_the_others(self) -> None:
        pairs = from_lfw_pairs(LFW).pairs
        assert pairs is not None
        assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1), (0, 2), (3, 4), (2, 4)]
        assert pairs.mated.tolist() == [True, False, True, False]
        assert pairs.fold.tolist() == [0, 0, 1, 1]

    def test_a_count_alone_is_one_fold(self) -> None:
        dataset = from_lfw_pairs("2\nAnn\t1\t2\nBob\t1\t2\nAnn\t1\tBob\t1\nAnn\t2\tBob\t2\n")
        assert dataset.pairs is not None
        assert dataset.pairs.fold.tolist() == [0, 0, 0, 0]
        assert dataset.pairs.mated.tolist() == [True, True, False, False]
        check(dataset)

    def test_numbers_may_have_zeros_before_them_and_names_quotes_and_braces(self) -> None:
        dataset = from_lfw_pairs('1\n"Ann {0}\t1\t0002\n"Ann {0}\t0001\tBob, P.\t2\n')
        assert dataset.images == (
            '"Ann {0}/"Ann {0}_0001.jpg',
            '"Ann {0}/"Ann {0}_0002.jpg',
            "Bob, P./Bob, P._0002.jpg",
        )

    @pytest.mark.parametrize(
        "first",
        ["0", "0\t5", "5\t0", "1\t1\t1", "-1", "Ann", "1 1", "01", "²", "9" * 10, "9" * 5000, "1\t", "Ann\t1\t4"],
    )
    def test_what_is_no_count(self, first: str) -> None:
        message = "line 1: expected LFW's counts, `folds n` or `n`, from 1 and with a tab between"
        assert refusal(from_lfw_pairs, LFW.replace("2\t1\n", first + "\n", 1)) == message

    @pytest.mark.parametrize("first", ["1\t1", "3\t1", "2\t2", "2", "999999999\t999999999"])
    def test_counts_that_the_rows_break(self, first: str) -> None:
        folds, n = first.split("\t") if "\t" in first else ("1", first)
        if first != "2":  # one fold of two has as many rows as two folds of one
            message = f"line 1 promises {folds} times {n} mated and {n} non-mated pairs, got 4 in all"
        else:
            message = "line 3: expected `name n1 n2` with tabs between, got 4 cells or no numbers"
        assert refusal(from_lfw_pairs, LFW.replace("2\t1\n", first + "\n", 1)) == message

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("Ann\t1\t4", "Ann\t1\tx", "line 2: expected `name n1 n2` with tabs between, got 3 cells or no numbers"),
            ("Ann\t1\t4", "Ann\t1\t٤", "line 2: expected `name n1 n2` with tabs between, got 3 cells or no numbers"),
            ("Ann\t1\t4", "\t1\t4", "line 2: expected `name n1 n2` with tabs between, got 3 cells or no numbers"),
            ("Ann\t1\t4", "Ann 1 4", "line 2: expected `name n1 n2` with tabs between, got 1 cells or no numbers"),
            ("Ann\t1\t4", "Ann\t1\t1", "line 2: expected two images, got one twice"),
            (
                "Ann\t1\t4",
                "Ann\t1\t" + "9" * 5000,
                "line 2: expected `name n1 n2` with tabs between, got 3 cells or no",
            ),
            (
                "Bob\t2\tC",
                "Bob\tx\tC",
                "line 5: expected `name1 n1 name2 n2` with tabs between, got 4 cells or no numbers",
            ),
            (
                "Bob\t2\tCem\t13",
                "Cem\t2\tCem\t13",
                "line 5: a non-mated pair of one subject, as its name or mated pairs say",
            ),
            ("Bob\t2\tC", "../Bob\t2\tC", "line 5: expected names of images in the folder, got one that leaves it"),
            ("Bob\t2\tC", "/Bob\t2\tC", "line 5: expected names of images in the folder, got one that leaves it"),
            ("Bob\t2\tC", "..\t2\tC", "line 5: expected names of images in the folder, got one that leaves it"),
            ("Bob\t2\tC", "C:\\Bob\t2\tC", "line 5: expected names of images in the folder, got one that leaves it"),
            (
                "Bob\t2\tC",
                "x\\..\\..\\Bob\t2\tC",
                "line 5: expected names of images in the folder, got one that leaves it",
            ),
        ],
    )
    def test_refusals(self, old: str, new: str, message: str) -> None:
        assert old in LFW
        assert refusal(from_lfw_pairs, LFW.replace(old, new)).startswith(message)

    @pytest.mark.parametrize(
        "pattern", ["{}", "{who}", "{name", "{name:d}", "{name.first}", "{number[0]}", "{name[7]}"]
    )
    def test_a_pattern_that_cannot_be_filled(self, pattern: str) -> None:
        message = f"the pattern {pattern!r} cannot be filled with a name and a number"
        assert refusal(lambda text: from_lfw_pairs(text, pattern), LFW) == message

    @pytest.mark.parametrize(("pattern", "line"), [("{name}.jpg", 2), ("{number}.jpg", 4), ("all.jpg", 2)])
    def test_a_pattern_that_mixes_images_up(self, pattern: str, line: int) -> None:
        message = f"line {line}: the pattern {pattern!r} gives two images one path"
        assert refusal(lambda text: from_lfw_pairs(text, pattern), LFW) == message

    def test_a_pattern_that_leaves_the_folder(self) -> None:
        message = "line 2: expected names of images in the folder, got one that leaves it"
        assert refusal(lambda text: from_lfw_pairs(text, "../{name}/{number}.jpg"), LFW) == message


class TestParse:
    @pytest.mark.parametrize(
        "text",
        ["Ann\t1\t4\n", "image,name\na,Ann", "reference,probe\na,b", "a.jpg,Ann\nb.jpg,Bob", "1.5", "10;300", "١٠"],
    )
    def test_an_unknown_first_line_is_told_what_there_is(self, text: str) -> None:
        message = refusal(parse, text)
        assert message.startswith("the first line tells no known format; expected")
        for known in ("`image` and `subject`", "`reference`, `probe` and `mated`", "LFW's pairs.txt"):
            assert known in message

    def test_counts_with_a_space_between_are_taken_for_lfws(self) -> None:
        assert refusal(parse, "10 300\nAnn\t1\t4\n").startswith("line 1: expected LFW's counts")

    @settings(deadline=None)
    @given(
        source=st.sampled_from([(IMAGES, from_csv, ","), (PAIRS, from_pairs_csv, ","), (LFW, from_lfw_pairs, "\t")]),
        rows=st.lists(st.lists(_CELLS, min_size=2, max_size=4), max_size=6),
    )
    def test_whatever_follows_the_first_line_is_read_or_refused(
        self, source: tuple[str, Callable[[str], Dataset], str], rows: list[list[str]]
    ) -> None:
        text, read, between = source
        first = text.splitlines()[0]
        read_or_refused("\n".join([first, *map(between.join, rows)]), read, parse)

    @settings(deadline=None)
    @given(text=st.text() | st.text("imagesubjct,\"\r\n\t0123 '\0\ufeff", max_size=60))
    @example(text='"')
    @example(text='image,subject\n"')
    @example(text="image,subject\r\r\n\ud800,\udfff\n\udfff,\ud800")
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        read_or_refused(text, parse, from_csv, from_pairs_csv, from_lfw_pairs)
