//! Responses stored for repeated requests.

use crate::idempotency::StoredResponse;
use crate::store::CorruptItem;
use crate::store::attribute::{Item, Reader, put_bytes, put_number, put_text};

use super::primary_key;

/// The primary key of a response stored for a repeated request.
pub(in crate::store) fn response_key(id: &str) -> Item {
    primary_key(format!("IDEMPOTENCY#{id}"), "IDEMPOTENCY".to_owned())
}

pub(in crate::store) fn response_item(response: &StoredResponse) -> Item {
    let mut item = response_key(&response.id);
    put_text(&mut item, "id", &response.id);
    put_bytes(&mut item, "fingerprint", &response.fingerprint);
    put_bytes(&mut item, "sealed", &response.sealed);
    put_number(&mut item, "expires_at", response.expires_at.as_millis());
    put_number(&mut item, "ttl", response.expires_at.as_seconds_ceil());
    item
}

pub(in crate::store) fn response(item: &Item) -> Result<StoredResponse, CorruptItem> {
    let item = Reader(item);
    let fingerprint = item.bytes("fingerprint")?.try_into();
    Ok(StoredResponse {
        id: item.parse("id")?,
        fingerprint: fingerprint.map_err(|_| CorruptItem { attribute: "fingerprint" })?,
        sealed: item.bytes("sealed")?.to_vec(),
        expires_at: item.timestamp("expires_at")?,
    })
}
