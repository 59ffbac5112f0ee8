//! What each request does without: work of the SDK that a function has no use for.
//!
//! It takes 6% of the instructions of minting a key. AWS no longer sees the version and the features of the
//! SDK, nor which requests are attempts of one; it sees [`USER_AGENT`], which `CloudTrail` records.

use std::sync::OnceLock;

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::disable_interceptor;

const USER_AGENT: &str = concat!("latchkey/", env!("CARGO_PKG_VERSION"));

const CAUSE: &str = "a function has no use for it";

/// Replaces the SDK's user agent, and leaves out its headers about attempts.
#[derive(Debug)]
pub(super) struct PlainHeaders;

impl Intercept for PlainHeaders {
    fn name(&self) -> &'static str {
        "PlainHeaders"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state()
            .store_put(disable_interceptor::<UserAgentInterceptor>(CAUSE))
            .store_put(disable_interceptor::<InvocationIdInterceptor>(CAUSE))
            .store_put(disable_interceptor::<RequestInfoInterceptor>(CAUSE));
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert("user-agent", USER_AGENT);
        Ok(())
    }
}

/// Evaluates the endpoint's rules once. Their result is the same for each request, because neither region nor
/// credentials change, and the credentials have no account ID.
#[derive(Debug, Default)]
pub(super) struct ResolvedOnce {
    rules: DefaultResolver,
    endpoint: OnceLock<Endpoint>,
}

impl ResolveEndpoint for ResolvedOnce {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        if let Some(endpoint) = self.endpoint.get() {
            return EndpointFuture::ready(Ok(endpoint.clone()));
        }
        EndpointFuture::new(async move {
            let endpoint = self.rules.resolve_endpoint(params).await?;
            Ok(self.endpoint.get_or_init(|| endpoint).clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{Credentials, Region, SharedHttpClient};
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    /// Remembers the headers of each request with its URL, and refuses it.
    #[derive(Clone, Debug, Default)]
    struct Refusing(Arc<Mutex<Vec<(String, String)>>>);

    impl HttpConnector for Refusing {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let headers = request.headers().iter();
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let mut seen = self.0.lock().expect("no panic");
            seen.push((":url".to_owned(), request.uri().to_owned()));
            seen.extend(headers);
            HttpConnectorFuture::ready(Err(ConnectorError::user("refused".into())))
        }
    }

    #[tokio::test]
    async fn requests_name_latchkey_and_tell_nothing_about_the_sdk() {
        let refusing = Refusing::default();
        let connector = SharedHttpConnector::new(refusing.clone());
        let http_client = SharedHttpClient::new(http_client_fn(move |_, _| connector.clone()));
        let config = super::super::config(http_client)
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"));
        let client = Client::from_conf(config.build());
        // Twice, because the second request has its endpoint from the first.
        for _ in 0..2 {
            client.get_item().table_name("table").send().await.expect_err("refused");
        }
        let seen = refusing.0.lock().expect("no panic");
        let values = |name: &str| -> Vec<&str> {
            seen.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(values(":url"), ["https://dynamodb.eu-central-1.amazonaws.com/"; 2]);
        assert_eq!(values("user-agent"), [USER_AGENT; 2]);
        let of_sdk = ["x-amz-user-agent", "amz-sdk-invocation-id", "amz-sdk-request"];
        for name in of_sdk {
            assert!(values(name).is_empty(), "{name}: {:?}", values(name));
        }
        assert_eq!(values("authorization").len(), 2);
    }
}
