"""Messages that kafka-python has no schemas of, described for its encoder: those of KIP-848 as Apache Kafka 4 has them, and
of the APIs that are Martlet's own (docs/PROTOCOL.md).

A field is `(name, type, versions)`, `(name, type, versions, nullable versions)`, with the fields of a struct at the end.
"""

import sys

from kafka.protocol import api_data
from kafka.protocol.api_message import ApiMessage

PARTITION = ("PartitionIndex", "int32", "0+")
ASSIGNED = [("TopicId", "uuid", "0+"), ("Partitions", "[]int32", "0+")]
DESCRIBED = [
    ("TopicPartitions", "[]TopicPartitions", "0+", [
        ("TopicId", "uuid", "0+"),
        ("TopicName", "string", "0+"),
        ("Partitions", "[]int32", "0+"),
    ]),
]
ERROR = [("ErrorCode", "int16", "0+"), ("ErrorMessage", "string", "0+", "0+")]

# By name: the number, the versions, the fields of the request and of the response.
APIS = {
    "ConsumerGroupHeartbeat": (68, "0-1", [
        ("GroupId", "string", "0+"),
        ("MemberId", "string", "0+"),
        ("MemberEpoch", "int32", "0+"),
        ("InstanceId", "string", "0+", "0+"),
        ("RackId", "string", "0+", "0+"),
        ("RebalanceTimeoutMs", "int32", "0+"),
        ("SubscribedTopicNames", "[]string", "0+", "0+"),
        ("SubscribedTopicRegex", "string", "1+", "1+"),
        ("ServerAssignor", "string", "0+", "0+"),
        ("TopicPartitions", "[]TopicPartitions", "0+", "0+", ASSIGNED),
    ], [
        ("ThrottleTimeMs", "int32", "0+"),
        *ERROR,
        ("MemberId", "string", "0+", "0+"),
        ("MemberEpoch", "int32", "0+"),
        ("HeartbeatIntervalMs", "int32", "0+"),
        ("Assignment", "Assignment", "0+", "0+", [("TopicPartitions", "[]TopicPartitions", "0+", ASSIGNED)]),
    ]),
    "ConsumerGroupDescribe": (69, "0-1", [
        ("GroupIds", "[]string", "0+"),
        ("IncludeAuthorizedOperations", "bool", "0+"),
    ], [
        ("ThrottleTimeMs", "int32", "0+"),
        ("Groups", "[]DescribedGroup", "0+", [
            *ERROR,
            ("GroupId", "string", "0+"),
            ("GroupState", "string", "0+"),
            ("GroupEpoch", "int32", "0+"),
            ("AssignmentEpoch", "int32", "0+"),
            ("AssignorName", "string", "0+"),
            ("Members", "[]Member", "0+", [
                ("MemberId", "string", "0+"),
                ("InstanceId", "string", "0+", "0+"),
                ("RackId", "string", "0+", "0+"),
                ("MemberEpoch", "int32", "0+"),
                ("ClientId", "string", "0+"),
                ("ClientHost", "string", "0+"),
                ("SubscribedTopicNames", "[]string", "0+"),
                ("SubscribedTopicRegex", "string", "0+", "0+"),
                ("Assignment", "Assignment", "0+", DESCRIBED),
                ("TargetAssignment", "Assignment", "0+", DESCRIBED),
                ("MemberType", "int8", "1+"),
            ]),
            ("AuthorizedOperations", "int32", "0+"),
        ]),
    ]),
    "AlterGroupOffsets": (20000, "0", [
        ("GroupId", "string", "0+"),
        ("Kind", "string", "0+"),
        ("OnlyIfEmpty", "bool", "0+"),
        ("ValidateOnly", "bool", "0+"),
        ("Topics", "[]Topic", "0+", [
            ("Name", "string", "0+"),
            ("Partitions", "[]Partition", "0+", [
                PARTITION,
                ("Offset", "int64", "0+"),
                ("LeaderEpoch", "int32", "0+"),
                ("Metadata", "string", "0+", "0+"),
            ]),
        ]),
    ], [
        ("ThrottleTimeMs", "int32", "0+"),
        *ERROR,
        ("ChangeId", "string", "0+"),
        ("FencedMembers", "int32", "0+"),
        ("Topics", "[]Topic", "0+", [
            ("Name", "string", "0+"),
            ("Partitions", "[]Partition", "0+", [
                PARTITION,
                *ERROR,
                ("Before", "int64", "0+"),
                ("After", "int64", "0+"),
            ]),
        ]),
    ]),
    "DescribePositions": (20001, "0", [
        ("Topics", "[]Topic", "0+", [
            ("Name", "string", "0+"),
            ("Partitions", "[]Partition", "0+", [PARTITION, ("Offset", "int64", "0+")]),
        ]),
    ], [
        ("ThrottleTimeMs", "int32", "0+"),
        ("Topics", "[]Topic", "0+", [
            ("Name", "string", "0+"),
            ("Partitions", "[]Partition", "0+", [
                PARTITION,
                *ERROR,
                ("Offset", "int64", "0+"),
                ("LogStartOffset", "int64", "0+"),
                ("EndOffset", "int64", "0+"),
                ("BytesToEnd", "int64", "0+"),
                ("NextTimestamp", "int64", "0+"),
            ]),
        ]),
    ]),
    "DescribeSegments": (20002, "0", [
        ("Topics", "[]Topic", "0+", [("Name", "string", "0+"), ("Partitions", "[]int32", "0+")]),
    ], [
        ("ThrottleTimeMs", "int32", "0+"),
        ("Topics", "[]Topic", "0+", [
            ("Name", "string", "0+"),
            ("Partitions", "[]Partition", "0+", [
                PARTITION,
                *ERROR,
                ("LogStartOffset", "int64", "0+"),
                ("EndOffset", "int64", "0+"),
                ("CleanedToOffset", "int64", "0+"),
                ("Segments", "[]Segment", "0+", [
                    ("BaseOffset", "int64", "0+"),
                    ("NextOffset", "int64", "0+"),
                    ("Bytes", "int64", "0+"),
                    ("MaxTimestamp", "int64", "0+"),
                ]),
            ]),
        ]),
    ]),
}


def schema_of(field):
    """A field as Kafka's schemas write it."""
    name, kind, versions, *rest = field
    schema = {"name": name, "type": kind, "versions": versions, "about": ""}
    for part in rest:
        if isinstance(part, str):
            schema["nullableVersions"] = part
        else:
            schema["fields"] = [schema_of(inner) for inner in part]
    return schema


def message(name, direction, key, versions, fields):
    schema = {
        "apiKey": key,
        "type": direction,
        "name": name,
        "validVersions": versions,
        "flexibleVersions": "0+",
        "fields": [schema_of(field) for field in fields],
    }
    # kafka-python finds a message's schema by the class's name, in a file; here it has none.
    from_files, api_data.load_json = api_data.load_json, lambda *_, **__: schema
    try:
        return type(ApiMessage)(name, (ApiMessage,), {"__module__": __name__})
    finally:
        api_data.load_json = from_files


for api, (key, versions, request, response) in APIS.items():
    for direction, fields in (("request", request), ("response", response)):
        name = api + direction.capitalize()
        setattr(sys.modules[__name__], name, message(name, direction, key, versions, fields))
