"""The callers again, where an operator's `policy.yaml` says otherwise than the shipped rules."""

from __future__ import annotations

from harness.glance import Options
from replay.callers import ACTING, SEEING, SHARING

# Wider and narrower than the defaults, by roles, owners, visibilities and properties of images, with rules of its own.
POLICY = """\
"librarian": "role:reader and not project_id:other"
"owner_or_service": "project_id:%(owner)s or role:service"
"get_image": "rule:librarian or 'public':%(visibility)s"
"get_members": "rule:owner_or_service"
"get_member": "@"
"add_member": "rule:owner_or_service"
"modify_member": "role:member"
"delete_member": "!"
"deactivate": "rule:owner_or_service and 'shared':%(visibility)s"
"reactivate": "role:member or role:service"
"""

OPTIONS = Options(identity=True, files={"policy.yaml": POLICY})
SCENARIOS = [SEEING, SHARING, ACTING]
