"""Writes output.json: what cliff's formatters print for values that are hard to print.

Run with the Python of an environment that has python-openstackclient:

    python generate_output.py > output.json

Each case holds the cells, the options and the text; the Rust test `output_corpus` renders the same cells with the same
options and compares. A cell is `{"plain": value}`, `{"list": [...]}` or `{"dict": {...}}`.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import sys
from types import SimpleNamespace

from cliff import lister, show
from osc_lib.cli import format_columns

WORDS = [
    "", " ", "a", "plain words", " leading", "trailing ", "  two  blanks  ", "true", "True", "null", "None", "~", "yes",
    "off", "12", "012", "0x1f", "0o17", "1e3", "1.5", "1_000", ".5", "-.inf", ".NaN", "12:30:45", "2024-01-01",
    "2024-01-01T10:00:00Z", "2024-1-1", "-", "- item", "-dash", "--flag", "---", "...", "--- doc", "?", "? key", "key: value",
    "a:b", "a: ", ":", "#hash", "a #comment", "a#b", "[x]", "{x}", "a, b", "&anchor", "*alias", "!tag", "| block", "> fold",
    "%percent", "@at", "`tick`", "'single'", '"double"', "it's", "say \"it's\"", "back\\slash", "trailing\\", "=", "<<",
    "line\nbreak", "line\n\nblank", "\nfirst", "last\n", "a \n b", "cr\rreturn", "crlf\r\nhere", "tab\there", "\ttab", "a,b;c|d",
    "nul\x00byte", "bell\x07", "del\x7f", "esc\x1b[31mred\x1b[0m", "nbsp\xa0here", "nel\x85x", "ls\u2028x", "ps\u2029x", "bom\ufeffx",
    "zero\u200bwidth", "caf\u00e9", "combining e\u0301", "\u6f22\u5b57", "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c8", "\U0001f600 smile",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea flag", "\u2764\ufe0f", "\ufb01 ligature", "\u05e9\u05dc\u05d5\u05dd", "$HOME `id`", "a=b",
    "x" * 90, "word " * 30 + "end", "it's " * 25, "\u00e9 " * 30, "a" * 70 + " " + "b" * 30 + " c", ("q" * 20 + "\t") * 6,
    "hyphen-ated-words-that-run-on-and-on-for-ever", "one--two---three", "a-1-b", "/v2/images/5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b/file",
    "\u6f22\u5b57" * 20, "null byte", "y", "n", "0", "-0", "+1", "0b101", "1.", "1:2", "inf", "nan",
]  # fmt: skip

NUMBERS = [0, 1, -1, 42, 2**31, 2**53, 2**63 - 1, 2**64 - 1, 0.0, -0.0, 0.1, 1.0, 1.5, 1e15, 1e16, 1.5e17, 1e17, 1e300, 0.0001, 0.00001, 123456789.123]  # fmt: skip

NESTED = [
    None, True, False, [], {}, ["a"], ["a", "b"], [1, 2.5, None, True], [[]], [["x"], []], [{}], [{"a": 1}, {"b": [1, 2]}],
    {"a": 1}, {"b": None, "a": "x"}, {"a": {"b": {"c": "d"}}}, {"k": []}, {"k": ["v", {"w": "x"}]}, {"k": {}},
    {"key with blank": 1, "key:colon": 2, "key-dash": 3, "": 4, "true": 5, "1": 6, "#": 7}, {"x" * 130: "long key"}, {"x" * 122: 1, "y" * 123: 2},
    {"multi\nline": "key"}, {"caf\u00e9": "\u6f22"}, [["deep", ["deeper", ["deepest"]]]], [["a", "b"], "c", ["d"]], {"l": [["a"], {"m": {"n": []}}]},
    ["it's", 'a "b"', "c\\d", "e\nf", "\u00e9", "\u200b"], {"it's": 'a "b"'}, {"a" * 200: {"b" * 5: "c"}}, {"k": {"a" * 200: ["v"]}},
]  # fmt: skip

LISTS = [[], ["one"], ["b", "a"], ["with blank", "with, comma", "it's"], ["\u6f22\u5b57", "caf\u00e9"], ["word%d" % i for i in range(20)]]
DICTS = [
    {}, {"b": "2", "a": "1"}, {"n": None, "t": True, "i": 5, "f": 1.5}, {"a": {"b": "c", "d": {"e": None}}, "z": ["l", 1]},
    {"os_hash_value": "0123456789abcdef" * 8, "os_hidden": False, "owner_specified.openstack.object": "images/x"},
    {"quote": "it's", "double": 'a "b"', "line": "a\nb", "wide": "\u6f22\u5b57"}, {"e": {}, "f": "x"}, {"stores": "a,b", "hw:colon": "x", "has-dash": ""},
]  # fmt: skip

DEFAULTS = {
    "columns": [], "quote_mode": "nonnumeric", "noindent": False, "max_width": 0, "fit_width": False, "print_empty": False,
    "prefix": "", "variables": [], "sort_columns": [], "sort_direction": None,
}  # fmt: skip


def cell(spec: dict[str, object]) -> object:
    """The Python value of a cell."""
    # A copy, because PyYAML writes an object that it meets a second time as an alias.
    ((kind, value),) = copy.deepcopy(spec).items()
    return {"plain": lambda v: v, "list": format_columns.ListColumn, "dict": format_columns.DictColumn}[kind](value)


class List(lister.Lister):
    def take_action(self, parsed_args):
        raise NotImplementedError


class Show(show.ShowOne):
    def take_action(self, parsed_args):
        raise NotImplementedError


def render(kind: str, fmt: str, columns: list[str], rows: list, options: dict[str, object]) -> tuple[str, str]:
    """The text, and the error where there is one instead."""
    out = io.StringIO()
    command = {"list": List, "show": Show}[kind](SimpleNamespace(stdout=out), None)
    command.formatter = command._formatter_plugins[fmt].obj
    arguments = argparse.Namespace(**{**DEFAULTS, **options})
    data = [[cell(spec) for spec in row] for row in rows] if kind == "list" else [cell(spec) for spec in rows]
    try:
        command.produce_output(arguments, tuple(columns), iter(data) if kind == "list" else data)
    except Exception as error:
        return "", str(error)
    return out.getvalue(), ""


CASES: list[dict[str, object]] = []


def case(name: str, kind: str, heads: list[str], rows: list, formats: list[str] | None = None, **options: object) -> None:
    """Adds one case with its text in each format."""
    formats = formats or {"list": ["table", "json", "yaml", "csv", "value"], "show": ["table", "json", "yaml", "value", "shell"]}[kind]
    if "chosen" in options:
        options["columns"] = options.pop("chosen")
    wanted = {}
    for fmt in formats:
        text, error = render(kind, fmt, heads, rows, options)
        wanted[fmt] = {"error": error} if error else text
    CASES.append({"name": name, "kind": kind, "columns": heads, "rows": rows, "options": options, "wanted": wanted})


def plain(values: list) -> list[dict[str, object]]:
    return [{"plain": value} for value in values]


def main() -> None:
    for group, values in (("words", WORDS), ("numbers", NUMBERS), ("nested", NESTED)):
        names = [f"field {index}" for index in range(len(values))]
        case(f"show {group}", "show", names, plain(values))
        case(f"list {group}", "list", ["Index", "Value"], [plain([index, value]) for index, value in enumerate(values)])
        case(f"list {group} last first", "list", ["Value", "Twice"], [plain([value, value]) for value in reversed(values)])
        # As names of fields.
        if group == "words":
            for start in range(0, len(values), 40):
                case(f"words as names {start}", "show", values[start : start + 40], plain(list(range(len(values[start : start + 40])))), ["table", "json", "yaml", "value", "shell"])
            for mode in ("all", "minimal", "none"):
                case(f"quote {mode}", "list", ["Value"], [plain([value]) for value in values if value], ["csv"], quote_mode=mode)
                case(f"quote {mode} pairs", "list", ["Value", "Number"], [plain([value, 1]) for value in values] + [plain([None, None])], ["csv"], quote_mode=mode)
            case("quote none, empty", "list", ["Value"], [plain([""])], ["csv"], quote_mode="none")
            case("quote minimal, empty", "list", ["Value"], [plain([""])], ["csv"], quote_mode="minimal")
        for width in (20, 40, 79, 120):
            case(f"show {group} at {width}", "show", names, plain(values), ["table"], max_width=width)
            case(f"list {group} at {width}", "list", ["Index", "Value", "Again"], [plain([index, value, value]) for index, value in enumerate(values)], ["table"], max_width=width)
    case("show collections", "show", [f"c{index}" for index in range(len(LISTS) + len(DICTS))], [{"list": v} for v in LISTS] + [{"dict": v} for v in DICTS])
    case("list collections", "list", ["Tags", "Properties"], [[{"list": a}, {"dict": b}] for a, b in zip(LISTS, DICTS)])
    case("collections first", "list", ["ID", "Tags"], [[{"plain": 1}, {"list": a}] for a in LISTS], noindent=True)
    for width in (1, 30, 60, 100):
        case(f"show collections at {width}", "show", ["tags", "properties", "a rather long name of a field"], [{"list": LISTS[5]}, {"dict": DICTS[4]}, {"plain": "short"}], ["table"], max_width=width)
        case(f"five columns at {width}", "list", ["ID", "Name", "Disk Format", "Checksum", "Tags"], [
            [{"plain": "5cd57b4a-5d5a-4c0a-8c4f-0a6e6a3c7a8b"}, {"plain": "an image with a name of some length"}, {"plain": "raw"}, {"plain": None}, {"list": LISTS[5]}],
            [{"plain": "186c2b2b-69e0-42c7-8076-1d22ed9e14d3"}, {"plain": "\u6f22\u5b57\u6f22\u5b57 \u6f22\u5b57"}, {"plain": "qcow2"}, {"plain": "bacc0dfe41f2d02e097296a61860388a"}, {"list": []}],
        ], ["table"], max_width=width)  # fmt: skip
    case("nothing", "list", ["ID", "Name"], [])
    case("nothing, printed", "list", ["ID", "A Name"], [], print_empty=True)
    case("no indentation", "show", ["a", "b"], [{"dict": DICTS[3]}, {"list": LISTS[2]}], ["json"], noindent=True)
    case("prefix", "show", ["Some Name", "a:b-c", "UPPER"], plain(['a "b"', 1, None]), ["shell"], prefix="os_")
    case("variables", "show", ["Some Name", "other"], plain(["x", "y"]), ["shell"], variables=["some_name"])
    rows = [
        [{"plain": "b"}, {"plain": 2}, {"plain": None}, {"list": ["z"]}],
        [{"plain": "a"}, {"plain": 10}, {"plain": "x"}, {"list": []}],
        [{"plain": "c"}, {"plain": 2}, {"plain": None}, {"list": ["a", "b"]}],
        [{"plain": "B"}, {"plain": 1.5}, {"plain": "a"}, {"list": ["a"]}],
    ]
    heads = ["Name", "Number Of", "Maybe", "Tags"]
    for columns in (["name"], ["Number Of"], ["number_of", "NAME"], ["maybe"], ["tags"], ["nonsense"], ["nonsense", "Name"]):
        for direction in (None, "asc", "desc"):
            case(f"sort {columns} {direction}", "list", heads, rows, ["value"], sort_columns=columns, sort_direction=direction)
    case("columns", "list", heads, rows, chosen=["tags", "NUMBER_of"])
    case("columns, none known", "list", heads, rows, ["table"], chosen=["it's", "b"])
    case("columns, none known, one heading", "list", ["Only"], [], ["table"], chosen=["x"])
    case("sort by a hidden column", "list", heads, rows, ["value"], chosen=["maybe"], sort_columns=["name"])
    case("fields", "show", heads, rows[0], chosen=["number of", "Name"])
    case("fields, none known", "show", heads, rows[0], ["json"], chosen=["x"])
    lines = ",\n".join(json.dumps(one) for one in CASES)
    sys.stdout.write(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
