"""Databases with many images, made by SQL in Glance's own schema and kept for the next run.

Image `n` is made `n` seconds after the first. Twenty are public, as the base images of a cloud are; one in a hundred is
a community image; all others are shared (the default) or private snapshots of 200 projects. Each has three properties,
a tag and a location, and no data.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

KEPT = Path(__file__).resolve().parents[2] / "target" / "bench" / "seeds"

# The project that owns `FEW` images, spread over the whole time, however many images there are.
PROJECT = "00000000000000000000000000000aaa"
FEW = 40

_IMAGES = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, disk_format, container_format, checksum, owner,
  min_disk, min_ram, protected, virtual_size, visibility, os_hidden, os_hash_algo, os_hash_value)
SELECT
  printf('%08x-0000-4000-8000-%012x', (n * 2654435761) & 4294967295, n),
  'image ' || n, 1073741824 + n, 'active',
  strftime('%Y-%m-%d %H:%M:%S.000000', 1600000000 + n, 'unixepoch'),
  strftime('%Y-%m-%d %H:%M:%S.000000', 1600000000 + n, 'unixepoch'),
  0, 'qcow2', 'bare', printf('%032x', n),
  CASE WHEN n % (:count / :few) = 7 THEN :project ELSE printf('%032x', n % 200) END,
  0, 0, 0, 10737418240,
  CASE WHEN n % :every_public = 0 THEN 'public' WHEN n % 100 = 1 THEN 'community' WHEN n % 2 = 0 THEN 'shared' ELSE 'private' END,
  0, 'sha512', printf('%0128x', n)
FROM numbers
"""

_CHILDREN = [
    """INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted)
    SELECT id, p.name, p.value, created_at, updated_at, 0 FROM images,
      (SELECT 'os_distro' AS name, 'ubuntu' AS value UNION ALL SELECT 'os_version', '24.04'
       UNION ALL SELECT 'hw_disk_bus', 'virtio') AS p ORDER BY images.rowid""",
    """INSERT INTO image_tags (image_id, value, created_at, updated_at, deleted)
    SELECT id, 'tag ' || (rowid % 10), created_at, updated_at, 0 FROM images ORDER BY rowid""",
    """INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted, meta_data, status)
    SELECT id, 'file:///images/' || id, created_at, updated_at, 0, '{"store": "file"}', 'active' FROM images ORDER BY rowid""",
    # Three of each hundred shared images are shared with somebody, few of them with the project.
    """INSERT INTO image_members (image_id, member, can_share, created_at, updated_at, deleted, status)
    SELECT id, CASE WHEN rowid % (:count / 5) < 2 THEN :project ELSE printf('%032x', rowid % 199) END, 0, created_at, updated_at, 0,
      'accepted' FROM images WHERE visibility = 'shared' AND (rowid % 33 = 0 OR rowid % (:count / 5) < 2)""",
]


def image_id(number: int) -> str:
    """The id of the image made `number` seconds after the first."""
    return f"{(number * 2654435761) & 0xFFFFFFFF:08x}-0000-4000-8000-{number:012x}"


