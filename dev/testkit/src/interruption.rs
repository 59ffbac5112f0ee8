//! A process that dies in the middle of its work, from its store's point of view.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// Lets some requests through and fails all later ones before they are sent.
///
/// The first of these can instead be sent and fail only when its response arrives.
#[derive(Clone, Debug)]
pub struct Interruption {
    sent: Arc<AtomicU32>,
    requests: u32,
    last_is_sent: bool,
}

impl Interruption {
    /// After `requests` requests; with `last_is_sent`, one more takes effect, but its response is lost.
    pub fn after(requests: u32, last_is_sent: bool) -> Self {
        Self { sent: Arc::default(), requests, last_is_sent }
    }
}

impl Intercept for Interruption {
    fn name(&self) -> &'static str {
        "Interruption"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let before = self.sent.fetch_add(1, Ordering::Relaxed);
        let through = before < self.requests || (self.last_is_sent && before == self.requests);
        if through { Ok(()) } else { Err("interrupted".into()) }
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let sent = self.sent.load(Ordering::Relaxed);
        if sent <= self.requests { Ok(()) } else { Err("interrupted".into()) }
    }
}
