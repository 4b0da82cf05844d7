"""Names: the examples of ICAO Doc 9303, written where there is one way to write them, and read in every case."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.mrz.test_examples import TD1, TD2, TD3, TODAY
from visavis.document.mrz import MrzFormat, Standing, read_zone, transliterate, write_zone

LATIN = dict(
    pair.split(":")
    for pair in re.findall(
        r"\S+",
        "À:A Á:A Â:A Ã:A Ä:AE Å:AA Æ:AE Ç:C È:E É:E Ê:E Ë:E Ì:I Í:I Î:I Ï:I Ð:D Ñ:N Ò:O Ó:O Ô:O Õ:O Ö:OE Ø:OE Ù:U Ú:U Û:U Ü:UE"
        " Ý:Y Þ:TH Ā:A Ă:A Ą:A Ć:C Ĉ:C Ċ:C Č:C Ď:D Đ:D Ē:E Ĕ:E Ė:E Ę:E Ě:E Ĝ:G Ğ:G Ġ:G Ģ:G Ĥ:H Ħ:H Ĩ:I Ī:I Ĭ:I Į:I İ:I ı:I Ĳ:IJ  "
        "Ĵ:J Ķ:K Ĺ:L Ļ:L Ľ:L Ŀ:L Ł:L Ń:N Ņ:N Ň:N Ŋ:N Ō:O Ŏ:O Ő:O Œ:OE Ŕ:R Ŗ:R Ř:R Ś:S Ŝ:S Ş:S Š:S Ţ:T Ť:T Ŧ:T Ũ:U Ū:U Ŭ:U Ů:U Ű:U"
        " Ų:U Ŵ:W Ŷ:Y Ÿ:Y Ź:Z Ż:Z Ž:Z ẞ:SS",
    )
)
"""Part 3, section 6, table A; of several ways the first."""

PASSPORT_NAMES = {
    ("Eriksson", "Anna Maria"): "ERIKSSON<<ANNA<MARIA",
    ("Heng", "Deborah Ming Lo"): "HENG<<DEBORAH<MING<LO",
    ("Smith-Jones", "Susie Margaret"): "SMITH<JONES<<SUSIE<MARGARET",
    ("O'Connor", "Enya Siobhan"): "OCONNOR<<ENYA<SIOBHAN",
    ("Van Der Muellen", "Martin"): "VAN<DER<MUELLEN<<MARTIN",
    ("Al-Basri", "Huda Muhammad Jawad"): "AL<BASRI<<HUDA<MUHAMMAD<JAWAD",
    ("Vilarchao Fernandez", "Jose Ramon"): "VILARCHAO<FERNANDEZ<<JOSE<RAMON",
    ("Arkfreith", ""): "ARKFREITH",
    ("Satriya Sudarpa", ""): "SATRIYA<SUDARPA",
    ("Nilavadhanananda", "Chayapa Dejthamrong Krasuang"): "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K",
    ("Nilavadhanananda", "Arnpol Petch Charonguang"): "NILAVADHANANANDA<<ARNPOL<PETCH<CHARONGU",
    ("Papandropoulous", "Jonathon Warren Trevor"): "PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR",
}
"""Part 4, section 4.2.3, in a field of 39."""

TRUNCATED = [
    (39, "BENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<DI", "BENNELONG WOOLOOMOOLOO WARRANDYTE W", "DI"),
    (39, "BENNELONG<WOOLOOM<WARRAND<WARNAM<<DINGO", "BENNELONG WOOLOOM WARRAND WARNAM", "DINGO"),
    (39, "BENNEL<WOOLOO<WARRAN<WARNAM<<DINGO<POTO", "BENNEL WOOLOO WARRAN WARNAM", "DINGO POTO"),
    (31, "NILAVADHANANANDA<<CHAYAPA<DEJ<K", "NILAVADHANANANDA", "CHAYAPA DEJ K"),
    (31, "NILAVADHANANANDA<<ARN<PET<CHARO", "NILAVADHANANANDA", "ARN PET CHARO"),
    (31, "BENNELONG<WOOLOOMOOLOO<W<W<<D<P", "BENNELONG WOOLOOMOOLOO W W", "D P"),
    (31, "PAPANDROPOULOUS<<JONATHOON<ALEC", "PAPANDROPOULOUS", "JONATHOON ALEC"),
    (31, "VILARCHAO<FERNANDEZ<<JOSE<RAMON", "VILARCHAO FERNANDEZ", "JOSE RAMON"),
    (30, "NILAVADHANANANDA<<CHAYAPA<DE<K", "NILAVADHANANANDA", "CHAYAPA DE K"),
    (30, "BENNELONG<WOOLOOM<WA<WARN<<D<P", "BENNELONG WOOLOOM WA WARN", "D P"),
    (30, "BENNE<WOOLO<WARRA<WARNA<<DIN<P", "BENNE WOOLO WARRA WARNA", "DIN P"),
    (30, "VILARCHAO<FERNANDEZ<<JOSE<RAMO", "VILARCHAO FERNANDEZ", "JOSE RAMO"),
]
"""Parts 4 to 7: a letter in the last place, of names that were truncated, and of some that just fit."""


def read_names(name: str, doubts: dict[int, str] | None = None) -> tuple[object, object, bool, str]:
    """Surname, given names, whether truncated, and the field, of names in a field of 39, 31 or 30 characters."""
    where = {39: (TD3, 0, 5), 31: (TD2, 0, 5), 30: (TD1, 2, 0)}
    zone_lines, line, column = where[len(name)]
    lines: list[list[str]] = [list(each) for each in zone_lines]
    lines[line][column : column + len(name)] = name
    for place, candidates in (doubts or {}).items():
        lines[line][column + place] = candidates
    zone = read_zone(lines, today=TODAY)
    assert zone.surname.standing is Standing.UNCHECKED
    assert zone.given_names.standing is Standing.UNCHECKED
    field = zone.lines[line][column : column + len(name)]
    assert zone.surname.repaired == (field != name)
    return zone.surname.value, zone.given_names.value, zone.names_truncated, field


def written(surname: str, given_names: str, mrz_format: MrzFormat = MrzFormat.TD3) -> str:
    lines = write_zone(
        mrz_format,
        document_code="P",
        issuer="UTO",
        document_number="1",
        nationality="UTO",
        birth_date=None,
        sex=None,
        expiry_date=date(2030, 1, 1),
        surname=surname,
        given_names=given_names,
    )
    return lines[2] if mrz_format is MrzFormat.TD1 else lines[0][5:]


class TestReading:
    @pytest.mark.parametrize(("width", "name", "surname", "given_names"), TRUNCATED)
    def test_truncated(self, width: int, name: str, surname: str, given_names: str) -> None:
        assert len(name) == width
        assert read_names(name) == (surname, given_names, True, name)

    @pytest.mark.parametrize("name", PASSPORT_NAMES.values())
    def test_every_way_of_a_name(self, name: str) -> None:
        surname, _, given_names = name.replace("<<", "#").replace("<", " ").partition("#")
        field = name.ljust(39, "<")
        assert read_names(field) == (surname, given_names or None, len(name) == 39, field)

    def test_no_name_at_all(self) -> None:
        assert read_names("<" * 39) == (None, None, False, "<" * 39)

    def test_digits_are_letters_of_their_shape(self) -> None:
        field = "ERIKSSON<<ANNA<SOIZBGA".ljust(39, "<")
        assert read_names("ER1K5SON<<ANNA<S012864".ljust(39, "<")) == ("ERIKSSON", "ANNA SOIZBGA", False, field)

    def test_other_digits_are_a_fault(self) -> None:
        zone = read_zone((TD3[0].replace("ERIK", "ER9K"), TD3[1]), today=TODAY)
        assert (zone.surname.value, zone.surname.standing) == ("ER9KSSON", Standing.FAILED)


class TestFillersMisread:
    @pytest.mark.parametrize("run", ["<<<<K<<<<<C<<<S<<<K", "<<E<L<<<<<<<<<<<<<<", "<<<KK<<<<<<<<<<<<<S"])
    def test_after_the_names(self, run: str) -> None:
        field = "ERIKSSON<<ANNA<MARIA".ljust(39, "<")
        assert read_names(f"ERIKSSON<<ANNA<MARIA{run}") == ("ERIKSSON", "ANNA MARIA", False, field)

    def test_after_a_surname_alone(self) -> None:
        field = "ARKFREITH".ljust(39, "<")
        assert read_names("ARKFREITH<<<<<<K<<<C".ljust(39, "<")) == ("ARKFREITH", None, False, field)

    @pytest.mark.parametrize("name", ["LI<<AL", "KO<<KK", "ECK<<LES<K", "KK<<S", "LECK<<ELSE<L"])
    def test_names_of_such_letters_stay(self, name: str) -> None:
        field = name.ljust(39, "<")
        surname, _, given_names = name.partition("<<")
        assert read_names(field) == (surname, given_names.replace("<", " "), False, field)

    def test_a_doubted_last_component_is_none(self) -> None:
        field = "ERIKSSON<<ANNA".ljust(39, "<")
        read = "ERIKSSON<<ANNA<K".ljust(39, "<")
        assert read_names(read, {15: "K<"}) == ("ERIKSSON", "ANNA", False, field)
        assert read_names(read) == ("ERIKSSON", "ANNA K", False, read)

    @pytest.mark.parametrize("third", ["MARTIN", "ELSE", "LI"])
    def test_what_fillers_are_not_misread_as_stays(self, third: str) -> None:
        field = f"GARCIA<<JUAN<<{third}".ljust(39, "<")
        assert read_names(field) == ("GARCIA", f"JUAN {third}", False, field)

    def test_so_does_the_initial_of_a_truncated_name(self) -> None:
        field = "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"
        assert read_names(field, {38: "K<"}) == ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG K", True, field)


class TestTransliteration:
    @pytest.mark.parametrize(("letter", "expected"), LATIN.items())
    def test_table_a(self, letter: str, expected: str) -> None:
        assert transliterate(letter) == expected
        assert transliterate(letter.lower()) == expected

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("D'Artagnan", "DARTAGNAN"),
            ("D’Artagnan", "DARTAGNAN"),
            ("Marie-Elise", "MARIE<ELISE"),
            ("Anna, Maria", "ANNA<MARIA"),
            ("  Anna   –  Maria ", "ANNA<MARIA"),
            ("St. John", "ST<JOHN"),
            ("Weiß", "WEISS"),
            ("Jörg", "JOERG"),
            ("Jo\u0308rg", "JOERG"),
            ("Nguyễn", "NGUYEN"),
            ("Əliyev", "ALIYEV"),
            ("Oʻzbek", "OZBEK"),
            ("", ""),
        ],
    )
    def test_names(self, name: str, expected: str) -> None:
        assert transliterate(name) == expected

    @pytest.mark.parametrize("name", ["Иванов", "Louis 14", "王", "A\u0000", "x" * 201])
    def test_what_is_no_latin_name(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"Latin|200"):
            transliterate(name)

    @given(st.text(max_size=50))
    def test_any_text(self, name: str) -> None:
        try:
            text = transliterate(name)
        except ValueError:
            return
        assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ<")
        assert "<<" not in text
        assert text == text.strip("<")


class TestWriting:
    @pytest.mark.parametrize(("names", "expected"), PASSPORT_NAMES.items())
    def test_examples(self, names: tuple[str, str], expected: str) -> None:
        assert written(*names) == expected.ljust(39, "<")

    @pytest.mark.parametrize(
        ("surname", "given_names", "mrz_format"),
        [
            ("Bennelong Wooloomooloo Warrandyte Warnambool", "Dingo Potoroo", MrzFormat.TD3),
            ("Bennelong Wooloomooloo Warrandyte Warnambool", "Dingo Potoroo", MrzFormat.TD1),
            ("Bennelong Wooloomooloo Warrandyte Warnambool", "", MrzFormat.TD2),
            ("Nilavadhanananda", "Chayapa De Krasuang", MrzFormat.TD2),  # would end with a filler
            ("Abcdefghijklmnopqrstuvwxyzabc Bcdef", "", MrzFormat.TD1),  # so would this
        ],
    )
    def test_truncated_names_end_with_a_letter(self, surname: str, given_names: str, mrz_format: MrzFormat) -> None:
        field = written(surname, given_names, mrz_format)
        assert field[-1] != "<"
        first, _, second = field.partition("<<")
        components = zip(first.split("<"), surname.upper().split(), strict=False)
        assert all(whole.startswith(part) for part, whole in components)
        assert bool(second) == bool(given_names)
        assert not second or given_names.upper().startswith(second.partition("<")[0])

    def test_initials_alone_may_end_with_a_filler(self) -> None:
        assert written("A " * 20, "", MrzFormat.TD1) == "A<" * 15
        assert len(written("A " * 30, "B " * 30, MrzFormat.TD1)) == 30

    components = st.lists(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=12), min_size=1, max_size=5)

    @given(components, st.lists(st.text("ABCXYZ", min_size=1, max_size=12), max_size=4), st.sampled_from(MrzFormat))
    def test_any_names(self, surname: list[str], given_names: list[str], mrz_format: MrzFormat) -> None:
        field = written(" ".join(surname), " ".join(given_names), mrz_format)
        whole = "<<".join(filter(None, ("<".join(surname), "<".join(given_names))))
        if len(whole) <= len(field):
            assert field == whole.ljust(len(field), "<")
        else:
            assert field[-1] != "<"
            assert ("<<" in field) == bool(given_names)
