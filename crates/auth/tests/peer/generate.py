"""Asks the real oslo.policy and Glance's rules, and writes their answers down for oslo.rs to compare with.

    python generate.py > oslo.json      (Python with glance 33.0.0 and oslo.policy 6.0.1 installed)

The cases are random but the same on every run. An answer is `1` for allowed, `0` for refused, and `E` where evaluation
raised, which Glance answers with a server error and we refuse.
"""

import json
import logging
import os
import random
import sys
import tempfile
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from oslo_config import cfg  # noqa: E402
from oslo_policy import opts  # noqa: E402
from oslo_policy import policy as oslo  # noqa: E402

import glance.context  # noqa: E402
from glance import policies  # noqa: E402
from glance.api import policy  # noqa: E402

CONF = cfg.CONF
CONF([], project='glance')
opts._register(CONF)

# What Keystone tells about callers. The owner's project is p1.
CALLERS = [
    dict(user_id='u0', project_id='p0', roles=['admin', 'member', 'reader']),
    dict(user_id='u1', project_id='p1', roles=['member', 'reader']),
    dict(user_id='u2', project_id='p1', roles=['reader']),
    dict(user_id='u3', project_id='p2', roles=['member', 'reader']),
    dict(user_id='u4', project_id='p2', roles=['reader']),
    dict(user_id='u5', project_id='services', roles=['service'], service_roles=['service', 'Member'],
         service_user_id='nova', service_user_domain_id='default', service_project_id='services',
         service_project_domain_id='default'),
    dict(user_id='u6', roles=['admin', 'member', 'reader'], system_scope='all'),
    dict(user_id='u7', roles=['member', 'reader'], domain_id='default'),
    dict(user_id='u8', project_id='p1', roles=[]),
    dict(roles=[]),
    dict(user_id='u9', project_id='p1', project_domain_id='d1', user_domain_id='d2', roles=['manager', 'öffner'],
         is_admin_project=False),
]

TARGETS = [{}]
for owner in ('p1', None):
    for visibility in ('private', 'shared', 'community', 'public'):
        for member in (None, 'p2'):
            TARGETS.append({'project_id': owner, 'owner': owner, 'visibility': visibility, 'member_id': member})
TARGETS.append({'project_id': 'p1'})
TARGETS.append({'project_id': 'p1', 'owner': 'p2', 'visibility': 'private'})

# For random rules: fewer, odder.
ODD_TARGETS = [
    {},
    {'project_id': 'p1', 'owner': 'p1', 'visibility': 'public', 'member_id': None, 'protected': True, 'role': 'Member'},
    {'project_id': 'p2', 'owner': None, 'visibility': 'private', 'member_id': 'p1', 'size': 7, 'a(b)': 'u1', 'role': ''},
    {'project_id': '', 'user_id': 'u2', 'visibility': "it's", 'role': 'ÖFFNER', 'hidden': False, 'tenant': 'p1'},
]

KINDS = [
    'role', 'rule', 'user_id', 'project_id', 'domain_id', 'user_domain_id', 'project_domain_id', 'system_scope', 'system',
    'roles', 'is_admin_project', 'service_user_id', 'service_user_domain_id', 'service_project_id',
    'service_project_domain_id', 'service_roles', 'is_admin', 'tenant', 'user', 'user_id.name', 'roles.name', 'os-role',
    'token.project.id', "'public'", '"private"', "''", 'True', 'False', 'None', '7', '-0', '+7', '007', '1a', 'class', '',
    "'it", '%(role)s', 'ROLE', 'Rule',
]
TEXTS = [
    '%(project_id)s', '%(owner)s', '%(visibility)s', '%(member_id)s', '%(user_id)s', '%(role)s', '%(size)s',
    '%(protected)s', '%(hidden)s', '%(a(b))s', '%(missing)s', '%(project_id', '%s', '%', '%%', '100%%', 'x%(size)sy',
    '%(size)s%(size)s', '%(missing)s%', '', 'admin', 'ADMIN', 'member', 'reader', 'service', 'öffner', 'p1', 'p2', 'u1',
    'None', 'True', 'False', 'public', '7', '0', 'all', 'default', 'd1', 'nova', 'a:b', "'public'", '"x"', ')x', 'x(y',
]
RULES = ['r0', 'r1', 'r2', 'r3', 'r4', 'get_image', 'context_is_admin', 'nowhere', 'default']
LIKELY = [
    'role:admin', 'role:member', 'role:reader', 'project_id:%(project_id)s', 'project_id:%(member_id)s', "'public':%(visibility)s",
    'rule:context_is_admin', 'user_id:%(user_id)s', 'is_admin_project:True', 'service_roles:service', '@', '!',
]


def check(rnd):
    kind = rnd.random()
    if kind < 0.5:
        return rnd.choice(LIKELY)
    if kind < 0.65:
        return 'rule:' + rnd.choice(RULES)
    if kind < 0.68:
        return rnd.choice(['nocolon', "'quoted'", '"a b"', "'a':'b'", '@x', '!!'])
    return rnd.choice(KINDS) + ':' + rnd.choice(TEXTS)


def expression(rnd, depth):
    kind = rnd.random()
    if depth == 0 or kind < 0.25:
        return check(rnd)
    if kind < 0.4:
        return rnd.choice(['not ', 'NOT ']) + expression(rnd, depth - 1)
    if kind < 0.6:
        return '(' + expression(rnd, depth - 1) + ')'
    word = rnd.choice([' and ', ' or ', ' and ', ' or ', ' AND ', '\tor\n'])
    return word.join(expression(rnd, depth - 1) for _ in range(rnd.randint(2, 3)))


