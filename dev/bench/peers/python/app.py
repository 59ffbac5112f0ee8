"""What a Python developer writes: boto3, with the client at import time. MODE is `mint` or `verify`."""

import binascii
import datetime
import hashlib
import hmac
import json
import os
import re
import secrets
import time

import boto3

CLIENT = boto3.client("dynamodb")
TABLE = "table"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = re.compile(r"[a-z0-9_]{1,16}_([0-9A-Z]{16})_([0-9A-Z]{16})_[0-9A-Za-z]{49}")
UPDATE = "SET live_keys = live_keys + :more, revision = revision + :one"
CONDITION = (
    "organization = :organization AND disabled = :false"
    " AND (attribute_not_exists(counted_to) OR counted_to <= :key) AND live_keys < :limit"
)


def base62(number, width):
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text


def checksum(text):
    return base62(binascii.crc32(text.encode()), 6)


def authenticate(event):
    token = event["headers"].get("authorization", "").removeprefix("Bearer ")
    match = TOKEN.fullmatch(token)
    if not match or checksum(token[:-6]) != token[-6:]:
        return None
    account, key = match.groups()
    pk = {"S": f"ACCOUNT#{account}"}
    keys = [{"pk": pk, "sk": {"S": f"KEY#{key}"}}, {"pk": pk, "sk": {"S": "ACCOUNT"}}]
    answer = CLIENT.batch_get_item(RequestItems={TABLE: {"ConsistentRead": False, "Keys": keys}})
    items = answer["Responses"][TABLE]
    owner = next((item for item in items if item["sk"]["S"] == "ACCOUNT"), None)
    found = next((item for item in items if item["sk"]["S"] != "ACCOUNT"), None)
    digest = hashlib.sha256(token.encode()).digest()
    if not owner or not found or not hmac.compare_digest(found["digest"]["B"], digest):
        return None
    if owner["disabled"]["BOOL"] or "revoked_at" in found:
        return None
    if "expires_at" in found and int(found["expires_at"]["N"]) <= time.time() * 1000:
        return None
    scopes = " ".join(scope["S"] for scope in found.get("scopes", {}).get("L", []))
    return {"organization": owner["organization"]["S"], "account": account, "key": key, "scopes": scopes}


def mint(caller, event):
    expires_at = json.loads(event["body"])["expiresAt"]
    account = event["rawPath"].split("/")[-2]
    pk = {"S": f"ACCOUNT#{account}"}
    key_id = secrets.token_hex(8).upper()
    now = int(time.time() * 1000)
    prefix = f"sk_{account}_{key_id}_"
    key = prefix + base62(int.from_bytes(secrets.token_bytes(32), "big"), 43)
    key += checksum(key)
    end = datetime.datetime.fromisoformat(expires_at)
    count = {
        "TableName": TABLE,
        "Key": {"pk": pk, "sk": {"S": "ACCOUNT"}},
        "UpdateExpression": UPDATE,
        "ConditionExpression": CONDITION,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeValues": {
            ":more": {"N": "1"},
            ":one": {"N": "1"},
            ":false": {"BOOL": False},
            ":organization": {"S": caller["organization"]},
            ":key": {"S": key_id},
            ":limit": {"N": "10"},
        },
    }
    item = {
        "pk": pk,
        "sk": {"S": f"KEY#{key_id}"},
        "id": {"S": key_id},
        "account": {"S": account},
        "key_prefix": {"S": prefix},
        "digest": {"B": hashlib.sha256(key.encode()).digest()},
        "created_by": {"S": caller["key"]},
        "created_at": {"N": str(now)},
        "updated_at": {"N": str(now)},
        "expires_at": {"N": str(int(end.timestamp() * 1000))},
    }
    put = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(pk)", "Item": item}
    CLIENT.transact_write_items(
        ClientRequestToken=secrets.token_hex(16), TransactItems=[{"Update": count}, {"Put": put}]
    )
    body = {"id": key_id, "expiresAt": expires_at, "key": key, "createdAt": now, "updatedAt": now}
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": 201, "headers": headers, "body": json.dumps(body)}


def handler(event, _context):
    caller = authenticate(event)
    if not caller:
        return {"statusCode": 401, "body": "{}"}
    if os.environ["MODE"] == "verify":
        return {"isAuthorized": True, "context": caller}
    return mint(caller, event)
