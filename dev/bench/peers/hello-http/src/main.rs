//! The first example of `lambda_http`'s README.

use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(|_: Request| async {
        let response = Response::builder().status(200).header("content-type", "application/json");
        Ok::<_, Error>(response.body(Body::from(r#"{"ok":true}"#))?)
    }))
    .await
}
