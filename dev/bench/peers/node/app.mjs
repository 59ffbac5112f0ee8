// What a Node developer writes: AWS SDK v3, with the client at module scope. MODE is `mint` or `verify`.
import { BatchGetItemCommand, DynamoDBClient, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

const client = new DynamoDBClient({});
const TABLE = "table";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TOKEN = /^[a-z0-9_]{1,16}_([0-9A-Z]{16})_([0-9A-Z]{16})_[0-9A-Za-z]{49}$/;

function base62(number, width) {
  let text = "";
  for (let place = 0; place < width; place++) {
    text = DIGITS[Number(number % 62n)] + text;
    number /= 62n;
  }
  return text;
}

const checksum = (text) => base62(BigInt(crc32(text)), 6);
const sha256 = (text) => createHash("sha256").update(text).digest();

async function authenticate(event) {
  const token = (event.headers.authorization ?? "").replace(/^Bearer /, "");
  const match = TOKEN.exec(token);
  if (!match || checksum(token.slice(0, -6)) !== token.slice(-6)) return null;
  const [, account, key] = match;
  const pk = { S: `ACCOUNT#${account}` };
  const Keys = [{ pk, sk: { S: `KEY#${key}` } }, { pk, sk: { S: "ACCOUNT" } }];
  const read = { RequestItems: { [TABLE]: { ConsistentRead: false, Keys } } };
  const items = (await client.send(new BatchGetItemCommand(read))).Responses[TABLE];
  const owner = items.find((item) => item.sk.S === "ACCOUNT");
  const found = items.find((item) => item.sk.S !== "ACCOUNT");
  if (!owner || !found || !timingSafeEqual(found.digest.B, sha256(token))) return null;
  if (owner.disabled.BOOL || found.revoked_at) return null;
  if (found.expires_at && Number(found.expires_at.N) <= Date.now()) return null;
  return { organization: owner.organization.S, account, key, scopes: (found.scopes?.L ?? []).map((scope) => scope.S).join(" ") };
}

async function mint(caller, event) {
  const { expiresAt } = JSON.parse(event.body);
  const account = event.rawPath.split("/").at(-2);
  const pk = { S: `ACCOUNT#${account}` };
  const id = randomBytes(8).toString("hex").toUpperCase();
  const now = Date.now();
  const prefix = `sk_${account}_${id}_`;
  const text = prefix + base62(BigInt(`0x${randomBytes(32).toString("hex")}`), 43);
  const key = text + checksum(text);
  const count = {
    TableName: TABLE,
    Key: { pk, sk: { S: "ACCOUNT" } },
    UpdateExpression: "SET live_keys = live_keys + :more, revision = revision + :one",
    ConditionExpression:
      "organization = :organization AND disabled = :false AND (attribute_not_exists(counted_to) OR counted_to <= :key) AND live_keys < :limit",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    ExpressionAttributeValues: {
      ":more": { N: "1" },
      ":one": { N: "1" },
      ":false": { BOOL: false },
      ":organization": { S: caller.organization },
      ":key": { S: id },
      ":limit": { N: "10" },
    },
  };
  const Item = {
    pk,
    sk: { S: `KEY#${id}` },
    id: { S: id },
    account: { S: account },
    key_prefix: { S: prefix },
    digest: { B: sha256(key) },
    created_by: { S: caller.key },
    created_at: { N: String(now) },
    updated_at: { N: String(now) },
    expires_at: { N: String(Date.parse(expiresAt)) },
  };
  const put = { TableName: TABLE, ConditionExpression: "attribute_not_exists(pk)", Item };
  await client.send(new TransactWriteItemsCommand({ TransactItems: [{ Update: count }, { Put: put }] }));
  const body = JSON.stringify({ id, expiresAt, key, createdAt: now, updatedAt: now });
  return { statusCode: 201, headers: { "content-type": "application/json", "cache-control": "no-store" }, body };
}

export async function handler(event) {
  const caller = await authenticate(event);
  if (!caller) return { statusCode: 401, body: "{}" };
  if (process.env.MODE === "verify") return { isAuthorized: true, context: caller };
  return mint(caller, event);
}
