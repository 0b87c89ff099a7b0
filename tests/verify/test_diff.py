import pytest

from ttq_bench.verify.diff import agrees, table_differences, text_differences

TABLE = "trial,epoch,error,words\na,1,20.5,x 0.25\na,2,19.25,\nb,1,18,y\n"
PAGE = """# Title

A line about **undecided** numbers, with 0.048 [0.037, 0.059] and more words after it.

| arm | n | error |
| --- | ---: | ---: |
| ttq \\| tied | 3 | 20.10 |
| bwn | 2 | 21.10 |
"""


def tables(found, expected=TABLE):
    return list(map(str, table_differences("t.csv", found, expected)))


def texts(found, expected=PAGE, file="s.md"):
    return list(map(str, text_differences(file, found, expected)))


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ("0.123456", "0.123457", True),  # 8e-6 apart
        ("0.123456", "0.123467", False),
        ("9.99999e-05", "0.0001", True),
        ("20", "20.0001", True),
        ("1.5", "-1.5", False),
        ("-0", "0", True),
        ("1.1e-17", "-2.2e-16", True),
        ("123456", "123457", False),  # counts, seeds and ids of digits are exact
        ("ab12.5cd", "ab12.50001cd", False),  # no number, but a part of a word
        ("1.2.3", "1.2.3000001", False),
        ("inf", "nan", False),
        ("", "0.5", False),
        ("x 0.25 [0.1, 0.4]", "x 0.25 [0.1, 0.400001]", True),
        ("x 0.25 [0.1, 0.4]", "y 0.25 [0.1, 0.4]", False),
        ("ends in 0.25.", "ends in 0.250001.", True),
    ],
)
def test_numbers_agree_within_their_last_digits_and_words_exactly(found, expected, same):
    assert agrees(found, expected) is same
    assert agrees(expected, found) is same


def test_equal_tables_and_pages_have_no_differences():
    assert tables(TABLE) == []
    assert texts(PAGE) == []
    assert tables("\n", "\n") == []


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("20.5", "20.51", "row a, 1, column error: '20.51' stands there, the records give '20.5'"),
        ("20.5", "", "row a, 1, column error: '' stands there, the records give '20.5'"),
        ("x 0", "z 0", "row a, 1, column words: 'z 0.25' stands there, the records give 'x 0.25'"),
        ("b,1", "c,1", "row b, 1, column trial: 'c' stands there, the records give 'b'"),
        ("a,2,19.25,\n", "", "row a, 2: is missing"),
        ("b,1", "a,3,1,z\nb,1", "row a, 3: should not be there"),
        ("a,2,19.25,\n", "a,2,19.25,\na,2,19.25,\n", "row a, 2: should not be there"),
        ("18,y", "18", "row b, 1, number of cells: 3 stands there, the records give 4"),
        (",words", ",terms", "column words: is missing"),
    ],
)
def test_one_change_of_a_table_is_named(old, new, difference):
    first, *others = tables(TABLE.replace(old, new, 1))
    assert first == f"t.csv: {difference}"
    assert others == (["t.csv: column terms: should not be there"] if "terms" in new else [])


def test_columns_in_another_order_are_compared_by_name():
    swapped = "epoch,trial,error,words\n1,a,20.5,x 0.25\n2,a,19.25,\n1,b,19,y\n"
    assert tables(swapped) == [
        "t.csv: order of columns: 'epoch, trial, error, words' stands there,"
        " the records give 'trial, epoch, error, words'",
        "t.csv: row b, 1, column error: '19' stands there, the records give '18'",
    ]


def test_rows_in_another_order_are_a_difference():
    assert tables("trial,epoch,error,words\nb,1,18,y\na,1,20.5,x 0.25\na,2,19.25,\n")


def test_rows_of_a_table_that_should_be_empty_are_named():
    assert tables("a,b\n1,2\n", "a,b\n") == ["t.csv: row 1: should not be there"]


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("**undecided**", "**supported**",
         "line 3: 'line about **supported** numbers, with' stands there,"
         " the records give 'line about **undecided** numbers, with'"),
        ("0.037", "0.036",
         "line 3: 'with 0.048 [0.036, 0.059] and' stands there,"
         " the records give 'with 0.048 [0.037, 0.059] and'"),
        ("| 20.10", "| 20.11",
         "line 7, row ttq \\| tied, column error: '20.11' stands there,"
         " the records give '20.10'"),
        ("| bwn |", "| twn |",
         "line 8, row bwn, column arm: 'twn' stands there, the records give 'bwn'"),
        ("| bwn | 2 | 21.10 |\n", "", "line 8 of what the records give: '| bwn | 2 | 21.10 |' is"
         " missing"),
        ("# Title\n", "# Title\nmore\n", "line 2: 'more' should not be there"),
        ("| bwn | 2 |", "| bwn |",
         "line 8: 'bwn | 21.10 |' stands there, the records give 'bwn | 2 | 21.10 |'"),
    ],
)  # fmt: skip
def test_one_change_of_a_page_is_named(old, new, difference):
    assert texts(PAGE.replace(old, new, 1)) == [f"s.md: {difference}"]


def test_an_excerpt_says_what_was_added_to_a_line():
    assert texts("a b c d c d e f\n", "a b c d e f\n") == [
        "s.md: line 1: 'c d c d e f' stands there, the records give 'c d e f'"
    ]


HASHES = "script-src 'sha256-{0}='; style-src 'sha256-{0}=' 'sha256-{1}='; img-src data:\n"
STYLES = '<style id="drawings">\n.s0 {fill: none}\n</style>\n'
DRAWN = (
    f"{HASHES.format(43 * 'a', 43 * 'b')}{STYLES}<p>one</p>\n<svg width='1'>\n<g/>\n</svg>\n"
    "<td>0.25</td><td>0.5</td>\n"
)


def test_drawings_of_a_page_may_differ_and_its_numbers_not():
    other = DRAWN.replace("<g/>", "<g/>\n<g/>").replace("0.5", "0.6").replace("bbb", "ccc")
    other = other.replace("</style>", ".s1 {stroke: #ffffff}\n</style>")
    assert texts(other, DRAWN, file="report.html") == [
        "report.html: line 11: '<td>0.25</td><td>0.6</td>' stands there,"
        " the records give '<td>0.25</td><td>0.5</td>'"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<g/>", "<script>0</script>"),
        ("<g/>", "<foreignObject/>"),
        ("<g/>", "<style>p {}</style>"),
        (".s0 {fill: none}", "p {visibility: hidden}"),
        ("script-src 'sha256-aaa", "script-src 'sha256-aba"),
        ("style-src 'sha256-aaa", "style-src 'sha256-aba"),
        ("<p>one", f"<p>'sha256-{43 * 'a'}=' one"),
    ],
)
def test_what_a_drawing_has_no_use_for_is_a_difference(old, new):
    assert old in DRAWN
    assert texts(DRAWN.replace(old, new, 1), DRAWN, file="report.html")
