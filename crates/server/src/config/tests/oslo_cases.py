"""Asks the real oslo.config what it makes of many files, and writes the answers to oslo_cases.json.

Run with a Python that has oslo.config (10.7 was used): python oslo_cases.py
The cases are drawn from a fixed seed, so a second run writes the same file.
"""

import json
import os
import random
import re
import tempfile

from oslo_config import cfg, types

OPTIONS = [
    ("DEFAULT", "text", {"type": "str"}, []),
    ("DEFAULT", "other", {"type": "str"}, [["DEFAULT", "another"], ["shop", "other"]]),
    ("DEFAULT", "colour", {"type": "str", "choices": ["red", "blue"]}, []),
    ("DEFAULT", "count", {"type": "int"}, []),
    ("DEFAULT", "port", {"type": "int", "min": 0, "max": 65535}, []),
    ("DEFAULT", "ratio", {"type": "float"}, []),
    ("DEFAULT", "share", {"type": "float", "min": 0}, []),
    ("DEFAULT", "flag", {"type": "bool"}, []),
    ("DEFAULT", "names", {"type": "list"}, []),
    ("DEFAULT", "boxed", {"type": "list", "bounds": True}, []),
    ("DEFAULT", "picked", {"type": "list", "bounds": True, "choices": ["red", "blue"]}, []),
    ("DEFAULT", "stores", {"type": "dict"}, []),
    ("DEFAULT", "many", {"type": "multi"}, [["DEFAULT", "much"]]),
    ("shop", "text", {"type": "str"}, []),
    ("shop", "count", {"type": "int", "min": 1}, [["DEFAULT", "shop_count"]]),
    ("Shop2", "text", {"type": "str"}, []),
]

VALUES = {
    "str": ["", "x", "a b", '"a b"', "'a'", '"', "'a\"", '"a" b "c"', "a = b", "a: b", "# x", "x # y", "  padded  ",
            "$text", "${text}/x", "$shop.text", "$count", "$flag", "$names", "$stores", "$ratio", "$$text", "\\$text",
            "$5 $", "${", "${text", "$colour!", "$many", "é", "$share-x", "red", "blue", "Red", "%(x)s", "$boxed"],
    "int": ["0", "1", "-1", "+7", " 42 ", "", "007", "1_000", "1__0", "_1", "0x10", "1.0", "65535", "65536", "9" * 25,
            "ten", "$port", "'3'", "1 2"],
    "float": ["0", "1.5", "-2", "1e3", "1e-9", "1e22", ".5", "5.", "", "inf", "-inf", "x", "1_0.5", "1,5", "$count",
              "0.00001", "123456789.125", "1e16"],
    "bool": ["true", "True", "TRUE", "1", "on", "yes", "false", "0", "Off", "no", "", "maybe", "2", "y", "$flag", "'on'"],
    "list": ["", "a", "a,b", "a, b ,c", "a,,b", ",a", "a,", "a,,", "[a,b]", "[]", "[a]", "[ a , b ]", "['a,b',c]",
             "[\"a\" , 'b']", "['a,b]", "[a", "a]", "[red]", "[red,blue]", "[red, green]", "[red,]", "[,red]", "$names",
             "[$text]", "a b,c", "['']", "[','", "[red],", "[it's]", "['it''s']"],
    "dict": ["", "a:file", "a:file,b:rbd", " a : file , b : rbd ", "a", "a:b:c", "a:1,2,b:3", "a:1,", ":x", "a:", "a:1,a:2",
             "a:1,,b:2", "{a:b}", "$stores", "a:$text", "a b:c d"],
    "multi": ["", "x", "a,b", "$text", "'q'", "y"],
}

LINES = ["", "   ", "# comment", "; comment", "  # no comment", "\tmore", "  more", "  more = x", "no assignment", "[DEFAULT]",
         "[shop]", "[SHOP]", "[Shop2]", "[default]", "[shop", "[]", "[ shop ]", "= x", "text", "text =", "text = ", ": x",
         "text : a = b", "text=a:b", "unknown = 1", "[shop] ", "text = '", "text = \"x\" ", "text =\x1c x \x1f", "text = \xa0x\x0b", "text\x1d= x", "other\t=\ttab\t"]