def seeded(count: int, empty: Path) -> Path:
    """A database of so many images, made from an `empty` one that Glance has just brought up to date."""
    kept = KEPT / f"images-{count}.sqlite"
    if kept.exists():
        return kept
    KEPT.mkdir(parents=True, exist_ok=True)
    growing = kept.with_suffix(".new")
    growing.unlink(missing_ok=True)
    database = sqlite3.connect(growing)
    # What ours has written may still be in the file beside it.
    with closing(sqlite3.connect(empty)) as source:
        source.backup(database)
    for pragma in ("journal_mode = DELETE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
        database.execute(f"PRAGMA {pragma}")
    values = {"count": count, "few": FEW, "project": PROJECT, "every_public": max(count // 20, 50)}
    for statement in (_IMAGES, *_CHILDREN):
        database.execute(statement, {key: value for key, value in values.items() if f":{key}" in statement})
    database.commit()
    database.close()
    growing.rename(kept)
    return kept


def put_seed(count: int, database: Path) -> None:
    """Replaces the database of a stopped server by one of so many images. The server must have made it before."""
    source = seeded(count, database)
    for name in (database, *database.parent.glob(database.name + "-*")):
        name.unlink()
    shutil.copyfile(source, database)


def _kept_mariadb(count: int) -> Path:
    return KEPT / f"mariadb-{count}"


def has_mariadb(count: int) -> bool:
    """Whether there is a MariaDB folder of so many images."""
    return _kept_mariadb(count).exists()


def copied_mariadb(count: int, directory: Path) -> Path:
    """The folder for a MariaDB, with so many images if there is one of them already."""
    if count and has_mariadb(count):
        directory.parent.mkdir(parents=True, exist_ok=True)
        _copy(_kept_mariadb(count), directory)
    return directory


def keep_mariadb(count: int, directory: Path) -> None:
    """Keeps the folder of a stopped MariaDB for the next run."""
    growing = KEPT / f"mariadb-{count}.new"
    shutil.rmtree(growing, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    _copy(directory, growing)
    growing.rename(_kept_mariadb(count))


def _copy(source: Path, to: Path) -> None:
    subprocess.run(["cp", "--archive", "--reflink=auto", "--sparse=always", str(source), str(to)], check=True)


def mariadb_statements(count: int) -> str:
    """The same images as in the SQLite databases, in MariaDB's words, for a schema that Glance has just made."""
    numbers = f"FROM seq_0_to_{count - 1}"

    def padded(number: str, digits: int) -> str:
        return f"LPAD(LOWER(HEX({number})), {digits}, '0')"

    identifier = f"CONCAT({padded('(seq * 2654435761) & 4294967295', 8)}, '-0000-4000-8000-', {padded('seq', 12)})"
    times = "FROM_UNIXTIME(1600000000 + seq), FROM_UNIXTIME(1600000000 + seq)"
    visibility = f"""CASE WHEN seq % {max(count // 20, 50)} = 0 THEN 'public' WHEN seq % 100 = 1 THEN 'community'
      WHEN seq % 2 = 0 THEN 'shared' ELSE 'private' END"""
    owner = f"CASE WHEN seq % {count // FEW} = 7 THEN '{PROJECT}' ELSE {padded('seq % 200', 32)} END"
    properties = " UNION ALL ".join(
        f"SELECT '{name}' AS name, '{value}' AS value"
        for name, value in (("os_distro", "ubuntu"), ("os_version", "24.04"), ("hw_disk_bus", "virtio"))
    )
    child = "created_at, updated_at, deleted"
    return f"""
    SET time_zone = '+00:00', foreign_key_checks = 0, unique_checks = 0;
    INSERT INTO images (id, name, size, status, created_at, updated_at, deleted, disk_format, container_format, checksum, owner,
      min_disk, min_ram, protected, virtual_size, visibility, os_hidden, os_hash_algo, os_hash_value)
    SELECT {identifier}, CONCAT('image ', seq), 1073741824 + seq, 'active', {times}, 0, 'qcow2', 'bare', {padded('seq', 32)}, {owner},
      0, 0, 0, 10737418240, {visibility}, 0, 'sha512', {padded('seq', 128)} {numbers};
    INSERT INTO image_properties (image_id, name, value, {child})
      SELECT {identifier}, p.name, p.value, {times}, 0 {numbers}, ({properties}) AS p;
    INSERT INTO image_tags (image_id, value, {child}) SELECT {identifier}, CONCAT('tag ', seq % 10), {times}, 0 {numbers};
    INSERT INTO image_locations (image_id, value, {child}, meta_data, status)
      SELECT {identifier}, CONCAT('file:///images/', {identifier}), {times}, 0, '{{"store": "file"}}', 'active' {numbers};
    INSERT INTO image_members (image_id, member, can_share, {child}, status)
      SELECT id, {padded('UNIX_TIMESTAMP(created_at) % 199', 32)}, 0, {child}, 'accepted' FROM images
      WHERE visibility = 'shared' AND UNIX_TIMESTAMP(created_at) % 33 = 0;
    ANALYZE TABLE images, image_properties, image_tags, image_locations, image_members;
    """