def rule(rnd):
    kind = rnd.random()
    if kind < 0.03:
        return rnd.choice(['', ' ', None, [], [[]], [['', 'role:admin']], ['']])
    if kind < 0.1:
        return [rnd.choice([check(rnd), [check(rnd) for _ in range(rnd.randint(0, 3))]]) for _ in range(rnd.randint(1, 3))]
    text = expression(rnd, rnd.randint(0, 4))
    if kind < 0.2:
        # Break it: a typing error somewhere.
        at = rnd.randrange(len(text) + 1)
        text = rnd.choice([
            text[:at] + rnd.choice(['(', ')', ' ', ' and ', ' or ', ' not ', "'", '"', '%', ':', '\x1d', '\xa0']) + text[at:],
            text[:at] + text[at + 1:],
        ])
    return text


def context(enforcer, caller):
    return glance.context.RequestContext(overwrite=False, policy_enforcer=enforcer, **caller)


def answer(enforcer, ctx, name, target):
    try:
        return '1' if enforcer.check(ctx, name, target, registered=False) else '0'
    except Exception:
        return 'E'


def new_enforcer(folder, files, new_defaults):
    paths = [os.path.join(folder, 'policy.yaml')]
    os.mkdir(os.path.join(folder, 'policy.d'))
    paths += [os.path.join(folder, 'policy.d', f'{at}.yaml') for at in range(1, len(files))]
    for path, rules in zip(paths, files):
        with open(path, 'w') as file:
            json.dump(rules, file)
    CONF.set_override('policy_file', paths[0], group='oslo_policy')
    CONF.set_override('policy_dirs', [os.path.join(folder, 'policy.d')], group='oslo_policy')
    CONF.set_override('enforce_new_defaults', new_defaults, group='oslo_policy')
    enforcer = policy.Enforcer(suppress_deprecation_warnings=True)
    enforcer.load_rules()
    return enforcer


def registered():
    for default in policies.list_rules():
        deprecated = default.deprecated_rule
        yield [default.name, default.check_str, str(default.check), deprecated and deprecated.check_str, default.scope_types]


def matrix(names):
    for new_defaults in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            enforcer = new_enforcer(folder, [], new_defaults)
            for caller in CALLERS:
                ctx = context(enforcer, caller)
                rows = [''.join(answer(enforcer, ctx, name, target) for name in names) for target in TARGETS]
                yield {'new_defaults': new_defaults, 'is_admin': bool(ctx.is_admin), 'rows': rows}


def worlds(count):
    rnd = random.Random(2026)
    for _ in range(count):
        files = [{f'r{at}': rule(rnd) for at in range(5)}]
        if rnd.random() < 0.3:
            files[0]['get_image'] = rule(rnd)
        if rnd.random() < 0.1:
            files[0]['context_is_admin'] = rule(rnd)
        if rnd.random() < 0.1:
            files[0]['default'] = rule(rnd)
        while rnd.random() < 0.15:
            files.append({rnd.choice(RULES): rule(rnd) for _ in range(2)})
        new_defaults = rnd.random() < 0.8
        asked = ['r0', 'r1', 'r2', 'r3', 'r4', 'get_image', 'nowhere', 'get_task']
        with tempfile.TemporaryDirectory() as folder:
            enforcer = new_enforcer(folder, files, new_defaults)
            contexts = []
            for caller in CALLERS:
                try:
                    contexts.append(context(enforcer, caller))
                except Exception:
                    # `context_is_admin` itself raised; the caller's answers do not depend on it.
                    contexts.append(glance.context.RequestContext(overwrite=False, is_admin=True, **caller))
            answers = {
                name: ''.join(answer(enforcer, ctx, name, target) for ctx in contexts for target in ODD_TARGETS)
                for name in asked
            }
            printed = {name: str(enforcer.rules[name]) for name in asked if name in enforcer.rules}
            yield {'files': files, 'new_defaults': new_defaults, 'printed': printed, 'answers': answers}


DOCUMENTS = [
    '', '# only a comment\n', '{}', 'a: role:x', '"a": "role:x or role:y"\n"b": ""', 'a: @', 'a: "@"', "a: '!'", 'a: !', 'a:', 'a: ~',
    'a: []', 'a: [[]]', 'a: [[role:x, role:y], role:z]', 'a:\n- role:x\n- - role:y\n  - role:z\n', 'a: role:x\na: role:y', '1: role:x',
    'a: true', 'a: 1', 'a: {b: c}', '- x', 'x', 'a: [1]', 'a: >-\n  role:x\n  or role:y\n', 'a: |\n  role:x\n  or role:y\n',
    'a: "role:x', 'a: b: c', 'x: &x role:x\na: *x', '---\na: role:x\n', 'a: role:x # and so on', "a: 'public':%(visibility)s",
    '"a": "\'public\':%(visibility)s"', '{"a": "role:x", "b": [["role:y"]]}', '\ufeffa: role:x', 'a: role:x\n...\n', 'a:\trole:x',
]


def documents():
    for text in DOCUMENTS:
        try:
            yield [text, {str(name): str(check) for name, check in oslo.Rules.load(text).items()}]
        except Exception:
            yield [text, None]


def main():
    rules = list(registered())
    result = {
        'callers': CALLERS,
        'targets': TARGETS,
        'odd_targets': ODD_TARGETS,
        'rules': rules,
        'matrix': list(matrix([rule[0] for rule in rules])),
        'worlds': list(worlds(500)),
        'documents': list(documents()),
    }
    # One line for each entry, so that differences can be read.
    lines = []
    for key, value in result.items():
        entries = ',\n'.join(json.dumps(entry, ensure_ascii=False, separators=(',', ':')) for entry in value)
        lines.append(f'{json.dumps(key)}: [\n{entries}\n]')
    sys.stdout.write('{' + ',\n'.join(lines) + '}\n')


main()