def build(kind):
    """The oslo.config type, and whether it is repeatable."""
    name = kind["type"]
    if name == "str":
        return types.String(choices=kind.get("choices")), False
    if name == "int":
        return types.Integer(min=kind.get("min"), max=kind.get("max")), False
    if name == "float":
        return types.Float(min=kind.get("min")), False
    if name == "bool":
        return types.Boolean(), False
    if name == "list":
        item = types.String(choices=kind.get("choices"))
        return types.List(item_type=item, bounds=kind.get("bounds", False)), False
    if name == "dict":
        return types.Dict(), False
    return types.MultiString(), True


def plain(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, dict):
        return [[key, item] for key, item in value.items()]
    return [plain(item) for item in value]


def ask(files, environment):
    conf = cfg.ConfigOpts()
    for group, name, kind, old in OPTIONS:
        of_type, is_multi = build(kind)
        deprecated = [cfg.DeprecatedOpt(old_name, group=old_group) for old_group, old_name in old]
        make = cfg.MultiOpt if is_multi else cfg.Opt
        keywords = {"item_type": of_type} if is_multi else {"type": of_type}
        option = make(name, deprecated_opts=deprecated, **keywords)
        conf.register_opt(option, group=None if group == "DEFAULT" else group)
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for at, text in enumerate(files):
            path = os.path.join(folder, f"{at}.conf")
            with open(path, "w", newline="") as file:
                file.write(text)
            arguments += ["--config-file", path]
        os.environ.update(environment)
        try:
            conf(arguments, project="x", default_config_files=[], default_config_dirs=[])
            answers = {}
            for group, name, _kind, _old in OPTIONS:
                try:
                    value = getattr(conf if group == "DEFAULT" else conf[group], name)
                    if value is not None:
                        answers[f"{group}.{name}"] = {"value": plain(value)}
                except (cfg.Error, RecursionError, ValueError):
                    answers[f"{group}.{name}"] = {"error": True}
            return answers
        except cfg.ConfigFileParseError as error:
            place = re.search(r"/(\d+\.conf):(\d+)", str(error))
            if "Section must be started" in str(error):
                # It names the line after the one that is wrong.
                return {"no_section": place[1]}
            return {"syntax_error": f"{place[1]}:{place[2]}"}
        finally:
            for name in environment:
                del os.environ[name]


def draw(chance):
    """One random case."""
    files = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        lines = [] if chance.random() < 0.03 else ["[DEFAULT]"]
        for _ in range(chance.randrange(1, 9)):
            if chance.random() < 0.06:
                lines.append(chance.choice(LINES))
                continue
            group, name, kind, old = chance.choice(OPTIONS)
            if old and chance.random() < 0.4:
                group, name = chance.choice(old)
            if group != "DEFAULT" or chance.random() < 0.3:
                lines.append(f"[{chance.choice([group, group, group.upper()])}]")
            value = chance.choice(VALUES[kind["type"]])
            lines.append(f"{name}{chance.choice([' = ', '=', ': ', ' :'])}{value}")
            if chance.random() < 0.1:
                lines.append(chance.choice([" ", "\t", "    "]) + chance.choice(VALUES[kind["type"]]))
        files.append(chance.choice(["\n", "\n", "\n", "\r\n", "\r"]).join(lines) + chance.choice(["", "\n"]))
    environment = {}
    if chance.random() < 0.3:
        # A repeatable option is left out: oslo.config takes the variable apart into letters.
        group, name, kind, _old = chance.choice([option for option in OPTIONS if option[2]["type"] != "multi"])
        environment[f"OS_{group.upper()}__{name.upper()}"] = chance.choice(VALUES[kind["type"]])
    return files, environment


def main():
    chance = random.Random(20261122)
    cases = [(["[DEFAULT]\n%s = %s\n" % (name, value)], {})
             for group, name, kind, _old in OPTIONS if group == "DEFAULT" for value in VALUES[kind["type"]]]
    cases += [(["[DEFAULT]\ntext = a\n%s\ntext = b\n" % line], {}) for line in LINES]
    cases += [(["%s\n[DEFAULT]\ntext = a\n" % line], {}) for line in LINES]
    cases += [draw(chance) for _ in range(700)]
    options = [dict(kind, group=group, name=name, old=old) for group, name, kind, old in OPTIONS]
    answers = []
    for files, environment in cases:
        answers.append({"files": files, "environment": environment, "expected": ask(files, environment)})
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "oslo_cases.json"), "w") as out:
        out.write('{"options": ' + json.dumps(options) + ',\n"cases": [\n')
        out.write(",\n".join(json.dumps(answer) for answer in answers))
        out.write("\n]}\n")


if __name__ == "__main__":
    main()
