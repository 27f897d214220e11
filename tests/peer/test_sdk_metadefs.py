"""openstacksdk's calls for metadata definitions, in the order its own functional tests make them."""

from __future__ import annotations

from collections.abc import Iterator

import openstack
import pytest
from keystoneauth1 import noauth, session
from openstack import exceptions
from openstack.connection import Connection
from openstack.image.v2.metadef_namespace import MetadefNamespace

from harness.api import Api


@pytest.fixture
def connection(api: Api) -> Iterator[Connection]:
    auth = noauth.NoAuth(endpoint=api.url)
    made = openstack.connection.Connection(session=session.Session(auth=auth), image_endpoint_override=api.url, oslo_conf=None)
    yield made
    made.close()


@pytest.fixture
def namespace(connection: Connection) -> MetadefNamespace:
    # Without Keystone Glance has to be told an owner, whenever the namespace changes; the SDK only says what is new.
    return connection.image.create_metadef_namespace(namespace="mine", owner="me")


def tags(namespace: MetadefNamespace, connection: Connection) -> list[str]:
    namespace.fetch_tags(connection.image)
    return sorted(tag["name"] for tag in namespace.tags)


def test_namespace(connection: Connection, namespace: MetadefNamespace) -> None:
    assert connection.image.get_metadef_namespace("mine").namespace == "mine"
    assert [found.namespace for found in connection.image.metadef_namespaces()] == ["mine"]
    connection.image.update_metadef_namespace(namespace, display_name="Mine", description="d", owner="another")
    shown = connection.image.get_metadef_namespace("mine")
    assert (shown.display_name, shown.description, shown.visibility, shown.is_protected) == ("Mine", "d", "private", False)
    connection.image.delete_metadef_namespace(namespace)
    connection.image.wait_for_delete(namespace, interval=1, wait=5)
    with pytest.raises(exceptions.NotFoundException):
        connection.image.get_metadef_namespace("mine")


def test_pages(connection: Connection) -> None:
    for number in range(5):
        connection.image.create_metadef_namespace(namespace=f"n{number}", owner="me")
    found = connection.image.metadef_namespaces(limit=2, sort_key="namespace", sort_dir="asc")
    assert [namespace.namespace for namespace in found] == ["n0", "n1", "n2", "n3", "n4"]


def test_tags(connection: Connection, namespace: MetadefNamespace) -> None:
    namespace.add_tag(connection.image, "t1")
    namespace.add_tag(connection.image, "t2")
    assert tags(namespace, connection) == ["t1", "t2"]
    namespace.remove_tag(connection.image, "t1")
    assert tags(namespace, connection) == ["t2"]
    namespace.set_tags(connection.image, ["t1", "t2"])
    namespace.set_tags(connection.image, ["t3", "t4"], append=True)
    assert tags(namespace, connection) == ["t1", "t2", "t3", "t4"]
    namespace.remove_all_tags(connection.image)
    assert tags(namespace, connection) == []


def test_object(connection: Connection, namespace: MetadefNamespace) -> None:
    connection.image.create_metadef_object(name="o", namespace=namespace)
    assert connection.image.get_metadef_object("o", namespace).namespace_name == "mine"
    assert [found.name for found in connection.image.metadef_objects("mine")] == ["o"]
    renamed = connection.image.update_metadef_object("o", namespace="mine", name="other name", description="d")
    assert (renamed.name, renamed.description) == ("other name", "d")
    connection.image.delete_metadef_object("other name", "mine")
    connection.image.create_metadef_object(name="p", namespace=namespace)
    connection.image.delete_all_metadef_objects("mine")
    assert list(connection.image.metadef_objects("mine")) == []


def test_property(connection: Connection, namespace: MetadefNamespace) -> None:
    attributes = {"name": "port", "title": "Port", "type": "string", "description": "of the web server", "enum": ["80", "443"]}
    created = connection.image.create_metadef_property("mine", **attributes)
    shown = connection.image.get_metadef_property(created, namespace)
    assert {name: shown[name] for name in attributes} == attributes
    assert [found.name for found in connection.image.metadef_properties(namespace)] == ["port"]
    updated = connection.image.update_metadef_property(created, "mine", **{**attributes, "title": "Socket"})
    assert updated.title == "Socket"
    connection.image.delete_all_metadef_properties(namespace)
    assert list(connection.image.metadef_properties(namespace)) == []


def test_resource_types(connection: Connection, namespace: MetadefNamespace) -> None:
    connection.image.create_metadef_resource_type_association(namespace, name="OS::Glance::Image", prefix="hw_")
    assert "OS::Glance::Image" in {found.name for found in connection.image.metadef_resource_types()}
    associations = list(connection.image.metadef_resource_type_associations(namespace))
    assert [(found.name, found.prefix) for found in associations] == [("OS::Glance::Image", "hw_")]
    connection.image.delete_metadef_resource_type_association(associations[0], namespace)
    assert list(connection.image.metadef_resource_type_associations(namespace)) == []


def test_schemas(connection: Connection) -> None:
    for name in ("namespace", "namespaces", "object", "objects", "property", "properties", "tag", "tags"):
        assert getattr(connection.image, f"get_metadef_{name}_schema")().name == name
    assert connection.image.get_metadef_resource_type_schema().name == "resource_type_association"
    assert connection.image.get_metadef_resource_types_schema().name == "resource_type_associations"
